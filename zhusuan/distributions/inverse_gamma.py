"""The inverse-gamma distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zhusuan import random
from zhusuan._tensor import Var
from zhusuan.distributions import constraints
from zhusuan.distributions._limits import positive_range
from zhusuan.distributions.base import Distribution, Options
from zhusuan.distributions.implicit import with_gradient
from zhusuan.distributions.parameter import Parameter
from zhusuan.formula import Formula

if TYPE_CHECKING:
    from typing_extensions import Unpack

_log_prob = Formula(
    "x, alpha, beta",
    """
    if (x <= 0.0) return T(-INF);
    return igamma_log_prefix(alpha, T(beta / x)) + log(alpha) - log(x);
    """,
)
_entropy = Formula(
    "alpha, beta",
    "return alpha + log(beta) + lgamma(alpha) - (1.0 + alpha) * digamma(alpha);",
)
_mean = Formula("alpha, beta", "return alpha > 1.0 ? beta / (alpha - 1.0) : T(INF);")
_variance = Formula(
    "alpha, beta",
    """
    if (alpha <= 2.0) return T(INF);
    T mean = beta / (alpha - 1.0);
    return mean * mean / (alpha - 2.0);
    """,
)
_cdf = Formula("x, alpha, beta", "return x > 0.0 ? igammac(alpha, beta / x) : T(0.0);")
_icdf = Formula("p, alpha, beta", "return beta / igammacinv(alpha, p);")
_inverse = Formula(
    "log_z, beta, smallest, largest",
    """
    T x = beta * exp(-log_z);
    return x < smallest ? smallest : x > largest ? largest : x;
    """,
    constants="smallest, largest",
)
_log_slope = Formula(
    "log_z, alpha",
    "return T(log_gamma_sample_da(value(alpha), value(log_z)));",
    constants="log_z, alpha",
)


class InverseGamma(Distribution):
    r"""Inverse-gamma distribution: that of 1 / x where x is gamma distributed.

    .. math::

        \log p(x) = \alpha \log\beta - \log\Gamma(\alpha) - (\alpha + 1) \log x - \frac{\beta}{x}

    (Gelman et al. 2013, table A.1). Samples carry gradients to both parameters, implicit ones to
    :math:`\alpha` (:mod:`zhusuan.distributions.implicit`).

    :param alpha: shape, positive; number, array or Var.
    :param beta: scale, positive; broadcasts with ``alpha``.
    :param options: see :class:`~zhusuan.distributions.base.Distribution`.
    :raises ValueError: for a value outside its domain.
    """

    alpha = Parameter(constraints.positive)
    beta = Parameter(constraints.positive)
    support = constraints.positive
    is_continuous = True
    is_reparameterizable = True

    def __init__(self, alpha: Any, beta: Any, **options: Unpack[Options]) -> None:
        super().__init__({"alpha": alpha, "beta": beta}, **options)

    def _sample(self, n_samples: int | None) -> Var:
        # By the log of the gamma draw, which for small alpha is itself too small for a float.
        shape = self.sample_shape(n_samples)
        log_z = random.log_standard_gamma(self.alpha, shape, self._param_dtype)
        log_z = with_gradient(log_z, {"alpha": self.alpha}, alpha=_log_slope)
        return _inverse(log_z, self.beta, *positive_range(self.dtype, self._param_dtype))

    def _log_prob(self, given: Var) -> Var:
        return _log_prob(given, self.alpha, self.beta)

    @property
    def mean(self) -> Var:
        """The mean, beta / (alpha - 1); infinite for alpha <= 1."""
        return _mean(self.alpha, self.beta)

    @property
    def variance(self) -> Var:
        """The variance, beta^2 / ((alpha - 1)^2 (alpha - 2)); infinite for alpha <= 2."""
        return _variance(self.alpha, self.beta)

    @property
    def mode(self) -> Var:
        """The mode, beta / (alpha + 1)."""
        return self.beta / (self.alpha + 1.0)

    def _entropy(self) -> Var:
        # The mean of -log p, with E log x = log(beta) - digamma(alpha) and E 1/x = alpha / beta.
        return _entropy(self.alpha, self.beta)

    def _cdf(self, given: Var) -> Var:
        return _cdf(given, self.alpha, self.beta)

    def _icdf(self, probability: Var) -> Var:
        return _icdf(probability, self.alpha, self.beta)
