"""The LKJ distribution over Cholesky factors of correlation matrices."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import jittor as jt
import numpy as np

from zhusuan import linalg, random, special
from zhusuan._tensor import Shape, Var, constant, scalar, sum_dims
from zhusuan.distributions import constraints
from zhusuan.distributions._vectors import (
    batch_beside_numbers,
    beside_vectors,
    column,
    double,
    sum_of_squares,
)
from zhusuan.distributions.base import Distribution, Options
from zhusuan.distributions.implicit import with_gradient
from zhusuan.distributions.parameter import Parameter
from zhusuan.formula import Formula

if TYPE_CHECKING:
    from typing_extensions import Unpack

# In all of these row k = 1, 2, ... of the factor has k - 1 entries below the diagonal, with the
# sum of squares y ~ Beta((k - 1) / 2, b), and the diagonal element sqrt(1 - y);
# b = concentration + (dim - k) / 2. The first row is (1, 0, ...).
_HELPERS = """
template <typename T> ZS_FN T second_shape(const T& concentration, const T& row, const T& dim) {
    return concentration + 0.5 * (dim - row);
}
"""
_term = Formula(
    "x, concentration, row, dim",
    """
    if (x <= 0.0) return T(-INF);
    if (row == 1.0) return T(0.0);
    return (2.0 * second_shape(concentration, row, dim) - 2.0) * log(x);
    """,
    constants="row, dim",
    helpers=_HELPERS,
)
# A row is uniform on a sphere of k - 2 dimensions: its density is that of y times the
# Jacobian 2 y^((3 - k) / 2), over the sphere's area 2 pi^((k - 1) / 2) / Gamma((k - 1) / 2).
_log_normaliser = Formula(
    "concentration, row, dim",
    """
    T n = row - 1.0, b = second_shape(concentration, row, dim);
    if (n == 0.0) return T(0.0);
    return 0.5 * n * LOG_PI + betaln(T(0.5 * n), b) - lgamma(T(0.5 * n));
    """,
    constants="row, dim",
    helpers=_HELPERS,
)
_log_prob = Formula(
    "terms, log_normaliser, distance",
    f"""
    bool outside = !(distance <= {constraints.correlation_cholesky.tolerance});
    return outside || value(terms) == -INF ? T(-INF) : terms - log_normaliser;
    """,
    constants="distance",
)
# log E (1 - y)^(power / 2)
_log_moment = Formula(
    "concentration, row, dim, power",
    """
    T n = row - 1.0, b = second_shape(concentration, row, dim);
    if (n == 0.0) return T(0.0);
    return betaln(T(0.5 * n), T(b + 0.5 * power)) - betaln(T(0.5 * n), b);
    """,
    constants="row, dim, power",
    helpers=_HELPERS,
)
_entropy_term = Formula(
    "concentration, row, dim",
    """
    T n = row - 1.0, b = second_shape(concentration, row, dim);
    if (n == 0.0) return T(0.0);
    return (b - 1.0) * (digamma(T(b + 0.5 * n)) - digamma(b));
    """,
    constants="row, dim",
    helpers=_HELPERS,
)
_slope = Formula(
    "logit, a, b",
    "return T(beta_logit_sample_db(value(a), value(b), value(logit)));",
    constants="logit, a, b",
)


class LKJCholesky(Distribution):
    r"""LKJ distribution, over the Cholesky factors of correlation matrices.

    .. math:: \log p(L) = \sum_{k=2}^D \Big[(D - k + 2\eta - 2) \log L_{kk} - \log Z_k\Big],
              \qquad
              Z_k = \frac{\pi^{(k-1)/2}\,\Gamma\big(\eta + \frac{D-k}{2}\big)}
                         {\Gamma\big(\eta + \frac{D-1}{2}\big)}

    a density in the entries of L below its diagonal, under which the correlation matrix
    :math:`C = L L^\top` has a density proportional to :math:`\det(C)^{\eta-1}` (Lewandowski,
    Kurowicka and Joe 2009, sec. 3; the density of the factor is that of ``lkj_corr_cholesky`` in
    Stan). With a concentration of 1 all correlation matrices are equally likely.

    Samples are made by their onion method, row by row: the sum of squares of the entries below
    the diagonal is a Beta variable, which carries implicit gradients to the concentration
    (:mod:`zhusuan.distributions.implicit`), and their direction is uniform. A diagonal element
    below the smallest normal number of the dtype (1e-38 in float32) is that number and never 0.

    :param dim: D, rows of the matrix; an int >= 2.
    :param concentration: :math:`\eta`, positive; a number, array or Var (of shape [1] it counts
        as a number).
    :param options: see :class:`~zhusuan.distributions.base.Distribution`.
    :raises TypeError: if ``dim`` is not an int.
    :raises ValueError: for a value outside its domain.
    """

    concentration = Parameter(constraints.positive)
    support = constraints.correlation_cholesky
    is_continuous = True
    is_reparameterizable = True

    def __init__(self, dim: int, concentration: Any = 1.0, **options: Unpack[Options]) -> None:
        if isinstance(dim, bool) or not isinstance(dim, (int, np.integer)):
            raise TypeError(f"LKJCholesky: dim must be an int, got {dim!r}")
        if dim < 2:
            raise ValueError(f"LKJCholesky: dim must be at least 2, got {dim}")
        self.dim = int(dim)
        super().__init__({"concentration": concentration}, **options)

    def _shapes(self) -> tuple[Shape, Shape]:
        _, value_shape = super()._shapes()
        return batch_beside_numbers(self), value_shape

    def _value_shape(self) -> Shape:
        return (self.dim, self.dim)

    def _rows(self) -> tuple[Var, Var, Var]:
        """Return the first three inputs of the formulas, float64 and one for each row."""
        rows = jt.array(np.arange(1.0, self.dim + 1.0), dtype="float64")
        return beside_vectors(double(self.concentration)), rows, scalar(self.dim, "float64")

    def _sample(self, n_samples: int | None) -> Var:
        *lead, dim, _ = self.sample_shape(n_samples)
        concentration, rows, dims = self._rows()
        half = constant(0.5, rows)
        first = rows[:-1] * half
        second = concentration + (dims - 1.0 - rows[:-1]) * half
        logit = random.beta_logit(first, second, (*lead, dim - 1), "float64")
        logit = with_gradient(logit, {"b": second}, b=lambda z, b: _slope(z, first, b))
        radius = jt.exp(special.log_sigmoid(logit) * 0.5)
        smallest = constant(float(np.finfo(self._param_dtype).tiny), logit)
        diagonal = jt.maximum(jt.exp(special.log_sigmoid(-logit) * 0.5), smallest)

        # The rows below the first one: row k has its first k - 1 normals.
        noise = linalg.tril(random.standard_normal((*lead, dim - 1, dim), "float64"))
        norm = jt.sqrt(jt.maximum(sum_of_squares(noise), constant(1e-200, noise)))
        below = noise * column(radius / norm)
        top = jt.zeros([*lead, 1, dim], dtype="float64")
        one = jt.ones([*lead, 1], dtype="float64")
        full_diagonal = jt.concat([one, diagonal], len(lead))
        factor = jt.concat([top, below], len(lead)) + linalg.make_diagonal(full_diagonal)
        return factor.cast(self._param_dtype)

    def _log_prob(self, given: Var) -> Var:
        given = double(given)
        terms = _term(linalg.diagonal(given), *self._rows())
        return _log_prob(_sum_rows(terms), self._log_normaliser(), _distance(given)).cast(
            self._param_dtype
        )

    def _log_normaliser(self) -> Var:
        return _sum_rows(_log_normaliser(*self._rows()))

    @property
    def mean(self) -> Var:
        """The mean: a diagonal matrix, since signs are equally likely."""
        # DLMF 5.12.1: a moment of a Beta variable.
        moment = jt.exp(_log_moment(*self._rows(), scalar(1.0, "float64")))
        return self._full(linalg.make_diagonal(moment)).cast(self._param_dtype)

    @property
    def variance(self) -> Var:
        """The variance of each entry; 0 above the diagonal and in the first row."""
        concentration, rows, dims = self._rows()
        first = _log_moment(concentration, rows, dims, scalar(1.0, "float64"))
        second = _log_moment(concentration, rows, dims, scalar(2.0, "float64"))
        diagonal = jt.exp(first * 2.0) * special.expm1(second - first * 2.0)
        # E y / (k - 1) for each of k - 1 entries: the same in all rows.
        below = column(1.0 / (concentration * 2.0 + dims - 1.0))
        lower = linalg.tril(jt.ones([self.dim, self.dim], dtype="float64"), -1)
        variance = below * lower + linalg.make_diagonal(diagonal)
        return self._full(variance).cast(self._param_dtype)

    @property
    def mode(self) -> Var:
        """The mode, the identity; NaN for a concentration below 1, where there is none.

        The density is unbounded there, towards factors with a 0 on their diagonal.
        """
        concentration, _, _ = self._rows()
        has_mode = jt.ternary(
            concentration < 1.0, jt.full_like(concentration, math.nan), jt.ones_like(concentration)
        )
        identity = jt.array(np.eye(self.dim), dtype="float64")
        return self._full(column(has_mode) * identity).cast(self._param_dtype)

    def _entropy(self) -> Var:
        entropy = self._log_normaliser() + _sum_rows(_entropy_term(*self._rows()))
        return entropy.cast(self._param_dtype)


def _sum_rows(x: Var) -> Var:
    return sum_dims(x, [len(x.shape) - 1])


def _distance(given: Var) -> Var:
    """Return how far matrices are from lower triangular ones with rows of norm 1; no gradient."""
    given = given.detach()
    norms = sum_of_squares(given) - 1.0
    last = len(given.shape) - 1
    above = jt.abs(given - linalg.tril(given)).stop_fuse().sum([last - 1, last])
    return jt.abs(norms).stop_fuse().sum([last - 1]) + above
