"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

import jittor as jt

from zhusuan.optim.fused import FusedStep
from zhusuan.optim.library import SGD as RULE
from zhusuan.optim.numbers import are_numbers


class SGD(FusedStep, jt.optim.SGD):
    r"""Gradient descent with momentum, with all parameters updated in one pass.

    With :math:`g` the gradient plus ``weight_decay`` times the parameter :math:`p`:

    .. math::

        v &\leftarrow \mu v + (1 - \mathrm{dampening}) g \\
        p &\leftarrow p - \mathrm{lr} \, v, \quad
        \text{with nesterov } p \leftarrow p - \mathrm{lr} \, (g + \mu v)

    Polyak 1964; the second form as in Sutskever et al. 2013, section 2. Same arguments, same
    results up to rounding and same ``state_dict`` as ``jt.optim.SGD``.

    :param params: list of parameters, or of dicts with ``params`` and, where these differ from
        the rest, the arguments below.
    :param lr: the step size.
    :param momentum: :math:`\mu`, how much of its velocity a step keeps.
    :param weight_decay: adds this times the parameter to its gradient.
    :param dampening: the share of the gradient that the velocity leaves out.
    :param nesterov: whether to step along the gradient plus ``momentum`` times the velocity.
    :raises AssertionError: if ``params`` is empty.
    """

    _rule = RULE
    _state = ("values",)

    def _scalars(self, group: dict[str, Any]) -> tuple[float, ...] | None:
        lr, momentum, decay, dampening = (
            self._option(group, name) for name in ("lr", "momentum", "weight_decay", "dampening")
        )
        if not are_numbers(lr, momentum, decay, dampening):
            return None
        if self._option(group, "nesterov"):
            return (momentum, 1 - dampening, decay, lr, lr * momentum)
        return (momentum, 1 - dampening, decay, 0.0, lr)
