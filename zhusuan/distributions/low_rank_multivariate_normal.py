"""The multivariate normal distribution whose covariance is of low rank plus a diagonal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jittor as jt

from zhusuan import linalg, random
from zhusuan._tensor import Shape, Var, constant, shape_of
from zhusuan.distributions import constraints
from zhusuan.distributions._vectors import (
    column,
    double,
    side_by_side,
    sum_of_squares,
    without_column,
)
from zhusuan.distributions.base import Distribution, Options
from zhusuan.distributions.multivariate_normal_cholesky import normal_entropy
from zhusuan.distributions.parameter import Parameter
from zhusuan.special import LOG_2PI

if TYPE_CHECKING:
    from typing_extensions import Unpack


class LowRankMultivariateNormal(Distribution):
    r"""Multivariate normal with covariance :math:`\Sigma = W W^\top + \mathrm{diag}(d)`.

    .. math:: \log p(x) = -\tfrac{D}{2} \log 2\pi - \tfrac12 \log\det\Sigma
              - \tfrac12 (x - \mu)^\top \Sigma^{-1} (x - \mu)

    (Bishop 2006, eq. 2.43). With R columns in W the cost is :math:`O(D R^2)`: the inverse by
    Woodbury's identity and the determinant by its lemma (:mod:`zhusuan.linalg`), in float64.

    ``covariance``, ``precision`` and ``cov_tril`` are attributes; to ask for one costs as much
    as a full covariance does.

    :param mean: :math:`\mu`, finite, shape (..., D).
    :param cov_factor: :math:`W`, finite, shape (..., D, R).
    :param cov_diag: :math:`d`, positive, shape (..., D). The batches of all three broadcast.
    :param options: see :class:`~zhusuan.distributions.base.Distribution`.
    :raises ValueError: for a value outside its domain or shapes that do not fit.
    """

    mean = Parameter(constraints.real, value_ndims=1)
    cov_factor = Parameter(constraints.real, value_ndims=2)
    cov_diag = Parameter(constraints.positive, value_ndims=1)
    support = constraints.real
    is_continuous = True
    is_reparameterizable = True

    def __init__(
        self, mean: Any, cov_factor: Any, cov_diag: Any, **options: Unpack[Options]
    ) -> None:
        super().__init__(
            {"mean": mean, "cov_factor": cov_factor, "cov_diag": cov_diag}, **options
        )

    def _value_shape(self) -> Shape:
        value = shape_of(self.mean)[-1:]
        if not shape_of(self.cov_factor)[-2:-1] == value == shape_of(self.cov_diag)[-1:]:
            raise ValueError(
                f"{self._name}: beside a mean of (..., D), cov_factor must be (..., D, R) and "
                f"cov_diag (..., D), got mean {list(self.mean.shape)}, cov_factor "
                f"{list(self.cov_factor.shape)} and cov_diag {list(self.cov_diag.shape)}"
            )
        return value

    def _sample(self, n_samples: int | None) -> Var:
        shape, rank = self.sample_shape(n_samples), shape_of(self.cov_factor)[-1]
        common = random.standard_normal((*shape[:-1], rank), self._param_dtype)
        own = random.standard_normal(shape, self._param_dtype)
        moved = side_by_side(linalg.matmul, self.cov_factor, column(common))
        return self.mean + without_column(moved) + jt.sqrt(self.cov_diag) * own

    def _log_prob(self, given: Var) -> Var:
        residual = double(given) - double(self.mean)
        factor, diag = double(self.cov_factor), double(self.cov_diag)
        distance = linalg.low_rank_mahalanobis(factor, diag, residual)
        half = constant(0.5, distance)
        log_volume = constant(0.5 * LOG_2PI * self.value_shape[0], distance)
        return (-distance * half - self._half_log_det() - log_volume).cast(self._param_dtype)

    def _half_log_det(self) -> Var:
        log_det = linalg.low_rank_log_det(double(self.cov_factor), double(self.cov_diag))
        return log_det * constant(0.5, log_det)

    def _covariance(self) -> Var:
        factor = double(self.cov_factor)
        low_rank = linalg.matmul(factor, factor.transpose(-1, -2))
        return low_rank + linalg.make_diagonal(double(self.cov_diag))

    @property
    def covariance(self) -> Var:
        """The covariance, shape (..., D, D)."""
        return self._covariance().cast(self._param_dtype)

    @property
    def cov_tril(self) -> Var:
        """The Cholesky factor of the covariance, shape (..., D, D)."""
        return linalg.cholesky(self._covariance()).cast(self._param_dtype)

    @property
    def precision(self) -> Var:
        """The inverse of the covariance, shape (..., D, D)."""
        # Golub and Van Loan 2013, eq. 2.1.4.
        factor, diag = double(self.cov_factor), double(self.cov_diag)
        pivots = linalg.low_rank_capacitance_cholesky(factor, diag)
        scaled = (factor / column(diag)).transpose(-1, -2)
        inner = linalg.solve_triangular(pivots, scaled)
        low_rank = linalg.matmul(inner.transpose(-1, -2), inner)
        return (linalg.make_diagonal(1.0 / diag) - low_rank).cast(self._param_dtype)

    @property
    def variance(self) -> Var:
        """The diagonal of the covariance, shape ``batch_shape + value_shape``."""
        return self._full(sum_of_squares(self.cov_factor) + self.cov_diag)

    @property
    def mode(self) -> Var:
        """The mean."""
        return self.mean

    def _entropy(self) -> Var:
        return normal_entropy(self._half_log_det(), self.value_shape[0]).cast(self._param_dtype)
