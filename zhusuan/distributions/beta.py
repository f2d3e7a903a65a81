"""The beta distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zhusuan import random
from zhusuan._tensor import Var
from zhusuan.distributions import constraints
from zhusuan.distributions._limits import unit_range
from zhusuan.distributions.base import Distribution, Options
from zhusuan.distributions.implicit import with_gradient
from zhusuan.distributions.parameter import Parameter
from zhusuan.formula import Formula

if TYPE_CHECKING:
    from typing_extensions import Unpack

_log_prob = Formula(
    "x, alpha, beta",
    """
    if (x < 0.0 || x > 1.0) return T(-INF);
    if (x == 0.0) return alpha > 1.0 ? T(-INF) : alpha < 1.0 ? T(INF) : log(beta);
    if (x == 1.0) return beta > 1.0 ? T(-INF) : beta < 1.0 ? T(INF) : log(alpha);
    UnitPoint<T> u = unit_point(x);
    return betainc_log_prefix(alpha, beta, u) - u.log_x - u.log_y;
    """,
)
_entropy = Formula(
    "alpha, beta",
    """
    T n = alpha + beta;
    return betaln(alpha, beta) - (alpha - 1.0) * digamma(alpha) - (beta - 1.0) * digamma(beta)
           + (n - 2.0) * digamma(n);
    """,
)
_mean = Formula("alpha, beta", "return alpha / (alpha + beta);")
_variance = Formula(
    "alpha, beta",
    "T n = alpha + beta; return (alpha / n) * (beta / n) / (n + 1.0);",
)
_mode = Formula(
    "alpha, beta",
    """
    if (alpha > 1.0 && beta > 1.0) return (alpha - 1.0) / (alpha + beta - 2.0);
    return T(alpha <= beta ? 0.0 : 1.0);
    """,
)
_cdf = Formula(
    "x, alpha, beta",
    "return x <= 0.0 ? T(0.0) : x >= 1.0 ? T(1.0) : betainc(alpha, beta, x);",
)
_icdf = Formula("p, alpha, beta", "return betaincinv(alpha, beta, p);")
_from_logit = Formula(
    "logit, smallest, largest",
    "T x = sigmoid(logit); return x < smallest ? smallest : x > largest ? largest : x;",
    constants="logit, smallest, largest",
)
# The derivative of the logit times x (1 - x), from the logit: the sample may have been rounded to
# one end of the interval or clipped to it, and would have no digits of its distance left.
_SLOPE = """
    double l = value(logit);
    return T(sigmoid(l) * sigmoid(-l) * {}(value(alpha), value(beta), l));
"""
_slope_alpha = Formula(
    "logit, alpha, beta", _SLOPE.format("beta_logit_sample_da"), constants="logit, alpha, beta"
)
_slope_beta = Formula(
    "logit, alpha, beta", _SLOPE.format("beta_logit_sample_db"), constants="logit, alpha, beta"
)


class Beta(Distribution):
    r"""Beta distribution over [0, 1] with weights :math:`\alpha` and :math:`\beta`.

    .. math:: \log p(x) = (\alpha - 1) \log x + (\beta - 1) \log(1 - x) - \log B(\alpha, \beta)

    (Gelman et al. 2013, table A.1). Samples are within the open interval, whatever the weights,
    and carry implicit gradients to both (:mod:`zhusuan.distributions.implicit`).

    :param alpha: weight of x, positive; number, array or Var.
    :param beta: weight of 1 - x, positive; broadcasts with ``alpha``.
    :param options: see :class:`~zhusuan.distributions.base.Distribution`.
    :raises ValueError: for a value outside its domain.
    """

    alpha = Parameter(constraints.positive)
    beta = Parameter(constraints.positive)
    support = constraints.unit_interval
    is_continuous = True
    is_reparameterizable = True

    def __init__(self, alpha: Any, beta: Any, **options: Unpack[Options]) -> None:
        super().__init__({"alpha": alpha, "beta": beta}, **options)

    def _sample(self, n_samples: int | None) -> Var:
        shape = self.sample_shape(n_samples)
        logit = random.beta_logit(self.alpha, self.beta, shape, self._param_dtype)
        x = _from_logit(logit, *unit_range(self.dtype, self._param_dtype))
        return with_gradient(
            x,
            {"alpha": self.alpha, "beta": self.beta},
            alpha=lambda x, alpha, beta: _slope_alpha(logit, alpha, beta),
            beta=lambda x, alpha, beta: _slope_beta(logit, alpha, beta),
        )

    def _log_prob(self, given: Var) -> Var:
        return _log_prob(given, self.alpha, self.beta)

    @property
    def mean(self) -> Var:
        """The mean, alpha / (alpha + beta)."""
        return _mean(self.alpha, self.beta)

    @property
    def variance(self) -> Var:
        """The variance, alpha beta / ((alpha + beta)^2 (alpha + beta + 1))."""
        return _variance(self.alpha, self.beta)

    @property
    def mode(self) -> Var:
        """The mode, (alpha - 1) / (alpha + beta - 2).

        Unless both weights are above 1 it is the end of the interval with the smaller weight; 0
        where they are equal.
        """
        return _mode(self.alpha, self.beta)

    def _entropy(self) -> Var:
        # Cover and Thomas 2006, table 17.1.
        return _entropy(self.alpha, self.beta)

    def _cdf(self, given: Var) -> Var:
        return _cdf(given, self.alpha, self.beta)

    def _icdf(self, probability: Var) -> Var:
        return _icdf(probability, self.alpha, self.beta)
