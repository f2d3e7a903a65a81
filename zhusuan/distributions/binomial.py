"""The binomial distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jittor as jt

from zhusuan import random, special
from zhusuan._tensor import Var
from zhusuan.distributions import constraints
from zhusuan.distributions._counts import SMALLEST_COUNT, is_single
from zhusuan.distributions._vectors import double
from zhusuan.distributions.base import Distribution, Options, exactly_one
from zhusuan.distributions.constraints import Interval
from zhusuan.distributions.parameter import Parameter
from zhusuan.formula import Formula

if TYPE_CHECKING:
    from typing_extensions import Unpack

# P(X <= x) is I_q(n - x, x + 1), DLMF 8.17.5; from the smaller of p and q = 1 - p, which has
# all digits.
_HELPERS = """
template <typename T> ZS_FN T binomial_cdf(double x, double n, const T& p, const T& q) {
    if (x < 0.0) return T(0.0);
    if (x >= n) return T(1.0);
    T above = T(floor(x) + 1.0), below = T(n - floor(x));
    return q < p ? betainc(below, above, q) : betaincc(above, below, p);
}
// log_p and log_q are the logarithms of p and q = 1 - p.
template <typename T>
ZS_FN T binomial_entropy(double n, const T& p, const T& q, const T& log_p, const T& log_q) {
    if (n == 0.0 || p == 0.0 || q == 0.0) return T(0.0);
    // From the end where the masses are: they are summed up from there.
    if (p > q) return binomial_entropy(n, q, p, log_q, log_p);
    T pq = p * q;
    double sd = sqrt(n * value(pq)), mean = n * value(p);
    if (sd * sd > 1000.0) {
        // Knessl (1998), Applied Mathematics Letters 11, 69; the next term is below 1e-7.
        return 0.5 * (1.0 + LOG_2PI + log(n * pq)) + (1.0 / 3 - 1.0 / (12.0 * pq)) / n;
    }
    // Twelve standard deviations, and the Poisson tail where n p is small.
    double first = fmax(0.0, floor(mean - 12.0 * sd - 30.0));
    double last = fmin(n, ceil(mean + 12.0 * sd + 30.0));
    T log_mass = lbinom(n, first) + first * log_p + (n - first) * log_q;
    T log_odds = log_p - log_q, sum = T(0.0);
    for (double k = first; k <= last; k += 1.0) {
        // Beyond e^-700 there is nothing to add; 0 times -inf would be NaN.
        if (value(log_mass) > -700.0) sum -= exp(log_mass) * log_mass;
        if (k < n) log_mass += log_odds + log((n - k) / (k + 1.0));
    }
    return sum;
}
"""
_SEARCH = """
    double total = value(n), target = value(p);
    if (p < 0.0 || p > 1.0) return T(NOT_A_NUMBER);
    if (one == 0.0) return T(0.0);
    if (p == 1.0) return n;
    double sd = sqrt(total * one * zero);
    double guess = guessed_count(target, total * one, sd, sd > 0.0 ? (zero - one) / sd : 0.0);
    if (guess > total) guess = total;
    auto cdf = [&](double k) { return binomial_cdf(k, total, one, zero); };
    return T(smallest_count(cdf, target, value(single), guess));
