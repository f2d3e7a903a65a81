"""The Kumaraswamy distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zhusuan import random
from zhusuan._tensor import Var
from zhusuan.distributions import constraints
from zhusuan.distributions._limits import unit_range
from zhusuan.distributions.base import Distribution, Options
from zhusuan.distributions.parameter import Parameter
from zhusuan.formula import Formula

if TYPE_CHECKING:
    from typing_extensions import Unpack

# log(1 - x^a), which keeps its digits where x^a is small and where it is near 1.
_LOG_REST = "T log_rest = log1mexp(T(alpha * log(x)));"
_log_prob = Formula(
    "x, alpha, beta",
    f"""
    if (x < 0.0 || x > 1.0) return T(-INF);
    if (x == 0.0) return alpha > 1.0 ? T(-INF) : alpha < 1.0 ? T(INF) : log(beta);
    if (x == 1.0) return beta > 1.0 ? T(-INF) : beta < 1.0 ? T(INF) : log(alpha);
    {_LOG_REST}
    return log(alpha) + log(beta) + (alpha - 1.0) * log(x) + (beta - 1.0) * log_rest;
    """,
)
_entropy = Formula(
    "alpha, beta",
    """
    T harmonic = digamma(T(beta + 1.0)) + EULER_GAMMA;
    return 1.0 - 1.0 / beta + (1.0 - 1.0 / alpha) * harmonic - log(alpha) - log(beta);
    """,
)
# E[x^n] = beta B(1 + n / alpha, beta).
_MOMENT = """
    auto moment = [&](double n) { return exp(log(beta) + betaln(T(1.0 + n / alpha), beta)); };
"""
_mean = Formula("alpha, beta", _MOMENT + "return moment(1.0);")
_variance = Formula("alpha, beta", _MOMENT + "T m = moment(1.0); return moment(2.0) - m * m;")
_mode = Formula(
    "alpha, beta",
    """
    if (alpha < 1.0 || beta < 1.0) return T(alpha - 1.0 < beta - 1.0 ? 0.0 : 1.0);
    if (alpha == 1.0) return T(0.0);
    return exp((log(alpha - 1.0) - log(alpha * beta - 1.0)) / alpha);
    """,
)
_cdf = Formula(
    "x, alpha, beta",
    f"""
    if (x <= 0.0 || x >= 1.0) return T(x <= 0.0 ? 0.0 : 1.0);
    {_LOG_REST}
    return -expm1(beta * log_rest);
    """,
)
_QUANTILE = "exp(log1mexp(T(log1p(-p) / beta)) / alpha)"
_icdf = Formula(
    "p, alpha, beta",
    f"""
    if (p <= 0.0 || p >= 1.0) return T(p == 0.0 ? 0.0 : p == 1.0 ? 1.0 : NOT_A_NUMBER);
    return {_QUANTILE};
    """,
)
_draw = Formula(
    "p, alpha, beta, smallest, largest",
    f"""
    T x = {_QUANTILE};
    return x < smallest ? smallest : x > largest ? largest : x;
    """,
    constants="p, smallest, largest",
)


class Kumaraswamy(Distribution):
    r"""Kumaraswamy distribution over (0, 1): like a beta, with a cdf in closed form.

    .. math:: \log p(x) = \log\alpha + \log\beta + (\alpha - 1) \log x
              + (\beta - 1) \log(1 - x^\alpha)

    (Kumaraswamy 1980; Jones 2009, eq. 1.1). Samples are quantiles of uniform draws and so carry
    gradients to both parameters. They stay inside (0, 1) in their dtype.

    :param alpha: first shape, positive; number, array or Var.
    :param beta: second shape, positive; broadcasts with ``alpha``.
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
        u = random.open_uniform(self.sample_shape(n_samples), self._param_dtype)
        smallest, largest = unit_range(self.dtype, self._param_dtype)
        return _draw(u, self.alpha, self.beta, smallest, largest)

    def _log_prob(self, given: Var) -> Var:
        return _log_prob(given, self.alpha, self.beta)

    @property
    def mean(self) -> Var:
        r"""The mean, :math:`\beta B(1 + 1 / \alpha, \beta)`."""
        return _mean(self.alpha, self.beta)

    @property
    def variance(self) -> Var:
        r"""The variance, by :math:`E[x^n] = \beta B(1 + n / \alpha, \beta)`."""
        return _variance(self.alpha, self.beta)

    @property
    def mode(self) -> Var:
        """The mode; an end of the interval where the density is unbounded there."""
        return _mode(self.alpha, self.beta)

    def _entropy(self) -> Var:
        # Jones 2009, sec. 3.3, from E[log x] and E[log(1 - x^alpha)].
        return _entropy(self.alpha, self.beta)

    def _cdf(self, given: Var) -> Var:
        return _cdf(given, self.alpha, self.beta)

    def _icdf(self, probability: Var) -> Var:
        return _icdf(probability, self.alpha, self.beta)
