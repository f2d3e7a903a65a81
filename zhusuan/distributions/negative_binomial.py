"""The negative binomial distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jittor as jt

from zhusuan import random, special
from zhusuan._tensor import Var, scalar
from zhusuan.distributions import constraints
from zhusuan.distributions._counts import (
    SMALLEST_COUNT,
    is_single,
    largest_count,
    probability_below_one,
)
from zhusuan.distributions._vectors import double
from zhusuan.distributions.base import Distribution, Options, exactly_one
from zhusuan.distributions.parameter import Parameter
from zhusuan.formula import Formula

if TYPE_CHECKING:
    from typing_extensions import Unpack

# P(X <= x) is I_q(r, x + 1), q = 1 - p (DLMF 8.17.24 and 8.17.4); from the smaller of p and q,
# which has all digits.
_HELPERS = """
// log of Gamma(x + r) / (Gamma(r) x!)
template <typename T> ZS_FN T log_choices(double x, const T& r) {
    return x == 0.0 ? T(0.0) : -log(x + r) - betaln(r, T(x + 1.0));
}
template <typename T>
ZS_FN T negative_binomial_cdf(double x, const T& r, const T& p, const T& q, const T& log_p) {
    if (x < 0.0) return T(0.0);
    if (is_inf(x) || p == 0.0) return T(1.0);
    T above = T(floor(x) + 1.0);
    // So far out that the counts are a gamma variable: the error is of order r / x.
    if (value(above) > 1e10 * (1.0 + value(r))) return igamma(r, T(-log_p * above));
    return q < p ? betainc(r, above, q) : betaincc(above, r, p);
}
"""
_SEARCH = """
    double n = value(r), target = value(p);
    if (p < 0.0 || p > 1.0) return T(NOT_A_NUMBER);
    if (one == 0.0) return T(0.0);
    if (p == 1.0) return T(INF);
    double sd = sqrt(n * one) / zero;
    double guess = guessed_count(target, n * one / zero, sd, (1.0 + one) / sqrt(n * one));
    auto cdf = [&](double k) { return negative_binomial_cdf(k, n, one, zero, log_one); };
    return T(smallest_count(cdf, target, value(single), guess));
