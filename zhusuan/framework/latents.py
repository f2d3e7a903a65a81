"""What a run of a model tells of its latent nodes: names, shapes, supports, groups."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jittor as jt
import numpy as np

from zhusuan._tensor import Shape, Var, as_var, host_view, shape_of
from zhusuan.distributions.constraints import Constraint, Interval
from zhusuan.distributions.validation import validation
from zhusuan.framework.bn import BayesianNet
from zhusuan.framework.judging import judged_together
from zhusuan.framework.stochastic_tensor import StochasticTensor
from zhusuan.transforms import transform_to
from zhusuan.transforms.base import Transform

Model = Callable[[Mapping[str, Any]], Any]


@dataclasses.dataclass(frozen=True)
class Latent:
    """A latent node of a model, and its place in the vector of all real coordinates.

    :param name: name of the node.
    :param shape: shape of its value, without particles.
    :param free_shape: shape of its real coordinates, which ``transform`` maps to the value.
    :param start: of its coordinates in the vector.
    :param transform: from real coordinates to the support.
    :param support: the values that it may take.
    :param group_ndims: how many trailing dims of ``shape`` its log-probability is summed over,
        those of one value of the distribution included.
    :param reductions: the node's ``reduce_mean_dims``, ``reduce_sum_dims``, ``multiplier`` and
        ``n_data``.
    """

    name: str
    shape: Shape
    free_shape: Shape
    start: int
    transform: Transform
    support: Constraint
    group_ndims: int
    reductions: Mapping[str, Any]

    @property
    def stop(self) -> int:
        """End of its coordinates in the vector."""
        return self.start + math.prod(self.free_shape)

    @functools.cached_property
    def is_real(self) -> bool:
        """Whether all numbers are allowed, so that the transform does nothing."""
        return is_real(self.support)

    @property
    def event_ndims(self) -> int:
        """Dims of one value that the transform makes as a whole, 1 for a simplex."""
        return 0 if self.is_real else self.transform.event_ndims_out

    def part(self, vector: Var) -> Var:
        """Return its coordinates.

        :param vector: the coordinates of all latents, shape [..., D].
        :return: Var of shape ``[...] + free_shape``.
        """
        lead = shape_of(vector)[:-1]
        return vector[..., self.start : self.stop].reshape([*lead, *self.free_shape])

    def value(self, vector: Var) -> Var:
        """Return its value on the support.

        :param vector: the coordinates of all latents, shape [..., D].
        :return: Var of shape ``[...] + shape``.
        """
        return self.from_free(self.part(vector))

    def value_and_log_det(self, vector: Var) -> tuple[Var, Var | None]:
        r"""Return its value, and :math:`\log|\det|` of the transform there.

        :param vector: the coordinates of all latents, shape [..., D].
        :return: shape ``[...] + shape``, and [...] or [1]; None in its place where all numbers are
            allowed.
        """
        return self.from_free_and_log_det(self.part(vector))

    def from_free(self, free: Var) -> Var:
        """Return its value on the support.

        :param free: its coordinates, shape ``[...] + free_shape``.
        :return: Var of shape ``[...] + shape``.
        """
        return free if self.is_real else self.transform.forward(free)

    def from_free_and_log_det(self, free: Var) -> tuple[Var, Var | None]:
        r"""Return its value, and :math:`\log|\det|` of the transform there.

        :param free: its coordinates, shape ``[...] + free_shape``.
        :return: as :meth:`value_and_log_det`.
        """
        if self.is_real:
            return free, None
        value, log_det = self.transform.forward_and_log_det(free)
        return value, sum_to_lead(log_det, len(free.shape) - len(self.free_shape))

    def free_of(self, given: Any, lead: Shape, what: str) -> np.ndarray:
        """Return the coordinates of a value that a user gave.

        :param given: number, array or Var, inside the support; broadcasts to ``lead + shape``.
        :param lead: dims in front, such as the number of chains.
        :param what: what messages call it.
        :return: array of shape ``lead + free_shape``.
        :raises ValueError: if the shape does not fit, or a value is outside or on the boundary.
        :raises TypeError: if it is not numeric.
        """
        value = host_view(as_var(given, what=what))
        expected = (*lead, *self.shape)
        try:
            value = np.ascontiguousarray(np.broadcast_to(value, expected))
        except ValueError:
            raise ValueError(
                f"{what} has shape {list(value.shape)}, expected {list(self.shape)}"
                + (f" or {list(expected)}" if lead else "")
            ) from None
        violation = self.support.violation(value)
        free = None if violation else host_view(self.free(value))
        if free is None or not np.isfinite(free).all():
            raise ValueError(
                f"{what} must be inside its support, {self.support.name}, but "
                f"{violation or 'a value is on its boundary'}"
            )
        return free

    def free(self, value: Any) -> Var:
        """Return the coordinates of a value, of shape ``[...] + free_shape``.

        :param value: shape ``[...] + shape``.
        :return: Var of shape ``[...] + free_shape``.
        :raises TypeError: if it is not numeric.
        """
        value = as_var(value)
        return value if self.is_real else self.transform.inverse(value)


def sum_to_lead(values: Var, n_lead: int) -> Var:
    """Sum over all dims but the leading ones; shape [1] where nothing leads.

    :param values: Var of at least ``n_lead`` dims.
    :param n_lead: dims that are kept.
    """
    n = len(values.shape)
    return values.sum(list(range(n_lead, n))) if n > n_lead else values


def is_real(support: Constraint) -> bool:
    """Return whether a support is the whole real line.

    :param support: of a distribution.
    """
    return (
        isinstance(support, Interval)
        and not support.integer
        and not any(isinstance(bound, jt.Var) for bound in (support.lower, support.upper))
        and (support.lower, support.upper) == (-math.inf, math.inf)
    )


def run_prior(model: Model, observed: Mapping[str, Any]) -> BayesianNet:
    """Run the model on the data, its latent nodes drawn.

    :param model: callable from a dict of observations to a BayesianNet.
    :param observed: name -> value.
    :raises TypeError: if the model returns no BayesianNet.
    """
    # Draws of a wide prior may be outside of what later nodes can take: that is no mistake here.
    with validation(False):
        net = model(observed)
    if not isinstance(net, BayesianNet):
        raise TypeError(f"the model must return a BayesianNet, got {type(net).__name__}")
    return net


def find_latents(
    who: str, model: Model, observed: Mapping[str, Any], names: Sequence[str] | None
) -> tuple[Latent, ...]:
    """Return the latent nodes of a model, in the order of a run.

    :param who: name of the guide or the sampler that asks, for messages.
    :param model: callable from a dict of observations to a BayesianNet.
    :param observed: name -> value of the observed nodes and inputs.
    :param names: of the nodes that are wanted; None for all.
    :raises ValueError: if there is none, a name is unknown, or a node can't be made of real
        coordinates; the message names it.
    """
    net = run_prior(model, observed)
    nodes = {name: node for name, node in net.nodes.items() if not node.is_observed()}
    if not nodes:
        raise ValueError(
            f"{who}: the model has no latent node: its nodes are {sorted(net.nodes)}, observed "
            f"are {sorted(observed)}"
        )
    if names is not None:
        unknown = sorted(set(names) - set(nodes))
        if unknown:
            raise ValueError(
                f"{who}: latents={list(names)}, but {unknown[0]!r} is no latent node of the "
                f"model; those are {sorted(nodes)}"
            )
        nodes = {name: node for name, node in nodes.items() if name in names}
    supports = {name: _constant_support(who, name, node) for name, node in nodes.items()}
    if any(_bounds(node.dist.support) for node in nodes.values()):
        again = run_prior(model, observed).nodes
        for name in nodes:
            _check_same_bounds(who, name, supports[name], again[name].dist.support)
    latents: list[Latent] = []
    for name, node in nodes.items():
        start = latents[-1].stop if latents else 0
        latents.append(_latent(who, name, node, supports[name], start))
    return tuple(latents)


def _latent(
    who: str, name: str, node: StochasticTensor, support: Constraint, start: int
) -> Latent:
    dist = node.dist
    shape = dist.sample_shape()
    if node.shape != shape:
        raise ValueError(
            f"{who}: node {name!r} of the model draws particles itself, shape "
            f"{list(node.shape)} in place of {list(shape)}: build the model without n_samples; "
            f"how many there are is for {who} to say"
        )
    try:
        transform = transform_to(support)
        free_shape = shape if is_real(support) else tuple(transform.inverse_shape(shape))
    except (NotImplementedError, TypeError, ValueError) as error:
        raise ValueError(f"{who}: node {name!r} ({dist!r}): {error}") from error
    return Latent(
        name,
        shape,
        free_shape,
        start,
        transform,
        support,
        dist.group_ndims + len(dist.value_shape),
        {
            "reduce_mean_dims": node._mean_dims or None,
            "reduce_sum_dims": node._sum_dims or None,
            "multiplier": node._multiplier,
            "n_data": node._n_data,
        },
    )


def _constant_support(who: str, name: str, node: StochasticTensor) -> Constraint:
    """Return the support with bounds that lead to no parameter of the model."""
    dist = node.dist
    if not dist.is_continuous or getattr(dist.support, "integer", False):
        raise ValueError(
            f"{who}: node {name!r} ({dist!r}) has a discrete support, {dist.support.name}, which "
            "no transform leads to from the real numbers: sum it out of the model or observe it; a "
            "guide can leave it to a net of your own, latents=[...]"
        )
    bounds = _bounds(dist.support)
    if not bounds:
        return dist.support
    fixed = {side: jt.array(np.array(host_view(bound))) for side, bound in bounds.items()}
    return dataclasses.replace(dist.support, **fixed)  # type: ignore[type-var]


def _bounds(support: Constraint) -> dict[str, Var]:
    if not isinstance(support, Interval):
        return {}
    sides = {"lower": support.lower, "upper": support.upper}
    return {side: bound for side, bound in sides.items() if isinstance(bound, jt.Var)}


def _check_same_bounds(who: str, name: str, first: Constraint, second: Constraint) -> None:
    one, other = _bounds(first), _bounds(second)
    for side in one:
        a, b = host_view(one[side]), host_view(other[side])
        if not np.array_equal(a, b):
            raise ValueError(
                f"{who}: the {side} bound of node {name!r} depends on other latent nodes "
                f"({a.flat[0]:g} in one run of the model, {b.flat[0]:g} in the next): write the "
                "node as a shifted and scaled one of constant support"
            )


def run_at(model: Model, observed: Mapping[str, Any], values: Mapping[str, Any]) -> BayesianNet:
    """Run the model at given values of its latent nodes, values not checked.

    :param model: callable from a dict of observations to a BayesianNet.
    :param observed: name -> value.
    :param values: name -> value of the latents.
    """
    with validation(False), judged_together():
        return model({**observed, **values})
