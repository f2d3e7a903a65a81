"""From vectors to Cholesky factors of correlation matrices."""

from __future__ import annotations

import functools
import math

import jittor as jt
import numpy as np

from zhusuan import linalg, special
from zhusuan._tensor import Shape, Var, constant, sum_dims
from zhusuan.distributions import constraints
from zhusuan.transforms._triangles import (
    batch_of,
    count_of_triangle,
    flat,
    from_triangle,
    rows_of_triangle,
    square,
    sums_after,
    sums_before,
    to_triangle,
    unflat,
)
from zhusuan.transforms.base import Transform


class CorrelationCholesky(Transform):
    r"""From vectors of n (n - 1) / 2 numbers to Cholesky factors of correlation matrices.

    .. math::

        L_{ij} = z_{ij} \sqrt{\textstyle\prod_{k<j} (1 - z_{ik}^2)}, \qquad
        L_{ii} = \sqrt{\textstyle\prod_{k<i} (1 - z_{ik}^2)}, \qquad z_{ij} = \tanh x_{ij}

    for j < i, the vector filling the triangle below the diagonal row by row: the z are partial
    correlations (Lewandowski, Kurowicka and Joe 2009, sec. 2; Stan reference manual, version
    2.35, sec. "Cholesky factors of correlation matrices"). The log-determinant is that of the
    entries of L below the diagonal, as in the density of
    :class:`~zhusuan.distributions.LKJCholesky`. A diagonal element that would underflow is the
    smallest normal number.
    """

    event_ndims_in = 1
    event_ndims_out = 2
    codomain = constraints.correlation_cholesky

    def _forward(self, x: Var) -> Var:
        return self._forward_and_log_det(x)[0]

    def _forward_and_log_det(self, x: Var) -> tuple[Var, Var]:
        wide = flat(x, 1)
        n = _rows(self._name, int(wide.shape[-1]))
        batch = int(wide.shape[0])
        below = to_triangle(wide, n - 1)
        # Rows 2 to n, and columns 1 to n - 1: log(1 - z^2), 0 above the diagonal, where x is 0.
        log_rest = _log_sech2(below)
        halves = sums_before(log_rest.reshape([-1, n - 1]), n).reshape([batch, n - 1, n]) * 0.5
        # Column j of z is 1 on the diagonal of L, and 0 above it.
        z = jt.concat([jt.tanh(below), jt.zeros([batch, n - 1, 1], dtype="float64")], 2)
        z = z + _constant(n, "diagonal")
        rows = z * jt.exp(halves)
        first = _constant(n, "first row").broadcast([batch, 1, n])
        smallest = constant(float(np.finfo(str(x.dtype)).tiny), rows)
        y = jt.concat([first, rows], 1)
        diagonal = linalg.make_diagonal(jt.maximum(linalg.diagonal(y), smallest))
        y = linalg.tril(y, -1) + diagonal
        log_det = sum_dims(linalg.tril(halves[:, :, : n - 1] + log_rest), [1, 2])
        shape = batch_of(x, 1)
        return unflat(y, shape, x), unflat(log_det, shape, x)

    def _log_det(self, x: Var, y: Var) -> Var:
        return self._forward_and_log_det(x)[1]

    def _inverse(self, y: Var) -> Var:
        wide = linalg.tril(flat(y, 2))
        batch, n = int(wide.shape[0]), int(wide.shape[-1])
        squares = (wide * wide).reshape([-1, n])
        after = sums_after(squares, n - 1).reshape([batch, n, n - 1])[:, 1:]
        below = wide[:, 1:, : n - 1]
        # tanh x = z means sinh x = z / sqrt(1 - z^2); above the diagonal 0 / 0 is kept away.
        x = jt.asinh(below / jt.sqrt(linalg.tril(after) + _constant(n, "above")))
        return unflat(from_triangle(x), batch_of(y, 2), y)

    def _event_shape_out(self, event: Shape) -> Shape:
        rows = _rows(self._name, event[0])
        return (rows, rows)

    def _event_shape_in(self, event: Shape) -> Shape:
        n = square(self._name, event)
        if n < 2:
            raise ValueError(f"{self._name}: y must have at least 2 rows, got {n}")
        return (count_of_triangle(n - 1),)


def _rows(name: str, size: int) -> int:
    """Return n for a vector of n (n - 1) / 2 entries."""
    return rows_of_triangle(name, size) + 1


def _log_sech2(x: Var) -> Var:
    """Return log(1 - tanh(x)^2)."""
    a = jt.abs(x)
    return (constant(math.log(2.0), x) - a - special.log1p_unit(jt.exp(a * -2.0))) * 2.0


@functools.lru_cache(maxsize=192)
def _constant(n: int, which: str) -> Var:
    """Return a constant of shape [1, rows, columns] for matrices of n rows."""
    values = {
        "first row": np.eye(n)[:1],
        "diagonal": np.eye(n)[1:],
        "above": np.triu(np.ones((n - 1, n - 1)), 1),
    }[which]
    var = jt.array(values[None], dtype="float64")
    var.sync()
    return var.stop_grad()
