"""Batch normalisation as an invertible map."""

from __future__ import annotations

import math
from typing import Any

import jittor as jt
import numpy as np

from zhusuan._tensor import Shape, Var, shape_of
from zhusuan.checkpoint.states import keep
from zhusuan.transforms._amortised import check_size
from zhusuan.transforms._events import sum_events
from zhusuan.transforms.base import Transform


class BatchNorm(Transform):
    r"""Vectors less their mean, by their standard deviation, entry by entry.

    .. math:: y = e^{s} \odot \frac{x - \mu}{\sqrt{v + \epsilon}} + t, \qquad
              \log|\det| = \sum_i \big(s_i - \tfrac12 \log(v_i + \epsilon)\big)

    (RealNVP; Dinh, Sohl-Dickstein and Bengio 2017, eq. 17 and 18; with the scale and shift that
    Papamakarios et al. 2017, appendix B, train beside it).

    **Training and evaluation.** While the module trains (``train()``, as it begins), forward takes
    :math:`\mu` and v of the batch, with their gradients, and lets the moving ones, which start at
    0 and 1, follow. In evaluation (``eval()``) it takes the moving ones. The inverse always takes
    these: a batch of y does not tell what x it came from. So, while it trains, the inverse undoes
    forward only as far as the batch is like the data. The log-determinant is that of a map with
    :math:`\mu` and v held fixed, as in the paper.

    In a flow from a latent to data, whose density takes the inverse, use ``BatchNorm(n).inv``.
    The moving moments are kept in checkpoints (:func:`zhusuan.save`); they are no parameters.

    :param n_dim: entries of x.
    :param momentum: how much of the moving moments one step keeps, from 0 to 1.
    :param epsilon: :math:`\epsilon`, positive.
    :raises ValueError: for a number outside its domain.
    :ivar log_scale: s, shape [n_dim].
    :ivar loc: t, shape [n_dim].
    """

    event_ndims_in = 1
    event_ndims_out = 1

    def __init__(self, n_dim: int, momentum: float = 0.9, epsilon: float = 1e-5) -> None:
        super().__init__()
        check_size("BatchNorm", n_dim=n_dim)
        if not 0.0 <= momentum < 1.0 or not 0.0 < epsilon < math.inf:
            raise ValueError(
                "BatchNorm: momentum must be in [0, 1) and epsilon positive, got "
                f"momentum={momentum} and epsilon={epsilon}"
            )
        self.n_dim, self.momentum, self.epsilon = n_dim, float(momentum), float(epsilon)
        self.log_scale = jt.zeros([n_dim])
        self.loc = jt.zeros([n_dim])
        # Not an attribute that is a Var: it is no parameter, and what a batch moves is no reason
        # to distrust draws that the batch before gave.
        self._moments = keep(self, "moving moments", _Moments(n_dim))

    def _forward_and_log_det(self, x: Var) -> tuple[Var, Var]:
        mean, variance = self._of_batch(x) if self.is_training() else self._moments.values
        return self._normalised(x, mean, variance), self._volume(x, variance)

    def _inverse_and_log_det(self, y: Var) -> tuple[Var, Var]:
        mean, variance = self._moments.values
        deviation = jt.sqrt(variance + self.epsilon)
        x = (y - self.loc) * jt.exp(-self.log_scale) * deviation + mean
        return x, -self._volume(y, variance)

    def _normalised(self, x: Var, mean: Var, variance: Var) -> Var:
        scale = jt.exp(self.log_scale) / jt.sqrt(variance + self.epsilon)
        return (x - mean) * scale + self.loc

    def _volume(self, x: Var, variance: Var) -> Var:
        each = self.log_scale - 0.5 * jt.log(variance + self.epsilon)
        return sum_events(each.broadcast(list(shape_of(x))), 1)

    def _of_batch(self, x: Var) -> tuple[Var, Var]:
        n = math.prod(shape_of(x)[:-1])
        if n < 2:
            raise ValueError(
                f"BatchNorm: training takes mean and variance of a batch of at least 2 vectors, "
                f"got x of shape {list(shape_of(x))}; call eval() to use the moving ones"
            )
        rows = x.reshape([n, self.n_dim])
        mean = rows.sum(0) / n
        gap = rows - mean
        variance = (gap * gap).sum(0) / n
        if not jt.flags.no_grad:
            self._moments.follow(mean.detach(), variance.detach(), self.momentum)
        return mean, variance

    def _event_shape_out(self, event: Shape) -> Shape:
        if event[0] != self.n_dim:
            raise ValueError(f"BatchNorm: vectors must have {self.n_dim} entries, got {event[0]}")
        return event

    _event_shape_in = _event_shape_out

    def _describe(self) -> str:
        return f"{self.n_dim} entries"


class _Moments:
    """Moving mean and variance; checkpoints keep them."""

    def __init__(self, n_dim: int) -> None:
        self.values: tuple[Var, ...] = ()
        self.set_state({"mean": np.zeros(n_dim), "variance": np.ones(n_dim)})

    def follow(self, mean: Var, variance: Var, momentum: float) -> None:
        """Move towards the moments of a batch."""
        old = self.values
        self.values = tuple(
            (a * momentum + b.cast("float32") * (1.0 - momentum)).detach()
            for a, b in zip(old, (mean, variance))
        )
        # What is held and never run would be a graph that grows step by step.
        jt.sync(list(self.values))

    def state(self) -> dict[str, Any]:
        mean, variance = (var.numpy() for var in self.values)
        return {"mean": mean, "variance": variance}

    def set_state(self, state: Any) -> None:
        values = [jt.array(np.asarray(state[key], "float32")) for key in ("mean", "variance")]
        jt.sync(values)
        self.values = tuple(v.stop_grad() for v in values)
