"""The Wishart distribution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import jittor as jt
import numpy as np

from zhusuan import linalg, random
from zhusuan._tensor import Shape, Var, constant, scalar, shape_of
from zhusuan.distributions import constraints
from zhusuan.distributions._vectors import (
    batch_beside_numbers,
    beside_vectors,
    column,
    double,
    side_by_side,
    sum_of_squares,
)
from zhusuan.distributions.base import Distribution, Options
from zhusuan.distributions.constraints import Interval
from zhusuan.distributions.implicit import with_gradient
from zhusuan.distributions.parameter import Parameter
from zhusuan.distributions.validation import check_values
from zhusuan.formula import Formula

if TYPE_CHECKING:
    from typing_extensions import Unpack

# log of the multivariate gamma function, DLMF 35.3.4, and its derivative in a
_HELPERS = """
template <typename T> ZS_FN T log_multigamma(const T& a, int n) {
    T sum = T(0.25 * n * (n - 1.0) * LOG_PI);
    for (int j = 0; j < n; j++) sum = sum + lgamma(T(a - 0.5 * j));
    return sum;
}
template <typename T> ZS_FN T multidigamma(const T& a, int n) {
    T sum = T(0.0);
    for (int j = 0; j < n; j++) sum = sum + digamma(T(a - 0.5 * j));
    return sum;
}
"""
_log_prob = Formula(
    "log_det, log_det_scale, distance, df, dim",
    """
    if (value(log_det) == -INF) return T(-INF);
    T half = 0.5 * df;
    return (df - dim - 1.0) * log_det - 0.5 * distance - 2.0 * half * log_det_scale
        - half * dim * LOG_2 - log_multigamma(half, (int)value(dim));
    """,
    constants="dim",
    helpers=_HELPERS,
)
_entropy = Formula(
    "log_det_scale, df, dim",
    """
    int n = (int)value(dim);
    T half = 0.5 * df;
    return (dim + 1.0) * (log_det_scale + 0.5 * LOG_2 * dim) + log_multigamma(half, n)
        - 0.5 * (df - dim - 1.0) * multidigamma(half, n) + half * dim;
    """,
    constants="dim",
    helpers=_HELPERS,
)
_slope = Formula(
    "log_z, alpha",
    "return T(log_gamma_sample_da(value(alpha), value(log_z)));",
    constants="log_z, alpha",
)


class Wishart(Distribution):
    r"""Wishart distribution over positive definite matrices, with :math:`V = L L^\top`.

    .. math:: \log p(X) = \tfrac{\nu - D - 1}{2} \log\det X
              - \tfrac12 \mathrm{tr}(V^{-1} X) - \tfrac{\nu D}{2} \log 2
              - \tfrac{\nu}{2} \log\det V - \log\Gamma_D\big(\tfrac{\nu}{2}\big)

    (Bishop 2006, eq. B.78 and B.79), the distribution of :math:`\sum_i x_i x_i^\top` for
    :math:`\nu` draws :math:`x_i` from :math:`\mathrm{N}(0, V)`, and the conjugate prior of the
    precision of a normal distribution.

    Samples are :math:`L A A^\top L^\top` with Bartlett's triangular :math:`A` (Smith and Hocking
    1972): standard normals below the diagonal, and the square roots of independent
    :math:`\chi^2` draws with :math:`\nu, \nu - 1, \dots` degrees of freedom on it, which carry
    implicit gradients to :math:`\nu` (:mod:`zhusuan.distributions.implicit`).

    With :math:`\nu` close to :math:`D - 1` most draws are singular to the precision of float32.
    So that a sample is positive definite all the same, its diagonal is larger than the draw's by
    D times the relative precision of the dtype.

    :param df: :math:`\nu`, above D - 1; a number, or a Var that broadcasts with the batch (of
        shape [1] it counts as a number).
    :param scale_tril: :math:`L`, lower triangular with a positive diagonal, shape (..., D, D).
    :param options: see :class:`~zhusuan.distributions.base.Distribution`.
    :raises ValueError: for a value outside its domain or a factor that is not square.
    """

    df = Parameter(constraints.positive)
    scale_tril = Parameter(constraints.lower_cholesky, value_ndims=2)
    support = constraints.positive_definite
    is_continuous = True
    is_reparameterizable = True

    def __init__(self, df: Any, scale_tril: Any, **options: Unpack[Options]) -> None:
        super().__init__({"df": df, "scale_tril": scale_tril}, **options)
        dim = self.value_shape[0]
        if dim > 1:
            above = Interval(f"above {dim - 1}, one less than the rows", lower=dim - 1.0)
            check_values(f"{self._name}: df", self.df, above)

    def _shapes(self) -> tuple[Shape, Shape]:
        _, value_shape = super()._shapes()
        return batch_beside_numbers(self), value_shape

    def _value_shape(self) -> Shape:
        value = shape_of(self.scale_tril)[-2:]
        if value[0] != value[1]:
            raise ValueError(
                f"{self._name}: scale_tril must be (..., D, D), "
                f"got shape {list(self.scale_tril.shape)}"
            )
        return value

    def _sample(self, n_samples: int | None) -> Var:
        shape, dim = self.sample_shape(n_samples), self.value_shape[0]
        ranks = jt.array(0.5 * np.arange(dim), dtype="float64")
        alpha = beside_vectors(double(self.df)) * constant(0.5, ranks) - ranks
        log_half_chi2 = random.log_standard_gamma(alpha, shape[:-1], "float64")
        log_half_chi2 = with_gradient(log_half_chi2, {"alpha": alpha}, alpha=_slope)
        chi = jt.exp((log_half_chi2 + constant(math.log(2.0), alpha)) * 0.5)
        noise = random.standard_normal(shape, "float64")
        bartlett = linalg.tril(noise, -1) + linalg.make_diagonal(chi)
        scale = linalg.tril(double(self.scale_tril))
        drawn = linalg.l_lt(side_by_side(linalg.matmul, scale, bartlett))
        # Rounding moves the eigenvalues of the correlation matrix by less than dim eps / 2: with
        # twice that on its diagonal it stays positive definite.
        limits = np.finfo(self._param_dtype)
        diagonal = linalg.diagonal(drawn)
        lifted = diagonal * constant(1.0 + dim * float(limits.eps), drawn)
        lifted = jt.maximum(lifted, constant(float(limits.tiny), drawn))
        return (drawn + linalg.make_diagonal(lifted - diagonal)).cast(self._param_dtype)

    def _log_prob(self, given: Var) -> Var:
        given = linalg.symmetrise(double(given))
        scale = double(self.scale_tril)
        # A value without a factor is outside. Asked of a copy: the gradient of a factorisation
        # that failed is NaN, whatever it is multiplied by.
        probe = given.detach()
        failed = jt.isnan(linalg.log_det_triangular(linalg.cholesky(probe)))
        outside = failed & jt.logical_not(jt.isnan(sum_of_squares(probe, 2)))
        everywhere = outside.reshape([*shape_of(given)[:-2], 1, 1]).broadcast(given.shape)
        identity = jt.array(np.eye(self.value_shape[0]), dtype="float64").broadcast(given.shape)
        factor = linalg.cholesky(jt.ternary(everywhere, identity, given))
        log_det = linalg.log_det_triangular(factor)
        white = side_by_side(linalg.solve_triangular, scale, factor)
        return _log_prob(
            jt.ternary(outside, jt.full_like(log_det, -math.inf), log_det),
            linalg.log_det_triangular(scale),
            sum_of_squares(white, 2),
            double(self.df),
            self._dim(),
        ).cast(self._param_dtype)

    def _dim(self) -> Var:
        return scalar(float(self.value_shape[0]), "float64")

    def _scale(self) -> Var:
        return linalg.l_lt(double(self.scale_tril))

    def _times_scale(self, factor: Var) -> Var:
        return self._full(column(beside_vectors(factor)) * self._scale()).cast(self._param_dtype)

    @property
    def mean(self) -> Var:
        """The mean, df V."""
        return self._times_scale(double(self.df))

    @property
    def variance(self) -> Var:
        """The variance of each entry, df (V_ij^2 + V_ii V_jj)."""
        # Gupta and Nagar 1999, theorem 3.3.15.
        scale = self._scale()
        diagonal = linalg.diagonal(scale)
        spread = scale * scale + linalg.outer(diagonal, diagonal)
        variance = column(beside_vectors(double(self.df))) * spread
        return self._full(variance).cast(self._param_dtype)

    @property
    def mode(self) -> Var:
        """The mode, (df - D - 1) V; NaN for df up to D + 1, where there is none.

        The density is highest, or unbounded, towards singular matrices there.
        """
        df = double(self.df)
        excess = df - constant(self.value_shape[0] + 1.0, df)
        none = jt.full_like(excess, math.nan)
        return self._times_scale(jt.ternary(excess > 0.0, excess, none))

    def _entropy(self) -> Var:
        # Bishop 2006, eq. B.82.
        log_det = linalg.log_det_triangular(double(self.scale_tril))
        return _entropy(log_det, double(self.df), self._dim()).cast(self._param_dtype)
