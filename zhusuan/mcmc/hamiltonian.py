"""What HMC and NUTS share: their state, the first step size, the warm-up."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, NamedTuple

import numpy as np

from zhusuan.mcmc.adaptation import Adaptation, Tuning
from zhusuan.mcmc.base import Info, Kernel, finite_start
from zhusuan.mcmc.integrators import PhasePoint, ValueAndGrad, energy, leapfrog
from zhusuan.mcmc.metric import Metric, dense, unit
from zhusuan.mcmc.spreading import by_chains

# An energy error beyond this is a divergence: a proposal that would never be accepted (Stan's).
DIVERGENT = 1000.0
# The rate of acceptance that the search for a first step size crosses (Stan's).
_CROSSED = 0.8
_MAX_SEARCH = 60

METRICS = ("diagonal", "dense", "unit")


class HamiltonianState(NamedTuple):
    """State of a Hamiltonian kernel.

    :param position: real coordinates, shape [n_chains, D].
    :param log_prob: their log-density in nats, shape [n_chains].
    :param gradient: of the log-density, shape [n_chains, D].
    :param tuning: step size, mass and progress of the warm-up.
    """

    position: np.ndarray
    log_prob: np.ndarray
    gradient: np.ndarray
    tuning: Tuning


class HamiltonianKernel(Kernel):
    """Base of the kernels that follow Hamilton's equations: momenta, then a trajectory (Neal 2011).

    All chains share one step size and one mass, learnt from all of them together.

    :param step_size: of the leapfrog method; where it is adapted, the first one to try.
    :param adaptation: what the warm-up does.
    :param metric: ``'diagonal'``, ``'dense'`` or ``'unit'``.
    :raises TypeError: if a setting is no number.
    :raises ValueError: if a setting is out of range, or for another metric.
    """

    _draws_uniforms = False
    """Whether a transition draws by :func:`~zhusuan.mcmc.spreading.uniforms`, and nothing else."""

    def __init__(self, step_size: float, adaptation: Adaptation, metric: str) -> None:
        name = type(self).__name__
        if metric not in METRICS:
            raise ValueError(f"{name}: metric must be one of {METRICS}, got {metric!r}")
        check_positive(name, "step_size", step_size)
        check_adaptation(name, adaptation)
        if metric == "unit":
            adaptation = adaptation._replace(mass=False)
        self._step_size = float(step_size)
        self._metric = metric
        self._adaptation = adaptation

    @abstractmethod
    def _transition(self, start: PhasePoint, metric: Metric, step_size: float) -> Moved:
        """Return where the chains go from a point with fresh momenta."""

    def init(self, position: np.ndarray, n_warmup: int = 0) -> HamiltonianState:
        """Return the first state.

        :param position: real coordinates, shape [n_chains, D].
        :param n_warmup: how many steps adapt step size and mass.
        :return: the state, with what the warm-up needs.
        :raises ValueError: if the log-density or its gradient is not finite there.
        """
        place = finite_start(self, position)
        dim = self.target.dim
        metric = dense(np.eye(dim)) if self._metric == "dense" else unit(dim)
        tuning = self._adaptation.begin(
            self._step_size, metric, n_warmup, lambda step, m: self._search(place, step, m)
        )
        return HamiltonianState(*place, tuning)

    def step(self, state: HamiltonianState) -> tuple[HamiltonianState, Info]:
        """Return the next state and what happened.

        :param state: what :meth:`init` or this method returned.
        :return: the state after the step, and an :class:`~zhusuan.mcmc.Info`.
        """
        position, log_prob, gradient, tuning = state
        metric = tuning.metric
        # Trajectories that diverge overflow; their energy is infinite then, and they are rejected.
        with np.errstate(all="ignore"):
            start = PhasePoint(position, metric.draw(len(position)), log_prob, gradient)
            moved = self._moved(start, metric, tuning.step_size)
            if tuning.warm_up is not None:
                tuning = self._adaptation.update(
                    tuning,
                    moved.position,
                    float(moved.acceptance_rate.mean()),
                    lambda step, m: self._search(moved[:3], step, m),
                )
        info = Info(
            moved.acceptance_rate,
            moved.divergent,
            state.tuning.step_size,
            moved.n_leapfrogs,
            moved.log_prob,
            moved.energy,
        )
        return HamiltonianState(moved.position, moved.log_prob, moved.gradient, tuning), info

    def _moved(self, start: PhasePoint, metric: Metric, step_size: float) -> Moved:
        team = self.target.team
        if team is None or not self._draws_uniforms:  # then the ranks meet at each gradient
            return self._transition(start, metric, step_size)

        def work(*parts: np.ndarray) -> Moved:
            return self._transition(PhasePoint(*parts), metric, step_size)

        return Moved(*by_chains(self.target, team, work, start, moved_like(start)))

    def _search(self, place: tuple[Any, ...], step_size: float, metric: Metric) -> float:
        return reasonable_step_size(self.target.log_prob_and_grad, place, step_size, metric)


class Moved(NamedTuple):
    """Where a transition led to, and how; arrays of all chains."""

    position: np.ndarray
    log_prob: np.ndarray
    gradient: np.ndarray
    energy: np.ndarray
    acceptance_rate: np.ndarray
    divergent: np.ndarray
    n_leapfrogs: np.ndarray


def moved_like(start: PhasePoint) -> Moved:
    """Return arrays of the shapes and dtypes that those of a transition have.

    :param start: where it begins.
    :return: the arrays; their values mean nothing.
    """
    position, _, log_prob, gradient = start
    divergent, n_leapfrogs = np.zeros(len(log_prob), bool), np.zeros(len(log_prob), int)
    return Moved(position, log_prob, gradient, log_prob, log_prob, divergent, n_leapfrogs)


def reasonable_step_size(
    log_prob_and_grad: ValueAndGrad,
    place: tuple[Any, ...],
    step_size: float,
    metric: Metric,
) -> float:
    """Double or halve a step size until the acceptance of one leapfrog step crosses 0.8.

    (Hoffman and Gelman 2014, algorithm 4, with Stan's 0.8 in place of 0.5.)

    :param log_prob_and_grad: the target.
    :param place: position, log-density and gradient of all chains.
    :param step_size: where to begin.
    :param metric: the mass.
    :return: the step size.
    """
    position, log_prob, gradient = place
    direction = 0
    for _ in range(_MAX_SEARCH):
        start = PhasePoint(position, metric.draw(len(position)), log_prob, gradient)
        with np.errstate(all="ignore"):
            end = leapfrog(log_prob_and_grad, metric, start, step_size)
            error = energy(metric, end) - energy(metric, start)
            rate = float(acceptance(error).mean())
        wanted = 1 if rate > _CROSSED else -1
        if direction and wanted != direction:
            break
        direction = wanted
        step_size = step_size * 2.0**direction
    return step_size


def acceptance(error: np.ndarray) -> np.ndarray:
    """Return the probability of acceptance.

    :param error: energy at the end minus that at the start.
    """
    return np.exp(-np.maximum(error, 0.0))


def check_positive(kernel: str, name: str, value: Any) -> None:
    """Check that a setting is a positive number.

    :param kernel: name of the kernel.
    :param name: of the setting.
    :param value: its value.
    :raises TypeError: if it is no number.
    :raises ValueError: if it is not positive and finite.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise TypeError(f"{kernel}: {name} must be a number, got {value!r}")
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{kernel}: {name} must be positive, got {value}")


def check_count(kernel: str, name: str, value: Any, least: int = 1) -> None:
    """Check that a setting is an int.

    :param kernel: name of the kernel.
    :param name: of the setting.
    :param value: its value.
    :param least: the smallest that is allowed.
    :raises TypeError: if it is no int.
    :raises ValueError: if it is smaller.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{kernel}: {name} must be an int, got {value!r}")
    if value < least:
        raise ValueError(f"{kernel}: {name} must be at least {least}, got {value}")


def check_adaptation(kernel: str, adaptation: Adaptation) -> None:
    """Check the settings of the warm-up.

    :param kernel: name of the kernel.
    :param adaptation: the settings.
    :raises TypeError: if one is no number.
    :raises ValueError: if one is out of range.
    """
    rate = adaptation.target_acceptance_rate
    check_positive(kernel, "target_acceptance_rate", rate)
    if rate >= 1.0:
        raise ValueError(f"{kernel}: target_acceptance_rate must be in (0, 1), got {rate}")
    check_positive(kernel, "gamma", adaptation.gamma)
    check_positive(kernel, "t0", adaptation.t0)
    check_positive(kernel, "kappa", adaptation.kappa)
