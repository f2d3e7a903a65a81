"""The Cauchy distribution."""

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
    "x, loc, scale",
    """
    if (is_inf(value(x))) return T(-INF);
    T z = (x - loc) / scale;
    return -LOG_PI - log(scale) - log1p(z * z);
    """,
)
_cdf = Formula(
    "x, loc, scale",
    """
    if (is_inf(value(x))) return T(x > 0.0 ? 1.0 : 0.0);
    T z = (x - loc) / scale;
    // 1/2 + arctan(z) / pi has no digits left in the lower tail.
    return z < -1.0 ? atan(-1.0 / z) / PI : 0.5 + atan(z) / PI;
    """,
)
_icdf = Formula(
    "p, loc, scale",
    """
    if (p < 0.0 || p > 1.0) return T(NOT_A_NUMBER);
    if (p == 0.0 || p == 1.0) return T(p > 0.0 ? INF : -INF);
    T z = p < 0.25 ? -1.0 / tan(PI * p)
        : p > 0.75 ? 1.0 / tan(PI * (1.0 - p)) : tan(PI * (p - 0.5));
    return loc + scale * z;
    """,
)


class Cauchy(Distribution):
    r"""Cauchy distribution with location :math:`x_0` and scale :math:`\gamma`.

    .. math:: \log p(x) = -\log \pi\gamma
                          - \log\left(1 + \left(\frac{x - x_0}{\gamma}\right)^2\right)

    (Johnson, Kotz and Balakrishnan 1994, vol. 1, eq. 16.1). It has neither mean nor variance.

    :param loc: :math:`x_0`, the median, finite; number, array or Var.
    :param scale: :math:`\gamma`, half the quartiles' distance, positive; broadcasts with ``loc``.
    :param options: see :class:`~zhusuan.distributions.base.Distribution`.
    :raises ValueError: for a value outside its domain.
    """

    loc = Parameter(constraints.real)
    scale = Parameter(constraints.positive)
    support = constraints.real
    is_continuous = True
    is_reparameterizable = True

    def __init__(self, loc: Any, scale: Any, **options: Unpack[Options]) -> None:
        super().__init__({"loc": loc, "scale": scale}, **options)

    def _sample(self, n_samples: int | None) -> Var:
        noise = random.standard_cauchy(self.sample_shape(n_samples), self._param_dtype)
        x = self.loc + self.scale * noise
        # Noise goes up to 1e16: a scale above 1e22 takes it out of the range of float32.
        _, largest = positive_range(self.dtype, self._param_dtype)
        return jt.maximum(jt.minimum(x, largest), -largest)

    def _log_prob(self, given: Var) -> Var:
        return _log_prob(given, self.loc, self.scale)

    @property
    def mean(self) -> Var:
        """NaN: the integral does not exist."""
        return jt.full(list(self.batch_shape), math.nan, self._param_dtype)

    @property
    def variance(self) -> Var:
        """NaN, like the mean."""
        return self.mean

    @property
    def stddev(self) -> Var:
        """NaN, like the mean."""
        return self.mean

    @property
    def mode(self) -> Var:
        """The location."""
        return self._full(self.loc)

    def _entropy(self) -> Var:
        # Cover and Thomas 2006, table 17.1.
        return jt.log(self.scale) + constant(math.log(4.0 * math.pi), self.scale)

    def _cdf(self, given: Var) -> Var:
        return _cdf(given, self.loc, self.scale)

    def _icdf(self, probability: Var) -> Var:
        return _icdf(probability, self.loc, self.scale)
