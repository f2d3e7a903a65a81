r"""Stick-breaking: from vectors of K - 1 real numbers to the simplex of K probabilities."""

from __future__ import annotations

import functools

import jittor as jt
import numpy as np

from zhusuan import special
from zhusuan._tensor import Shape, Var, constant, sum_dims
from zhusuan.distributions import constraints
from zhusuan.transforms._events import no_change
from zhusuan.transforms._triangles import batch_of, flat, sums_after, sums_before, unflat
from zhusuan.transforms.base import Transform


class LogStickBreaking(Transform):
    r"""From :math:`K - 1` real numbers to the logarithms of K probabilities.

    .. math::

        y_k = \log z_k + \sum_{j<k} \log (1 - z_j), \qquad
        z_k = \mathrm{sigmoid}\big(x_k - \log(K - k)\big), \quad z_K = 1

    so that x = 0 gives equal probabilities: the logarithm of :class:`StickBreaking`. The
    log-determinant is that of the log-ratios :math:`u_k = y_k - y_K`, k < K, which are the
    coordinates of the density of :class:`~zhusuan.distributions.ExpConcrete`. It is 0:
    :math:`u_k = x_k - \log(K - k) - \sum_{k<j<K} \log(1 - z_j)` moves with :math:`x_k` one to one.

    The z are those of the Stan reference manual, "Constraint transforms".
    """

    event_ndims_in = 1
    event_ndims_out = 1
    codomain = constraints.log_simplex

    def _forward(self, x: Var) -> Var:
        return unflat(_log_probs(flat(x, 1))[0], batch_of(x, 1), x)

    def _log_det(self, x: Var, y: Var) -> Var:
        return no_change(x, 1)

    def _inverse(self, y: Var) -> Var:
        log_y = flat(y, 1)
        n = int(log_y.shape[-1]) - 1
        # Relative to the largest, the sums don't vanish.
        largest = log_y.max(1, keepdims=True).detach()
        log_after = jt.log(sums_after(jt.exp(log_y - largest), n)) + largest
        return unflat(log_y[:, :n] - log_after + _centre(n), batch_of(y, 1), y)

    def _event_shape_out(self, event: Shape) -> Shape:
        return (event[0] + 1,)

    def _event_shape_in(self, event: Shape) -> Shape:
        return _one_less(self._name, event)


class StickBreaking(Transform):
    r"""From :math:`K - 1` real numbers to K probabilities with sum 1.

    .. math::

        y_k = z_k \prod_{j<k} (1 - z_j), \qquad
        z_k = \mathrm{sigmoid}\big(x_k - \log(K - k)\big), \quad z_K = 1

    so that x = 0 gives equal probabilities (Stan reference manual, version 2.35, sec. "Unit
    simplex"). The log-determinant is that of the first K - 1 entries, as in the density of a
    Dirichlet distribution. A probability below the smallest normal number of the dtype is that
    number.
    """

    event_ndims_in = 1
    event_ndims_out = 1
    codomain = constraints.simplex

    def _forward(self, x: Var) -> Var:
        return _probs(_log_probs(flat(x, 1))[0], x)

    def _forward_and_log_det(self, x: Var) -> tuple[Var, Var]:
        log_y, log_rest = _log_probs(flat(x, 1))
        last = int(log_y.shape[-1])
        # The Jacobian is triangular, with the entries y_k (1 - z_k).
        log_det = sum_dims(log_y[:, : last - 1] + log_rest, [1])
        return _probs(log_y, x), unflat(log_det, batch_of(x, 1), x)

    def _log_det(self, x: Var, y: Var) -> Var:
        return self._forward_and_log_det(x)[1]

    def _inverse(self, y: Var) -> Var:
        probs = flat(y, 1)
        n = int(probs.shape[-1]) - 1
        # What is left is a sum of what follows: 1 minus what came before would lose digits.
        x = jt.log(probs[:, :n]) - jt.log(sums_after(probs, n)) + _centre(n)
        return unflat(x, batch_of(y, 1), y)

    def _event_shape_out(self, event: Shape) -> Shape:
        return (event[0] + 1,)

    def _event_shape_in(self, event: Shape) -> Shape:
        return _one_less(self._name, event)


def _log_probs(x: Var) -> tuple[Var, Var]:
    """Return the K log-probabilities, and log(1 - z) of the K - 1 breaks."""
    n = int(x.shape[-1])
    broken = x - _centre(n)
    log_rest = special.log_sigmoid(-broken)
    last = jt.zeros([int(x.shape[0]), 1], dtype="float64")
    log_z = jt.concat([special.log_sigmoid(broken), last], 1)
    return log_z + sums_before(log_rest, n + 1), log_rest


def _probs(log_y: Var, like: Var) -> Var:
    smallest = constant(float(np.finfo(str(like.dtype)).tiny), log_y)
    return unflat(jt.maximum(jt.exp(log_y), smallest), batch_of(like, 1), like)


@functools.lru_cache(maxsize=64)
def _centre(n: int) -> Var:
    """Return log(K - k) for k = 1 .. n, K = n + 1."""
    centre = jt.array(np.log(np.arange(n, 0, -1.0)), dtype="float64")
    centre.sync()
    return centre.stop_grad()


def _one_less(name: str, event: Shape) -> Shape:
    if event[0] < 2:
        raise ValueError(f"{name}: y must have at least 2 entries, got {event[0]}")
    return (event[0] - 1,)
