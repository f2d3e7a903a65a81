"""The zero-inflated Poisson distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jittor as jt

from zhusuan import random
from zhusuan._tensor import Var
from zhusuan.distributions import constraints
from zhusuan.distributions._counts import SMALLEST_COUNT, is_single
from zhusuan.distributions.base import Distribution, Options
from zhusuan.distributions.parameter import Parameter
from zhusuan.distributions.poisson import POISSON
from zhusuan.formula import Formula

if TYPE_CHECKING:
    from typing_extensions import Unpack

_HELPERS = POISSON + """
// log of gate + (1 - gate) e^-rate: from the difference to 1 where that is small.
template <typename T> ZS_FN T log_prob_of_zero(const T& gate, const T& rate) {
    double p = value(gate) + (1.0 - value(gate)) * exp(-value(rate));
    if (p > 0.5) return log1p((1.0 - gate) * expm1(-rate));
    // e^-rate underflows.
    if (gate == 0.0 && rate > 700.0) return -rate;
    return log(gate + (1.0 - gate) * exp(-rate));
}
template <typename T> ZS_FN T inflated_cdf(double x, const T& gate, const T& rate) {
    return x < 0.0 ? T(0.0) : gate + (1.0 - gate) * poisson_cdf(x, rate);
}
"""
_log_prob = Formula(
    "x, gate, rate",
    """
    if (x < 0.0 || !is_whole(x)) return T(-INF);
    if (x == 0.0) return log_prob_of_zero(gate, rate);
    return gate < 1.0 ? log1p(-gate) + poisson_log_prob(value(x), rate) : T(-INF);
    """,
    constants="x",
    helpers=_HELPERS,
)
_cdf = Formula(
    "x, gate, rate", "return inflated_cdf(value(x), gate, rate);", constants="x",
    helpers=_HELPERS,
)
_icdf = Formula(
    "p, gate, rate, single",
    """
    double zero = value(gate), mean = value(rate), target = value(p);
    if (p < 0.0 || p > 1.0) return T(NOT_A_NUMBER);
    if (mean == 0.0 || zero == 1.0 || target <= zero) return T(0.0);
    if (p == 1.0) return T(INF);
    double inner = (target - zero) / (1.0 - zero);
    double guess = guessed_count(inner, mean, sqrt(mean), 1.0 / sqrt(mean));
    auto cdf = [&](double k) { return inflated_cdf(k, zero, mean); };
    return T(smallest_count(cdf, target, value(single), guess));
    """,
    constants="p, gate, rate, single",
    helpers=_HELPERS + SMALLEST_COUNT,
)
_entropy = Formula(
    "gate, rate",
    """
    if (gate == 1.0 || rate == 0.0) return T(0.0);
    // The sum over x > 0 of P log P for the Poisson part alone is known from its entropy.
    T log_zero = log_prob_of_zero(gate, rate);
    T rest = poisson_entropy(rate) - rate * exp(-rate) + expm1(-rate) * log1p(-gate);
    return (1.0 - gate) * rest - exp(log_zero) * log_zero;
    """,
    helpers=_HELPERS,
)
_mode = Formula(
    "gate, rate",
    """
    if (gate == 1.0) return T(0.0);
    double k = floor(value(rate));
    double log_prob = log1p(-value(gate)) + poisson_log_prob(k, value(rate));
    return T(log_prob > log_prob_of_zero(value(gate), value(rate)) ? k : 0.0);
    """,
    constants="gate, rate",
    helpers=_HELPERS,
)


class ZeroInflatedPoisson(Distribution):
    r"""Poisson distribution with an extra probability :math:`\pi` of a zero.

    .. math::

        p(0) = \pi + (1 - \pi) e^{-\lambda}, \qquad
        p(x) = (1 - \pi) \frac{\lambda^x e^{-\lambda}}{x!} \quad (x > 0)

    (Lambert 1992, Technometrics 34, sec. 1). The log-mass of a number that is negative or not
    whole is :math:`-\infty`.

    :param gate: :math:`\pi`, in [0, 1]; number, array or Var.
    :param rate: mean :math:`\lambda` of the Poisson part, non-negative and finite; broadcasts.
    :param options: see :class:`~zhusuan.distributions.base.Distribution`. Samples are float32,
        which holds whole numbers up to 2^24 and rounds larger ones; ``dtype='int32'`` makes them
        integers.
    :raises ValueError: for a value outside its domain.
    """

    gate = Parameter(constraints.unit_interval)
    rate = Parameter(constraints.nonnegative)
    support = constraints.nonnegative_integer
    is_continuous = False
    is_reparameterizable = False

    def __init__(self, gate: Any, rate: Any, **options: Unpack[Options]) -> None:
        super().__init__({"gate": gate, "rate": rate}, **options)

    def _sample(self, n_samples: int | None) -> Var:
        shape = self.sample_shape(n_samples)
        # u < gate with u in [0, 1): never for a gate of 0, always for 1.
        open_gate = random.uniform(shape, self._param_dtype) < self.gate
        counts = random.poisson(self.rate, shape, self.dtype)
        return jt.ternary(open_gate, jt.zeros_like(counts), counts)

    def _log_prob(self, given: Var) -> Var:
        return _log_prob(given, self.gate, self.rate)

    @property
    def mean(self) -> Var:
        """The mean, (1 - gate) rate."""
        return (1.0 - self.gate) * self.rate

    @property
    def variance(self) -> Var:
        """The variance, (1 - gate) rate (1 + gate rate)."""
        return self.mean * (1.0 + self.gate * self.rate)

    @property
    def mode(self) -> Var:
        """The mode: 0, or the rate rounded down if that has more mass."""
        return _mode(self.gate, self.rate)

    def _entropy(self) -> Var:
        return _entropy(self.gate, self.rate)

    def _cdf(self, given: Var) -> Var:
        return _cdf(given, self.gate, self.rate)

    def _icdf(self, probability: Var) -> Var:
        return _icdf(probability, self.gate, self.rate, is_single(probability))
