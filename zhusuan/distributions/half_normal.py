"""The half-normal distribution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import jittor as jt

from zhusuan import random
from zhusuan._tensor import Var, constant
from zhusuan.distributions import constraints
from zhusuan.distributions.base import Distribution, Options
from zhusuan.distributions.parameter import Parameter
from zhusuan.formula import Formula

if TYPE_CHECKING:
    from typing_extensions import Unpack

_log_prob = Formula(
    "x, scale",
    """
    if (x < 0.0) return T(-INF);
    T z = x / scale;
    return LOG_2 - 0.5 * LOG_2PI - log(scale) - 0.5 * z * z;
    """,
)
_cdf = Formula("x, scale", "return x > 0.0 ? erf(x / (SQRT_2 * scale)) : T(0.0);")
_icdf = Formula(
    "p, scale",
    "return p < 0.0 ? T(NOT_A_NUMBER) : SQRT_2 * scale * erfinv(p);",
)


class HalfNormal(Distribution):
    r"""Half-normal distribution: that of :math:`|x|` where x is :math:`\mathrm{N}(0, \sigma^2)`.

    .. math:: \log p(x) = \tfrac12 \log\frac2\pi - \log\sigma - \frac{x^2}{2\sigma^2}

    (Leone, Nelson and Nottingham 1961, for a mean of 0).

    :param scale: :math:`\sigma`, positive; number, array or Var.
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
        noise = random.standard_normal(self.sample_shape(n_samples), self._param_dtype)
        return self.scale * jt.abs(noise)

    def _log_prob(self, given: Var) -> Var:
        return _log_prob(given, self.scale)

    @property
    def mean(self) -> Var:
        """The mean, scale sqrt(2 / pi)."""
        return self.scale * constant(math.sqrt(2.0 / math.pi), self.scale)

    @property
    def variance(self) -> Var:
        """The variance, scale^2 (1 - 2 / pi)."""
        return self.scale * self.scale * constant(1.0 - 2.0 / math.pi, self.scale)

    @property
    def mode(self) -> Var:
        """The mode, 0."""
        return jt.zeros_like(self.scale)

    def _entropy(self) -> Var:
        # That of the normal distribution less log 2: folding halves the volume.
        return jt.log(self.scale) + constant(
            0.5 * (1.0 + math.log(0.5 * math.pi)), self.scale
        )

    def _cdf(self, given: Var) -> Var:
        return _cdf(given, self.scale)

    def _icdf(self, probability: Var) -> Var:
        return _icdf(probability, self.scale)