"""
_OUTSIDE = "if (x < 0.0 || !is_whole(x)) return T(-INF);\n"

_log_prob = Formula(
    "x, r, l",
    _OUTSIDE + """
    return log_choices(value(x), r) + x * log_sigmoid(l) + r * log_sigmoid(T(-l));
    """,
    constants="x",
    helpers=_HELPERS,
)
_log_prob_of_probs = Formula(
    "x, r, p",
    _OUTSIDE + "return log_choices(value(x), r) + xlogy(x, p) + r * log1p(-p);",
    constants="x",
    helpers=_HELPERS,
)
_cdf = Formula(
    "x, r, l",
    """
    return negative_binomial_cdf(value(x), r, sigmoid(l), sigmoid(T(-l)), log_sigmoid(l));
    """,
    constants="x",
    helpers=_HELPERS,
)
_cdf_of_probs = Formula(
    "x, r, p",
    "return negative_binomial_cdf(value(x), r, p, T(1.0 - p), T(log(p)));",
    constants="x",
    helpers=_HELPERS,
)
_icdf = Formula(
    "p, r, l, single",
    "double one = sigmoid(value(l)), zero = sigmoid(-value(l)), log_one = log_sigmoid(value(l));"
    + _SEARCH,
    constants="p, r, l, single",
    helpers=_HELPERS + SMALLEST_COUNT,
)
_icdf_of_probs = Formula(
    "p, r, q, single",
    "double one = value(q), zero = 1.0 - one, log_one = log(one);" + _SEARCH,
    constants="p, r, q, single",
    helpers=_HELPERS + SMALLEST_COUNT,
)
# numpy draws Poisson counts for rates below this; beyond it their spread around the rate is less
# than 1e-9 of it.
_LARGEST_RATE = 9.0e18
_rate = Formula("log_rate", "return exp(log_rate);", constants="log_rate")
_count = Formula(
    "drawn, rate, largest",
    f"""
    double k = rate < {_LARGEST_RATE} ? value(drawn) : floor(value(rate));
    return T(k < value(largest) ? k : value(largest));
    """,
    constants="drawn, rate, largest",
)


class NegativeBinomial(Distribution):
    r"""Negative binomial distribution: successes of probability p before the r-th failure.

    .. math::

        \log p(x) = \log \frac{\Gamma(x + r)}{\Gamma(r)\, x!} + x \log p + r \log(1 - p),
        \qquad x = 0, 1, 2, \ldots

    (Johnson, Kemp and Kotz 2005, sec. 5.1, with p and 1 - p exchanged). It is a Poisson
    distribution whose rate follows a Gamma distribution of shape r and rate (1 - p) / p. The
    log-mass of a number that is negative or not whole is :math:`-\infty`.

    :param total_count: r, positive, not necessarily whole; number, array or Var.
    :param logits: log-odds :math:`l` of a success, finite, so that the mean is :math:`r e^l`;
        broadcasts. Give exactly one of ``logits`` and ``probs``.
    :param probs: p, likewise, in [0, 1).
    :param options: see :class:`~zhusuan.distributions.base.Distribution`. Samples are float32,
        which holds whole numbers up to 2^24 and rounds larger ones; ``dtype='int32'`` makes them
        integers. A draw beyond the range of the dtype is the largest number in it.
    :raises ValueError: if not exactly one of ``logits`` and ``probs`` is given, or a value is
        outside its domain.
    """

    total_count = Parameter(constraints.positive)
    logits = Parameter(
        constraints.real,
        derive=lambda self: jt.log(self.probs) - special.log1p(-self.probs),
    )
    probs = Parameter(probability_below_one, derive=lambda self: special.sigmoid(self.logits))
    support = constraints.nonnegative_integer
    is_continuous = False
    is_reparameterizable = False

    def __init__(
        self,
        total_count: Any,
        logits: Any = None,
        probs: Any = None,
        **options: Unpack[Options],
    ) -> None:
        exactly_one("NegativeBinomial", logits=logits, probs=probs)
        super().__init__(
            {"total_count": total_count, "logits": logits, "probs": probs}, **options
        )

    def _sample(self, n_samples: int | None) -> Var:
        shape = self.sample_shape(n_samples)
        # In logs, for a Gamma variable that underflows and odds that make up for it.
        log_rate = random.log_standard_gamma(self.total_count, shape, "float64")
        rate = _rate(log_rate + double(self.logits))
        drawn = random.poisson(jt.minimum(rate, scalar(_LARGEST_RATE, "float64")), shape, "float64")
        return _count(drawn, rate, largest_count(self.dtype))

    def _log_prob(self, given: Var) -> Var:
        if "probs" in self._given:
            return _log_prob_of_probs(given, self.total_count, self.probs)
        return _log_prob(given, self.total_count, self.logits)

    @property
    def mean(self) -> Var:
        """The mean, r p / (1 - p)."""
        return self.total_count * self._odds()

    @property
    def variance(self) -> Var:
        """The variance, r p / (1 - p)^2."""
        return self.mean * (1.0 + self._odds())

    @property
    def mode(self) -> Var:
        """The mode, (r - 1) p / (1 - p) rounded down; 0 for r below 1."""
        return jt.floor(jt.maximum(self.total_count - 1.0, 0.0) * self._odds())

    def _cdf(self, given: Var) -> Var:
        if "probs" in self._given:
            return _cdf_of_probs(given, self.total_count, self.probs)
        return _cdf(given, self.total_count, self.logits)

    def _icdf(self, probability: Var) -> Var:
        single = is_single(probability)
        if "probs" in self._given:
            return _icdf_of_probs(probability, self.total_count, self.probs, single)
        return _icdf(probability, self.total_count, self.logits, single)

    def _odds(self) -> Var:
        if "probs" in self._given:
            return self.probs / (1.0 - self.probs)
        return jt.exp(self.logits)
