"""The gamma distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jittor as jt

from zhusuan import random
from zhusuan._tensor import Var
from zhusuan.distributions import constraints
from zhusuan.distributions.base import Distribution, Options
from zhusuan.distributions.implicit import with_gradient
from zhusuan.distributions.parameter import Parameter
from zhusuan.formula import Formula

if TYPE_CHECKING:
    from typing_extensions import Unpack

_log_prob = Formula(
    "x, alpha, beta",
    """
    if (x < 0.0) return T(-INF);
    if (x == 0.0) return alpha > 1.0 ? T(-INF) : alpha < 1.0 ? T(INF) : log(beta);
    return alpha * log(beta) - lgamma(alpha) + (alpha - 1.0) * log(x) - beta * x;
    """,
)
_entropy = Formula(
    "alpha, beta",
    "return alpha - log(beta) + lgamma(alpha) + (1.0 - alpha) * digamma(alpha);",
)
_cdf = Formula("x, alpha, beta", "return x > 0.0 ? igamma(alpha, beta * x) : T(0.0);")
_icdf = Formula("p, alpha, beta", "return igammainv(alpha, p) / beta;")
_slope = Formula(
    "z, alpha", "return T(gamma_sample_da(value(alpha), value(z)));", constants="z, alpha"
)


class Gamma(Distribution):
    r"""Gamma distribution with shape :math:`\alpha` and rate :math:`\beta`.

    .. math:: \log p(x) = \alpha \log\beta - \log\Gamma(\alpha) + (\alpha - 1) \log x - \beta x

    (Johnson, Kotz and Balakrishnan 1994, vol. 1, eq. 17.23 with rate :math:`1 / \beta`). Samples
    carry implicit gradients to :math:`\alpha` (:mod:`zhusuan.distributions.implicit`).

    :param alpha: shape, positive; number, array or Var.
    :param beta: rate (inverse scale), positive; broadcasts with ``alpha``.
    :param options: see :class:`~zhusuan.distributions.base.Distribution`.
    :raises ValueError: for a value outside its domain.
    """

    alpha = Parameter(constraints.positive)
    beta = Parameter(constraints.positive)
    support = constraints.nonnegative
    is_continuous = True
    is_reparameterizable = True

    def __init__(self, alpha: Any, beta: Any, **options: Unpack[Options]) -> None:
        super().__init__({"alpha": alpha, "beta": beta}, **options)

    def _sample(self, n_samples: int | None) -> Var:
        shape = self.sample_shape(n_samples)
        z = random.standard_gamma(self.alpha, shape, self._param_dtype)
        return with_gradient(z, {"alpha": self.alpha}, alpha=_slope) / self.beta

    def _log_prob(self, given: Var) -> Var:
        return _log_prob(given, self.alpha, self.beta)

    @property
    def mean(self) -> Var:
        """The mean, alpha / beta."""
        return self.alpha / self.beta

    @property
    def variance(self) -> Var:
        """The variance, alpha / beta^2."""
        return self.alpha / (self.beta * self.beta)

    @property
    def mode(self) -> Var:
        """The mode, (alpha - 1) / beta; 0 for alpha below 1, where the density is unbounded."""
        return jt.maximum(self.alpha - 1.0, 0.0) / self.beta

    def _entropy(self) -> Var:
        # Cover and Thomas 2006, table 17.1.
        return _entropy(self.alpha, self.beta)

    def _cdf(self, given: Var) -> Var:
        return _cdf(given, self.alpha, self.beta)

    def _icdf(self, probability: Var) -> Var:
        return _icdf(probability, self.alpha, self.beta)
