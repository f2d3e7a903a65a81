r"""Implicit reparameterisation: gradients of samples that no differentiable formula makes.

A draw :math:`z` of a continuous univariate distribution with cdf :math:`F(z; \theta)` moves with
:math:`\theta` such that :math:`F` stays what it is, so that

.. math:: \frac{\partial z}{\partial \theta} =
          -\frac{\partial F(z; \theta) / \partial \theta}{p(z; \theta)}

(Figurnov, Mohamed and Mnih 2018, eq. 5).
"""

from __future__ import annotations

from collections.abc import Callable

import jittor as jt

from zhusuan._tensor import Var, settled, shape_of

Derivative = Callable[..., Var]


class _WithGradient(jt.Function):
    def __init__(self, sample: Var, parameters: list[Var], derivatives: list[Derivative]) -> None:
        super().__init__()
        self._drawn, self._moving, self._derivatives = sample, parameters, derivatives

    def execute(self, *parameters: Var) -> Var:
        return self._drawn

    def grad(self, upstream: Var) -> list[Var]:
        # Computed only if a gradient is asked for: the derivatives cost more than the draw.
        return [
            upstream * derivative(self._drawn, *self._moving)
            for derivative in self._derivatives
        ]


def with_gradient(sample: Var, parameters: dict[str, Var], **derivatives: Derivative) -> Var:
    """Return ``sample`` as a function of ``parameters`` with the given derivatives.

    First derivatives only: the second derivative of what comes out is zero.

    :param sample: the draw, without gradient, of any shape.
    :param parameters: name -> Var that broadcasts to the shape of ``sample``.
    :param derivatives: for each name, a function of the sample and all parameters (broadcast)
        that returns the derivative of the sample.
    :return: Var of the shape of ``sample``.
    """
    if jt.flags.no_grad:
        return sample
    shape = list(shape_of(sample))
    full = [
        var if list(var.shape) == shape else var.broadcast(shape) for var in parameters.values()
    ]
    ordered = [derivatives[name] for name in parameters]
    return _WithGradient(sample.detach(), full, ordered)(*map(settled, full))


def from_cdf(sample: Var, cdf: Callable[[Var], Var], density: Callable[[Var], Var]) -> Var:
    """Return ``sample`` with the gradient that a differentiable cdf implies.

    :param sample: the draw, without gradient, of any shape.
    :param cdf: the cdf, differentiable in whatever parameters it depends on.
    :param density: the density.
    :return: Var of the shape of ``sample``.
    """
    fixed = sample.detach()
    probability = cdf(fixed)
    # Where the density underflows so does the cdf's derivative: the draw can't be moved.
    inside = density(fixed).detach()
    scale = jt.ternary(inside > 0, 1.0 / jt.maximum(inside, 1e-37), jt.zeros_like(inside))
    return fixed - (probability - probability.detach()) * scale
