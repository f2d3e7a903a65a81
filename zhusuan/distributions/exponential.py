"""The exponential distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jittor as jt

from zhusuan import random
from zhusuan._tensor import Var
from zhusuan.distributions import constraints
from zhusuan.distributions.base import Distribution, Options
from zhusuan.distributions.parameter import Parameter
from zhusuan.formula import Formula

if TYPE_CHECKING:
    from typing_extensions import Unpack

_log_prob = Formula("x, rate", "return x < 0.0 ? T(-INF) : log(rate) - rate * x;")
_cdf = Formula("x, rate", "return x > 0.0 ? -expm1(-rate * x) : T(0.0);")
_icdf = Formula(
    "p, rate",
    """
    if (p < 0.0 || p > 1.0) return T(NOT_A_NUMBER);
    return p == 1.0 ? T(INF) : -log1p(-p) / rate;
    """,
)


class Exponential(Distribution):
    r"""Exponential distribution with rate :math:`\lambda`.

    .. math:: \log p(x) = \log\lambda - \lambda x

    (Gelman et al. 2013, table A.1).

    :param rate: :math:`\lambda`, positive; number, array or Var. The mean is its inverse.
    :param options: see :class:`~zhusuan.distributions.base.Distribution`.
    :raises ValueError: for a value outside its domain.
    """

    rate = Parameter(constraints.positive)
    support = constraints.nonnegative
    is_continuous = True
    is_reparameterizable = True

    def __init__(self, rate: Any, **options: Unpack[Options]) -> None:
        super().__init__({"rate": rate}, **options)

    def _sample(self, n_samples: int | None) -> Var:
        shape = self.sample_shape(n_samples)
        return random.standard_exponential(shape, self._param_dtype) / self.rate

    def _log_prob(self, given: Var) -> Var:
        return _log_prob(given, self.rate)

    @property
    def mean(self) -> Var:
        """The mean, 1 / rate."""
        return 1.0 / self.rate

    @property
    def variance(self) -> Var:
        """The variance, 1 / rate^2."""
        return 1.0 / (self.rate * self.rate)

    @property
    def mode(self) -> Var:
        """The mode, 0."""
        return jt.zeros_like(self.rate)

    def _entropy(self) -> Var:
        # Cover and Thomas 2006, table 17.1.
        return 1.0 - jt.log(self.rate)

    def _cdf(self, given: Var) -> Var:
        return _cdf(given, self.rate)

    def _icdf(self, probability: Var) -> Var:
        return _icdf(probability, self.rate)
