"""Stochastic gradient Langevin dynamics."""

from __future__ import annotations

import math

from zhusuan._tensor import Var
from zhusuan.mcmc.sgmcmc import SGMCMC, Extra, standard_normal_like


class SGLD(SGMCMC):
    r"""Stochastic gradient Langevin dynamics (Welling and Teh 2011).

    With the learning rate :math:`\epsilon` and :math:`\xi \sim N(0, 1)`,

    .. math:: q' = q + \frac{\epsilon}{2} \nabla\log p(q) + \sqrt\epsilon\, \xi

    (ibid., eq. 4). For a Gaussian of variance :math:`\sigma^2`, and gradients that a minibatch
    estimates with variance :math:`V`, the stationary variance is

    .. math:: \sigma^2 \, \frac{1 + \epsilon V / 4}{1 - \epsilon / (4 \sigma^2)}\,,

    finite for :math:`\epsilon < 4 \sigma^2`: the smallest variance of the posterior limits the
    learning rate, and :math:`\epsilon V / 4` must be small beside 1.

    :param learning_rate: :math:`\epsilon`; a number, or a function of the step. For draws that are
        right in the limit it must fall so that its sum diverges and that of its squares does not.
    :raises TypeError: if it is neither.
    :raises ValueError: if it is not positive.
    """

    def _after(self, q: Var, extra: Extra, gradient: Var, rate: float) -> tuple[Var, Extra]:
        noise = standard_normal_like(q)
        return q + (0.5 * rate) * gradient + math.sqrt(rate) * noise, extra
