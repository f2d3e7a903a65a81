"""The matrix variate normal distribution, given the Cholesky factors of its covariances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zhusuan import linalg, random
from zhusuan._tensor import Shape, Var, constant, shape_of
from zhusuan.distributions import constraints
from zhusuan.distributions._vectors import double, side_by_side, sum_of_squares
from zhusuan.distributions.base import Distribution, Options
from zhusuan.distributions.multivariate_normal_cholesky import normal_entropy
from zhusuan.distributions.parameter import Parameter
from zhusuan.special import LOG_2PI

if TYPE_CHECKING:
    from typing_extensions import Unpack


class MatrixVariateNormalCholesky(Distribution):
    r"""Matrix variate normal distribution :math:`\mathrm{MN}(X \mid M, U U^\top, V V^\top)`.

    .. math:: \log p(X) = -\tfrac{rc}{2} \log 2\pi - c \sum_i \log U_{ii} - r \sum_j \log V_{jj}
              - \tfrac12 \big\lVert U^{-1} (X - M) V^{-\top} \big\rVert_F^2

    (Gupta and Nagar 1999, Matrix Variate Distributions, eq. 2.2.1): rows have the covariance
    :math:`U U^\top` among each other and columns :math:`V V^\top`. Gradients reach the lower
    triangles of the factors alone.

    :param mean: :math:`M`, finite, shape (..., r, c).
    :param u_tril: :math:`U`, lower triangular with a positive diagonal, shape (..., r, r).
    :param v_tril: :math:`V`, as ``u_tril``, shape (..., c, c). The batches of all three
        broadcast.
    :param options: see :class:`~zhusuan.distributions.base.Distribution`.
    :raises ValueError: for a value outside its domain or shapes that do not fit.
    """

    mean = Parameter(constraints.real, value_ndims=2)
    u_tril = Parameter(constraints.lower_cholesky, value_ndims=2)
    v_tril = Parameter(constraints.lower_cholesky, value_ndims=2)
    support = constraints.real
    is_continuous = True
    is_reparameterizable = True

    def __init__(
        self, mean: Any, u_tril: Any, v_tril: Any, **options: Unpack[Options]
    ) -> None:
        super().__init__({"mean": mean, "u_tril": u_tril, "v_tril": v_tril}, **options)

    def _value_shape(self) -> Shape:
        value = shape_of(self.mean)[-2:]
        rows, columns = value
        u, v = shape_of(self.u_tril)[-2:], shape_of(self.v_tril)[-2:]
        if (u, v) != ((rows, rows), (columns, columns)):
            raise ValueError(
                f"{self._name}: beside a mean of (..., r, c), u_tril must be (..., r, r) and "
                f"v_tril (..., c, c), got mean {list(self.mean.shape)}, u_tril "
                f"{list(self.u_tril.shape)} and v_tril {list(self.v_tril.shape)}"
            )
        return value

    def _sample(self, n_samples: int | None) -> Var:
        noise = random.standard_normal(self.sample_shape(n_samples), self._param_dtype)
        rows = side_by_side(linalg.matmul, linalg.tril(self.u_tril), noise).transpose(-1, -2)
        moved = side_by_side(linalg.matmul, linalg.tril(self.v_tril), rows)
        return self.mean + moved.transpose(-1, -2)

    def _log_prob(self, given: Var) -> Var:
        residual = double(given) - double(self.mean)
        rows = side_by_side(linalg.solve_triangular, double(self.u_tril), residual)
        white = side_by_side(
            linalg.solve_triangular, double(self.v_tril), rows.transpose(-1, -2)
        )
        half = constant(0.5, white)
        n_rows, n_columns = self.value_shape
        log_volume = constant(0.5 * LOG_2PI * n_rows * n_columns, white)
        distance = sum_of_squares(white, 2)
        return (-distance * half - self._log_det() - log_volume).cast(self._param_dtype)

    def _log_det(self) -> Var:
        """Half the log-determinant of the covariance of all entries, float64."""
        rows, columns = self.value_shape
        log_det_u = linalg.log_det_triangular(double(self.u_tril))
        log_det_v = linalg.log_det_triangular(double(self.v_tril))
        return log_det_u * constant(float(columns), log_det_u) + (
            log_det_v * constant(float(rows), log_det_v)
        )

    @property
    def variance(self) -> Var:
        """The variance of each entry, shape ``batch_shape + value_shape``."""
        of_rows = sum_of_squares(linalg.tril(self.u_tril))
        of_columns = sum_of_squares(linalg.tril(self.v_tril))
        return self._full(linalg.outer(of_rows, of_columns))

    @property
    def mode(self) -> Var:
        """The mean."""
        return self.mean

    def _entropy(self) -> Var:
        rows, columns = self.value_shape
        return normal_entropy(self._log_det(), rows * columns).cast(self._param_dtype)
