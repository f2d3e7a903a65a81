"""The geometric distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jittor as jt

from zhusuan import random, special
from zhusuan._tensor import Var
from zhusuan.distributions import constraints
from zhusuan.distributions._counts import (
    SMALLEST_COUNT,
    is_single,
    largest_count,
    positive_probability,
)
from zhusuan.distributions.base import Distribution, Options, exactly_one
from zhusuan.distributions.parameter import Parameter
from zhusuan.formula import Formula

if TYPE_CHECKING:
    from typing_extensions import Unpack

# Everything follows from log p and log(1 - p), which the logits give to the last digit.
_HELPERS = """
template <typename T> ZS_FN T geometric_cdf(double x, const T& log_q) {
    if (x < 0.0) return T(0.0);
    return is_inf(value(log_q)) || is_inf(x) ? T(1.0) : -expm1((floor(x) + 1.0) * log_q);
}
"""
_SEARCH = """
    double target = value(p);
    if (p < 0.0 || p > 1.0) return T(NOT_A_NUMBER);
    if (is_inf(log_q)) return T(0.0);
    if (p == 1.0) return T(INF);
    double guess = log1p(-target) / log_q - 1.0;
    auto cdf = [&](double k) { return geometric_cdf(k, log_q); };
    return T(smallest_count(cdf, target, value(single), ceil(guess)));
"""
_OUTSIDE = "if (x < 0.0 || !is_whole(x)) return T(-INF);\n"

_log_prob = Formula(
    "x, l", _OUTSIDE + "return log_sigmoid(l) + x * log_sigmoid(T(-l));", constants="x"
)
_log_prob_of_probs = Formula(
    "x, p", _OUTSIDE + "return log(p) + xlog1py(x, T(-p));", constants="x"
)
_cdf = Formula(
    "x, l", "return geometric_cdf(value(x), T(log_sigmoid(T(-l))));", constants="x",
    helpers=_HELPERS,
)
_cdf_of_probs = Formula(
    "x, p", "return p == 1.0 ? T(x < 0.0 ? 0.0 : 1.0) : geometric_cdf(value(x), T(log1p(-p)));",
    constants="x", helpers=_HELPERS,
)
_icdf = Formula(
    "p, l, single", "double log_q = log_sigmoid(-value(l));" + _SEARCH,
    constants="p, l, single", helpers=_HELPERS + SMALLEST_COUNT,
)
_icdf_of_probs = Formula(
    "p, q, single", "double log_q = q == 1.0 ? -INF : log1p(-value(q));" + _SEARCH,
    constants="p, q, single", helpers=_HELPERS + SMALLEST_COUNT,
)
_entropy = Formula(
    "l",
    """
    // (1 - p) / p times -log(1 - p) tends to 1.
    T rest = l < -40.0 ? T(1.0) : exp(-l) * softplus(l);
    return softplus(T(-l)) + rest;
    """,
)
_entropy_of_probs = Formula(
    "p", "return p == 1.0 ? T(0.0) : -log(p) - (1.0 - p) / p * log1p(-p);"
)
# An exponential variable of rate -log(1 - p), rounded down: right for any p, however small.
_sample = Formula(
    "e, l, largest",
    """
    double k = floor(value(e) / softplus(value(l)));
    return T(k < value(largest) ? k : value(largest));
    """,
    constants="e, l, largest",
)
_sample_of_probs = Formula(
    "e, p, largest",
    """
    if (p == 1.0) return T(0.0);
    double k = floor(value(e) / -log1p(-value(p)));
    return T(k < value(largest) ? k : value(largest));
    """,
    constants="e, p, largest",
)


class Geometric(Distribution):
    r"""Geometric distribution: the number of failures before the first success.

    .. math:: \log p(x) = \log p + x \log(1 - p), \qquad x = 0, 1, 2, \ldots

    (Johnson, Kemp and Kotz 2005, sec. 5.2). The log-mass of a number that is negative or not
    whole is :math:`-\infty`.

    :param logits: log-odds :math:`l` of a success, finite; number, array or Var. Give exactly
        one of ``logits`` and ``probs``.
    :param probs: probability of a success, likewise, in (0, 1].
    :param options: see :class:`~zhusuan.distributions.base.Distribution`. Samples are float32,
        which holds whole numbers up to 2^24 and rounds larger ones; ``dtype='int32'`` makes them
        integers. A draw beyond the range of the dtype is the largest number in it.
    :raises ValueError: if not exactly one of ``logits`` and ``probs`` is given, or a value is
        outside its domain.
    """

    logits = Parameter(
        constraints.real,
        derive=lambda self: jt.log(self.probs) - special.log1p(-self.probs),
    )
    probs = Parameter(positive_probability, derive=lambda self: special.sigmoid(self.logits))
    support = constraints.nonnegative_integer
    is_continuous = False
    is_reparameterizable = False

    def __init__(self, logits: Any = None, probs: Any = None, **options: Unpack[Options]) -> None:
        exactly_one("Geometric", logits=logits, probs=probs)
        super().__init__({"logits": logits, "probs": probs}, **options)

    def _sample(self, n_samples: int | None) -> Var:
        e = random.standard_exponential(self.sample_shape(n_samples), "float64")
        largest = largest_count(self.dtype)
        if "probs" in self._given:
            return _sample_of_probs(e, self.probs, largest)
        return _sample(e, self.logits, largest)

    def _log_prob(self, given: Var) -> Var:
        if "probs" in self._given:
            return _log_prob_of_probs(given, self.probs)
        return _log_prob(given, self.logits)

    @property
    def mean(self) -> Var:
        """The mean, (1 - p) / p."""
        if "probs" in self._given:
            return (1.0 - self.probs) / self.probs
        return jt.exp(-self.logits)

    @property
    def variance(self) -> Var:
        """The variance, (1 - p) / p^2."""
        if "probs" in self._given:
            return self.mean / self.probs
        return self.mean * (1.0 + self.mean)

    @property
    def mode(self) -> Var:
        """The mode, 0."""
        return jt.zeros(list(self.batch_shape), self._param_dtype)

    def _entropy(self) -> Var:
        # Cover and Thomas 2006, problem 2.1.
        return _entropy_of_probs(self.probs) if "probs" in self._given else _entropy(self.logits)

    def _cdf(self, given: Var) -> Var:
        if "probs" in self._given:
            return _cdf_of_probs(given, self.probs)
        return _cdf(given, self.logits)

    def _icdf(self, probability: Var) -> Var:
        single = is_single(probability)
        if "probs" in self._given:
            return _icdf_of_probs(probability, self.probs, single)
        return _icdf(probability, self.logits, single)