"""
_OUTSIDE = "if (x < 0.0 || x > n || !is_whole(x)) return T(-INF);\n"

_log_prob = Formula(
    "x, n, l",
    _OUTSIDE + "return lbinom(value(n), value(x)) - x * softplus(T(-l)) - (n - x) * softplus(l);",
    constants="x, n",
)
_log_prob_of_probs = Formula(
    "x, n, p",
    _OUTSIDE + "return lbinom(value(n), value(x)) + xlogy(x, p) + xlog1py(T(n - x), T(-p));",
    constants="x, n",
)
_cdf = Formula(
    "x, n, l",
    "return binomial_cdf(value(x), value(n), sigmoid(l), sigmoid(T(-l)));",
    constants="x, n",
    helpers=_HELPERS,
)
_cdf_of_probs = Formula(
    "x, n, p",
    "return binomial_cdf(value(x), value(n), p, T(1.0 - p));",
    constants="x, n",
    helpers=_HELPERS,
)
_icdf = Formula(
    "p, n, l, single",
    "double one = sigmoid(value(l)), zero = sigmoid(-value(l));" + _SEARCH,
    constants="p, n, l, single",
    helpers=_HELPERS + SMALLEST_COUNT,
)
_icdf_of_probs = Formula(
    "p, n, q, single",
    "double one = value(q), zero = 1.0 - one;" + _SEARCH,
    constants="p, n, q, single",
    helpers=_HELPERS + SMALLEST_COUNT,
)
_entropy = Formula(
    "n, l",
    """
    T log_p = log_sigmoid(l), log_q = log_sigmoid(T(-l));
    return binomial_entropy(value(n), sigmoid(l), sigmoid(T(-l)), log_p, log_q);
    """,
    constants="n",
    helpers=_HELPERS,
)
_entropy_of_probs = Formula(
    "n, p",
    "return binomial_entropy(value(n), p, T(1.0 - p), T(log(p)), T(log1p(-p)));",
    constants="n",
    helpers=_HELPERS,
)


class Binomial(Distribution):
    r"""Binomial distribution: the number of successes in n trials.

    .. math::

        \log p(x) = \log \binom{n}{x} + x \log p + (n - x) \log(1 - p)

    (Bishop 2006, eq. 2.9). The log-mass of a number outside of 0 ... n or not whole is
    :math:`-\infty`. Prefer ``logits`` where they are at hand: float32 probabilities round to
    exactly 1 above logits of 17.

    :param logits: log-odds :math:`l` of a success, finite; number, array or Var. Give exactly
        one of ``logits`` and ``probs``.
    :param n_experiments: number of trials n, whole and >= 0; no gradient. Broadcasts.
    :param probs: probability of a success, likewise, in [0, 1]; exactly 0 and 1 are allowed.
    :param options: see :class:`~zhusuan.distributions.base.Distribution`. Samples are float32,
        which holds whole numbers up to 2^24; ``dtype='int32'`` makes them integers.
    :raises TypeError: if ``n_experiments`` is missing.
    :raises ValueError: if not exactly one of ``logits`` and ``probs`` is given, or a value is
        outside its domain.
    """

    logits = Parameter(
        constraints.real,
        derive=lambda self: jt.log(self.probs) - special.log1p(-self.probs),
    )
    n_experiments = Parameter(constraints.nonnegative_integer)
    probs = Parameter(constraints.unit_interval, derive=lambda self: special.sigmoid(self.logits))
    is_continuous = False
    is_reparameterizable = False

    def __init__(
        self,
        logits: Any = None,
        n_experiments: Any = None,
        probs: Any = None,
        **options: Unpack[Options],
    ) -> None:
        exactly_one("Binomial", logits=logits, probs=probs)
        if n_experiments is None:
            raise TypeError("Binomial: n_experiments, the number of trials, must be given")
        super().__init__(
            {"logits": logits, "n_experiments": n_experiments, "probs": probs}, **options
        )

    @property
    def support(self) -> Interval:  # type: ignore[override]
        """Whole numbers from 0 to ``n_experiments``."""
        name = "a whole number from 0 to n_experiments"
        return Interval(name, 0.0, self.n_experiments, False, False, integer=True)

    def _sample(self, n_samples: int | None) -> Var:
        # In double: float32 rounds 1 - p, which decides about the failures where p is near 1.
        given = "probs" in self._given
        probs = self.probs if given else special.sigmoid(double(self.logits))
        shape = self.sample_shape(n_samples)
        return random.binomial(self.n_experiments, probs, shape, self.dtype)

    def _log_prob(self, given: Var) -> Var:
        if "probs" in self._given:
            return _log_prob_of_probs(given, self.n_experiments, self.probs)
        return _log_prob(given, self.n_experiments, self.logits)

    @property
    def mean(self) -> Var:
        """The mean, n p."""
        return self.n_experiments * self.probs

    @property
    def variance(self) -> Var:
        """The variance, n p (1 - p)."""
        # 1 - p has no digits left where p rounds to 1; the logits still have them all.
        failure = 1.0 - self.probs if "probs" in self._given else special.sigmoid(-self.logits)
        return self.mean * failure

    @property
    def mode(self) -> Var:
        """A likeliest value, (n + 1) p rounded down."""
        return jt.minimum(jt.floor((self.n_experiments + 1.0) * self.probs), self.n_experiments)

    def _entropy(self) -> Var:
        # The sum over the support, with an asymptotic series for variances above 1000.
        if "probs" in self._given:
            return _entropy_of_probs(self.n_experiments, self.probs)
        return _entropy(self.n_experiments, self.logits)

    def _cdf(self, given: Var) -> Var:
        if "probs" in self._given:
            return _cdf_of_probs(given, self.n_experiments, self.probs)
        return _cdf(given, self.n_experiments, self.logits)

    def _icdf(self, probability: Var) -> Var:
        single = is_single(probability)
        if "probs" in self._given:
            return _icdf_of_probs(probability, self.n_experiments, self.probs, single)
        return _icdf(probability, self.n_experiments, self.logits, single)
