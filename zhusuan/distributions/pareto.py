"""The Pareto distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zhusuan import random
from zhusuan._tensor import Var
from zhusuan.distributions import constraints
from zhusuan.distributions._limits import positive_range
from zhusuan.distributions.base import Distribution, Options
from zhusuan.distributions.constraints import Constraint
from zhusuan.distributions.parameter import Parameter
from zhusuan.formula import Formula

if TYPE_CHECKING:
    from typing_extensions import Unpack

_log_prob = Formula(
    "x, scale, alpha",
    """
    if (x < scale) return T(-INF);
    return log(alpha) - log(scale) - (alpha + 1.0) * log(x / scale);
    """,
)
_entropy = Formula("scale, alpha", "return log(scale / alpha) + 1.0 / alpha + 1.0;")
_mean = Formula(
    "scale, alpha", "return alpha > 1.0 ? scale * alpha / (alpha - 1.0) : T(INF);"
)
_variance = Formula(
    "scale, alpha",
    """
    if (alpha <= 2.0) return T(INF);
    T ratio = scale / (alpha - 1.0);
    return ratio * ratio * alpha / (alpha - 2.0);
    """,
)
_cdf = Formula(
    "x, scale, alpha", "return x > scale ? -expm1(-alpha * log(x / scale)) : T(0.0);"
)
_icdf = Formula(
    "p, scale, alpha",
    """
    if (p < 0.0 || p >= 1.0) return T(p == 1.0 ? INF : NOT_A_NUMBER);
    return scale * exp(-log1p(-p) / alpha);
    """,
)
# In double, so that no sample is rounded to a number below the scale.
_from_exponential = Formula(
    "e, scale, alpha, largest",
    "T x = scale * exp(e / alpha); return x > largest ? largest : x;",
    constants="e, largest",
)


class Pareto(Distribution):
    r"""Pareto distribution over the numbers from :math:`m` on, with index :math:`\alpha`.

    .. math:: \log p(x) = \log\frac\alpha m - (\alpha + 1) \log\frac xm, \qquad x \ge m

    (Johnson, Kotz and Balakrishnan 1994, vol. 1, ch. 20). Where a sample is too large for its
    dtype, it is the largest number of that dtype.

    :param scale: :math:`m`, the smallest value, positive; number, array or Var.
    :param alpha: :math:`\alpha`, positive; broadcasts with ``scale``.
    :param options: see :class:`~zhusuan.distributions.base.Distribution`.
    :raises ValueError: for a value outside its domain.
    """

    scale = Parameter(constraints.positive)
    alpha = Parameter(constraints.positive)
    is_continuous = True
    is_reparameterizable = True

    def __init__(self, scale: Any, alpha: Any, **options: Unpack[Options]) -> None:
        super().__init__({"scale": scale, "alpha": alpha}, **options)

    @property
    def support(self) -> Constraint:  # type: ignore[override]
        """The numbers from ``scale`` on."""
        return constraints.Interval("at least scale, and finite", self.scale, open_lower=False)

    def _sample(self, n_samples: int | None) -> Var:
        e = random.standard_exponential(self.sample_shape(n_samples), self._param_dtype)
        _, largest = positive_range(self.dtype, self._param_dtype)
        return _from_exponential(e, self.scale, self.alpha, largest)

    def _log_prob(self, given: Var) -> Var:
        return _log_prob(given, self.scale, self.alpha)

    @property
    def mean(self) -> Var:
        """The mean, scale alpha / (alpha - 1); infinite for alpha <= 1."""
        return _mean(self.scale, self.alpha)

    @property
    def variance(self) -> Var:
        """The variance, scale^2 alpha / ((alpha - 1)^2 (alpha - 2)); infinite for alpha <= 2."""
        return _variance(self.scale, self.alpha)

    @property
    def mode(self) -> Var:
        """The mode, ``scale``."""
        return self._full(self.scale)

    def _entropy(self) -> Var:
        # Cover and Thomas 2006, table 17.1.
        return _entropy(self.scale, self.alpha)

    def _cdf(self, given: Var) -> Var:
        return _cdf(given, self.scale, self.alpha)

    def _icdf(self, probability: Var) -> Var:
        return _icdf(probability, self.scale, self.alpha)
