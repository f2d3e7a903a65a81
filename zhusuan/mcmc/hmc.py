"""Hamiltonian Monte Carlo with a fixed number of steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from zhusuan._tensor import Var
from zhusuan.mcmc.adaptation import Adaptation, DualAveraging, Moments
from zhusuan.mcmc.hamiltonian import (
    DIVERGENT,
    HamiltonianKernel,
    Moved,
    acceptance,
    check_count,
    reasonable_step_size,
)
from zhusuan.mcmc.integrators import PhasePoint, energy, leapfrog
from zhusuan.mcmc.joint import LogJoint
from zhusuan.mcmc.metric import Diagonal, Metric
from zhusuan.mcmc.spreading import uniforms


class HMCInfo(NamedTuple):
    """What one call of :meth:`HMC.sample` did.

    :param samples: name -> the new values, Vars of the shapes that came in.
    :param acceptance_rate: probability of acceptance of each chain; the shape of the log joint, as
        for the last four.
    :param updated_step_size: for the next call.
    :param init_momentum: name -> the momenta that were drawn, arrays of the shapes that came in.
    :param orig_hamiltonian: energy at the start, in nats; the shape of the log joint.
    :param hamiltonian: energy of the proposal, in nats; the same shape.
    :param orig_log_prob: log joint at the start, in nats; the same shape.
    :param log_prob: log joint of the proposal, in nats; the same shape.
    """

    samples: dict[str, Var]
    acceptance_rate: np.ndarray
    updated_step_size: float
    init_momentum: dict[str, np.ndarray]
    orig_hamiltonian: np.ndarray
    hamiltonian: np.ndarray
    orig_log_prob: np.ndarray
    log_prob: np.ndarray


class HMC(HamiltonianKernel):
    r"""Hamiltonian Monte Carlo: ``n_leapfrogs`` steps, then accept or reject (Neal 2011).

    It is used in two ways. :func:`zhusuan.mcmc.run` samples a model by it, with a warm-up that
    adapts step size and mass, and with latents of bounded support transformed. Or, as ZhuSuan has
    it, :meth:`sample` makes one transition at a time, within a loop of your own::

        hmc = zs.mcmc.HMC(step_size=0.1, n_leapfrogs=20, adapt_step_size=True)
        for i in range(1000):
            hmc.adapt_step_size = i < 500
            latent, info = hmc.sample(model, {"y": y}, latent)

    :param step_size: of the leapfrog method; where it is adapted, the first one to try.
    :param n_leapfrogs: steps of a trajectory.
    :param adapt_step_size: whether to adapt the step size. None: in the warm-up of
        :func:`~zhusuan.mcmc.run`, and not by :meth:`sample`.
    :param target_acceptance_rate: what the step size is adapted to.
    :param gamma: see :class:`~zhusuan.mcmc.adaptation.DualAveraging`.
    :param t0: see there.
    :param kappa: see there.
    :param adapt_mass: whether to adapt a diagonal mass; None as for the step size, and wherever
        that is not adapted, neither is this.
    :param mass_collect_iters: for :meth:`sample`: transitions before the mass is used, which is
        1 until then.
    :param mass_decay: for :meth:`sample`: the factor by which the weight of draws in the variance
        falls from one transition to the next. (A warm-up has windows instead, since its end is
        known.)
    :param metric: for :func:`~zhusuan.mcmc.run`: mass matrix, ``'diagonal'``, ``'dense'`` or
        ``'unit'``.
    :raises TypeError: for a setting of the wrong kind.
    :raises ValueError: for one that is out of range, or if the mass is to be adapted and the step
        size is not.
    """

    _draws_uniforms = True

    def __init__(
        self,
        step_size: float = 1.0,
        n_leapfrogs: int = 10,
        adapt_step_size: bool | None = None,
        target_acceptance_rate: float = 0.8,
        gamma: float = 0.05,
        t0: float = 100,
        kappa: float = 0.75,
        adapt_mass: bool | None = None,
        mass_collect_iters: int = 10,
        mass_decay: float = 0.99,
        *,
        metric: str = "diagonal",
    ) -> None:
        check_count("HMC", "n_leapfrogs", n_leapfrogs)
        check_count("HMC", "mass_collect_iters", mass_collect_iters, least=0)
        if not 0.0 < mass_decay < 1.0:
            raise ValueError(f"HMC: mass_decay must be in (0, 1), got {mass_decay!r}")
        if adapt_mass and adapt_step_size is False:
            raise ValueError("HMC: adapt_mass=True needs adapt_step_size=True")
        adapts = adapt_step_size is not False
        super().__init__(
            step_size,
            Adaptation(
                target_acceptance_rate, gamma, t0, kappa, adapts, adapts and adapt_mass is not False
            ),
            metric,
        )
        self._n_leapfrogs = int(n_leapfrogs)
        self._mass_collect_iters = int(mass_collect_iters)
        self._mass_decay = float(mass_decay)
        self.adapt_step_size = bool(adapt_step_size)
        """Whether the next call of :meth:`sample` adapts the step size; to be set in a loop."""
        self.adapt_mass = bool(adapt_mass)
        """Whether the next call of :meth:`sample` adapts the mass; to be set in a loop."""
        self._learnt: _Learnt | None = None

    # -- as a kernel

    def _transition(self, start: PhasePoint, metric: Metric, step_size: float) -> Moved:
        leap = trajectory(
            self.target.log_prob_and_grad, start, metric, step_size, self._n_leapfrogs
        )
        return leap.moved

    # -- as ZhuSuan has it

    def sample(
        self,
        meta_bn: Callable[[Mapping[str, Any]], Any],
        observed: Mapping[str, Any],
        latent: Mapping[str, Any],
    ) -> tuple[dict[str, Var], HMCInfo]:
        """Make one transition.

        Latents are taken as they are: without a transform, values of a bounded support are real
        coordinates for you to transform.

        :param meta_bn: callable from a dict of observations to a BayesianNet.
        :param observed: name -> value of the observed nodes and inputs.
        :param latent: name -> array or Var, the current values: shape
            ``chain axes + data axes``, where the chain axes are those of the model's log joint.
        :return: name -> new values, Vars of the shapes that came in; and what was done.
        :raises ValueError: if there is no latent, the shapes do not fit, or the log joint at these
            values is not finite.
        """
        target = LogJoint(meta_bn, observed, latent)
        place = target.position, *target.log_prob_and_grad(target.position)
        if not np.isfinite(place[1]).all() or not np.isfinite(place[2]).all():
            what = "log joint" if not np.isfinite(place[1]).all() else "gradient of the log joint"
            raise ValueError(f"HMC: the {what} is not finite at the current values of the latents")
        learnt = self._learnt
        if learnt is None or learnt.dim != target.dim:
            learnt = _Learnt(self._step_size, target.dim)
        metric = learnt.metric(self._mass_collect_iters)
        has_new_mass = self.adapt_mass and learnt.iteration == self._mass_collect_iters
        if self.adapt_step_size and (learnt.iteration == 0 or has_new_mass):
            found = reasonable_step_size(
                target.log_prob_and_grad, place, learnt.step_size, metric
            )
            learnt.step_size, learnt.dual = found, self._adaptation.dual_at(found)
        with np.errstate(all="ignore"):
            start = PhasePoint(place[0], metric.draw(len(place[0])), *place[1:])
            leap = trajectory(
                target.log_prob_and_grad, start, metric, learnt.step_size, self._n_leapfrogs
            )
        self._learn(learnt, leap.moved)
        self._learnt = learnt
        samples = target.values(leap.moved.position)
        lead = target.lead or (1,)
        info = HMCInfo(
            samples,
            leap.moved.acceptance_rate.reshape(lead),
            learnt.step_size,
            target.arrays(start.momentum),
            leap.energy_before.reshape(lead),
            leap.energy_after.reshape(lead),
            start.log_prob.reshape(lead),
            leap.end.log_prob.reshape(lead),
        )
        return samples, info

    def _learn(self, learnt: _Learnt, moved: Moved) -> None:
        learnt.iteration += 1
        if self.adapt_mass:
            learnt.moments = learnt.moments.add(moved.position, self._mass_decay)
        if self.adapt_step_size:
            dual = learnt.dual or self._adaptation.dual_at(learnt.step_size)
            learnt.dual = self._adaptation.learn(dual, float(moved.acceptance_rate.mean()))
            learnt.step_size = math.exp(learnt.dual.log_step)
        elif learnt.dual is not None:  # adaptation has ended: the averaged one from now on
            learnt.step_size, learnt.dual = math.exp(learnt.dual.log_averaged), None


class _Learnt:
    """What :meth:`HMC.sample` keeps from call to call."""

    def __init__(self, step_size: float, dim: int) -> None:
        self.dim = dim
        self.iteration = 0
        self.step_size = step_size
        self.dual: DualAveraging | None = None
        self.moments = Moments.empty(dim, is_dense=False)

    def metric(self, mass_collect_iters: int) -> Metric:
        if self.moments.n < 2 or self.iteration < mass_collect_iters:
            return Diagonal(np.ones(self.dim))
        return self.moments.metric()


class _Leap(NamedTuple):
    moved: Moved
    end: PhasePoint
    energy_before: np.ndarray
    energy_after: np.ndarray


def trajectory(
    log_prob_and_grad: Any, start: PhasePoint, metric: Metric, step_size: float, n_leapfrogs: int
) -> _Leap:
    """Go a number of leapfrog steps from ``start``, and accept the end or stay, chain by chain.

    :param log_prob_and_grad: of the target.
    :param start: positions and momenta of all chains.
    :param metric: the mass.
    :param step_size: of the leapfrog.
    :param n_leapfrogs: how many steps.
    """
    point = start
    for _ in range(n_leapfrogs):
        point = leapfrog(log_prob_and_grad, metric, point, step_size)
    before, after = energy(metric, start), energy(metric, point)
    error = after - before
    rate = acceptance(error)
    accepted = uniforms(len(rate)) < rate
    column = accepted[:, None]
    moved = Moved(
        np.where(column, point.position, start.position),
        np.where(accepted, point.log_prob, start.log_prob),
        np.where(column, point.gradient, start.gradient),
        np.where(accepted, after, before),
        rate,
        error > DIVERGENT,
        np.full(len(rate), n_leapfrogs),
    )
    return _Leap(moved, point, before, after)
