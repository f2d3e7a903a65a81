"""Cholesky factors, and systems of equations with triangular matrices."""

# ruff: noqa: E741 -- l is the name of a triangular factor everywhere

from __future__ import annotations

from typing import Any

import jittor as jt

from zhusuan._tensor import Var, shape_of
from zhusuan.linalg import _kernels
from zhusuan.linalg._inputs import (
    check_size,
    check_square,
    common_batch,
    count,
    describe,
    float_vars,
    from_batch,
)


def cholesky(a: Any) -> Var:
    r"""Return the lower triangular :math:`L` with :math:`L L^\top = A` and a positive diagonal.

    Row by row after Golub & Van Loan (2013), *Matrix Computations*, 4th ed., section 4.2. The
    gradient is symmetric,

    .. math:: \bar A = \tfrac12 L^{-\top} (P + P^\top) L^{-1}, \quad
       P = \Phi(L^\top \bar L),

    where :math:`\Phi` takes the lower triangle and halves the diagonal: Murray (2016),
    *Differentiation of the Cholesky decomposition*, arXiv:1602.07527, section 3.

    A matrix that is not positive definite (a zero pivot counts, and so do NaN and infinity) gives
    NaNs in its lower triangle, diagonal included; the other members of the batch are right.
    An exception could not be raised here: Jittor computes later.

    :param a: symmetric, shape (..., n, n), of which only the lower triangle is read.
    :return: shape (..., n, n).
    :raises ValueError: if ``a`` isn't square.
    :raises TypeError: if it is a Var that isn't float32 or float64.
    """
    (a,) = float_vars("cholesky", a=a)
    check_square("cholesky", "a", a)
    batch = shape_of(a)[:-2]
    return from_batch(_kernels.cholesky(_kernels.shape_3d(a, batch)), batch, a)


def solve_triangular(l: Any, b: Any, transpose: bool = False, lower: bool = True) -> Var:
    r"""Solve :math:`L X = B`, or :math:`L^\top X = B`, by substitution.

    Golub & Van Loan (2013), *Matrix Computations*, 4th ed., section 3.1. The gradients are
    :math:`\bar B = L^{-\top} \bar X` and the triangle of :math:`\bar L = -\bar B X^\top`: Giles
    (2008), *An extended collection of matrix derivative results for forward and reverse mode
    algorithmic differentiation*, under "matrix inverse product".

    A zero on the diagonal gives infinities or NaNs.

    :param l: shape (..., n, n), of which only one triangle is read.
    :param b: right-hand sides as columns, shape (..., n, k); leading dims broadcast.
    :param transpose: solve with the transpose of the triangle.
    :param lower: False for the upper triangle.
    :return: shape (..., n, k).
    :raises ValueError: if the shapes do not fit.
    :raises TypeError: if a Var isn't float32 or float64.
    """
    return _solve("solve_triangular", l, b, transpose, lower, (False,))


def _solve(
    function: str, l: Any, b: Any, transpose: bool, lower: bool, passes: tuple[bool, ...]
) -> Var:
    """Solve with ``l`` once for each of ``passes``, which say whether it is transposed again."""
    l, b = float_vars(function, l=l, b=b)
    n = check_square(function, "l", l)
    check_size(function, "b", b, -2, n, describe("l", l))
    batch = common_batch(function, l=(l, 2), b=(b, 2))
    matrix, x = _kernels.shape_3d(l, batch), _kernels.shape_3d(b, batch)
    if not lower:  # an upper triangle is a lower one, transposed
        matrix = _kernels.transpose(matrix)
    for again in passes:
        x = _kernels.solve(matrix, x, (transpose != again) == lower)
    return from_batch(x, batch, b)


