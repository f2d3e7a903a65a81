"""The folded normal distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jittor as jt

from zhusuan import random
from zhusuan._tensor import Var
from zhusuan.distributions import constraints
from zhusuan.distributions.base import Distribution, Options, exactly_one
from zhusuan.distributions.parameter import Parameter
from zhusuan.formula import Formula

if TYPE_CHECKING:
    from typing_extensions import Unpack

# log(e^-(x-m)^2/2s^2 + e^-(x+m)^2/2s^2) with the larger term, that of |m|, taken out.
_LOG_PROB = """
    if (x < 0.0) return T(-INF);
    T m = fabs(loc) / std, z = x / std;
    T d = z - m;
    return -logstd - 0.5 * LOG_2PI - 0.5 * d * d + log1p(exp(-2.0 * z * m));
"""
# In double neither std overflows nor logstd loses digits, whichever of the two was given.
_log_prob_std = Formula("x, loc, std", "T logstd = log(std);" + _LOG_PROB)
_log_prob_logstd = Formula("x, loc, logstd", "T std = exp(logstd);" + _LOG_PROB)
# By how much the mean exceeds |loc|, for a standard deviation of 1 and m = |loc|: twice the
# integral of the normal cdf up to -m.
_EXCESS = """
template <typename T> ZS_FN T excess(const T& m) {
    return 2.0 * (norm_pdf(m) - m * ndtr(T(-m)));
}
"""
_mean = Formula(
    "loc, std",
    "T m = fabs(loc); return m + std * excess(T(m / std));",
    helpers=_EXCESS,
)
# std^2 (1 + m^2 - (m + e)^2), without the m^2 that cancel.
_variance = Formula(
    "loc, std",
    """
    T m = fabs(loc) / std;
    T e = excess(m);
    return std * std * (1.0 - e * (2.0 * m + e));
    """,
    helpers=_EXCESS,
)
_CDF = """
// P(|m + noise| <= z), accurate relative to itself also for small z.
template <typename T> ZS_FN T folded_cdf(const T& m, const T& z) {
    if (value(z) * (1.0 + value(m)) > 0.1) return exp(log_ndtr_diff(T(-z - m), T(z - m)));
    // The two bounds may be the same number. The Taylor series of the density about m, integrated:
    // the sum over k of He_2k(m) z^2k / (2k+1)!, from Rodrigues' formula DLMF 18.5.1.
    T a = m * m, b = z * z;
    T sum = 1.0 + b / 6.0 * ((a - 1.0) + b / 20.0 * (poly(a, 3.0, -6.0, 1.0)
            + b / 42.0 * (poly(a, -15.0, 45.0, -15.0, 1.0)
            + b / 72.0 * poly(a, 105.0, -420.0, 210.0, -28.0, 1.0))));
    return 2.0 * z * norm_pdf(m) * sum;
}
template <typename T> ZS_FN T folded_pdf(const T& m, const T& z) {
    return norm_pdf(T(z - m)) + norm_pdf(T(z + m));
}
"""
_cdf = Formula(
    "x, loc, std",
    "return x > 0.0 ? folded_cdf(T(fabs(loc) / std), T(x / std)) : T(0.0);",
    helpers=_CDF,
)
_icdf = Formula(
    "p, loc, std",
    """
    if (p <= 0.0 || p >= 1.0) return T(p == 0.0 ? 0.0 : p == 1.0 ? INF : NOT_A_NUMBER);
    T m = fabs(loc) / std;
    double target = value(p), centre = value(m);
    auto f = [&](double z, double& slope) {
        slope = folded_pdf(centre, z);
        return folded_cdf(centre, z) - target;
    };
    // |m + noise| is between m + noise or |noise|, whichever is larger, and m + |noise|.
    double folded = SQRT_2 * erfinv(target), shifted = centre + ndtri(target);
    double guess = folded > shifted ? folded : shifted;
    T z = T(increasing_root(f, guess, 0.0, folded + centre + 1.0, 0.0));
    // Each step of Newton's method on dual numbers doubles the order of the right derivatives.
    for (int i = 0; i < 2; i++) z = z - (folded_cdf(m, z) - p) / folded_pdf(m, z);
    return std * z;
    """,
    helpers=_CDF,
)


class FoldNormal(Distribution):
    r"""Folded normal distribution: that of :math:`|x|`, x being :math:`\mathrm{N}(\mu, \sigma^2)`.

    .. math::

        \log p(x) = -\tfrac12 \log 2\pi - \log\sigma
            + \log\left(e^{-(x - \mu)^2 / 2\sigma^2} + e^{-(x + \mu)^2 / 2\sigma^2}\right)

    (Leone, Nelson and Nottingham 1961).

    :param mean: :math:`\mu`, the mean before folding, finite; number, array or Var. It is the
        attribute ``loc``; the attribute ``mean`` is the mean of the distribution.
    :param std: :math:`\sigma`, the standard deviation before folding, positive; broadcasts with
        ``mean``. Give exactly one of ``std`` and ``logstd``.
    :param logstd: :math:`\log\sigma`, likewise, finite.
    :param options: see :class:`~zhusuan.distributions.base.Distribution`.
    :raises ValueError: if not exactly one of ``std`` and ``logstd`` is given, or a value is
        outside its domain.
    """

    loc = Parameter(constraints.real, argument="mean")
    std = Parameter(constraints.positive, derive=lambda self: jt.exp(self.logstd))
    logstd = Parameter(constraints.real, derive=lambda self: jt.log(self.std))
    support = constraints.nonnegative
    is_continuous = True
    is_reparameterizable = True

    def __init__(
        self, mean: Any = 0.0, std: Any = None, logstd: Any = None, **options: Unpack[Options]
    ) -> None:
        exactly_one("FoldNormal", std=std, logstd=logstd)
        super().__init__({"loc": mean, "std": std, "logstd": logstd}, **options)

    def _sample(self, n_samples: int | None) -> Var:
        noise = random.standard_normal(self.sample_shape(n_samples), self._param_dtype)
        return jt.abs(self.loc + self.std * noise)

    def _log_prob(self, given: Var) -> Var:
        if "std" in self._given:
            return _log_prob_std(given, self.loc, self.std)
        return _log_prob_logstd(given, self.loc, self.logstd)

    @property
    def mean(self) -> Var:
        """The mean; it is above ``loc``."""
        return _mean(self.loc, self.std)

    @property
    def variance(self) -> Var:
        """The variance, loc^2 + std^2 - mean^2."""
        return _variance(self.loc, self.std)

    def _cdf(self, given: Var) -> Var:
        return _cdf(given, self.loc, self.std)

    def _icdf(self, probability: Var) -> Var:
        return _icdf(probability, self.loc, self.std)
