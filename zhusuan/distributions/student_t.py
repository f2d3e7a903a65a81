"""Student's t distribution."""

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
    "x, df, loc, scale",
    """
    T t = (x - loc) / scale, half = 0.5 * df;
    // log B(df / 2, 1 / 2); the large terms of the quick form cancel, to 1e-11 at 1e5.
    T beta = half < 1e5 ? lgamma(half) - lgamma(T(half + 0.5)) + 0.5 * LOG_PI
                        : betaln(half, T(0.5));
    return -0.5 * (df + 1.0) * log1p(t * t / df) - beta - 0.5 * log(df) - log(scale);
    """,
)
_entropy = Formula(
    "df, scale",
    """
    T half = 0.5 * (df + 1.0);
    return half * (digamma(half) - digamma(T(0.5 * df))) + betaln(T(0.5 * df), T(0.5))
           + 0.5 * log(df) + log(scale);
    """,
)
_mean = Formula("df, loc", "return df > 1.0 ? loc : T(NOT_A_NUMBER);")
_variance = Formula(
    "df, scale",
    """
    if (df <= 2.0) return T(df > 1.0 ? INF : NOT_A_NUMBER);
    return scale * scale * df / (df - 2.0);
    """,
)
_cdf = Formula("x, df, loc, scale", "return stdtr(df, T((x - loc) / scale));")
_icdf = Formula("p, df, loc, scale", "return loc + scale * stdtrit(df, p);")
# A normal draw over the root of a gamma draw with mean 1.
_standard = Formula(
    "normal, log_gamma, df, largest",
    """
    T t = normal * exp(0.5 * (log(0.5 * df) - log_gamma));
    return t > largest ? largest : t < -largest ? -largest : t;
    """,
    constants="normal, log_gamma, df, largest",
)
_slope = Formula(
    "t, df, largest",
    """
    double d = student_t_sample_ddf(value(df), value(t)), most = value(largest);
    return T(d > most ? most : d < -most ? -most : d);
    """,
    constants="t, df, largest",
)
_place = Formula(
    "t, loc, scale, largest",
    """
    T x = loc + scale * t;
    return x > largest ? largest : x < -largest ? -largest : x;
    """,
    constants="largest",
)


class StudentT(Distribution):
    r"""Student's t distribution with :math:`\nu` degrees of freedom, shifted and scaled.

    .. math::

        \log p(x) = -\frac{\nu + 1}{2}
            \log\left(1 + \frac{(x - \mu)^2}{\nu \sigma^2}\right)
            - \log B\left(\frac\nu2, \frac12\right) - \frac12 \log\nu - \log\sigma

    (Gelman et al. 2013, table A.1). Samples carry gradients to all parameters, implicit ones to
    :math:`\nu` (:mod:`zhusuan.distributions.implicit`). Where a sample is too large for its
    dtype, it is the largest number of that size.

    :param df: degrees of freedom :math:`\nu`, positive; number, array or Var.
    :param loc: centre :math:`\mu`, finite; broadcasts with ``df``.
    :param scale: :math:`\sigma`, positive; broadcasts with ``df``. Not the standard deviation.
    :param options: see :class:`~zhusuan.distributions.base.Distribution`.
    :raises ValueError: for a value outside its domain.
    """

    df = Parameter(constraints.positive)
    loc = Parameter(constraints.real)
    scale = Parameter(constraints.positive)
    support = constraints.real
    is_continuous = True
    is_reparameterizable = True

    def __init__(
        self, df: Any, loc: Any = 0.0, scale: Any = 1.0, **options: Unpack[Options]
    ) -> None:
        super().__init__({"df": df, "loc": loc, "scale": scale}, **options)

    def _sample(self, n_samples: int | None) -> Var:
        shape, dtype = self.sample_shape(n_samples), self._param_dtype
        _, largest = positive_range(self.dtype, dtype)
        normal = random.standard_normal(shape, dtype)
        log_gamma = random.log_standard_gamma(0.5 * self.df.detach(), shape, dtype)
        t = with_gradient(
            _standard(normal, log_gamma, self.df, largest),
            {"df": self.df},
            df=lambda t, df: _slope(t, df, largest),
        )
        return _place(t, self.loc, self.scale, largest)

    def _log_prob(self, given: Var) -> Var:
        return _log_prob(given, self.df, self.loc, self.scale)

    @property
    def mean(self) -> Var:
        """The mean, ``loc``; NaN for df <= 1."""
        return _mean(self.df, self.loc)

    @property
    def variance(self) -> Var:
        """The variance, scale^2 df / (df - 2); infinite for df <= 2, NaN for df <= 1."""
        return self._full(_variance(self.df, self.scale))

    @property
    def mode(self) -> Var:
        """The mode, ``loc``."""
        return self.loc

    def _entropy(self) -> Var:
        # Cover and Thomas 2006, table 17.1.
        return _entropy(self.df, self.scale)

    def _cdf(self, given: Var) -> Var:
        return _cdf(given, self.df, self.loc, self.scale)

    def _icdf(self, probability: Var) -> Var:
        return _icdf(probability, self.df, self.loc, self.scale)
