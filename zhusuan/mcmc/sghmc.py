"""Stochastic gradient Hamiltonian Monte Carlo."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from zhusuan._tensor import Var, shape_of
from zhusuan.mcmc.hamiltonian import check_count, check_positive
from zhusuan.mcmc.sgmcmc import SGMCMC, Extra, LearningRate, standard_normal_like


class SGHMCStats(NamedTuple):
    """What :func:`zhusuan.mcmc.run` collects of SGHMC in ``trace.stats``.

    :param step_size: the learning rate of the step.
    :param log_prob: log-density in nats where the gradient was taken, as the minibatch estimates
        it; shape [n_chains].
    :param divergent: whether that was not finite: the learning rate is too large; shape [n_chains].
    :param mean_k: mean squared velocity, which approaches the learning rate; shape [n_chains].
    """

    step_size: float
    log_prob: np.ndarray
    divergent: np.ndarray
    mean_k: np.ndarray


class SGHMC(SGMCMC):
    r"""Stochastic gradient Hamiltonian Monte Carlo (Chen, Fox and Guestrin 2014).

    SGLD with velocities :math:`v`, and a friction that takes out of them what noise brings in.
    With the learning rate :math:`\eta`, the friction :math:`\alpha`, the estimated noise of the
    gradient :math:`\beta` and :math:`\xi \sim N(0, 1)`,

    .. math::

        v' = (1 - \alpha) v + \eta \nabla\log p(q) + \sqrt{2 (\alpha - \beta) \eta}\, \xi,
        \qquad q' = q + v'

    (ibid., eq. 15). In second order (the symmetric splitting of Chen, Ding and Carin 2015),

    .. math::

        q_1 = q + \tfrac12 v, \quad
        v' = e^{-\alpha/2} \left( e^{-\alpha/2} v + \eta \nabla\log p(q_1)
            + \sqrt{2 (\alpha - \beta) \eta}\, \xi \right), \quad
        q' = q_1 + \tfrac12 v'.

    Velocities begin, and are drawn anew, from :math:`N(0, \eta)`.

    :param learning_rate: :math:`\eta`, a number or a function of the step. It is of the order of a
        squared step size, not comparable to that of :class:`~zhusuan.mcmc.SGLD`: a Gaussian of
        variance :math:`\sigma^2` needs :math:`\eta < 4 \sigma^2` or less.
    :param friction: :math:`\alpha`, positive. A larger one hides more of the gradient's noise, and
        moves more slowly. In second order the noise is that of an exact friction up to a factor
        :math:`1 + O(\alpha^2)`, 0.99 of the variance at 0.25.
    :param variance_estimate: :math:`\beta`: half the learning rate times the variance of the
        gradient that the minibatch leaves; less than ``friction``. 0 if it is not known.
    :param n_iter_resample_v: steps from one drawing of the velocities to the next, the first step
        included; None or 0 for never.
    :param second_order: whether to use the second form.
    :raises TypeError: for a setting of the wrong kind.
    :raises ValueError: for one that is out of range.
    """

    def __init__(
        self,
        learning_rate: LearningRate,
        friction: float = 0.25,
        variance_estimate: float = 0.0,
        n_iter_resample_v: int | None = 20,
        second_order: bool = True,
    ) -> None:
        super().__init__(learning_rate)
        check_positive("SGHMC", "friction", friction)
        if not 0.0 <= variance_estimate < friction:
            raise ValueError(
                f"SGHMC: variance_estimate must be at least 0 and less than friction={friction}, "
                f"got {variance_estimate!r}"
            )
        self._friction = float(friction)
        self._variance_estimate = float(variance_estimate)
        self._n_iter_resample_v = check_resampling("SGHMC", n_iter_resample_v)
        self._second_order = bool(second_order)

    def _begin(self, q: Var, rate: float) -> Extra:
        return {"v": drawn_velocity(q, rate)}

    def _before(self, q: Var, extra: Extra, rate: float, t: int) -> tuple[Var, Extra]:
        v = extra["v"]
        if self._n_iter_resample_v and t % self._n_iter_resample_v == 0:
            v = drawn_velocity(q, rate)
        return (q + 0.5 * v if self._second_order else q), {"v": v}

    def _after(self, q: Var, extra: Extra, gradient: Var, rate: float) -> tuple[Var, Extra]:
        v, alpha = extra["v"], self._friction
        noise = standard_normal_like(q) * math.sqrt(2.0 * (alpha - self._variance_estimate) * rate)
        if not self._second_order:
            v = (1.0 - alpha) * v + rate * gradient + noise
            return q + v, {"v": v}
        decay = math.exp(-0.5 * alpha)
        v = decay * (decay * v + rate * gradient + noise)
        return q + 0.5 * v, {"v": v}

    def _report(self, extra: Extra) -> dict[str, Var]:
        return {"mean_k": mean_square(extra["v"])}

    def _stats(self, *fields: Any) -> SGHMCStats:
        return SGHMCStats(*fields)


def drawn_velocity(q: Var, rate: float) -> Var:
    r"""Draw velocities from :math:`N(0, \eta)`.

    :param q: values that they belong to.
    :param rate: :math:`\eta`.
    """
    return standard_normal_like(q) * math.sqrt(rate)


def mean_square(v: Var) -> Var:
    """Return the mean of the squares of each row, shape [n_chains, 1].

    :param v: shape [n_chains, size].
    """
    return (v * v).sum(1, keepdims=True) / shape_of(v)[1]


def check_resampling(kernel: str, n_iter_resample_v: int | None) -> int:
    """Return the steps from one drawing of velocities to the next, 0 for never.

    :param kernel: name of the kernel.
    :param n_iter_resample_v: the setting.
    :raises TypeError: if it is no int.
    :raises ValueError: if it is negative.
    """
    if n_iter_resample_v is None:
        return 0
    check_count(kernel, "n_iter_resample_v", n_iter_resample_v, least=0)
    return int(n_iter_resample_v)
