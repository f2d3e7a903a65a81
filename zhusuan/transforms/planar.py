"""Planar flows."""

from __future__ import annotations

import math

import jittor as jt
import numpy as np

from zhusuan import random, special
from zhusuan._tensor import Var
from zhusuan.transforms import _scalar_equation as scalar_equation
from zhusuan.transforms._amortised import _Amortisable, check_size

# softplus of it is 1: a u at right angles to w is left as it is.
_SHIFT = math.log(math.e - 1.0)


class Planar(_Amortisable):
    r"""A push along one direction, by how far x is across a plane.

    .. math:: y = x + \hat u \tanh(w^\top x + b), \qquad
              \det = 1 + w^\top \hat u\, (1 - \tanh^2(w^\top x + b))

    (planar flow, Rezende and Mohamed 2015, eq. 10 to 12). It is invertible for
    :math:`w^\top \hat u > -1`, which holds for every u (their appendix A.1):

    .. math:: \hat u = u + \big(m(w^\top u) - w^\top u\big) \frac{w}{\|w\|^2}, \qquad
              m(s) = -1 + \log(1 + e^{s + \log(e - 1)}).

    The constant in the exponent is not theirs: with it u = 0 is the identity, near which the map
    starts. The inverse is found by Newton's method on the one equation
    :math:`a + w^\top \hat u \tanh a = w^\top y + b`; it has the right gradients.

    :param n_dim: entries of x.
    :param amortised: take u, w and b, ``n_parameters`` = 2 n_dim + 1 numbers in this order, from
        ``context``, shape (..., n_parameters), whose leading dims broadcast to the batch of x.
    :raises ValueError: if ``n_dim`` is below 1.
    :ivar raw: the parameters, shape [n_parameters]; None if they come from the context.
    :ivar n_parameters: entries that a context must have.
    """

    def __init__(self, n_dim: int, amortised: bool = False) -> None:
        check_size("Planar", n_dim=n_dim)
        u, w = random.standard_normal((2, n_dim)).numpy()
        super().__init__(n_dim, [0.01 * u, w / math.sqrt(n_dim), np.zeros(1)], amortised)

    def _map(self, x: Var, *parameters: Var) -> tuple[Var, Var]:
        u, w, b = parameters
        push, slope = _invertible(u, w)
        a = (x * w).sum(1, keepdims=True) + b
        return x + push * jt.tanh(a), scalar_equation.log_slope(a, slope)

    def _solve(self, y: Var, *parameters: Var) -> Var:
        u, w, b = parameters
        push, slope = _invertible(u, w)
        a = scalar_equation.root((y * w).sum(1, keepdims=True) + b, slope)
        return y - push * jt.tanh(a)


def _invertible(u: Var, w: Var) -> tuple[Var, Var]:
    """Return the u that is used, and 1 + w'u."""
    along = (u * w).sum(1, keepdims=True)
    slope = special.softplus(along + _SHIFT)
    # w = 0 is a shift, whatever the direction.
    return u + (slope - 1.0 - along) * w / ((w * w).sum(1, keepdims=True) + 1e-30), slope
