"""The Poisson distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jittor as jt

from zhusuan import random
from zhusuan._tensor import Var
from zhusuan.distributions import constraints
from zhusuan.distributions._counts import SMALLEST_COUNT, is_single
from zhusuan.distributions.base import Distribution, Options
from zhusuan.distributions.parameter import Parameter
from zhusuan.formula import Formula

if TYPE_CHECKING:
    from typing_extensions import Unpack

POISSON = """
template <typename T> ZS_FN T poisson_log_prob(double x, const T& rate) {
    if (x < 0.0 || !is_whole(x)) return T(-INF);
    if (x == 0.0) return -rate;
    if (!(rate > 0.0)) return T(-INF);
    // The terms cancel, to 1e-11 at 1e5; beyond, the dear formula that cancels them by hand.
    if (x < 1e5 && value(rate) < 1e5) return x * log(rate) - rate - lgamma(x + 1.0);
    return igamma_log_prefix(T(x), rate);
}
template <typename T> ZS_FN T poisson_cdf(double x, const T& rate) {
    if (x < 0.0) return T(0.0);
    return is_inf(x) ? T(1.0) : igammac(T(floor(x) + 1.0), rate);
}
template <typename T> ZS_FN T poisson_entropy(const T& rate) {
    double mean = value(rate);
    if (mean <= 0.0) return T(0.0);
    if (mean > 100.0) {
        // Evans and Boersma (1988), SIAM Review 30, 314: the next term is below 1e-10.
        T r = 1.0 / rate;
        T tail = r * poly(r, 1.0 / 12, 1.0 / 24, 19.0 / 360, 9.0 / 80);
        return 0.5 * (1.0 + LOG_2PI + log(rate)) - tail;
    }
    T log_rate = log(rate), log_p = -rate, sum = T(0.0);
    for (int k = 0; k < 400; k++) {
        sum -= exp(log_p) * log_p;
        if (k > mean && value(log_p) < -60.0) break;
        log_p += log_rate - log(k + 1.0);
    }
    return sum;
}
"""
"""C++ helpers of a :class:`~zhusuan.formula.Formula`; zero-inflation needs them as well."""

_log_prob = Formula(
    "x, rate", "return poisson_log_prob(value(x), rate);", constants="x", helpers=POISSON
)
_cdf = Formula("x, rate", "return poisson_cdf(value(x), rate);", constants="x", helpers=POISSON)
_icdf = Formula(
    "p, rate, single",
    """
    double mean = value(rate), target = value(p);
    if (p < 0.0 || p > 1.0) return T(NOT_A_NUMBER);
    if (mean == 0.0) return T(0.0);
    if (p == 1.0) return T(INF);
    double guess = guessed_count(target, mean, sqrt(mean), 1.0 / sqrt(mean));
    auto cdf = [&](double k) { return poisson_cdf(k, mean); };
    return T(smallest_count(cdf, target, value(single), guess));
    """,
    constants="p, rate, single",
    helpers=POISSON + SMALLEST_COUNT,
)
_entropy = Formula("rate", "return poisson_entropy(rate);", helpers=POISSON)


class Poisson(Distribution):
    r"""Poisson distribution over 0, 1, 2, ... with mean :math:`\lambda`.

    .. math:: \log p(x) = x \log\lambda - \lambda - \log x!

    (Johnson, Kemp and Kotz 2005, ch. 4). The log-mass of a number that is negative or not whole
    is :math:`-\infty`.

    :param rate: mean :math:`\lambda`, non-negative and finite; number, array or Var. At 0 all
        mass is at 0. Samples need a rate below 9.2e18.
    :param options: see :class:`~zhusuan.distributions.base.Distribution`. Samples are float32,
        which holds whole numbers up to 2^24 and rounds larger ones; ``dtype='int32'`` or
        ``'int64'`` makes them integers.
    :raises ValueError: for a value outside its domain.
    """

    rate = Parameter(constraints.nonnegative)
    support = constraints.nonnegative_integer
    is_continuous = False
    is_reparameterizable = False

    def __init__(self, rate: Any, **options: Unpack[Options]) -> None:
        super().__init__({"rate": rate}, **options)

    def _sample(self, n_samples: int | None) -> Var:
        return random.poisson(self.rate, self.sample_shape(n_samples), self.dtype)

    def _log_prob(self, given: Var) -> Var:
        return _log_prob(given, self.rate)

    @property
    def mean(self) -> Var:
        """The mean, the rate."""
        return self.rate

    @property
    def variance(self) -> Var:
        """The variance, the rate."""
        return self.rate

    @property
    def mode(self) -> Var:
        """The rate rounded down; where it is whole, the number below it has the same mass."""
        return jt.floor(self.rate)

    def _entropy(self) -> Var:
        # The sum over the support, with an asymptotic series for rates above 100.
        return _entropy(self.rate)

    def _cdf(self, given: Var) -> Var:
        return _cdf(given, self.rate)

    def _icdf(self, probability: Var) -> Var:
        return _icdf(probability, self.rate, is_single(probability))
