"""The truncated normal distribution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import jittor as jt
import numpy as np

from zhusuan import random
from zhusuan._tensor import Var
from zhusuan.distributions import constraints
from zhusuan.distributions.base import Distribution, Options, exactly_one
from zhusuan.distributions.parameter import Parameter
from zhusuan.distributions.validation import check_values
from zhusuan.formula import Formula

if TYPE_CHECKING:
    from typing_extensions import Unpack

# Everything is measured from the mode: from the mean if that is inside the bounds, otherwise from
# the nearer bound. Differences of huge numbers, such as squares of bounds at 100 sigma, don't
# occur then.
_HELPERS = """
// The interval in units of sigma, mirrored where the mean is above it: a is the nearer bound
// then, as it is where the mean is below.
template <typename T> struct Window {
    bool mirrored;
    T a, b, w;  // bounds and width; infinite ones are constants

    ZS_FN Window(const T& mean, const T& std, const T& low, const T& high) {
        bool open_low = is_inf(value(low)), open_high = is_inf(value(high));
        T lower = open_low ? T(-INF) : T((low - mean) / std);
        T upper = open_high ? T(INF) : T((high - mean) / std);
        mirrored = mean > high;
        a = mirrored ? -upper : lower;
        b = mirrored ? -lower : upper;
        w = open_low || open_high ? T(INF) : T((high - low) / std);
    }
    // Whether the mean is outside the interval.
    ZS_FN bool is_tail() const { return a > 0.0; }
};

// (1 - Phi(a)) / phi(a)
template <typename T> ZS_FN T mills(const T& a) { return 0.5 * SQRT_2PI * erfcx(T(a / SQRT_2)); }

// The integral of e^(-a t - t^2/2) from 0 to w: 5-point Gauss-Legendre, whose error is below 1e-16
// where w (1 + |a|) < 0.5.
template <typename T> ZS_FN T short_mass(const T& a, const T& w) {
    const double node[] = {0.5, 0.2307653449471585, 0.7692346550528415, 0.0469100770306680,
                           0.9530899229693320};
    const double weight[] = {0.2844444444444444, 0.2393143352496832, 0.2393143352496832,
                             0.1184634425280945, 0.1184634425280945};
    T sum = T(0.0);
    for (int i = 0; i < 5; i++) {
        T t = node[i] * w;
        sum += weight[i] * exp(-t * (a + 0.5 * t));
    }
    return w * sum;
}
template <typename T> ZS_FN bool is_short(const T& a, const T& w) {
    return value(w) * (1.0 + fabs(value(a))) < 0.2;
}
// Its logarithm for a > 0 and any w
template <typename T> ZS_FN T log_tail_mass(const T& a, const T& w) {
    if (is_inf(value(w))) return log(mills(a));
    if (is_short(a, w)) return log(short_mass(a, w));
    return log(mills(a) - exp(-w * (a + 0.5 * w)) * mills(T(a + w)));
}
// log(Phi(b) - Phi(a)) where 0 is in [a, b]
template <typename T> ZS_FN T log_central_mass(const T& a, const T& b) {
    return is_inf(value(a)) && is_inf(value(b)) ? T(0.0) : log_ndtr_diff(a, b);
}
// log of the chance that a standard normal variable beyond a is beyond a + t
template <typename T> ZS_FN T log_beyond(const T& a, const T& t) {
    return log(mills(T(a + t)) / mills(a)) - t * (a + 0.5 * t);
}

// The quantiles end with two steps of Newton's method on numbers with derivatives: each step
// doubles the order of those that are right. The first one makes the implicit gradient.

// The t for which short_mass(a, t) = mass
template <typename T> ZS_FN T short_quantile(const T& mass, const T& a) {
    double av = value(a), goal = value(mass), t0 = goal;
    for (int i = 0; i < 20; i++) {
        double step = (goal - short_mass(av, t0)) * exp(t0 * (av + 0.5 * t0));
        t0 += step;
        if (fabs(step) <= 1e-12 * t0) break;
    }
    T t = T(t0);
    for (int i = 0; i < 2; i++) t += (mass - short_mass(a, t)) * exp(t * (a + 0.5 * t));
    return t;
}
// The t in [0, w] with the share r of the mass below it, for a > 0; q = 1 - r.
template <typename T> ZS_FN T tail_quantile(const T& r, const T& q, const T& a, const T& w) {
    T mass = r * exp(log_tail_mass(a, w));
    if (mass * (1.0 + a) < 0.25) return short_quantile(mass, a);
    // log_beyond(a, t)
    T rest = is_inf(value(w)) ? log(q) : log(q + r * exp(log_beyond(a, w)));
    double av = value(a), goal = value(rest), hazard = 1.0 / mills(av);
    double t0 = -2.0 * goal / (hazard + sqrt(hazard * hazard - 2.0 * goal));
    for (int i = 0; i < 50; i++) {
        double step = (log_beyond(av, t0) - goal) * mills(av + t0);
        t0 += step;
        if (fabs(step) <= 1e-12 * t0) break;
    }
    T t = T(t0);
    for (int i = 0; i < 2; i++) t += (log_beyond(a, t) - rest) * mills(T(a + t));
    return t;
}
// The z in [a, b] with the share p <= 1/2 of the mass below it, where 0 is in [a, b]
template <typename T> ZS_FN T central_quantile(const T& p, const T& a, const T& b) {
    return ndtri_exp(log_add_exp(log_ndtr(a), T(log(p) + log_central_mass(a, b))));
}

