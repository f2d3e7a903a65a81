"""The densities between a proposal and a model, as a target of Markov chains."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import jittor as jt
import numpy as np

from zhusuan._tensor import Shape, Var, as_var, host_view, shape_of
from zhusuan.distributions.constraints import Constraint, Interval
from zhusuan.distributions.validation import validation
from zhusuan.evaluation.weights import check_weighable
from zhusuan.framework.bn import BayesianNet
from zhusuan.framework.judging import judged_together, raise_unread
from zhusuan.framework.latents import Latent, Model, is_real, run_prior
from zhusuan.mcmc.target import Target
from zhusuan.transforms import transform_to
from zhusuan.variational.base import check_latents
from zhusuan.variational.nets import sum_of


class Point(NamedTuple):
    """What is known of the positions of all chains.

    :param log_prob: tempered log-density on the real scale, shape [n].
    :param gradient: of that, shape [n, D].
    :param log_ratio: log p - log q, shape [n].
    """

    log_prob: np.ndarray
    gradient: np.ndarray
    log_ratio: np.ndarray


class AnnealedTarget(Target):
    r"""The geometric path from a proposal q to a model p (Neal 2001, section 2).

    .. math:: \log f_\beta(z) = \log q(z) + \beta\, (\log p(x, z) - \log q(z)) + \log|\det|,

    on the real scale: latents of bounded support are transformed, as everywhere in
    :mod:`zhusuan.mcmc`. Chains and data are both rows, n of them: all are independent.

    :param who: name of the function, for messages.
    :param meta_bn: the model, or a function from a dict of Vars to its log joint.
    :param proposal: the proposal.
    :param observed: name -> value of the observed nodes and inputs.
    :param draws: name -> values of the latents, ``chain and data axes + shape``; their shapes
        count.
    :ivar lead: the chain and data axes, the shape of the log joint.
    :ivar beta: the inverse temperature.
    """

    def __init__(
        self,
        who: str,
        meta_bn: Model,
        proposal: Model,
        observed: Mapping[str, Any],
        draws: Mapping[str, np.ndarray],
    ) -> None:
        super().__init__((), observed)
        self.beta = 1.0
        self._who, self._meta_bn, self._proposal = who, meta_bn, proposal
        values = {name: as_var(draw) for name, draw in draws.items()}
        with jt.no_grad():
            run = self._run(values, is_first=True)
            self.lead: Shape = self._checked_lead(run, draws)
            self._check_bounds(run, values)
        nodes = run.q.nodes if run.p is None else run.p.nodes
        latents: list[Latent] = []
        for name, draw in draws.items():
            start = latents[-1].stop if latents else 0
            support = _constant(nodes[name].dist.support)
            if is_real(support) != is_real(run.q.nodes[name].dist.support):
                raise ValueError(
                    f"{who}: latent {name!r} may be {support.name} in the model, and "
                    f"{run.q.nodes[name].dist.support.name} in the proposal: give the proposal "
                    "the support of the model"
                )
            latents.append(_latent(name, draw.shape, len(self.lead), support, start))
        self._latents = tuple(latents)
        self._n = math.prod(self.lead)

    # -- coordinates

    def position(self, values: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the real coordinates of values, shape [n, D].

        :param values: name -> array of shape ``lead + shape``, or that broadcasts to it.
        :raises ValueError: for a name too much or too little, another shape, or a value outside
            of the support.
        """
        names = [latent.name for latent in self._latents]
        if sorted(values) != sorted(names):
            raise ValueError(f"{self._who}: expected values of {names}, got {sorted(values)}")
        position = np.empty((self._n, self.dim))
        for latent in self._latents:
            shape = (*self.lead, *latent.shape)
            given = np.asarray(host_view(as_var(values[latent.name])))
            try:
                array = np.ascontiguousarray(np.broadcast_to(given, shape))
            except ValueError:
                raise ValueError(
                    f"{self._who}: latent {latent.name!r} has shape {list(given.shape)}, expected "
                    f"{list(shape)}, or the same without chains"
                ) from None
            violation = latent.support.violation(array)
            with jt.no_grad():
                free = None if violation else host_view(latent.free(array))
            if free is None or not np.isfinite(free).all():
                raise ValueError(
                    f"{self._who}: values of {latent.name!r} must be inside the support of the "
                    f"model, {latent.support.name}, but {violation or 'one is on its boundary'}"
                )
            position[:, latent.start : latent.stop] = free.reshape(self._n, -1)
        return position

    def values(self, position: np.ndarray) -> dict[str, np.ndarray]:
        """Return values on their support, name -> ``lead + shape``.

        :param position: real coordinates, shape [n, D].
        """
        with jt.no_grad():
            free = self._leaves(position)
            values = [latent.from_free(free[latent.name]) for latent in self._latents]
            arrays = jt.fetch_sync(values)
        return {latent.name: np.array(a) for latent, a in zip(self._latents, arrays)}

    # -- densities

    def log_prob_and_grad(self, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the tempered log-density and its gradient, shapes [n] and [n, D].

        :param position: real coordinates, shape [n, D].
        """
        point = self.point(position)
        return point.log_prob, point.gradient

    def point(self, position: np.ndarray) -> Point:
        """Return what is known of a position.

        :param position: real coordinates, shape [n, D].
        """
        with np.errstate(over="ignore"):
            escaped = ~np.isfinite(position.astype(np.float32)).all(1)
        if escaped.any():
            position = np.where(escaped[:, None], 0.0, position)
        arrays = [np.array([self.beta], np.float32), *self._parts(position)]
        total, log_ratio, *parts = self._evaluated(arrays)
        log_prob = total.astype(np.float64).reshape(self._n)
        gradient = np.empty((self._n, self.dim))
        for latent, part in zip(self._latents, parts):
            gradient[:, latent.start : latent.stop] = part.reshape(self._n, -1)
        log_prob[escaped], gradient[escaped] = -np.inf, np.nan
        return Point(log_prob, gradient, log_ratio.astype(np.float64).reshape(self._n))

    def _value_and_grad(self, leaves: Sequence[Var]) -> list[Var]:
        # The temperature is a Var, since a number that changes from step to step may be compiled
        # into kernels.
        beta, *parts = leaves
        names = (latent.name for latent in self._latents)
        with jt.enable_grad():
            values, log_dets = self._forward(dict(zip(names, parts)))
            log_p, log_q = self._both(values)
            log_ratio = log_p - log_q
            total = log_q + beta * log_ratio
            for log_det in log_dets:
                total = total + log_det
            return [total, log_ratio, *jt.grad(total, parts)]

    def log_ratio(self, position: np.ndarray) -> np.ndarray:
        """Return log p - log q, shape [n].

        :param position: real coordinates, shape [n, D].
        """
        with jt.no_grad():
            values, _ = self._forward(self._leaves(position))
            log_p, log_q = self._both(values)
            return (log_p - log_q).numpy().astype(np.float64).reshape(self._n)

    def blame(self, position: np.ndarray) -> str:
        """Say which node's log-density is not finite.

        :param position: real coordinates, shape [n, D].
        :return: text.
        """
        with jt.no_grad():
            run = self._run(self._forward(self._leaves(position))[0])
            nets = {"model": run.p, "proposal": run.q}
            for role, net in nets.items():
                for name, node in ({} if net is None else net.nodes).items():
                    array = host_view(node.log_prob())
                    if not np.isfinite(array).all():
                        worst = array[~np.isfinite(array)].flat[0]
                        return f"the log-density of node {name!r} of the {role} is {worst:g}"
        return "the log-density, or its gradient, is not finite"

    def _leaves(self, position: np.ndarray) -> dict[str, Var]:
        return {n.name: as_var(a) for n, a in zip(self._latents, self._parts(position))}

    def _parts(self, position: np.ndarray) -> list[np.ndarray]:
        return [
            position[:, n.start : n.stop].astype(np.float32).reshape(*self.lead, *n.free_shape)
            for n in self._latents
        ]

    def _forward(self, free: Mapping[str, Var]) -> tuple[dict[str, Var], list[Var]]:
        values, log_dets = {}, []
        for latent in self._latents:
            values[latent.name], log_det = latent.from_free_and_log_det(free[latent.name])
            if log_det is not None:
                log_dets.append(log_det)
        return values, log_dets

    def _both(self, values: Mapping[str, Var]) -> tuple[Var, Var]:
        run = self._run(values)
        return run.log_p, run.log_q

    def _run(self, values: Mapping[str, Var], is_first: bool = False) -> _Run:
        given = {**self._observed, **values}
        with validation(False), judged_together():
            q = self._proposal(given)
            if is_first:
                # Before the log joint, whose terms such a node does not fit.
                check_weighable(self._who, {name: q.nodes[name] for name in values})
            log_q = _log_q(q, values)
            result = q if self._meta_bn is self._proposal else self._meta_bn(given)
        p = result if isinstance(result, BayesianNet) else None
        if p is None and not isinstance(result, jt.Var):
            raise TypeError(
                f"{self._who}: the model must return a BayesianNet or a log joint, got "
                f"{type(result).__name__}"
            )
        if is_first and p is not None:
            check_weighable(self._who, p.nodes)
        return _Run(p, q, result if p is None else p.log_joint(), log_q)

    def _checked_lead(self, run: _Run, draws: Mapping[str, np.ndarray]) -> Shape:
        who = self._who
        if run.p is not None:
            check_latents({name: run.q.nodes[name].tensor for name in draws}, run.p)
            raise_unread([run.q, run.p])
        lead, q_shape = shape_of(run.log_p), shape_of(run.log_q)
        if lead != q_shape:
            raise ValueError(
                f"{who}: the log joint of the model has shape {list(lead)}, that of the proposal "
                f"{list(q_shape)}; both must count chains, and then data: use group_ndims or "
                "reduce_sum_dims alike in both nets"
            )
        for name, draw in draws.items():
            if draw.shape[: len(lead)] != lead:
                raise ValueError(
                    f"{who}: the log joint has shape {list(lead)}, which counts chains, and then "
                    f"data, but latent {name!r} of shape {list(draw.shape)} does not begin with it"
                )
        return lead

    def _check_bounds(self, run: _Run, values: Mapping[str, Var]) -> None:
        """Check that no support depends on latents: the bounds at the draws of other chains."""
        net = run.q if run.p is None else run.p
        bounds = {name: _bounds(net.nodes[name].dist.support) for name in values}
        if self.lead[0] == 1 or not any(bounds.values()):
            return
        rolled = self._run({name: as_var(np.roll(v.numpy(), 1, 0)) for name, v in values.items()})
        again = rolled.q if rolled.p is None else rolled.p
        for name, sides in bounds.items():
            for side, bound in _bounds(again.nodes[name].dist.support).items():
                if not np.array_equal(bound, sides[side]):
                    raise ValueError(
                        f"{self._who}: the {side} bound of node {name!r} depends on other latent "
                        "nodes: write the node as a shifted and scaled one of constant support"
                    )

    # -- what a target of zs.mcmc.run has, and this one does not need

    def _log_density(self, values: Mapping[str, Var]) -> Var:
        raise NotImplementedError

    def _terms(self, values: Mapping[str, Var]) -> dict[str, Var]:
        raise NotImplementedError


class _Run(NamedTuple):
    p: BayesianNet | None
    q: BayesianNet
    log_p: Var
    log_q: Var


def draw_proposal(
    who: str,
    proposal: Model,
    observed: Mapping[str, Any],
    names: Collection[str] | None,
    n_chains: int | None,
) -> tuple[dict[str, np.ndarray], bool]:
    """Draw the latents from the proposal.

    :param who: name of the function, for messages.
    :param proposal: callable from a dict of observations to a BayesianNet.
    :param observed: name -> value of the observed nodes and inputs.
    :param names: of the latents; None for all that the proposal draws.
    :param n_chains: how many runs to stack along a new leading axis; None for one run as it is.
    :return: name -> draws; and whether they have particles by the proposal's own doing.
    :raises ValueError: if the proposal draws other latents.
    """
    runs: list[Sequence[np.ndarray]] = []
    for _ in range(n_chains or 1):
        with jt.no_grad(), judged_together():
            net = run_prior(proposal, observed)
            nodes = {name: node for name, node in net.nodes.items() if not node.is_observed()}
            if not nodes or (names is not None and set(names) != set(nodes)):
                wanted = "" if names is None else f", latent has {sorted(names)}"
                raise ValueError(
                    f"{who}: the proposal draws {sorted(nodes)}{wanted}; its nodes are "
                    f"{sorted(net.nodes)}, observed are {sorted(observed)}"
                )
            fetched = jt.fetch_sync([node.tensor for node in nodes.values()])
        runs.append([np.array(a) for a in fetched])
    has_particles = any(node.shape != node.dist.sample_shape() for node in nodes.values())
    if n_chains is None:
        return dict(zip(nodes, runs[0])), has_particles
    return {name: np.stack([run[i] for run in runs]) for i, name in enumerate(nodes)}, has_particles


def _log_q(q: BayesianNet, values: Mapping[str, Var]) -> Var:
    # What q was told beside the latents, such as the y of a model that is its own proposal, is no
    # part of it.
    if q._run.joint is not None:
        return q.log_joint()
    return sum_of(q.nodes[name].log_prob() for name in values)


def _constant(support: Constraint) -> Constraint:
    """Return the support with bounds that lead to no parameter of the model."""
    bounds = {side: as_var(bound) for side, bound in _bounds(support).items()}
    return dataclasses.replace(support, **bounds) if bounds else support  # type: ignore[type-var]


def _bounds(support: Constraint) -> dict[str, np.ndarray]:
    """Return copies of the bounds that are Vars."""
    if not isinstance(support, Interval):
        return {}
    sides = {"lower": support.lower, "upper": support.upper}
    return {side: host_view(v).copy() for side, v in sides.items() if isinstance(v, jt.Var)}


def _latent(name: str, shape: Shape, n_lead: int, support: Constraint, start: int) -> Latent:
    transform = transform_to(support, name)
    free_shape = shape if is_real(support) else tuple(transform.inverse_shape(shape))
    lead = shape[:n_lead]
    if free_shape[:n_lead] != lead:
        raise ValueError(
            f"latent {name!r} of shape {list(shape)}: its values are vectors or matrices, so that "
            f"its shape must be {list(lead)} and that of a value"
        )
    event = shape[n_lead:]
    return Latent(name, event, free_shape[n_lead:], start, transform, support, len(event), {})
