"""Latent nodes that are parts of one vector, with one density for all."""

from __future__ import annotations

from typing import Any

import jittor as jt

from zhusuan._tensor import Shape, Var, broadcast_shapes, shape_of
from zhusuan.distributions import constraints
from zhusuan.distributions.base import Distribution
from zhusuan.framework.bn import BayesianNet
from zhusuan.framework.latents import Latent
from zhusuan.variational.auto.base import AutoGuide
from zhusuan.variational.nets import sum_of


class JointPart(Distribution):
    """The value of a node that was drawn together with others; it has no density of its own.

    :param node: name of the node, for messages.
    :param value: the draw, or a value of the shape that the node has.
    :param options: ``is_reparameterized``, ``use_path_derivative``: those of the whole.
    """

    support = constraints.not_nan
    is_continuous = True
    is_reparameterizable = True

    def __init__(self, node: str, value: Var, **options: Any) -> None:
        self._node, self._value = node, value
        super().__init__({}, **options)

    def _shapes(self) -> tuple[Shape, Shape]:
        return shape_of(self._value), ()

    def _sample(self, n_samples: int | None) -> Var:
        return self._value

    def _log_prob(self, given: Var) -> Var:
        raise NotImplementedError(
            f"node {self._node!r} is a part of one joint density, and has none of its own: use "
            "log_joint() of the net"
        )


class JointGuide(AutoGuide):
    r"""Base of the families with one density for all latent nodes.

    .. math:: \log q(z) = \log q(u) - \sum_n \log|\det T_n'(u_n)|, \qquad z_n = T_n(u_n)

    (Kucukelbir et al. 2017, sec. 2.3). Its nets have it as their ``log_joint()``, one number for
    each particle, and the nodes have no ``log_prob`` of their own. The model's log joint must be
    one number for each particle, too. Either all latent nodes are drawn or all are observed.
    """

    _is_joint = True

    def _add_nodes(self, net: BayesianNet) -> None:
        observed = [latent.name for latent in self._latents if latent.name in net.observed]
        if observed and len(observed) < len(self._latents):
            missing = [latent.name for latent in self._latents if latent.name not in observed]
            raise ValueError(
                f"{type(self).__name__}: {', '.join(map(repr, observed))} observed but not "
                f"{', '.join(map(repr, missing))}: its density is that of all latent nodes "
                "together; observe all of them or none"
            )
        vector = self._vector()
        values, log_dets, free = self._told(net) if observed else self._drawn(vector)
        for latent, value in zip(self._latents, values):
            part = JointPart(
                latent.name,
                value,
                is_reparameterized=vector.is_reparameterized,
                use_path_derivative=self._use_path_derivative,
            )
            net.stochastic(latent.name, part)

        def log_joint(_: BayesianNet) -> Var:
            total = vector.log_prob(free)
            return total - sum_of(log_dets) if log_dets else total

        net.replace_log_joint(log_joint)

    def _drawn(self, vector: Distribution) -> tuple[list[Var], list[Var], Var]:
        free = vector.sample(self.n_samples)
        pairs = [latent.value_and_log_det(free) for latent in self._latents]
        return [value for value, _ in pairs], [d for _, d in pairs if d is not None], free

    def _told(self, net: BayesianNet) -> tuple[list[Var], list[Var], Var]:
        values = [net.observed[latent.name] for latent in self._latents]
        leads = [_lead(latent, value) for latent, value in zip(self._latents, values)]
        lead = broadcast_shapes(*leads)
        if lead is None:
            raise ValueError(
                f"{type(self).__name__}: the observed latent nodes have leading dims "
                f"{[list(one) for one in leads]}, which do not broadcast"
            )
        parts = []
        for latent, value in zip(self._latents, values):
            free = latent.free(value)
            inner = shape_of(free)[len(shape_of(free)) - len(latent.free_shape) :]
            if shape_of(free) != lead + inner:
                free = free.broadcast([*lead, *inner])
            parts.append(free.reshape([*lead, -1]))
        together = jt.concat(parts, -1) if len(parts) > 1 else parts[0]
        dets = [latent.value_and_log_det(together)[1] for latent in self._latents]
        return values, [d for d in dets if d is not None], together


def _lead(latent: Latent, value: Var) -> Shape:
    shape, n = shape_of(value), len(latent.shape)
    if shape[len(shape) - n :] != latent.shape:
        raise ValueError(
            f"node {latent.name!r}: the observation has shape {list(shape)}, which does not end "
            f"with the node's shape {list(latent.shape)}"
        )
    return shape[: len(shape) - n]
