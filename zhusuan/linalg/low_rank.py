r"""Covariances :math:`\Sigma = W W^\top + \mathrm{diag}(d)` of low rank plus a diagonal.

With r columns in W everything goes through the *capacitance* matrix
:math:`C = I + W^\top D^{-1} W` of size r, at a cost of :math:`O(n r^2)` instead of
:math:`O(n^3)`: Golub & Van Loan (1996), *Matrix Computations*, 3rd ed., p. 51 (Woodbury), and
Harville (1997), *Matrix Algebra From a Statistician's Perspective*, section 18.1 (determinant).
The intermediate results are float64 whatever the dtype of the operands, since the two terms of
the squared distance nearly cancel for an :math:`x` in the range of W.
"""

from __future__ import annotations

from typing import Any

import jittor as jt

from zhusuan._tensor import Shape, Var, shape_of
from zhusuan.linalg import _kernels
from zhusuan.linalg._inputs import (
    check_dims,
    check_size,
    common_batch,
    describe,
    float_vars,
    from_batch,
)


def low_rank_capacitance_cholesky(w: Any, d: Any) -> Var:
    r"""Return the Cholesky factor of :math:`C = I + W^\top D^{-1} W`.

    It is what is factorised in Woodbury's identity (Golub and Van Loan 2013, eq. 2.1.4).

    :param w: the factor :math:`W`, shape (..., n, r).
    :param d: the diagonal of :math:`D`, positive, shape (..., n); leading dims broadcast.
    :return: shape (..., r, r); NaNs where a negative ``d`` makes :math:`C` indefinite.
    :raises ValueError: if the shapes do not fit.
    :raises TypeError: if a Var isn't float32 or float64.
    """
    function = "low_rank_capacitance_cholesky"
    w, d = _checked(function, w, d)
    batch = common_batch(function, w=(w, 2), d=(d, 1))
    factor, scales = _kernels.shape_3d(w, batch), _column(d, batch)
    return from_batch(_capacitance_cholesky(factor, scales), batch, w)


def low_rank_log_det(w: Any, d: Any) -> Var:
    r"""Return :math:`\log\det(W W^\top + D) = \log\det C + \sum_i \log d_i`.

    The matrix determinant lemma: Harville (1997), section 18.1.

    :param w: the factor :math:`W`, shape (..., n, r).
    :param d: the diagonal of :math:`D`, positive, shape (..., n); leading dims broadcast.
    :return: the shape of the batch; [1] for a single matrix.
    :raises ValueError: if the shapes do not fit.
    :raises TypeError: if a Var isn't float32 or float64.
    """
    w, d = _checked("low_rank_log_det", w, d)
    batch = common_batch("low_rank_log_det", w=(w, 2), d=(d, 1))
    factor, scales = _kernels.shape_3d(w, batch), _column(d, batch)
    pivots = _kernels.read_diagonal(_capacitance_cholesky(factor, scales))
    log_det = jt.log(pivots).sum([1]) * 2.0 + jt.log(scales).sum([1, 2])
    return from_batch(log_det, batch, w)


def low_rank_mahalanobis(w: Any, d: Any, x: Any) -> Var:
    r"""Return :math:`x^\top (W W^\top + D)^{-1} x`.

    By Woodbury's identity (Golub & Van Loan 1996, p. 51) it is
    :math:`x^\top D^{-1} x - |L^{-1} W^\top D^{-1} x|^2` with :math:`L L^\top = C`.

    :param w: the factor :math:`W`, shape (..., n, r).
    :param d: the diagonal of :math:`D`, positive, shape (..., n).
    :param x: shape (..., n); leading dims of all three broadcast.
    :return: the shape of the batch; [1] for a single vector.
    :raises ValueError: if the shapes do not fit.
    :raises TypeError: if a Var isn't float32 or float64.
    """
    function = "low_rank_mahalanobis"
    w, d, x = float_vars(function, w=w, d=d, x=x)
    w, d = _checked(function, w, d)
    check_size(function, "x", x, -1, shape_of(w)[-2], describe("w", w))
    batch = common_batch(function, w=(w, 2), d=(d, 1), x=(x, 1))
    # A covariance that all x share is factorised once: by its own batch, not the common one.
    own = common_batch(function, w=(w, 2), d=(d, 1))
    pivots = _capacitance_cholesky(_kernels.shape_3d(w, own), _column(d, own))
    pivots = _kernels.shape_3d(pivots.reshape([*own, *shape_of(pivots)[1:]]), batch)
    factor, scales, values = _kernels.shape_3d(w, batch), _column(d, batch), _column(x, batch)
    scaled = values / scales
    inner = _kernels.product(factor, scaled, _kernels.FIRST_TRANSPOSED)
    inner = _kernels.solve(pivots, inner, transposed=False)
    distance = (values * scaled).sum([1, 2]) - (inner * inner).sum([1, 2])
    return from_batch(distance, batch, w)


def _checked(function: str, w: Any, d: Any) -> list[Var]:
    w, d = float_vars(function, w=w, d=d)
    check_dims(function, "w", w, "(..., n, r)", 2)
    check_size(function, "d", d, -1, shape_of(w)[-2], describe("w", w))
    return [w, d]


def _column(v: Var, batch: Shape) -> Var:
    """Return vectors (..., n) as [members, n, 1]."""
    return _kernels.shape_3d(v.reshape([*shape_of(v), 1]), batch)


def _capacitance_cholesky(factor: Var, scales: Var) -> Var:
    inner = _kernels.product(factor, factor / scales, _kernels.FIRST_TRANSPOSED)
    return _kernels.cholesky(_kernels.identity(int(factor.shape[2])) + inner)
