"""Elliptical slice sampling, for latents with Gaussian priors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jittor as jt
import numpy as np

from zhusuan import random
from zhusuan._tensor import Var, host_view, shape_of
from zhusuan.distributions.base import Distribution
from zhusuan.distributions.low_rank_multivariate_normal import LowRankMultivariateNormal
from zhusuan.distributions.matrix_variate_normal_cholesky import MatrixVariateNormalCholesky
from zhusuan.distributions.multivariate_normal import MultivariateNormal
from zhusuan.distributions.multivariate_normal_cholesky import MultivariateNormalCholesky
from zhusuan.distributions.normal import Normal
from zhusuan.mcmc.base import Kernel, finite_start
from zhusuan.mcmc.model_targets import ModelTarget
from zhusuan.mcmc.target import Target
from zhusuan.random.source import generator

GAUSSIANS = (
    Normal,
    MultivariateNormal,
    MultivariateNormalCholesky,
    LowRankMultivariateNormal,
    MatrixVariateNormalCholesky,
)

# A bracket of 2 pi is smaller than float32 can tell after some 80 shrinkings; then the chain stays.
_MAX_SHRINKINGS = 200


class EllipticalSliceState(NamedTuple):
    """State of elliptical slice sampling.

    :param position: shape [n_chains, D].
    :param log_likelihood: of the observed nodes, shape [n_chains].
    """

    position: np.ndarray
    log_likelihood: np.ndarray


class EllipticalSliceInfo(NamedTuple):
    """What a transition of elliptical slice sampling did.

    :param log_likelihood: of the new state, in nats, shape [n_chains].
    :param n_evaluations: points of the ellipse that were tried, shape [n_chains].
    """

    log_likelihood: np.ndarray
    n_evaluations: np.ndarray


class EllipticalSlice(Kernel):
    r"""Elliptical slice sampling (Murray, Adams and MacKay 2010).

    For models all of whose latents have Gaussian priors :math:`N(m, \Sigma)`, none of which
    depends on another latent: Gaussian processes, regressions. With a draw
    :math:`\nu \sim N(0, \Sigma)`, the ellipse

    .. math:: f(\theta) = m + (f - m) \cos\theta + \nu \sin\theta

    is searched for a point whose likelihood is above
    :math:`\log L(f) + \log u,\ u \sim U(0, 1)`: first at a random angle, then within a bracket
    that shrinks towards the current point :math:`\theta = 0` (ibid., figure 2). There is nothing to
    tune, no gradient is taken and no step is rejected. It moves slowly where the likelihood is
    much narrower than the prior.

    All chains search together, each in its own bracket; one that has found its point waits for the
    others.

    It takes no settings. Latents that have other priors, such as the scales of a kernel, must be
    observed.
    """

    _prior: _Prior | None = None

    def bind(self, target: Target) -> EllipticalSlice:
        """Return a copy of this kernel that samples from a model.

        :param target: the model.
        :return: the copy.
        :raises TypeError: if it is no model.
        :raises ValueError: if a prior is not Gaussian, depends on another latent, or is reduced or
            weighted; or if nothing is observed. The message names the node.
        """
        bound = super().bind(target)
        assert isinstance(bound, EllipticalSlice)
        if not isinstance(target, ModelTarget):
            raise TypeError(
                "EllipticalSlice needs a model, whose priors and likelihood it can tell apart, got "
                f"{target!r}"
            )
        bound._prior = _Prior.of(target)
        return bound

    def init(self, position: np.ndarray, n_warmup: int = 0) -> EllipticalSliceState:
        """Return the first state.

        :param position: values of the latents, shape [n_chains, D].
        :param n_warmup: of no effect, since there is nothing to adapt.
        :return: the state: the values and their log-likelihood.
        :raises ValueError: if the log-density is not finite there, or counts more than the chains;
            the message names the node.
        """
        position, _, _ = finite_start(self, position)
        target = self.target
        assert isinstance(target, ModelTarget)
        return EllipticalSliceState(position, log_likelihood(target, position))

    def step(
        self, state: EllipticalSliceState
    ) -> tuple[EllipticalSliceState, EllipticalSliceInfo]:
        """Return the next state and what happened.

        :param state: what :meth:`init` or this method returned.
        :return: the state after the step, and an :class:`~zhusuan.mcmc.EllipticalSliceInfo`.
        :raises ValueError: if the log-likelihood counts more than the chains.
        """
        target = self.target
        prior = self._prior
        assert isinstance(target, ModelTarget)
        assert prior is not None
        position, current = state
        n = len(position)
        away, noise = position - prior.mean, prior.draw(n)
        rng = generator()
        level = current - rng.standard_exponential(n)
        angle = rng.uniform(0.0, 2.0 * math.pi, n)
        low, high = angle - 2.0 * math.pi, angle
        position, current = position.copy(), current.copy()
        searching, n_evaluations = np.ones(n, bool), np.zeros(n, int)
        for _ in range(_MAX_SHRINKINGS):
            proposal = prior.mean + on_ellipse(away, noise, angle)
            # Chains that have found their point are evaluated there: all have one shape.
            tried = np.where(searching[:, None], proposal, position)
            value = log_likelihood(target, tried)
            n_evaluations += searching
            found = searching & (value > level)  # not where it is NaN
            position[found], current[found] = proposal[found], value[found]
            searching &= ~found
            if not searching.any():
                break
            low = np.where(angle < 0.0, angle, low)
            high = np.where(angle < 0.0, high, angle)
            angle = rng.uniform(low, high)
        info = EllipticalSliceInfo(current, n_evaluations)
        return EllipticalSliceState(position, current), info


def on_ellipse(away: np.ndarray, noise: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Return the points at these angles, seen from the mean.

    :param away: where the chains are, seen from the mean, shape [n_chains, D].
    :param noise: draws of the prior, seen from its mean, shape [n_chains, D].
    :param angle: shape [n_chains].
    """
    return away * np.cos(angle)[:, None] + noise * np.sin(angle)[:, None]


