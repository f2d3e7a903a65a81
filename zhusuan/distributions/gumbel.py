"""The Gumbel distribution."""

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

_EULER_GAMMA = 0.57721566490153286061

_log_prob = Formula(
    "x, loc, scale",
    """
    if (is_inf(value(x))) return T(-INF);
    T z = (x - loc) / scale;
    return -z - exp(-z) - log(scale);
    """,
)
_cdf = Formula(
    "x, loc, scale",
    """
    if (is_inf(value(x))) return T(x > 0.0 ? 1.0 : 0.0);
    T z = (x - loc) / scale;
    // exp(-exp(7)) is below the range of a double; exp(-z) itself overflows further down.
    return z < -7.0 ? T(0.0) : exp(-exp(-z));
    """,
)
_icdf = Formula(
    "p, loc, scale",
    """
    if (p < 0.0 || p > 1.0) return T(NOT_A_NUMBER);
    if (p == 0.0 || p == 1.0) return T(p > 0.0 ? INF : -INF);
    return loc - scale * log(-log(p));
    """,
)


class Gumbel(Distribution):
    r"""Gumbel distribution of maxima, with location :math:`\mu` and scale :math:`\beta`.

    .. math:: \log p(x) = -z - e^{-z} - \log\beta, \qquad z = \frac{x - \mu}{\beta}

    (Johnson, Kotz and Balakrishnan 1995, vol. 2, ch. 22).

    :param loc: :math:`\mu`, the mode, finite; number, array or Var.
    :param scale: :math:`\beta`, positive; broadcasts with ``loc``.
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
        noise = random.standard_gumbel(self.sample_shape(n_samples), self._param_dtype)
        return self.loc + self.scale * noise

    def _log_prob(self, given: Var) -> Var:
        return _log_prob(given, self.loc, self.scale)

    @property
    def mean(self) -> Var:
        """The location plus Euler's constant times the scale."""
        return self.loc + self.scale * constant(_EULER_GAMMA, self.scale)

    @property
    def variance(self) -> Var:
        """The variance, pi^2 / 6 times the squared scale."""
        return self._full(self.scale * self.scale * constant(math.pi**2 / 6.0, self.scale))

    @property
    def mode(self) -> Var:
        """The location."""
        return self._full(self.loc)

    def _entropy(self) -> Var:
        # E z = gamma and E exp(-z) = 1 in the formula of the log-density.
        return jt.log(self.scale) + constant(1.0 + _EULER_GAMMA, self.scale)

    def _cdf(self, given: Var) -> Var:
        return _cdf(given, self.loc, self.scale)

    def _icdf(self, probability: Var) -> Var:
        return _icdf(probability, self.loc, self.scale)
