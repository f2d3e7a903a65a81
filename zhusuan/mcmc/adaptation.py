"""What warm-up learns: the step size by dual averaging, the mass from the draws in windows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from zhusuan.mcmc.metric import Dense, Diagonal, Metric, dense


class DualAveraging(NamedTuple):
    r"""Nesterov's dual averaging of the logarithm of the step size.

    With :math:`H_t` the target minus the rate of acceptance of step t,

    .. math::

        \log \epsilon_{t+1} = \mu - \frac{\sqrt t}{\gamma} \frac{1}{t + t_0} \sum_{i=1}^t H_i,
        \qquad \log \bar\epsilon_{t+1} = t^{-\kappa} \log \epsilon_{t+1}
            + (1 - t^{-\kappa}) \log \bar\epsilon_t

    (Hoffman and Gelman 2014, eq. 6 and algorithm 5; the weighted sum as there,
    :math:`\bar H_t = (1 - \frac{1}{t+t_0}) \bar H_{t-1} + \frac{1}{t+t_0} H_t`).

    :param mu: what :math:`\log\epsilon` shrinks to; see :meth:`at`.
    :param t: steps so far.
    :param h_bar: the averaged error.
    :param log_step: :math:`\log\epsilon`, the step size to try next.
    :param log_averaged: :math:`\log\bar\epsilon`, the step size to keep.
    """

    mu: float
    t: int
    h_bar: float
    log_step: float
    log_averaged: float

    @classmethod
    def at(cls, step_size: float, gamma: float = 0.05, t0: float = 10.0) -> DualAveraging:
        r"""Begin at a step size.

        Hoffman and Gelman (2014) shrink to :math:`\mu = \log(10 \epsilon_1)`, with
        :math:`\gamma = 0.05` and :math:`t_0 = 10`: a bias to long steps, which are cheap. The first
        step size is near :math:`e^\mu`, less what one rate of acceptance can take off, at most
        :math:`1 / (\gamma (1 + t_0))` in the logarithm. A larger :math:`t_0` allows less of that,
        and steps ten times too long would be taken again and again with nothing accepted. So the
        bias stays in proportion to it,

        .. math:: \mu = \log\epsilon_1 + \log 10 \; \frac{0.05 \cdot 11}{\gamma (1 + t_0)},

        which is theirs for their settings, and at most theirs for others.

        :param step_size: positive.
        :param gamma: see :meth:`update`.
        :param t0: see :meth:`update`.
        :return: before its first step.
        """
        log_step = math.log(step_size)
        bias = math.log(10.0) * min(1.0, 0.05 * 11.0 / (gamma * (1.0 + t0)))
        return cls(bias + log_step, 0, 0.0, log_step, log_step)

    def update(
        self, rate: float, target: float, gamma: float, t0: float, kappa: float
    ) -> DualAveraging:
        """Learn from the rate of acceptance of one step.

        :param rate: of acceptance, in [0, 1].
        :param target: the rate that is aimed at.
        :param gamma: how strongly the step shrinks to mu.
        :param t0: how much the first steps are damped.
        :param kappa: how quickly old steps are forgotten, in (0.5, 1].
        :return: after that step.
        """
        t = self.t + 1
        weight = 1.0 / (t + t0)
        h_bar = (1.0 - weight) * self.h_bar + weight * (target - rate)
        log_step = self.mu - math.sqrt(t) / gamma * h_bar
        share = t**-kappa
        averaged = share * log_step + (1.0 - share) * self.log_averaged
        return DualAveraging(self.mu, t, h_bar, log_step, averaged)


class Moments(NamedTuple):
    """Running mean and sum of squared deviations of draws, those of all chains pooled.

    :param n: how many draws.
    :param mean: shape [D].
    :param m2: sum of squared deviations, shape [D]; or of products, shape [D, D].
    """

    n: float
    mean: np.ndarray
    m2: np.ndarray

    @classmethod
    def empty(cls, dim: int, is_dense: bool) -> Moments:
        """Return the moments of no draw.

        :param dim: D.
        :param is_dense: whether to keep all covariances.
        :return: zeros.
        """
        return cls(0.0, np.zeros(dim), np.zeros((dim, dim) if is_dense else dim))

    def add(self, draws: np.ndarray, decay: float = 1.0) -> Moments:
        """Add the draws of all chains (Chan, Golub and LeVeque 1979, eq. 2.1).

        :param draws: shape [n_chains, D].
        :param decay: factor of the weight of all earlier draws; 1 for equal weights.
        :return: the moments of all draws.
        """
        n_old, n_new = decay * self.n, len(draws)
        n = n_old + n_new
        mean_new = draws.mean(0)
        deviations, shift = draws - mean_new, mean_new - self.mean
        if self.m2.ndim == 1:
            added = (deviations**2).sum(0) + shift**2 * (n_old * n_new / n)
        else:
            added = deviations.T @ deviations + np.outer(shift, shift) * (n_old * n_new / n)
        return Moments(n, self.mean + shift * (n_new / n), decay * self.m2 + added)

    def metric(self) -> Metric:
        """Return the metric of the variance, drawn a little to 1e-3 as Stan does for few draws.

        :return: diagonal or dense, as the moments are.
        """
        weight = self.n / (self.n + 5.0)
        small = 1e-3 * 5.0 / (self.n + 5.0)
        covariance = weight * self.m2 / (self.n - 1.0)
        if covariance.ndim == 1:
            return Diagonal(covariance + small)
        return dense(covariance + small * np.eye(len(covariance)))


def window_ends(n_warmup: int) -> tuple[int, tuple[int, ...]]:
    """Return where the estimation of the mass begins, and the ends of its windows.

    Stan's schedule: 75 steps for the step size alone, windows of 25, 50, 100, ... steps, at whose
    ends the mass is set and estimated anew, and 50 last steps for the step size (Stan reference
    manual, "HMC algorithm parameters"). Less than 150 steps are divided 15 : 75 : 10, and less than
    20 have no windows.

    :param n_warmup: steps of the warm-up.
    :return: number of the first step that counts, and of the last steps of the windows.
    """
    if n_warmup < 20:
        return n_warmup, ()
    first, width, last = 75, 25, 50
    if n_warmup < first + width + last:
        first, last = int(0.15 * n_warmup), int(0.1 * n_warmup)
        width = n_warmup - first - last
    stop = n_warmup - last
    ends, end = [], first
    while end < stop:
        end += width
        width *= 2
        if end + width > stop:  # the next would not fit: this one is longer
            end = stop
        ends.append(end)
    return first, tuple(ends)


class WarmUp(NamedTuple):
    """Where a warm-up stands.

    :param n: its steps in all.
    :param done: steps so far.
    :param first: step at which the estimation of the mass begins.
    :param ends: ends of its windows.
    :param dual: dual averaging of the step size; None if that is fixed.
    :param moments: of the draws of this window; None if the mass is fixed.
    """

    n: int
    done: int
    first: int
    ends: tuple[int, ...]
    dual: DualAveraging | None
    moments: Moments | None


class Tuning(NamedTuple):
    """What a Hamiltonian kernel learns; part of its state.

    :param step_size: of the leapfrog method.
    :param metric: the mass.
    :param warm_up: None when it is over.
    """

    step_size: float
    metric: Metric
    warm_up: WarmUp | None


class Adaptation(NamedTuple):
    """Settings of the warm-up.

    :param target_acceptance_rate: rate that dual averaging aims at.
    :param gamma: see :class:`DualAveraging`.
    :param t0: see :class:`DualAveraging`.
    :param kappa: see :class:`DualAveraging`.
    :param step_size: whether the step size is adapted.
    :param mass: whether the mass is adapted.
    """

    target_acceptance_rate: float
    gamma: float
    t0: float
    kappa: float
    step_size: bool
    mass: bool

    def begin(
        self, step_size: float, metric: Metric, n_warmup: int, search: Search
    ) -> Tuning:
        """Return the tuning before the first step.

        :param step_size: the one to begin with.
        :param metric: the mass to begin with.
        :param n_warmup: steps that may adapt.
        :param search: finds a reasonable step size, from one and a metric.
        :return: step size, mass and what the warm-up needs.
        """
        if not n_warmup or not (self.step_size or self.mass):
            return Tuning(step_size, metric, None)
        first, ends = window_ends(n_warmup)
        dual = None
        if self.step_size:
            step_size = search(step_size, metric)
            dual = self.dual_at(step_size)
        moments = _no_moments(metric) if self.mass else None
        return Tuning(step_size, metric, WarmUp(n_warmup, 0, first, ends, dual, moments))

    def update(
        self, tuning: Tuning, position: np.ndarray, rate: float, search: Search
    ) -> Tuning:
        """Learn from a step.

        :param tuning: before the step.
        :param position: after it, shape [n_chains, D].
        :param rate: of acceptance, averaged over the chains.
        :param search: as for :meth:`begin`.
        :return: the tuning for the next step.
        """
        warm_up = tuning.warm_up
        if warm_up is None:
            return tuning
        step_size, metric = tuning.step_size, tuning.metric
        dual, moments, done = warm_up.dual, warm_up.moments, warm_up.done + 1
        if dual is not None:
            dual = self.learn(dual, rate)
            step_size = math.exp(dual.log_step)
        if moments is not None and warm_up.ends and warm_up.first < done <= warm_up.ends[-1]:
            moments = moments.add(position)
            if done in warm_up.ends:
                metric, moments = moments.metric(), _no_moments(metric)
                if dual is not None:
                    # Stan begins again from the last step size, under the new mass.
                    step_size = search(step_size, metric)
                    dual = self.dual_at(step_size)
        if done == warm_up.n:
            final = step_size if dual is None else math.exp(dual.log_averaged)
            return Tuning(final, metric, None)
        return Tuning(step_size, metric, warm_up._replace(done=done, dual=dual, moments=moments))

    def dual_at(self, step_size: float) -> DualAveraging:
        """Return the dual averaging that begins at a step size.

        :param step_size: positive.
        :return: before its first step.
        """
        return DualAveraging.at(step_size, self.gamma, self.t0)

    def learn(self, dual: DualAveraging, rate: float) -> DualAveraging:
        """Return the dual averaging after a step of this rate of acceptance.

        :param dual: before the step.
        :param rate: of acceptance.
        :return: after that step.
        """
        return dual.update(
            rate, self.target_acceptance_rate, self.gamma, self.t0, self.kappa
        )


Search = Callable[[float, Metric], float]


def _no_moments(metric: Any) -> Moments:
    return Moments.empty(len(metric.inverse_mass), isinstance(metric, Dense))