def log_likelihood(target: ModelTarget, position: np.ndarray) -> np.ndarray:
    """Return the sum of the log-probabilities of the observed nodes, float64 [n_chains].

    :param target: the model.
    :param position: shape [n_chains, D].
    :raises ValueError: if a log-probability does not count the chains alone; the message names the
        node.
    """
    team = target.team
    if team is None:
        return _log_likelihood(target, position)

    def fill(rows: slice, table: np.ndarray) -> None:
        table[:, 0] = _log_likelihood(target, position[rows])

    table, _ = team.evaluate((len(position), 1), "float64", position.sum(), fill)
    return table[:, 0]


def _log_likelihood(target: ModelTarget, position: np.ndarray) -> np.ndarray:
    n = len(position)
    latent = {part.name for part in target.latents}
    with jt.no_grad():
        nodes = target.net_at(_values(target, position)).nodes
        terms = {name: node.log_prob() for name, node in nodes.items() if name not in latent}
    for name, term in terms.items():
        if shape_of(term) not in ((n,), (1,)):
            raise ValueError(
                f"EllipticalSlice: the log-probability of node {name!r} must have shape [{n}], one "
                f"number for each chain, got {list(term.shape)}: sum over the other axes with "
                "group_ndims or reduce_sum_dims"
            )
    fetched = jt.fetch_sync(list(terms.values()))
    return np.sum([np.broadcast_to(t.astype(np.float64), (n,)) for t in fetched], 0)


class _Prior(NamedTuple):
    """The prior of all latents together.

    :param mean: shape [D].
    :param dists: of each latent, in the order of the target.
    """

    mean: np.ndarray
    dists: tuple[Distribution, ...]

    @classmethod
    def of(cls, target: ModelTarget) -> _Prior:
        """Return the prior of a model, checked.

        :param target: the model.
        """
        names = [part.name for part in target.latents]
        # At two places that differ in all latents: a prior that depends on one differs as well.
        here, there = np.random.default_rng(0).uniform(0.5, 1.0, (2, 1, target.dim))
        net = target.net_at(_values(target, here))
        nodes = net.nodes  # at hand: the second run may be of the same net
        other = target.net_at(_values(target, -there)).nodes
        if set(nodes) == set(names):
            raise ValueError(f"EllipticalSlice: nothing is observed: the nodes are {names}")
        if net._run.joint is not None:
            raise ValueError(
                "EllipticalSlice: the model has a log_joint of its own, of which prior and "
                "likelihood can't be told apart"
            )
        means = []
        for latent in target.latent_nodes:
            node = nodes[latent.name]
            _check_gaussian(latent.name, node.dist, latent.reductions)
            _check_same(latent.name, node.dist, other[latent.name].dist)
            mean = np.broadcast_to(host_view(node.dist.mean), latent.shape)
            means.append(mean.reshape(-1).astype(np.float64))
        return cls(np.concatenate(means), tuple(nodes[name].dist for name in names))

    def draw(self, n: int) -> np.ndarray:
        """Draw for each chain, less the mean: shape [n, D].

        :param n: number of chains.
        """
        with jt.no_grad():
            drawn = jt.fetch_sync([dist.sample(n) for dist in self.dists])
        return np.concatenate([d.reshape(n, -1).astype(np.float64) for d in drawn], 1) - self.mean


def _values(target: ModelTarget, position: np.ndarray) -> Mapping[str, Var]:
    values = {}
    for name, part in target.split(position.astype(np.float32)).items():
        values[name] = jt.array(np.ascontiguousarray(part))
    jt.sync(list(values.values()))
    return values


def _check_gaussian(name: str, dist: Distribution, reductions: Mapping[str, Any]) -> None:
    if not isinstance(dist, GAUSSIANS):
        raise ValueError(  # noqa: TRY004 - of a value of the model
            f"EllipticalSlice: the prior of node {name!r} must be Gaussian, got {dist!r}; observe "
            "the node, or use another kernel"
        )
    used = [option for option, value in reductions.items() if value is not None]
    used = [option for option in used if option != "reduce_sum_dims"]
    if used:
        raise ValueError(
            f"EllipticalSlice: node {name!r} has {used[0]}={reductions[used[0]]!r}: its weight in "
            "the log joint is not that of its prior"
        )


def _check_same(name: str, one: Distribution, other: Distribution) -> None:
    with random.stream(0):
        first = host_view(one.sample())
    with random.stream(0):
        second = host_view(other.sample())
    # The same noise: the draws differ if and only if mean or covariance does.
    if not np.array_equal(first, second):
        raise ValueError(  # noqa: TRY004 - of a value of the model
            f"EllipticalSlice: the prior of node {name!r} depends on another latent; write it as a "
            "function of latents with priors of their own (z ~ N(0, 1), w = scale * z)"
        )