def solve_triangular_vector(l: Any, b: Any, transpose: bool = False, lower: bool = True) -> Var:
    r"""Solve :math:`L x = b`, or :math:`L^\top x = b`, for vectors; see :func:`solve_triangular`.

    Golub and Van Loan (2013), section 3.1.

    :param l: shape (..., n, n), of which only one triangle is read.
    :param b: one right-hand side for each matrix, shape (..., n); leading dims broadcast.
    :param transpose: solve with the transpose of the triangle.
    :param lower: False for the upper triangle.
    :return: shape (..., n).
    :raises ValueError: if the shapes do not fit.
    :raises TypeError: if a Var isn't float32 or float64.
    """
    function = "solve_triangular_vector"
    l, b = float_vars(function, l=l, b=b)
    n = check_square(function, "l", l)
    check_size(function, "b", b, -1, n, describe("l", l))
    common_batch(function, l=(l, 2), b=(b, 1))
    column = b.reshape([*shape_of(b), 1])
    x = _solve(function, l, column, transpose, lower, (False,))
    return x.reshape(list(shape_of(x)[:-1]))


def cholesky_solve(b: Any, l: Any) -> Var:
    r"""Solve :math:`L L^\top X = B` by two substitutions.

    Golub & Van Loan (2013), *Matrix Computations*, 4th ed., section 4.2.

    :param b: right-hand sides as columns, shape (..., n, k); leading dims broadcast.
    :param l: a Cholesky factor, shape (..., n, n), of which only the lower triangle is read.
    :return: shape (..., n, k).
    :raises ValueError: if the shapes do not fit.
    :raises TypeError: if a Var isn't float32 or float64.
    """
    return _solve("cholesky_solve", l, b, False, True, (False, True))


def inverse_triangular(l: Any, lower: bool = True) -> Var:
    r"""Return :math:`L^{-1}`, solving :math:`L X = I` (Golub and Van Loan 2013, sec. 3.1).

    :param l: shape (..., n, n), of which only one triangle is read.
    :param lower: False for the upper triangle.
    :return: triangular as well, shape (..., n, n).
    :raises ValueError: if ``l`` isn't square.
    :raises TypeError: if it is a Var that isn't float32 or float64.
    """
    (l,) = float_vars("inverse_triangular", l=l)
    n = check_square("inverse_triangular", "l", l)
    batch = shape_of(l)[:-2]
    matrix = _kernels.shape_3d(l, batch)
    if not lower:
        matrix = _kernels.transpose(matrix)
    inverse = _kernels.solve(matrix, _kernels.identity(n), transposed=False)
    return from_batch(inverse if lower else _kernels.transpose(inverse), batch, l)


def log_det_triangular(l: Any) -> Var:
    r"""Return :math:`\log|\det L| = \sum_i \log|L_{ii}|`.

    Harville 1997, ch. 13, on determinants.

    :param l: a triangular matrix, lower or upper, shape (..., n, n); only the diagonal is read.
    :return: the shape of the batch; [1] for a single matrix, since Jittor has no 0-d Var.
    :raises ValueError: if ``l`` isn't square.
    :raises TypeError: if it is a Var that isn't float32 or float64.
    """
    return _log_det("log_det_triangular", l, 1.0)


def log_det_cholesky(l: Any) -> Var:
    r"""Return :math:`\log\det(L L^\top) = 2 \sum_i \log|L_{ii}|`.

    Harville 1997, ch. 13, on determinants.

    :param l: a Cholesky factor, shape (..., n, n); only the diagonal is read.
    :return: the shape of the batch; [1] for a single matrix.
    :raises ValueError: if ``l`` isn't square.
    :raises TypeError: if it is a Var that isn't float32 or float64.
    """
    return _log_det("log_det_cholesky", l, 2.0)


def _log_det(function: str, l: Any, times: float) -> Var:
    (l,) = float_vars(function, l=l)
    n = check_square(function, "l", l)
    batch = shape_of(l)[:-2]
    entries = _kernels.read_diagonal(l.reshape([count(batch), n, n])).cast("float64")
    # 1-d, [members]: Jittor's sum over the last dim of [1, n] is [1] as well.
    return from_batch(jt.log(jt.abs(entries)).sum([1]) * times, batch, l)
