"""The half-Cauchy distribution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import jittor as jt

from zhusuan import random
from zhusuan._tensor import Var, constant
from zhusuan.distributions import constraints
from zhusuan.distributions._limits import positive_range
from zhusuan.distributions.base import Distribution, Options
from zhusuan.distributions.parameter import Parameter
from zhusuan.formula import Formula

if TYPE_CHECKING:
    from typing_extensions import Unpack

_log_prob = Formula(
    "x, scale",
    """
    if (x < 0.0 || is_inf(value(x))) return T(-INF);
    T z = x / scale;
    return LOG_2 - LOG_PI - log(scale) - log1p(z * z);
    """,
)
_cdf = Formula(
    "x, scale",
    """
    if (x <= 0.0) return T(0.0);
    return is_inf(value(x)) ? T(1.0) : atan(x / scale) * (2.0 / PI);
    """,
)
_icdf = Formula(
    "p, scale",
    """
    if (p < 0.0 || p > 1.0) return T(NOT_A_NUMBER);
    if (p == 1.0) return T(INF);
    return scale * (p < 0.5 ? tan(0.5 * PI * p) : 1.0 / tan(0.5 * PI * (1.0 - p)));
    """,
)


class HalfCauchy(Distribution):
    r"""Half-Cauchy distribution: the absolute value of a Cauchy variable around 0.

    .. math:: \log p(x) = \log\frac{2}{\pi\gamma}
                          - \log\left(1 + \frac{x^2}{\gamma^2}\right), \qquad x \ge 0

    (Gelman 2006, as the prior of a standard deviation). Its mean is infinite.

    :param scale: :math:`\gamma`, the median, positive; number, array or Var.
    :param options: see :class:`~zhusuan.distributions.base.Distribution`.
    :raises ValueError: for a value outside its domain.
    """

    scale = Parameter(constraints.positive)
    support = constraints.nonnegative
    is_continuous = True
    is_reparameterizable = True

    def __init__(self, scale: Any, **options: Unpack[Options]) -> None:
        super().__init__({"scale": scale}, **options)

    def _sample(self, n_samples: int | None) -> Var:
        noise = random.standard_cauchy(self.sample_shape(n_samples), self._param_dtype)
        # Noise goes up to 1e16: a scale above 1e22 takes it out of the range of float32.
        _, largest = positive_range(self.dtype, self._param_dtype)
        return jt.minimum(self.scale * jt.abs(noise), largest)

    def _log_prob(self, given: Var) -> Var:
        return _log_prob(given, self.scale)

    @property
    def mean(self) -> Var:
        """Infinite: the integral diverges."""
        return jt.full(list(self.batch_shape), math.inf, self._param_dtype)

    @property
    def variance(self) -> Var:
        """Infinite, like the mean."""
        return self.mean

    @property
    def stddev(self) -> Var:
        """Infinite, like the mean."""
        return self.mean

    @property
    def mode(self) -> Var:
        """Zero, where the density is highest."""
        return jt.zeros(list(self.batch_shape), self._param_dtype)

    def _entropy(self) -> Var:
        # That of the Cauchy distribution less log 2.
        return jt.log(self.scale) + constant(math.log(2.0 * math.pi), self.scale)

    def _cdf(self, given: Var) -> Var:
        return _cdf(given, self.scale)

    def _icdf(self, probability: Var) -> Var:
        return _icdf(probability, self.scale)
