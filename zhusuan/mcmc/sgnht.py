"""The stochastic gradient Nose-Hoover thermostat."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jittor as jt
import numpy as np

from zhusuan._tensor import Var
from zhusuan.mcmc.hamiltonian import check_positive
from zhusuan.mcmc.sghmc import check_resampling, drawn_velocity, mean_square
from zhusuan.mcmc.sgmcmc import SGMCMC, Extra, LearningRate, standard_normal_like


class SGNHTStats(NamedTuple):
    """What :func:`zhusuan.mcmc.run` collects of SGNHT in ``trace.stats``.

    :param step_size: the learning rate of the step.
    :param log_prob: log-density in nats where the gradient was taken, as the minibatch estimates
        it; shape [n_chains].
    :param divergent: whether that was not finite: the learning rate is too large; shape [n_chains].
    :param mean_k: mean squared velocity, which approaches the learning rate; shape [n_chains].
    :param alpha: mean friction, shape [n_chains].
    """

    step_size: float
    log_prob: np.ndarray
    divergent: np.ndarray
    mean_k: np.ndarray
    alpha: np.ndarray


class SGNHT(SGMCMC):
    r"""The stochastic gradient Nose-Hoover thermostat (Ding et al. 2014).

    :class:`~zhusuan.mcmc.SGHMC` with a friction :math:`\alpha` that is learnt: it rises while the
    velocities are larger than their temperature allows, and so takes out what noise of unknown
    variance the minibatches bring in. With the learning rate :math:`\eta` and
    :math:`\xi \sim N(0, 1)`,

    .. math::

        v' = (1 - \alpha) v + \eta \nabla\log p(q) + \sqrt{2 a \eta}\, \xi, \qquad q' = q + v',
        \qquad \alpha' = \alpha + \gamma (\overline{v'^2} - \eta)

    (ibid., algorithm 2, where :math:`\gamma = 1`). In second order (Chen, Ding and Carin 2015),

    .. math::

        q_1 = q + \tfrac12 v, \quad
        \alpha_1 = \alpha + \tfrac\gamma2 (\overline{v^2} - \eta), \quad
        v' = e^{-\alpha_1/2} \left( e^{-\alpha_1/2} v + \eta \nabla\log p(q_1)
            + \sqrt{2 a \eta}\, \xi \right),

    .. math::

        q' = q_1 + \tfrac12 v', \quad
        \alpha' = \alpha_1 + \tfrac\gamma2 (\overline{v'^2} - \eta).

    Without noise, neither from minibatches nor by :math:`a`, the dynamics are deterministic and
    may not reach all of the posterior.

    :param learning_rate: :math:`\eta`, a number or a function of the step; see
        :class:`~zhusuan.mcmc.SGHMC`.
    :param variance_extra: :math:`a`, at least 0: noise that is added; also the first
        :math:`\alpha`.
    :param tune_rate: :math:`\gamma`, positive: how quickly the friction is learnt.
    :param n_iter_resample_v: steps from one drawing of the velocities, from :math:`N(0, \eta)`, to
        the next; None or 0 for never.
    :param second_order: whether to use the second form.
    :param use_vector_alpha: a friction for each number, :math:`\overline{v^2}` being its own
        square; otherwise one for each latent of each chain, with the mean over its numbers.
        (ZhuSuan's scalar is one for all chains; chains that are to be compared must not share it.)
    :raises TypeError: for a setting of the wrong kind.
    :raises ValueError: for one that is out of range.
    """

    def __init__(
        self,
        learning_rate: LearningRate,
        variance_extra: float = 0.0,
        tune_rate: float = 1.0,
        n_iter_resample_v: int | None = None,
        second_order: bool = True,
        use_vector_alpha: bool = True,
    ) -> None:
        super().__init__(learning_rate)
        if variance_extra != 0.0:
            check_positive("SGNHT", "variance_extra", variance_extra)
        check_positive("SGNHT", "tune_rate", tune_rate)
        self._variance_extra = float(variance_extra)
        self._tune_rate = float(tune_rate)
        self._n_iter_resample_v = check_resampling("SGNHT", n_iter_resample_v)
        self._second_order = bool(second_order)
        self._use_vector_alpha = bool(use_vector_alpha)

    def _begin(self, q: Var, rate: float) -> Extra:
        v = drawn_velocity(q, rate)
        alpha = jt.zeros_like(self._mean_square(v)) + self._variance_extra
        return {"v": v, "alpha": alpha}

    def _before(self, q: Var, extra: Extra, rate: float, t: int) -> tuple[Var, Extra]:
        v, alpha = extra["v"], extra["alpha"]
        if self._n_iter_resample_v and t % self._n_iter_resample_v == 0:
            v = drawn_velocity(q, rate)
        if not self._second_order:
            return q, {"v": v, "alpha": alpha}
        return q + 0.5 * v, {"v": v, "alpha": self._tuned(alpha, v, rate, 0.5)}

    def _after(self, q: Var, extra: Extra, gradient: Var, rate: float) -> tuple[Var, Extra]:
        v, alpha = extra["v"], extra["alpha"]
        force = rate * gradient
        if self._variance_extra:
            force = force + standard_normal_like(q) * math.sqrt(2.0 * self._variance_extra * rate)
        if not self._second_order:
            v = v - alpha * v + force
            return q + v, {"v": v, "alpha": self._tuned(alpha, v, rate, 1.0)}
        decay = jt.exp(-0.5 * alpha)
        v = decay * (decay * v + force)
        return q + 0.5 * v, {"v": v, "alpha": self._tuned(alpha, v, rate, 0.5)}

    def _tuned(self, alpha: Var, v: Var, rate: float, share: float) -> Var:
        return alpha + (share * self._tune_rate) * (self._mean_square(v) - rate)

    def _mean_square(self, v: Var) -> Var:
        return v * v if self._use_vector_alpha else mean_square(v)

    def _report(self, extra: Extra) -> dict[str, Var]:
        return {"mean_k": self._mean_square(extra["v"]), "alpha": extra["alpha"]}

    def _stats(self, *fields: Any) -> SGNHTStats:
        return SGNHTStats(*fields)
