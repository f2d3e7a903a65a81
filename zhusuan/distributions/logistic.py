"""The logistic distribution."""

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
    "x, loc, scale",
    """
    if (is_inf(value(x))) return T(-INF);
    T z = (x - loc) / scale;
    return log_sigmoid(z) + log_sigmoid(T(-z)) - log(scale);
    """,
)
_cdf = Formula(
    "x, loc, scale",
    """
    if (is_inf(value(x))) return T(x > 0.0 ? 1.0 : 0.0);
    return sigmoid(T((x - loc) / scale));
    """,
)
_icdf = Formula(
    "p, loc, scale",
    """
    if (p == 0.0 || p == 1.0) return T(p > 0.0 ? INF : -INF);
    return loc + scale * logit(p);
    """,
)


class Logistic(Distribution):
    r"""Logistic distribution with location :math:`\mu` and scale :math:`s`.

    .. math:: \log p(x) = -z - 2 \log(1 + e^{-z}) - \log s, \qquad z = \frac{x - \mu}{s}

    (Johnson, Kotz and Balakrishnan 1995, vol. 2, ch. 23).

    :param loc: :math:`\mu`, finite; number, array or Var.
    :param scale: :math:`s`, positive; broadcasts with ``loc``.
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
        noise = random.standard_logistic(self.sample_shape(n_samples), self._param_dtype)
        return self.loc + self.scale * noise

    def _log_prob(self, given: Var) -> Var:
        return _log_prob(given, self.loc, self.scale)

    @property
    def mean(self) -> Var:
        """The location."""
        return self._full(self.loc)

    @property
    def variance(self) -> Var:
        """The variance, pi^2 / 3 times the squared scale."""
        return self._full(self.scale * self.scale * constant(math.pi**2 / 3.0, self.scale))

    @property
    def mode(self) -> Var:
        """The location."""
        return self._full(self.loc)

    def _entropy(self) -> Var:
        # Cover and Thomas 2006, table 17.1.
        return jt.log(self.scale) + 2.0

    def _cdf(self, given: Var) -> Var:
        return _cdf(given, self.loc, self.scale)

    def _icdf(self, probability: Var) -> Var:
        return _icdf(probability, self.loc, self.scale)
