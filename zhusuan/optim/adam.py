"""Adam and AdamW."""

from __future__ import annotations

import math
from typing import Any

import jittor as jt

from zhusuan.optim.fused import FusedStep
from zhusuan.optim.library import ADAM, ADAMW
from zhusuan.optim.numbers import are_numbers


class Adam(FusedStep, jt.optim.Adam):
    r"""Adam, with all parameters updated in one pass.

    Algorithm 1 of :cite:t:`kingma2015adam`, with :math:`\epsilon` added before the correction of
    bias, as at the end of its section 2. With :math:`g` the gradient plus ``weight_decay`` times
    the parameter :math:`p`, at step n:

    .. math::

        m &\leftarrow \beta_0 m + (1 - \beta_0) g, \qquad
        v \leftarrow \beta_1 v + (1 - \beta_1) g^2 \\
        p &\leftarrow p - \mathrm{lr} \frac{\sqrt{1 - \beta_1^n}}{1 - \beta_0^n}
        \frac{m}{\sqrt{v} + \epsilon}

    Same arguments, same results up to rounding and same ``state_dict`` as ``jt.optim.Adam``.

    :param params: list of parameters, or of dicts with ``params`` and, where these differ from
        the rest, ``lr``, ``eps``, ``betas`` and ``weight_decay``.
    :param lr: the step size.
    :param eps: added to the root of the mean square, as small as the gradients it should not
        amplify.
    :param betas: how much of the means of gradients and of their squares a step keeps.
    :param weight_decay: adds this times the parameter to its gradient.
    :raises AssertionError: if ``params`` is empty.
    """

    _rule = ADAM
    _state = ("values", "m")

    def _scalars(self, group: dict[str, Any]) -> tuple[float, ...] | None:
        lr, eps, decay, betas = (
            self._option(group, name) for name in ("lr", "eps", "weight_decay", "betas")
        )
        b0, b1 = betas
        if not are_numbers(lr, eps, decay, b0, b1):
            return None
        n = float(self.n_step)
        size = lr * math.sqrt(1 - b1**n) / (1 - b0**n)
        return (b0, 1 - b0, b1, 1 - b1, size, eps, decay)


class AdamW(FusedStep, jt.optim.AdamW):
    r"""Adam with decoupled weight decay, with all parameters updated in one pass.

    Loshchilov and Hutter 2019, algorithm 2. With :math:`g` the gradient, at step n:

    .. math::

        m &\leftarrow \beta_0 m + (1 - \beta_0) g, \qquad
        v \leftarrow \beta_1 v + (1 - \beta_1) g^2 \\
        p &\leftarrow (1 - \mathrm{lr} \lambda) p - \frac{\mathrm{lr}}{1 - \beta_0^n}
        \frac{m}{\sqrt{v / (1 - \beta_1^n)} + \epsilon}

    Same arguments, same results up to rounding and same ``state_dict`` as ``jt.optim.AdamW``.

    :param params: list of parameters, or of dicts with ``params`` and, where these differ from
        the rest, ``lr``, ``eps``, ``betas`` and ``weight_decay``.
    :param lr: the step size.
    :param eps: added to the root of the mean square, as small as the gradients it should not
        amplify.
    :param betas: how much of the means of gradients and of their squares a step keeps.
    :param weight_decay: :math:`\lambda`, the share of a parameter that a step of size 1 removes.
    :raises AssertionError: if ``params`` is empty.
    """

    _rule = ADAMW
    _state = ("values", "m")

    def _scalars(self, group: dict[str, Any]) -> tuple[float, ...] | None:
        lr, eps, decay, betas = (
            self._option(group, name) for name in ("lr", "eps", "weight_decay", "betas")
        )
        b0, b1 = betas
        if not are_numbers(lr, eps, decay, b0, b1):
            return None
        n = float(self.n_step)
        size, correction = lr / (1 - b0**n), 1 / math.sqrt(1 - b1**n)
        return (b0, 1 - b0, b1, 1 - b1, size, eps, 1 - lr * decay, correction)
