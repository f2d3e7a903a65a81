"""The multivariate normal distribution, given the Cholesky factor of its covariance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zhusuan import linalg, random
from zhusuan._tensor import Shape, Var, constant, shape_of
from zhusuan.distributions import constraints
from zhusuan.distributions._vectors import (
    check_square_beside,
    column,
    double,
    side_by_side,
    sum_of_squares,
    without_column,
)
from zhusuan.distributions.base import Distribution, Options
from zhusuan.distributions.parameter import Parameter
from zhusuan.special import LOG_2PI

if TYPE_CHECKING:
    from typing_extensions import Unpack


class MultivariateNormalCholesky(Distribution):
    r"""Multivariate normal distribution :math:`\mathrm{N}(x \mid \mu, L L^\top)`.

    .. math:: \log p(x) = -\tfrac{D}{2} \log 2\pi - \sum_i \log L_{ii}
              - \tfrac12 \big|L^{-1} (x - \mu)\big|^2

    (Bishop 2006, eq. 2.43 with :math:`\Sigma = L L^\top`). Gradients reach the lower triangle of
    the factor alone.

    :param mean: :math:`\mu`, finite, shape (..., D).
    :param cov_tril: :math:`L`, lower triangular with a positive diagonal, shape (..., D, D); its
        batch broadcasts with that of ``mean``.
    :param options: see :class:`~zhusuan.distributions.base.Distribution`.
    :raises ValueError: for a value outside its domain or shapes that do not fit.
    """

    mean = Parameter(constraints.real, value_ndims=1)
    cov_tril = Parameter(constraints.lower_cholesky, value_ndims=2)
    support = constraints.real
    is_continuous = True
    is_reparameterizable = True

    def __init__(self, mean: Any, cov_tril: Any, **options: Unpack[Options]) -> None:
        super().__init__({"mean": mean, "cov_tril": cov_tril}, **options)

    def _value_shape(self) -> Shape:
        return check_square_beside(self._name, self.mean, "cov_tril", self.cov_tril)

    def _sample(self, n_samples: int | None) -> Var:
        noise = random.standard_normal(self.sample_shape(n_samples), self._param_dtype)
        moved = side_by_side(linalg.matmul, linalg.tril(self.cov_tril), column(noise))
        return self.mean + without_column(moved)

    def _log_prob(self, given: Var) -> Var:
        residual = double(given) - double(self.mean)
        white = side_by_side(linalg.solve_triangular, double(self.cov_tril), column(residual))
        return normal_log_density(white, linalg.log_det_triangular(double(self.cov_tril))).cast(
            self._param_dtype
        )

    @property
    def covariance(self) -> Var:
        """The covariance L L^T, shape (..., D, D)."""
        return linalg.l_lt(self.cov_tril)

    @property
    def variance(self) -> Var:
        """The diagonal of the covariance, shape ``batch_shape + value_shape``."""
        return self._full(sum_of_squares(linalg.tril(self.cov_tril)))

    @property
    def mode(self) -> Var:
        """The mean."""
        return self.mean

    def _entropy(self) -> Var:
        log_det = linalg.log_det_triangular(double(self.cov_tril))
        return normal_entropy(log_det, self.value_shape[0]).cast(self._param_dtype)


def normal_log_density(white: Var, log_det: Var) -> Var:
    r"""Return the log-density of :math:`x = \mu + A w` for standardised :math:`w`.

    :param white: :math:`w`, shape (..., D, 1), float64.
    :param log_det: :math:`\log|\det A|`, float64.
    """
    half = constant(0.5, white)
    log_volume = constant(0.5 * LOG_2PI * shape_of(white)[-2], white)
    return -sum_of_squares(white, 2) * half - log_det - log_volume


def normal_entropy(log_det: Var, dim: int) -> Var:
    r"""Return the entropy of :math:`A w` for standard normal :math:`w`.

    Cover and Thomas 2006, theorem 8.4.1.

    :param log_det: :math:`\log|\det A|`, float64.
    :param dim: entries of :math:`w`.
    """
    return log_det + constant(0.5 * dim * (1.0 + LOG_2PI), log_det)
