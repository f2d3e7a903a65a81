"""From vectors to triangular and to positive definite matrices."""

from __future__ import annotations

import functools
import math

import jittor as jt
import numpy as np

from zhusuan import linalg
from zhusuan._tensor import Shape, Var, constant, sum_dims
from zhusuan.distributions import constraints
from zhusuan.transforms._triangles import (
    batch_of,
    count_of_triangle,
    flat,
    from_triangle,
    rows_of_triangle,
    square,
    to_triangle,
    unflat,
)
from zhusuan.transforms.base import Transform
from zhusuan.transforms.sequential import Sequential


class LowerCholesky(Transform):
    r"""From vectors of n (n + 1) / 2 numbers to lower triangles with a positive diagonal.

    The vector fills the triangle row by row, and the diagonal is the exponential of what it is
    given (Stan reference manual, version 2.35, sec. "Covariance matrices"; Pinheiro and Bates
    1996, sec. 2.2). The log-determinant is the sum of the vector's entries there. A diagonal
    element that would underflow or overflow is the smallest or largest normal number.
    """

    event_ndims_in = 1
    event_ndims_out = 2
    codomain = constraints.lower_cholesky

    def _forward(self, x: Var) -> Var:
        wide = flat(x, 1)
        rows = rows_of_triangle(self._name, int(wide.shape[-1]))
        triangle = to_triangle(wide, rows)
        diagonal = _on_diagonal(rows)
        info = np.finfo(str(x.dtype))
        # 0 off the diagonal: the exponential there, unused, could be infinite and spoil gradients.
        exponent = jt.ternary(
            diagonal.broadcast(list(triangle.shape)), triangle, jt.zeros_like(triangle)
        )
        inside = (exponent > math.log(info.tiny)) & (exponent < math.log(info.max))
        kept = jt.ternary(inside, exponent, jt.zeros_like(exponent))
        ends = jt.ternary(
            exponent > 0.0,
            jt.full_like(exponent, 1.0) * constant(float(info.max), exponent),
            jt.full_like(exponent, 1.0) * constant(float(info.tiny), exponent),
        )
        positive = jt.ternary(inside, jt.exp(kept), ends)
        y = jt.ternary(diagonal.broadcast(list(triangle.shape)), positive, triangle)
        return unflat(y, batch_of(x, 1), x)

    def _inverse(self, y: Var) -> Var:
        wide = flat(y, 2)
        diagonal = _on_diagonal(int(wide.shape[-1])).broadcast(list(wide.shape))
        logs = jt.log(jt.ternary(diagonal, wide, jt.ones_like(wide)))
        return unflat(from_triangle(jt.ternary(diagonal, logs, wide)), batch_of(y, 2), y)

    def _log_det(self, x: Var, y: Var) -> Var:
        wide = flat(x, 1)
        rows = rows_of_triangle(self._name, int(wide.shape[-1]))
        triangle = to_triangle(wide, rows)
        on_diagonal = _on_diagonal(rows).broadcast(list(triangle.shape))
        entries = jt.ternary(on_diagonal, triangle, jt.zeros_like(triangle))
        return unflat(sum_dims(entries, [1, 2]), batch_of(x, 1), x)

    def _event_shape_out(self, event: Shape) -> Shape:
        rows = rows_of_triangle(self._name, event[0])
        return (rows, rows)

    def _event_shape_in(self, event: Shape) -> Shape:
        return (count_of_triangle(square(self._name, event)),)


class CholeskyProduct(Transform):
    r"""From Cholesky factors to the matrices themselves: :math:`A = L L^\top`.

    .. math:: \Big|\det \frac{\partial A}{\partial L}\Big|
              = 2^n \prod_{i=1}^n L_{ii}^{n - i + 1}

    for the entries on and below the diagonals (Muirhead 1982, theorem 2.1.9).
    """

    event_ndims_in = 2
    event_ndims_out = 2
    domain = constraints.lower_cholesky
    codomain = constraints.positive_definite

    def _forward(self, x: Var) -> Var:
        return linalg.l_lt(x)

    def _inverse(self, y: Var) -> Var:
        return linalg.cholesky(y)

    def _log_det(self, x: Var, y: Var) -> Var:
        wide = flat(x, 2)
        n = int(wide.shape[-1])
        powers = _powers(n)
        log_det = sum_dims(jt.log(linalg.diagonal(wide)) * powers, [1])
        return unflat(log_det + constant(n * math.log(2.0), log_det), batch_of(x, 2), x)

    def _event_shape_out(self, event: Shape) -> Shape:
        square(self._name, event)
        return event

    _event_shape_in = _event_shape_out


class PositiveDefinite(Sequential):
    r"""From vectors of n (n + 1) / 2 numbers to symmetric positive definite matrices.

    :class:`LowerCholesky`, then :class:`CholeskyProduct`; the log-determinant is that of the
    entries on and below the diagonal, as in the density of a Wishart distribution.

    Source: Stan reference manual, "Constraint transforms"; Muirhead 1982, theorem 2.1.9.
    """

    def __init__(self) -> None:
        super().__init__([LowerCholesky(), CholeskyProduct()])

    def _describe(self) -> str:
        return ""


@functools.lru_cache(maxsize=64)
def _on_diagonal(n: int) -> Var:
    mask = jt.array(np.eye(n, dtype=bool).reshape(1, n, n))
    mask.sync()
    return mask


@functools.lru_cache(maxsize=64)
def _powers(n: int) -> Var:
    powers = jt.array(np.arange(n, 0, -1.0), dtype="float64")
    powers.sync()
    return powers.stop_grad()
