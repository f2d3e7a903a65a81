"""The multivariate normal distribution, given its covariance or its precision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zhusuan import linalg, random
from zhusuan._tensor import Shape, Var
from zhusuan.distributions import constraints
from zhusuan.distributions._vectors import (
    check_square_beside,
    column,
    double,
    side_by_side,
    without_column,
)
from zhusuan.distributions.base import Distribution, Options, exactly_one
from zhusuan.distributions.multivariate_normal_cholesky import normal_entropy, normal_log_density
from zhusuan.distributions.parameter import Parameter

if TYPE_CHECKING:
    from typing_extensions import Unpack


class MultivariateNormal(Distribution):
    r"""Multivariate normal distribution :math:`\mathrm{N}(x \mid \mu, \Sigma)`.

    .. math:: \log p(x) = -\tfrac{D}{2} \log 2\pi - \tfrac12 \log\det\Sigma
              - \tfrac12 (x - \mu)^\top \Sigma^{-1} (x - \mu)

    (Bishop 2006, eq. 2.43). Computed by a Cholesky factor, in float64, of the matrix that was
    given; the other matrix is never formed unless it is asked for. Where the factor of the
    covariance is at hand, use
    :class:`~zhusuan.distributions.multivariate_normal_cholesky.MultivariateNormalCholesky`.

    ``covariance``, ``precision`` and ``cov_tril`` (the Cholesky factor of the covariance) are
    attributes whichever was given.

    :param mean: :math:`\mu`, finite, shape (..., D).
    :param covariance: :math:`\Sigma`, symmetric and positive definite, shape (..., D, D); its
        batch broadcasts with that of ``mean``. Give exactly one of ``covariance`` and
        ``precision``.
    :param precision: :math:`\Sigma^{-1}`, of the shape of ``covariance``.
    :param options: see :class:`~zhusuan.distributions.base.Distribution`.
    :raises ValueError: if not exactly one of ``covariance`` and ``precision`` is given, for a
        value outside its domain or shapes that do not fit.
    """

    mean = Parameter(constraints.real, value_ndims=1)
    covariance = Parameter(
        constraints.positive_definite,
        value_ndims=2,
        derive=lambda self: _inverse(self._factor).cast(self._param_dtype),
    )
    precision = Parameter(
        constraints.positive_definite,
        value_ndims=2,
        derive=lambda self: _inverse(self._factor).cast(self._param_dtype),
    )
    support = constraints.real
    is_continuous = True
    is_reparameterizable = True

    def __init__(
        self,
        mean: Any,
        covariance: Any = None,
        precision: Any = None,
        **options: Unpack[Options],
    ) -> None:
        exactly_one("MultivariateNormal", covariance=covariance, precision=precision)
        super().__init__(
            {"mean": mean, "covariance": covariance, "precision": precision}, **options
        )

    def _value_shape(self) -> Shape:
        name = "precision" if self._has_precision else "covariance"
        return check_square_beside(self._name, self.mean, name, self._given[name])

    @property
    def _has_precision(self) -> bool:
        return "precision" in self._given

    @property
    def _factor(self) -> Var:
        """The Cholesky factor of the matrix that was given, float64."""
        if "_factor" not in self._derived:
            given = self._given["precision" if self._has_precision else "covariance"]
            # The mean of both triangles: of one alone, the gradient with respect to single
            # entries would be another.
            self._derived["_factor"] = linalg.cholesky(linalg.symmetrise(double(given)))
        return self._derived["_factor"]

    @property
    def _log_det(self) -> Var:
        """Half the log-determinant of the covariance, float64."""
        log_det = linalg.log_det_triangular(self._factor)
        return -log_det if self._has_precision else log_det

    def _sample(self, n_samples: int | None) -> Var:
        noise = random.standard_normal(self.sample_shape(n_samples), self._param_dtype)
        factor = self._factor.cast(self._param_dtype)
        operation = _solve_transposed if self._has_precision else linalg.matmul
        return self.mean + without_column(side_by_side(operation, factor, column(noise)))

    def _log_prob(self, given: Var) -> Var:
        residual = double(given) - double(self.mean)
        operation = _multiply_transposed if self._has_precision else linalg.solve_triangular
        white = side_by_side(operation, self._factor, column(residual))
        return normal_log_density(white, self._log_det).cast(self._param_dtype)

    @property
    def cov_tril(self) -> Var:
        """The Cholesky factor of the covariance, shape (..., D, D)."""
        if not self._has_precision:
            return self._factor.cast(self._param_dtype)
        if "_cov_tril" not in self._derived:
            factor = linalg.cholesky(_inverse(self._factor))
            self._derived["_cov_tril"] = factor.cast(self._param_dtype)
        return self._derived["_cov_tril"]

    @property
    def variance(self) -> Var:
        """The diagonal of the covariance, shape ``batch_shape + value_shape``."""
        return self._full(linalg.diagonal(self.covariance))

    @property
    def mode(self) -> Var:
        """The mean."""
        return self.mean

    def _entropy(self) -> Var:
        return normal_entropy(self._log_det, self.value_shape[0]).cast(self._param_dtype)


def _solve_transposed(factor: Var, x: Var) -> Var:
    return linalg.solve_triangular(factor, x, transpose=True)


def _multiply_transposed(factor: Var, x: Var) -> Var:
    return linalg.matmul(factor.transpose(-1, -2), x)


def _inverse(factor: Var) -> Var:
    """Return the inverse of the matrix with this Cholesky factor."""
    inverse = linalg.inverse_triangular(factor)
    return linalg.matmul(inverse.transpose(-1, -2), inverse)