// Mass, mean and variance of t = z - c, where c is the mode of z (0 or a), by Gauss-Legendre; of
// what is left out, the density is e^-40 times the highest.
template <typename T> struct Moments {
    T c, log_mass, mean, variance, energy;  // energy is the mean of (z^2 - c^2) / 2

    ZS_FN Moments(const Window<T>& window) {
        const double node[] = {@NODES@};
        const double weight[] = {@WEIGHTS@};
        c = window.is_tail() ? window.a : T(0.0);
        T from = window.is_tail() ? T(0.0) : window.a;
        T to = window.is_tail() ? window.w : window.b;
        double reach = 80.0 / (value(c) + sqrt(value(c) * value(c) + 80.0));
        if (from < -reach) from = T(-reach);
        if (to > reach) to = T(reach);
        T mass = T(0.0), first = T(0.0), second = T(0.0), middle = T(0.0);
        for (int i = 0; i < @COUNT@; i++) {
            T t = from + node[i] * (to - from);
            T e = weight[i] * exp(-t * (c + 0.5 * t));
            mass += e;
            first += e * t;
            second += e * t * (c + 0.5 * t);
        }
        mean = first / mass;
        energy = second / mass;
        for (int i = 0; i < @COUNT@; i++) {
            T t = from + node[i] * (to - from);
            middle += weight[i] * exp(-t * (c + 0.5 * t)) * (t - mean) * (t - mean);
        }
        variance = middle / mass;
        log_mass = log(to - from) + log(mass);
    }
};
"""
# Enough for e^(-t^2/2) on [-9, 9], the hardest case.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(48)
for _mark, _text in (
    ("@NODES@", ", ".join(repr(float(x)) for x in 0.5 + 0.5 * _NODES)),
    ("@WEIGHTS@", ", ".join(repr(float(x)) for x in 0.5 * _WEIGHTS)),
    ("@COUNT@", str(len(_NODES))),
):
    _HELPERS = _HELPERS.replace(_mark, _text)

_PARAMETERS = "mean, std, low, high"
_WINDOW = "Window<T> in(mean, std, low, high);\n"

_log_prob = Formula(
    f"x, {_PARAMETERS}",
    "if (x < low || x > high || is_inf(value(x))) return T(-INF);\n" + _WINDOW + """
    if (in.is_tail()) {
        T t = (in.mirrored ? high - x : x - low) / std;
        return -t * (in.a + 0.5 * t) - log(std) - log_tail_mass(in.a, in.w);
    }
    T z = (x - mean) / std;
    return -0.5 * z * z - LOG_SQRT_2PI - log(std) - log_central_mass(in.a, in.b);
    """,
    helpers=_HELPERS,
)
_cdf = Formula(
    f"x, {_PARAMETERS}",
    "if (x <= low) return T(0.0);\nif (x >= high) return T(1.0);\n" + _WINDOW + """
    if (!in.is_tail()) {
        if (is_short(in.a, in.w)) {
            return short_mass(in.a, T((x - low) / std)) / short_mass(in.a, in.w);
        }
        T z = (x - mean) / std;
        return exp(log_central_mass(in.a, z) - log_central_mass(in.a, in.b));
    }
    T t = (in.mirrored ? high - x : x - low) / std, all = log_tail_mass(in.a, in.w);
    if (!in.mirrored) return exp(log_tail_mass(in.a, t) - all);
    T rest = is_inf(value(in.w)) ? T(INF) : T(in.w - t);
    return exp(-t * (in.a + 0.5 * t) + log_tail_mass(T(in.a + t), rest) - all);
    """,
    helpers=_HELPERS,
)
_icdf = Formula(
    f"p, {_PARAMETERS}",
    """
    if (p < 0.0 || p > 1.0) return T(NOT_A_NUMBER);
    if (p == 0.0) return low;
    if (p == 1.0) return high;
    """ + _WINDOW + """
    T q = 1.0 - p, x;
    if (in.is_tail()) {
        T t = in.mirrored ? tail_quantile(q, p, in.a, in.w) : tail_quantile(p, q, in.a, in.w);
        x = in.mirrored ? high - std * t : low + std * t;
    } else if (is_short(in.a, in.w)) {
        x = low + std * short_quantile(T(p * short_mass(in.a, in.w)), in.a);
    } else if (p > 0.5) {
        x = mean - std * central_quantile(q, T(-in.b), T(-in.a));
    } else {
        x = mean + std * central_quantile(p, in.a, in.b);
    }
    return x < low ? low : x > high ? high : x;
    """,
    helpers=_HELPERS,
)
_mean = Formula(
    _PARAMETERS,
    _WINDOW + """
    Moments<T> of(in);
    if (!in.is_tail()) return mean + std * of.mean;
    return in.mirrored ? high - std * of.mean : low + std * of.mean;
    """,
    helpers=_HELPERS,
)
_variance = Formula(
    _PARAMETERS, _WINDOW + "return std * std * Moments<T>(in).variance;", helpers=_HELPERS
)
_entropy = Formula(
    _PARAMETERS,
    _WINDOW + "Moments<T> of(in);\nreturn log(std) + of.log_mass + of.energy;",
    helpers=_HELPERS,
)


class TruncatedNormal(Distribution):
    r"""Normal distribution restricted to an interval :math:`[l, h]`.

    .. math:: \log p(x) = {} & -\tfrac12 \log 2\pi - \log\sigma - \frac{(x - \mu)^2}{2\sigma^2} \\
                          & - \log\left(\Phi\left(\frac{h - \mu}{\sigma}\right)
                                    - \Phi\left(\frac{l - \mu}{\sigma}\right)\right),
              \qquad l \le x \le h

    (Johnson, Kotz and Balakrishnan 1994, vol. 1, ch. 13, sec. 10.1). All is computed relative to
    the bound next to the mean, and so is right however far the mean is outside of the interval.

    Samples are quantiles of uniform draws. Their gradients to :math:`\mu, \sigma, l, h` are the
    implicit ones, :math:`-(\partial F / \partial\theta) / p(x)` (Figurnov, Mohamed and Mnih
    2018, eq. 5), in closed form.

    :param mean: :math:`\mu` of the normal distribution before it is truncated, finite; number,
        array or Var. The attribute is called ``loc``: ``mean`` is that of the truncated one.
    :param std: :math:`\sigma`, positive, likewise; broadcasts with ``mean``. Give exactly one of
        ``std`` and ``logstd``.
    :param logstd: :math:`\log\sigma`, likewise, finite.
    :param low: :math:`l`, likewise, which may be :math:`-\infty`.
    :param high: :math:`h`, likewise, above ``low``, which may be :math:`\infty`.
    :param options: see :class:`~zhusuan.distributions.base.Distribution`.
    :raises ValueError: if not exactly one of ``std`` and ``logstd`` is given, ``high`` is not
        above ``low``, or a value is outside its domain.
    """

    loc = Parameter(constraints.real, argument="mean")
    std = Parameter(constraints.positive, derive=lambda self: jt.exp(self.logstd))
    logstd = Parameter(constraints.real, derive=lambda self: jt.log(self.std))
    low = Parameter(constraints.not_nan)
    high = Parameter(constraints.not_nan)
    is_continuous = True
    is_reparameterizable = True

    def __init__(
        self,
        mean: Any = 0.0,
        std: Any = None,
        logstd: Any = None,
        low: Any = -math.inf,
        high: Any = math.inf,
        **options: Unpack[Options],
    ) -> None:
        exactly_one("TruncatedNormal", std=std, logstd=logstd)
        super().__init__(
            {"loc": mean, "std": std, "logstd": logstd, "low": low, "high": high}, **options
        )
        above = constraints.Interval("greater than low", lower=self.low, open_upper=False)
        check_values("TruncatedNormal: high", self.high, above)

    @property
    def support(self) -> constraints.Interval:  # type: ignore[override]
        """The interval from ``low`` to ``high``."""
        return constraints.Interval("in [low, high]", self.low, self.high, False, False)

    @property
    def _parameters(self) -> tuple[Var, ...]:
        return self.loc, self.std, self.low, self.high

    def _sample(self, n_samples: int | None) -> Var:
        # In float64: a float32 below 1 has no digits for the upper tail.
        u = random.open_uniform(self.sample_shape(n_samples), "float64")
        return _icdf(u.stop_grad(), *self._parameters).cast(self._param_dtype)

    def _log_prob(self, given: Var) -> Var:
        return _log_prob(given, *self._parameters)

    @property
    def mean(self) -> Var:
        """The mean of the truncated distribution."""
        return _mean(*self._parameters)

    @property
    def variance(self) -> Var:
        """The variance of the truncated distribution."""
        return _variance(*self._parameters)

    @property
    def mode(self) -> Var:
        """The mean of the normal distribution or, if that is outside, the bound next to it."""
        return self._full(jt.minimum(jt.maximum(self.loc, self.low), self.high))

    def _entropy(self) -> Var:
        return _entropy(*self._parameters)

    def _cdf(self, given: Var) -> Var:
        return _cdf(given, *self._parameters)

    def _icdf(self, probability: Var) -> Var:
        return _icdf(probability, *self._parameters)
