"""The continuous uniform distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jittor as jt

from zhusuan import random
from zhusuan._tensor import Var
from zhusuan.distributions import constraints
from zhusuan.distributions.base import Distribution, Options
from zhusuan.distributions.parameter import Parameter
from zhusuan.distributions.validation import check_values
from zhusuan.formula import Formula

if TYPE_CHECKING:
    from typing_extensions import Unpack

_log_prob = Formula(
    "x, minval, maxval",
    "return x < minval || x >= maxval ? T(-INF) : T(-log(maxval - minval));",
    constants="x",
)
_cdf = Formula(
    "x, minval, maxval",
    """
    if (x <= minval) return T(0.0);
    if (x >= maxval) return T(1.0);
    return (x - minval) / (maxval - minval);
    """,
)
_icdf = Formula(
    "p, minval, maxval",
    "return p < 0.0 || p > 1.0 ? T(NOT_A_NUMBER) : T((1.0 - p) * minval + p * maxval);",
)
_width = Formula("minval, maxval", "return maxval - minval;")


class Uniform(Distribution):
    r"""Uniform distribution on the half-open interval :math:`[a, b)`.

    .. math:: \log p(x) = -\log(b - a), \qquad a \le x < b

    (Johnson, Kotz and Balakrishnan 1995, vol. 2, ch. 26). The log-density of :math:`b` itself,
    which is never drawn, is :math:`-\infty`.

    :param minval: :math:`a`, finite; number, array or Var.
    :param maxval: :math:`b`, finite and above ``minval``, with which it broadcasts.
    :param options: see :class:`~zhusuan.distributions.base.Distribution`.
    :raises ValueError: if ``maxval`` is not above ``minval``, or a value is not finite.
    """

    minval = Parameter(constraints.real)
    maxval = Parameter(constraints.real)
    is_continuous = True
    is_reparameterizable = True

    def __init__(
        self, minval: Any = 0.0, maxval: Any = 1.0, **options: Unpack[Options]
    ) -> None:
        super().__init__({"minval": minval, "maxval": maxval}, **options)
        above = constraints.Interval("greater than minval", lower=self.minval)
        check_values("Uniform: maxval", self.maxval, above)

    @property
    def support(self) -> constraints.Interval:  # type: ignore[override]
        """The interval from ``minval``, included, to ``maxval``, excluded."""
        return constraints.Interval(
            "in [minval, maxval)", self.minval, self.maxval, open_lower=False
        )

    def _sample(self, n_samples: int | None) -> Var:
        u = random.uniform(self.sample_shape(n_samples), self._param_dtype)
        x = self.minval + (self.maxval - self.minval) * u
        # Where rounding reaches maxval: minval is short of the same half step at its own end.
        return jt.ternary(x < self.maxval, x, self.minval.broadcast(x.shape))

    def _log_prob(self, given: Var) -> Var:
        return _log_prob(given, self.minval, self.maxval)

    @property
    def mean(self) -> Var:
        """The middle of the interval."""
        return 0.5 * self.minval + 0.5 * self.maxval

    @property
    def variance(self) -> Var:
        """The variance, a twelfth of the squared width."""
        width = _width(self.minval, self.maxval)
        return width * width / 12.0

    @property
    def mode(self) -> Var:
        """The middle of the interval; the density is the same everywhere."""
        return self.mean

    def _entropy(self) -> Var:
        # Cover and Thomas 2006, table 17.1.
        return jt.log(_width(self.minval, self.maxval))

    def _cdf(self, given: Var) -> Var:
        return _cdf(given, self.minval, self.maxval)

    def _icdf(self, probability: Var) -> Var:
        return _icdf(probability, self.minval, self.maxval)
