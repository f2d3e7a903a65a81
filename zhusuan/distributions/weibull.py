"""The Weibull distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zhusuan import random
from zhusuan._tensor import Var
from zhusuan.distributions import constraints
from zhusuan.distributions._limits import positive_range
from zhusuan.distributions.base import Distribution, Options
from zhusuan.distributions.parameter import Parameter
from zhusuan.formula import Formula

if TYPE_CHECKING:
    from typing_extensions import Unpack

_log_prob = Formula(
    "x, scale, concentration",
    """
    const T& k = concentration;
    if (x < 0.0) return T(-INF);
    if (x == 0.0) return k > 1.0 ? T(-INF) : k < 1.0 ? T(INF) : -log(scale);
    T log_ratio = log(x) - log(scale);
    return log(k) - log(scale) + (k - 1.0) * log_ratio - exp(k * log_ratio);
    """,
)
_entropy = Formula(
    "scale, concentration",
    "return EULER_GAMMA * (1.0 - 1.0 / concentration) + log(scale / concentration) + 1.0;",
)
_mean = Formula(
    "scale, concentration", "return scale * exp(lgamma1p(T(1.0 / concentration)));"
)
# scale^2 (Gamma(1 + 2/k) - Gamma(1 + 1/k)^2), whose terms agree in all digits for large k.
_variance = Formula(
    "scale, concentration",
    """
    T r = 1.0 / concentration;
    T twice = 2.0 * lgamma1p(r), second = lgamma1p(T(2.0 * r));
    if (second > 700.0) return T(INF);
    return scale * scale * exp(twice) * expm1(second - twice);
    """,
)
_mode = Formula(
    "scale, concentration",
    """
    const T& k = concentration;
    return k > 1.0 ? scale * exp(log1p(-1.0 / k) / k) : T(0.0);
    """,
)
_cdf = Formula(
    "x, scale, concentration",
    "return x > 0.0 ? -expm1(-exp(concentration * (log(x) - log(scale)))) : T(0.0);",
)
_icdf = Formula(
    "p, scale, concentration",
    """
    if (p <= 0.0 || p >= 1.0) return T(p == 0.0 ? 0.0 : p == 1.0 ? INF : NOT_A_NUMBER);
    return scale * exp(log(-log1p(-p)) / concentration);
    """,
)
_from_exponential = Formula(
    "e, scale, concentration, smallest, largest",
    """
    T x = scale * exp(log(e) / concentration);
    return x < smallest ? smallest : x > largest ? largest : x;
    """,
    constants="e, smallest, largest",
)


class Weibull(Distribution):
    r"""Weibull distribution with scale :math:`\lambda` and concentration :math:`k`.

    .. math::

        \log p(x) = \log\frac k\lambda + (k - 1) \log\frac x\lambda
                  - \left(\frac x\lambda\right)^k

    (Johnson, Kotz and Balakrishnan 1994, vol. 1, ch. 21).

    :param scale: :math:`\lambda`, positive; number, array or Var.
    :param concentration: :math:`k`, the shape, positive; broadcasts with ``scale``.
    :param options: see :class:`~zhusuan.distributions.base.Distribution`.
    :raises ValueError: for a value outside its domain.
    """

    scale = Parameter(constraints.positive)
    concentration = Parameter(constraints.positive)
    support = constraints.nonnegative
    is_continuous = True
    is_reparameterizable = True

    def __init__(self, scale: Any, concentration: Any, **options: Unpack[Options]) -> None:
        super().__init__({"scale": scale, "concentration": concentration}, **options)

    def _sample(self, n_samples: int | None) -> Var:
        e = random.standard_exponential(self.sample_shape(n_samples), self._param_dtype)
        limits = positive_range(self.dtype, self._param_dtype)
        return _from_exponential(e, self.scale, self.concentration, *limits)

    def _log_prob(self, given: Var) -> Var:
        return _log_prob(given, self.scale, self.concentration)

    @property
    def mean(self) -> Var:
        """The mean, scale Gamma(1 + 1 / k) with k the concentration."""
        return _mean(self.scale, self.concentration)

    @property
    def variance(self) -> Var:
        """The variance, scale^2 (Gamma(1 + 2 / k) - Gamma(1 + 1 / k)^2)."""
        return _variance(self.scale, self.concentration)

    @property
    def mode(self) -> Var:
        """The mode, scale (1 - 1 / k)^(1 / k); 0 for k below 1, where the density is unbounded."""
        return _mode(self.scale, self.concentration)

    def _entropy(self) -> Var:
        # Cover and Thomas 2006, table 17.1.
        return _entropy(self.scale, self.concentration)

    def _cdf(self, given: Var) -> Var:
        return _cdf(given, self.scale, self.concentration)

    def _icdf(self, probability: Var) -> Var:
        return _icdf(probability, self.scale, self.concentration)
