"""The von Mises distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zhusuan import random
from zhusuan._tensor import Var
from zhusuan.distributions import constraints
from zhusuan.distributions.base import Distribution, Options
from zhusuan.distributions.implicit import with_gradient
from zhusuan.distributions.parameter import Parameter
from zhusuan.formula import Formula

if TYPE_CHECKING:
    from typing_extensions import Unpack

_HELPERS = """
// The number of turns by which an angle is off [-pi, pi).
template <typename T> ZS_FN double turns(const T& x) { return floor((value(x) + PI) / TWO_PI); }
template <typename T> ZS_FN T wrap(const T& x) { return x - TWO_PI * turns(x); }
// The cdf for location 0, continued to all angles: one more with each turn.
template <typename T> ZS_FN T unwrapped_cdf(const T& x, const T& kappa) {
    return turns(x) + von_mises_cdf(wrap(x), kappa);
}
// 1 - I1(kappa) / I0(kappa); the difference has no digits left for large kappa, where its
// expansion is that of DLMF 10.40.1.
template <typename T> ZS_FN T circular_variance(const T& kappa) {
    if (kappa > 1e6) return (0.5 + 0.125 / kappa) / kappa;
    return 1.0 - i1_over_i0(kappa);
}
"""

_log_prob = Formula(
    "x, loc, kappa",
    """
    if (fabs(value(x)) > 3.1415928) return T(-INF);
    // cos(x - loc) - 1, whose 1 is the e^-kappa of i0e
    T s = sin(0.5 * (x - loc));
    return -2.0 * kappa * s * s - LOG_2PI - log_i0e(kappa);
    """,
)
_wrap = Formula("x", "return wrap(x);", helpers=_HELPERS)
_variance = Formula("kappa", "return circular_variance(kappa);", helpers=_HELPERS)
_entropy = Formula(
    "kappa",
    "return LOG_2PI + log(i0e(kappa)) + kappa * circular_variance(kappa);",
    helpers=_HELPERS,
)
_cdf = Formula(
    "x, loc, kappa",
    """
    if (x <= -PI || x >= PI) return T(x > 0.0 ? 1.0 : 0.0);
    return unwrapped_cdf(T(x - loc), kappa) - unwrapped_cdf(T(-PI - loc), kappa);
    """,
    helpers=_HELPERS,
)
_icdf = Formula(
    "p, loc, kappa",
    """
    if (p < 0.0 || p > 1.0) return T(NOT_A_NUMBER);
    if (p == 0.0 || p == 1.0) return T(p > 0.0 ? PI : -PI);
    T around = wrap(loc);
    T q = p + unwrapped_cdf(T(-PI - around), kappa);
    double n = floor(value(q));
    T x = around + TWO_PI * n + von_mises_icdf(T(q - n), kappa);
    return x < -PI ? T(-PI) : x > PI ? T(PI) : x;
    """,
    helpers=_HELPERS,
)
_slope = Formula(
    "z, kappa",
    "return T(von_mises_sample_dkappa(value(z), value(kappa)));",
    constants="z, kappa",
)


class VonMises(Distribution):
    r"""Von Mises distribution of angles: the normal distribution's counterpart on the circle.

    .. math:: \log p(x) = \kappa \cos(x - \mu) - \log 2\pi I_0(\kappa), \qquad -\pi \le x \le \pi

    (Mardia and Jupp 2000, eq. 3.5.17). Angles are those from :math:`-\pi` to :math:`\pi`; others
    have the log-density :math:`-\infty`, so wrap data first. ``mean`` and ``variance`` are the
    circular ones, as a circle has no others.

    Samples carry implicit gradients to :math:`\kappa` (:mod:`zhusuan.distributions.implicit`);
    with :math:`\mu` they turn around the circle. Both gradients are right for expectations of
    functions that are continuous on the circle, the same at :math:`\pi` and :math:`-\pi`.

    :param loc: :math:`\mu`, any finite angle in radians; number, array or Var.
    :param concentration: :math:`\kappa`, likewise, non-negative and finite; 0 is the uniform
        distribution. Broadcasts with ``loc``.
    :param options: see :class:`~zhusuan.distributions.base.Distribution`.
    :raises ValueError: for a value outside its domain.
    """

    loc = Parameter(constraints.real)
    concentration = Parameter(constraints.nonnegative)
    support = constraints.angle
    is_continuous = True
    is_reparameterizable = True

    def __init__(self, loc: Any, concentration: Any, **options: Unpack[Options]) -> None:
        super().__init__({"loc": loc, "concentration": concentration}, **options)

    def _sample(self, n_samples: int | None) -> Var:
        shape = self.sample_shape(n_samples)
        z = random.von_mises(0.0, self.concentration, shape, self._param_dtype)
        parameters = {"concentration": self.concentration}
        return _wrap(with_gradient(z, parameters, concentration=_slope) + self.loc)

    def _log_prob(self, given: Var) -> Var:
        return _log_prob(given, self.loc, self.concentration)

    @property
    def mean(self) -> Var:
        """The circular mean: the location, wrapped to [-pi, pi]."""
        return self._full(_wrap(self.loc))

    @property
    def variance(self) -> Var:
        """The circular variance, 1 - E cos(x - loc) (Mardia and Jupp 2000, sec. 3.4)."""
        return self._full(_variance(self.concentration))

    @property
    def mode(self) -> Var:
        """The location, wrapped to [-pi, pi]."""
        return self.mean

    def _entropy(self) -> Var:
        # The mean of cos(x - loc) is I1 / I0 (Mardia and Jupp 2000, sec. 3.5.4).
        return _entropy(self.concentration)

    def _cdf(self, given: Var) -> Var:
        return _cdf(given, self.loc, self.concentration)

    def _icdf(self, probability: Var) -> Var:
        return _icdf(probability, self.loc, self.concentration)
