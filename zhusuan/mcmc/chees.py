"""ChEES-HMC: Hamiltonian Monte Carlo for many chains, which learn together how far to go."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from zhusuan.mcmc.adaptation import Adaptation, Tuning
from zhusuan.mcmc.base import Kernel, finite_start
from zhusuan.mcmc.hamiltonian import (
    METRICS,
    Moved,
    check_adaptation,
    check_count,
    check_positive,
    moved_like,
    reasonable_step_size,
)
from zhusuan.mcmc.hmc import trajectory
from zhusuan.mcmc.integrators import PhasePoint
from zhusuan.mcmc.metric import Diagonal, Metric, dense, unit
from zhusuan.mcmc.spreading import by_chains

# Forgetting of Adam's squares, and the power by which the averaged length forgets (Hoffman et al.
# 2021, section 3).
_BETA_2 = 0.95
_FORGETTING = 0.5
# Leapfrog steps of the first trajectory length. It must be short: one beyond 0.6 periods of the
# slowest direction would climb to a worse maximum, where trajectories go round in circles.
_FIRST_LEAPFROGS = 2.0
# What is left of the length at the end of each window but the last, so that one that went too far,
# when the chains were not yet where they belong, gets to the first maximum after all.
_SET_BACK = 0.5
# How many times as large Adam's steps are when the warm-up begins; they fall linearly.
_HASTE = 4.0


class TrajectoryLength(NamedTuple):
    """The longest trajectory, and how its adaptation stands.

    :param log_length: logarithm of the length that is used.
    :param log_averaged: of the one to keep when the warm-up is over.
    :param square: Adam's average of squared gradients.
    :param n_squares: how many there were.
    :param n: steps of adaptation so far.
    :param n_left: those still to be made.
    """

    log_length: float
    log_averaged: float
    square: float
    n_squares: int
    n: int
    n_left: int

    @classmethod
    def at(cls, length: float, n_left: int) -> TrajectoryLength:
        """Begin at a length.

        :param length: positive.
        :param n_left: steps of adaptation.
        :return: the length before the first step.
        """
        return cls(math.log(length), math.log(length), 0.0, 0, 0, n_left)

    def climb(self, gradient: float, learning_rate: float) -> TrajectoryLength:
        """Make a step of Adam without momentum, upwards.

        :param gradient: of the criterion by the logarithm of the length.
        :param learning_rate: of Adam at the last step; four times as large at the first.
        :return: the length after the step.
        """
        square = _BETA_2 * self.square + (1.0 - _BETA_2) * gradient**2
        n_squares = self.n_squares + 1
        log_length = self.log_length
        if square > 0.0:
            root = math.sqrt(square / (1.0 - _BETA_2**n_squares))
            haste = 1.0 + (_HASTE - 1.0) * self.n_left / (self.n + self.n_left)
            log_length += haste * learning_rate * gradient / root
        return self._replace(
            log_length=log_length,
            square=square,
            n_squares=n_squares,
            n=self.n + 1,
            n_left=self.n_left - 1,
        )

    def rescale(self, factor: float) -> TrajectoryLength:
        """Change the unit of time; the squares, in the old one, are forgotten.

        :param factor: the old unit in terms of the new one.
        :return: the length in the new unit.
        """
        shift = math.log(factor)
        return self._replace(
            log_length=self.log_length + shift,
            log_averaged=self.log_averaged + shift,
            square=0.0,
            n_squares=0,
        )

    def average(self, most: float) -> TrajectoryLength:
        """Keep below a bound, update the average, and take that if this was the last step.

        :param most: longest length.
        :return: the length to go on with.
        """
        log_length = min(self.log_length, math.log(most))
        share = self.n**-_FORGETTING
        averaged = share * log_length + (1.0 - share) * self.log_averaged
        if self.n_left == 0:
            log_length = averaged
        return self._replace(log_length=log_length, log_averaged=averaged)


class ChEESState(NamedTuple):
    """State of ChEES.

    :param position: real coordinates, shape [n_chains, D].
    :param log_prob: their log-density in nats, shape [n_chains].
    :param gradient: of the log-density, shape [n_chains, D].
    :param tuning: step size, mass and progress of their warm-up.
    :param length: of the trajectories.
    :param n_steps: transitions so far, the place in the sequence of jitters.
    """

    position: np.ndarray
    log_prob: np.ndarray
    gradient: np.ndarray
    tuning: Tuning
    length: TrajectoryLength
    n_steps: int


class ChEESInfo(NamedTuple):
    """What :class:`~zhusuan.mcmc.Info` tells, and the length of the trajectories.

    :param acceptance_rate: probability of acceptance, shape [n_chains].
    :param divergent: whether the energy error went beyond 1000 nats or was NaN, shape [n_chains].
    :param step_size: the step size that was used.
    :param n_leapfrogs: gradients that were taken, shape [n_chains], the same for all chains.
    :param log_prob: log-density of the new state in nats, on the real scale (with the Jacobian),
        shape [n_chains].
    :param energy: of the new state, with its momentum, in nats; shape [n_chains].
    :param trajectory_length: T, the longest that this transition could have been.
    """

    acceptance_rate: np.ndarray
    divergent: np.ndarray
    step_size: float
    n_leapfrogs: np.ndarray
    log_prob: np.ndarray
    energy: np.ndarray
    trajectory_length: float


class ChEES(Kernel):
    r"""ChEES-HMC (Hoffman, Radul and Sountsov 2021): HMC whose chains learn together.

    Made for many chains, 16 or more: all make the same number of leapfrog steps, so none waits for
    another as in :class:`~zhusuan.mcmc.NUTS`. Transition n is a trajectory of
    :math:`\lceil h_n T / \epsilon \rceil` leapfrog steps, where the jitter :math:`h_n` in (0, 1)
    is the van der Corput sequence (Halton's of base 2).

    The warm-up climbs, by Adam on :math:`\log T`, the *change in the estimator of the expected
    square* (ibid., section 3)

    .. math:: \tfrac14 E\left[(\|q' - E q'\|^2 - \|q - E q\|^2)^2\right],

    of start q and end q', see :func:`~zhusuan.mcmc.chees.criterion_gradient`. It adapts the step
    size by dual averaging to the harmonic mean of the rates of acceptance, and the mass, in Stan's
    windows, to the draws of all chains; the norm is that in which the mass is one. After the
    warm-up all of it is fixed.

    T begins at two leapfrog steps and grows by some 10% a transition at first, so warm-ups shorter
    than 150 may leave it too short. The criterion has further, lower maxima, where trajectories go
    round in circles; so T is halved at the ends of the first windows and has to climb again.

    :param step_size: :math:`\epsilon` of the leapfrog method; where it is adapted, the first one to
        try.
    :param trajectory_length: T; where it is adapted, the first one to try. By default one step.
    :param target_acceptance_rate: what the step size is adapted to, in (0, 1); 0.651 is best for
        many dims (Beskos et al. 2013).
    :param metric: mass matrix: ``'diagonal'``, ``'dense'`` or ``'unit'``.
    :param max_leapfrogs: the most leapfrog steps of a transition.
    :param learning_rate: of Adam, at the end of the warm-up; it begins four times as large.
    :param adapt_step_size: whether the warm-up adapts the step size.
    :param adapt_mass: whether it adapts the mass.
    :param adapt_trajectory_length: whether it adapts T.
    :param gamma: see :class:`~zhusuan.mcmc.adaptation.DualAveraging`.
    :param t0: see there.
    :param kappa: see there.
    :raises TypeError: for a setting of the wrong kind.
    :raises ValueError: for one that is out of range.
    """

    def __init__(
        self,
        step_size: float = 1.0,
        trajectory_length: float | None = None,
        target_acceptance_rate: float = 0.651,
        metric: str = "diagonal",
        *,
        max_leapfrogs: int = 1000,
        learning_rate: float = 0.025,
        adapt_step_size: bool = True,
        adapt_mass: bool = True,
        adapt_trajectory_length: bool = True,
        gamma: float = 0.05,
        t0: float = 10.0,
        kappa: float = 0.75,
    ) -> None:
        if metric not in METRICS:
            raise ValueError(f"ChEES: metric must be one of {METRICS}, got {metric!r}")
        check_positive("ChEES", "step_size", step_size)
        if trajectory_length is not None:
            check_positive("ChEES", "trajectory_length", trajectory_length)
        check_positive("ChEES", "learning_rate", learning_rate)
        check_count("ChEES", "max_leapfrogs", max_leapfrogs)
        adapt_mass = bool(adapt_mass) and metric != "unit"
        adaptation = Adaptation(
            target_acceptance_rate, gamma, t0, kappa, bool(adapt_step_size), adapt_mass
        )
        check_adaptation("ChEES", adaptation)
        self._step_size = float(step_size)
        self._length = None if trajectory_length is None else float(trajectory_length)
        self._metric = metric
        self._max_leapfrogs = int(max_leapfrogs)
        self._learning_rate = float(learning_rate)
        self._adaptation = adaptation
        self._adapts_length = bool(adapt_trajectory_length)

    def init(self, position: np.ndarray, n_warmup: int = 0) -> ChEESState:
        """Return the first state.

        :param position: real coordinates, shape [n_chains, D].
        :param n_warmup: how many steps adapt step size, mass and length.
        :return: the state, with a trajectory length and what the warm-up needs.
        :raises ValueError: if there is one chain only, or the log-density or its gradient is not
            finite there.
        """
        place = finite_start(self, position)
        if len(position) < 2:
            raise ValueError(
                "ChEES learns from the differences between chains and needs at least 2 (better 16 "
                "or more), got n_chains=1; zs.mcmc.NUTS() takes one"
            )
        dim = self.target.dim
        metric = dense(np.eye(dim)) if self._metric == "dense" else unit(dim)
        tuning = self._adaptation.begin(
            self._step_size, metric, n_warmup, lambda step, m: self._search(place, step, m)
        )
        length = self._length
        if length is None:
            length = _FIRST_LEAPFROGS * tuning.step_size
        n_left = n_warmup if self._adapts_length else 0
        return ChEESState(*place, tuning, TrajectoryLength.at(length, n_left), 0)

    def step(self, state: ChEESState) -> tuple[ChEESState, ChEESInfo]:
        """Return the next state and what happened.

        :param state: what :meth:`init` or this method returned.
        :return: the state after the step, and a :class:`~zhusuan.mcmc.ChEESInfo`.
        """
        position, log_prob, gradient, tuning, length, n_steps = state
        metric, step_size = tuning.metric, tuning.step_size
        longest = math.exp(length.log_length)
        time = jitter(n_steps + 1) * longest
        n_leapfrogs = min(max(math.ceil(time / step_size), 1), self._max_leapfrogs)
        # Trajectories that diverge overflow; their energy is infinite then, and they are rejected.
        with np.errstate(all="ignore"):
            start = PhasePoint(position, metric.draw(len(position)), log_prob, gradient)
            moved, end = self._moved(start, metric, step_size, n_leapfrogs)
            rates = moved.acceptance_rate
            if tuning.warm_up is not None:
                tuning = self._adaptation.update(
                    tuning,
                    moved.position,
                    harmonic_mean(rates),
                    lambda step, m: self._search(moved[:3], step, m),
                )
            if length.n_left:
                slope = criterion_gradient(metric, start, end, rates, time)
                length = length.climb(slope, self._learning_rate)
            if tuning.metric is not metric:
                length = length.rescale(_new_time(metric, tuning))
            if state.length.n_left:
                length = length.average(tuning.step_size * self._max_leapfrogs)
        info = ChEESInfo(
            rates,
            moved.divergent,
            step_size,
            moved.n_leapfrogs,
            moved.log_prob,
            moved.energy,
            longest,
        )
        place = moved.position, moved.log_prob, moved.gradient
        return ChEESState(*place, tuning, length, n_steps + 1), info

    def _moved(
        self, start: PhasePoint, metric: Metric, step_size: float, n_leapfrogs: int
    ) -> tuple[Moved, PhasePoint]:
        target, team = self.target, self.target.team

        def work(*parts: np.ndarray) -> Sequence[np.ndarray]:
            point = PhasePoint(*parts)
            leap = trajectory(target.log_prob_and_grad, point, metric, step_size, n_leapfrogs)
            return (*leap.moved, *leap.end)

        if team is None:
            made = work(*start)
        else:
            made = by_chains(target, team, work, start, (*moved_like(start), *start))
        return Moved(*made[:-4]), PhasePoint(*made[-4:])

    def _search(self, place: tuple[Any, ...], step_size: float, metric: Metric) -> float:
        return reasonable_step_size(self.target.log_prob_and_grad, place, step_size, metric)


def criterion_gradient(
    metric: Metric, start: PhasePoint, end: PhasePoint, rates: np.ndarray, time: float
) -> float:
    r"""Return the gradient of the ChEES criterion by the logarithm of T.

    With weights :math:`\alpha_m`, the rates of acceptance, it is the average over the chains of

    .. math::

        \alpha_m h T (\|q'_m - \bar q'\|^2 - \|q_m - \bar q\|^2) \, (q'_m - \bar q') \cdot p'_m,

    where the norm is :math:`\|x\|^2 = x^\top \Sigma^{-1} x`: the product with the velocity
    :math:`\Sigma p'` is then that with the momentum (Hoffman et al. 2021, section 3, in whitened
    coordinates; the means, :math:`\bar q'` weighted, count as constants).

    Two factors differ, which are about constant once the chains have converged, so that Adam does
    not see them. Before that they keep a few large gradients from drowning those that follow:

    - The paper divides by the sum of weights; the number of chains in its place makes a step size
      at which nothing is accepted say nothing.
    - The result is divided by the square of the chains' mean :math:`\|q - \bar q\|^2`, averaged
      over start and end, which is large where chains begin far out.

    :param metric: :math:`\Sigma`.
    :param start: q.
    :param end: q' and p', before some are rejected.
    :param rates: :math:`\alpha`, shape [n_chains].
    :param time: :math:`h T`.
    :return: a number; 0 if it can't be told, since nothing is accepted or all chains are one.
    """
    # Ends that are never accepted may be infinite, and 0 times that is NaN: leave them out.
    moves = np.isfinite(end.position).all(1) & np.isfinite(end.momentum).all(1) & (rates > 0.0)
    if not moves.any():
        return 0.0
    weight, position = rates[moves], end.position[moves]
    before = _square_norm(metric, start.position - start.position.mean(0))
    away = position - weight @ position / weight.sum()
    after = _square_norm(metric, away)
    slopes = (after - before[moves]) * np.einsum("cd,cd->c", away, end.momentum[moves])
    size = 0.5 * (before.mean() + weight @ after / weight.sum())
    gradient = time * float(weight @ slopes / len(rates) / size**2)
    return gradient if math.isfinite(gradient) else 0.0


def jitter(n: int) -> float:
    """Return a number of the van der Corput sequence: 1/2, 1/4, 3/4, 1/8, 5/8, ...

    :param n: which one, from 1.
    :return: a number in (0, 1).
    """
    value, share = 0.0, 0.5
    while n:
        value += share * (n & 1)
        n >>= 1
        share *= 0.5
    return value


def harmonic_mean(rates: np.ndarray) -> float:
    """Return the harmonic mean; 0 if one of them is 0.

    Few chains with low rates pull it down, where they would not move otherwise.

    :param rates: of acceptance, in [0, 1]; array of any shape.
    :return: a number in [0, 1].
    """
    if not (rates > 0.0).all():
        return 0.0
    with np.errstate(over="ignore"):
        return float(1.0 / np.mean(1.0 / rates))


def _square_norm(metric: Metric, away: np.ndarray) -> np.ndarray:
    if isinstance(metric, Diagonal):
        return (away**2 / metric.inverse_mass).sum(1)
    return ((away @ metric.whitening.T) ** 2).sum(1)


def _new_time(old: Metric, tuning: Tuning) -> float:
    """Return the factor of the trajectory length when a window of the mass has ended."""
    warm_up = tuning.warm_up
    again = warm_up is not None and warm_up.done < warm_up.ends[-1]
    return (_SET_BACK if again else 1.0) / _largest_scale(old, tuning.metric)


def _largest_scale(old: Metric, new: Metric) -> float:
    """Return the largest standard deviation that the new metric tells, in units of the old one.

    A trajectory has to cross the widest direction, which takes a time in proportion to its scale.
    """
    if isinstance(old, Diagonal):
        return math.sqrt(float((new.inverse_mass / old.inverse_mass).max()))
    whitened = old.whitening @ new.inverse_mass @ old.whitening.T
    return math.sqrt(float(np.linalg.eigvalsh(whitened)[-1]))
