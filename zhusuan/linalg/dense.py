"""Diagonals, triangles and products of batches of matrices."""

# ruff: noqa: E741 -- l is the name of a triangular factor everywhere

from __future__ import annotations

from typing import Any

import jittor as jt

from zhusuan._tensor import Var, shape_of
from zhusuan.linalg import _kernels
from zhusuan.linalg._inputs import (
    check_dims,
    check_size,
    check_square,
    common_batch,
    count,
    describe,
    float_vars,
    from_batch,
)


def diagonal(a: Any) -> Var:
    """Return the diagonals of matrices.

    :param a: shape (..., n, n).
    :return: shape (..., n).
    :raises ValueError: if ``a`` isn't square.
    :raises TypeError: if it is a Var that isn't float32 or float64.
    """
    (a,) = float_vars("diagonal", a=a)
    n = check_square("diagonal", "a", a)
    batch = shape_of(a)[:-2]
    return from_batch(_kernels.read_diagonal(a.reshape([count(batch), n, n])), batch, a)


def make_diagonal(v: Any) -> Var:
    """Return diagonal matrices.

    :param v: their diagonals, shape (..., n).
    :return: shape (..., n, n).
    :raises ValueError: if ``v`` has no elements.
    :raises TypeError: if it is a Var that isn't float32 or float64.
    """
    (v,) = float_vars("make_diagonal", v=v)
    check_dims("make_diagonal", "v", v, "(..., n)", 1)
    batch = shape_of(v)[:-1]
    rows = v.reshape([count(batch), v.shape[-1]])
    return from_batch(_kernels.write_diagonal(rows), batch, v)


def tril(a: Any, k: int = 0) -> Var:
    """Return ``a`` with zeros above the k-th diagonal, even where it has NaNs there.

    :param a: shape (..., n, m).
    :param k: 0 keeps the diagonal, -1 does not, 1 keeps the one above it, as in ``numpy.tril``.
    :return: shape (..., n, m); no gradient flows to the entries that became zero.
    :raises ValueError: if ``a`` isn't a matrix.
    :raises TypeError: if it is a Var that isn't float32 or float64.
    """
    (a,) = float_vars("tril", a=a)
    check_dims("tril", "a", a, "(..., n, m)", 2)
    batch, matrix = shape_of(a)[:-2], shape_of(a)[-2:]
    return from_batch(_kernels.lower(a.reshape([count(batch), *matrix]), k), batch, a)


def symmetrise(a: Any) -> Var:
    r"""Return :math:`(A + A^\top) / 2`.

    :param a: shape (..., n, n).
    :return: shape (..., n, n).
    :raises ValueError: if ``a`` isn't square.
    :raises TypeError: if it is a Var that isn't float32 or float64.
    """
    (a,) = float_vars("symmetrise", a=a)
    n = check_square("symmetrise", "a", a)
    batch = shape_of(a)[:-2]
    flat = a.reshape([count(batch), n, n])
    return from_batch((flat + _kernels.transpose(flat)) * 0.5, batch, a)


def matmul(a: Any, b: Any) -> Var:
    """Multiply as ``numpy.matmul`` does; ``jt.matmul`` gives a vector times a batch a wrong shape.

    The product of two vectors has shape [1]. This is Jittor's own product, the fastest there is
    on large float32 matrices; sums are taken in the dtype of the operands.

    :param a: shape (..., n, p) or (p,).
    :param b: shape (..., p, m) or (p,); leading dims broadcast.
    :return: shape (..., n, m), without the dim of an operand that is a vector.
    :raises ValueError: if the shapes do not fit.
    :raises TypeError: if a Var isn't float32 or float64.
    """
    a, b = float_vars("matmul", a=a, b=b)
    check_dims("matmul", "a", a, "(..., n, p) or (p,)", 1)
    row, column = len(a.shape) == 1, len(b.shape) == 1
    check_size("matmul", "b", b, -1 if column else -2, shape_of(a)[-1], describe("a", a))
    left = a.reshape([1, *shape_of(a)]) if row else a
    right = b.reshape([*shape_of(b), 1]) if column else b
    batch = common_batch("matmul", a=(left, 2), b=(right, 2))
    result = jt.matmul(left, right)
    rows = () if row else (shape_of(left)[-2],)
    columns = () if column else (shape_of(right)[-1],)
    shape = batch + rows + columns or (1,)
    return result if shape_of(result) == shape else result.reshape(list(shape))


def matvec(a: Any, x: Any) -> Var:
    r"""Return :math:`A x`.

    :param a: shape (..., n, m).
    :param x: shape (..., m); leading dims broadcast.
    :return: shape (..., n).
    :raises ValueError: if the shapes do not fit.
    :raises TypeError: if a Var isn't float32 or float64.
    """
    a, x = float_vars("matvec", a=a, x=x)
    check_dims("matvec", "a", a, "(..., n, m)", 2)
    check_size("matvec", "x", x, -1, shape_of(a)[-1], describe("a", a))
    batch = common_batch("matvec", a=(a, 2), x=(x, 1))
    column = x.reshape([*shape_of(x), 1])
    matrices, columns = _kernels.shape_3d(a, batch), _kernels.shape_3d(column, batch)
    result = _kernels.product(matrices, columns, _kernels.PLAIN)
    return from_batch(result.reshape(list(shape_of(result)[:2])), batch, a)


def outer(x: Any, y: Any) -> Var:
    r"""Return :math:`x y^\top`.

    :param x: shape (..., n).
    :param y: shape (..., m); leading dims broadcast.
    :return: shape (..., n, m).
    :raises ValueError: if the leading dims do not broadcast.
    :raises TypeError: if a Var isn't float32 or float64.
    """
    x, y = float_vars("outer", x=x, y=y)
    check_dims("outer", "x", x, "(..., n)", 1)
    check_dims("outer", "y", y, "(..., m)", 1)
    common_batch("outer", x=(x, 1), y=(y, 1))
    shape = shape_of(y)
    return x.reshape([*shape_of(x), 1]) * y.reshape([*shape[:-1], 1, shape[-1]])


def l_lt(l: Any) -> Var:
    r"""Return :math:`L L^\top`, symmetric to the last digit.

    :param l: shape (..., n, n), of which only the lower triangle is read.
    :return: shape (..., n, n).
    :raises ValueError: if ``l`` isn't square.
    :raises TypeError: if it is a Var that isn't float32 or float64.
    """
    (l,) = float_vars("l_lt", l=l)
    check_square("l_lt", "l", l)
    batch = shape_of(l)[:-2]
    factor = _kernels.lower(_kernels.shape_3d(l, batch), 0)
    return from_batch(_kernels.product(factor, factor, _kernels.SECOND_TRANSPOSED), batch, l)
