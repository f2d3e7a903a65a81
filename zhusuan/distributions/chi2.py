"""The chi-squared distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jittor as jt

from zhusuan import random
from zhusuan._tensor import Var
from zhusuan.distributions import constraints
from zhusuan.distributions.base import Distribution, Options
from zhusuan.distributions.implicit import with_gradient
from zhusuan.distributions.parameter import Parameter
from zhusuan.formula import Formula

if TYPE_CHECKING:
    from typing_extensions import Unpack

_log_prob = Formula(
    "x, df",
    """
    T alpha = 0.5 * df;
    if (x < 0.0) return T(-INF);
    if (x == 0.0) return T(alpha > 1.0 ? -INF : alpha < 1.0 ? INF : -LOG_2);
    return igamma_log_prefix(alpha, T(0.5 * x)) + log(alpha) - log(x);
    """,
)
_entropy = Formula(
    "df",
    """
    T alpha = 0.5 * df;
    return alpha + LOG_2 + lgamma(alpha) + (1.0 - alpha) * digamma(alpha);
    """,
)
_cdf = Formula("x, df", "return x > 0.0 ? igamma(T(0.5 * df), T(0.5 * x)) : T(0.0);")
_icdf = Formula("p, df", "return 2.0 * igammainv(T(0.5 * df), p);")
_slope = Formula(
    "x, df",
    "return T(gamma_sample_da(0.5 * value(df), 0.5 * value(x)));",
    constants="x, df",
)


class Chi2(Distribution):
    r"""Chi-squared distribution with :math:`\nu` degrees of freedom.

    .. math::

        \log p(x) = \left(\tfrac\nu2 - 1\right) \log x - \tfrac x2
                  - \tfrac\nu2 \log 2 - \log\Gamma\left(\tfrac\nu2\right)

    (Gelman et al. 2013, table A.1): the gamma distribution with shape :math:`\nu / 2` and rate
    1/2. Samples carry implicit gradients to :math:`\nu` (:mod:`zhusuan.distributions.implicit`).

    :param df: degrees of freedom :math:`\nu`, positive, not necessarily whole; number, array or
        Var.
    :param options: see :class:`~zhusuan.distributions.base.Distribution`.
    :raises ValueError: for a value outside its domain.
    """

    df = Parameter(constraints.positive)
    support = constraints.nonnegative
    is_continuous = True
    is_reparameterizable = True

    def __init__(self, df: Any, **options: Unpack[Options]) -> None:
        super().__init__({"df": df}, **options)

    def _sample(self, n_samples: int | None) -> Var:
        shape = self.sample_shape(n_samples)
        x = 2.0 * random.standard_gamma(0.5 * self.df.detach(), shape, self._param_dtype)
        # The factors 2 of the sample and 1/2 of the shape cancel in the derivative.
        return with_gradient(x, {"df": self.df}, df=_slope)

    def _log_prob(self, given: Var) -> Var:
        return _log_prob(given, self.df)

    @property
    def mean(self) -> Var:
        """The mean, df."""
        return self.df

    @property
    def variance(self) -> Var:
        """The variance, 2 df."""
        return 2.0 * self.df

    @property
    def mode(self) -> Var:
        """The mode, df - 2; 0 for df below 2, where the density is unbounded."""
        return jt.maximum(self.df - 2.0, 0.0)

    def _entropy(self) -> Var:
        # Cover and Thomas 2006, table 17.1.
        return _entropy(self.df)

    def _cdf(self, given: Var) -> Var:
        return _cdf(given, self.df)

    def _icdf(self, probability: Var) -> Var:
        return _icdf(probability, self.df)
