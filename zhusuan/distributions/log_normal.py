"""The log-normal distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jittor as jt

from zhusuan import random
from zhusuan._tensor import Var, constant
from zhusuan.distributions import constraints
from zhusuan.distributions._limits import positive_range
from zhusuan.distributions.base import Distribution, Options, exactly_one
from zhusuan.distributions.parameter import Parameter
from zhusuan.formula import Formula
from zhusuan.special import LOG_2PI

if TYPE_CHECKING:
    from typing_extensions import Unpack

_LOG_PROB = """
    if (x <= 0.0) return T(-INF);
    T log_x = log(x);
    T z = (log_x - loc) / std;
    return -log_x - logstd - 0.5 * LOG_2PI - 0.5 * z * z;
"""
# In double neither std overflows nor logstd loses digits, whichever of the two was given.
_log_prob_std = Formula("x, loc, std", "T logstd = log(std);" + _LOG_PROB)
_log_prob_logstd = Formula("x, loc, logstd", "T std = exp(logstd);" + _LOG_PROB)
_variance = Formula(
    "loc, std", "T v = std * std; return expm1(v) * exp(2.0 * loc + v);"
)
_cdf = Formula("x, loc, std", "return x > 0.0 ? ndtr(T((log(x) - loc) / std)) : T(0.0);")
_icdf = Formula(
    "p, loc, std",
    """
    if (p <= 0.0 || p >= 1.0) return T(p == 0.0 ? 0.0 : p == 1.0 ? INF : NOT_A_NUMBER);
    return exp(loc + std * ndtri(p));
    """,
)
_SAMPLE = """
    T x = exp(loc + std * noise);
    return x < smallest ? smallest : x > largest ? largest : x;
"""
_CONSTANTS = "noise, smallest, largest"
_sample_std = Formula("loc, std, " + _CONSTANTS, _SAMPLE, _CONSTANTS)
_sample_logstd = Formula("loc, logstd, " + _CONSTANTS, "T std = exp(logstd);" + _SAMPLE, _CONSTANTS)


class LogNormal(Distribution):
    r"""Log-normal distribution: that of a number whose log is :math:`\mathrm{N}(\mu, \sigma^2)`.

    .. math::

        \log p(x) = -\log x - \tfrac12 \log 2\pi - \log\sigma
                  - \frac{(\log x - \mu)^2}{2\sigma^2}

    (Gelman et al. 2013, table A.1). Where a sample is too large or too small for its dtype, it is
    the largest or smallest positive number of that dtype.

    :param mean: :math:`\mu`, the mean of the log, finite; number, array or Var. It is the
        attribute ``loc``; the attribute ``mean`` is the mean of the distribution.
    :param std: :math:`\sigma`, the standard deviation of the log, positive; broadcasts with
        ``mean``. Give exactly one of ``std`` and ``logstd``.
    :param logstd: :math:`\log\sigma`, likewise, finite.
    :param options: see :class:`~zhusuan.distributions.base.Distribution`.
    :raises ValueError: if not exactly one of ``std`` and ``logstd`` is given, or a value is
        outside its domain.
    """

    loc = Parameter(constraints.real, argument="mean")
    std = Parameter(constraints.positive, derive=lambda self: jt.exp(self.logstd))
    logstd = Parameter(constraints.real, derive=lambda self: jt.log(self.std))
    support = constraints.positive
    is_continuous = True
    is_reparameterizable = True

    def __init__(
        self, mean: Any = 0.0, std: Any = None, logstd: Any = None, **options: Unpack[Options]
    ) -> None:
        exactly_one("LogNormal", std=std, logstd=logstd)
        super().__init__({"loc": mean, "std": std, "logstd": logstd}, **options)

    def _sample(self, n_samples: int | None) -> Var:
        noise = random.standard_normal(self.sample_shape(n_samples), self._param_dtype)
        limits = positive_range(self.dtype, self._param_dtype)
        if "std" in self._given:
            return _sample_std(self.loc, self.std, noise, *limits)
        return _sample_logstd(self.loc, self.logstd, noise, *limits)

    def _log_prob(self, given: Var) -> Var:
        if "std" in self._given:
            return _log_prob_std(given, self.loc, self.std)
        return _log_prob_logstd(given, self.loc, self.logstd)

    @property
    def mean(self) -> Var:
        """The mean, exp(loc + std^2 / 2)."""
        return jt.exp(self.loc + 0.5 * self.std * self.std)

    @property
    def variance(self) -> Var:
        """The variance, (exp(std^2) - 1) exp(2 loc + std^2)."""
        return _variance(self.loc, self.std)

    @property
    def mode(self) -> Var:
        """The mode, exp(loc - std^2)."""
        return jt.exp(self.loc - self.std * self.std)

    def _entropy(self) -> Var:
        # Cover and Thomas 2006, table 17.1.
        return self.loc + self.logstd + constant(0.5 * (1.0 + LOG_2PI), self.logstd)

    def _cdf(self, given: Var) -> Var:
        return _cdf(given, self.loc, self.std)

    def _icdf(self, probability: Var) -> Var:
        return _icdf(probability, self.loc, self.std)
