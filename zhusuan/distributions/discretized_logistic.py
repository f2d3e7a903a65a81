"""The logistic distribution rounded to a grid, for pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from zhusuan import random
from zhusuan._tensor import Var, host_view
from zhusuan.distributions import constraints
from zhusuan.distributions.base import Distribution, Options
from zhusuan.distributions.parameter import Parameter
from zhusuan.distributions.validation import check_values
from zhusuan.formula import Formula

if TYPE_CHECKING:
    from typing_extensions import Unpack

# Rounding to float32 moves the points of a 16-bit image by 0.004 steps.
_TOLERANCE = 0.01

_HELPERS = """
// Grid points low + k step, k = 0 ... n - 1, and the logistic variable that is rounded to them.
template <typename T> struct Grid {
    T loc, scale, low, span;
    double n;
    T step;

    ZS_FN Grid(const T& loc_, const T& scale_, const T& low_, const T& high, const T& bins)
        : loc(loc_), scale(scale_), low(low_), span(high - low_), n(value(bins)),
          step(span / (n - 1.0)) {}

    // The place of x on the grid, a whole number at grid points.
    ZS_FN double place(const T& x) const { return (value(x) - value(low)) / value(step); }
    ZS_FN double limit(double k) const { return k < 0.0 ? 0.0 : k > n - 1.0 ? n - 1.0 : k; }
    // Divided last, which gives k / 255 as float32 division does.
    ZS_FN T point(double k) const { return low + k * span / (n - 1.0); }
    // The standardised border between points k and k + 1.
    ZS_FN T border(double k) const { return (low + (k + 0.5) * step - loc) / scale; }
    ZS_FN T up_to(double k) const { return k < n - 1.0 ? sigmoid(border(k)) : T(1.0); }
    ZS_FN T beyond(double k) const { return k < n - 1.0 ? sigmoid(T(-border(k))) : T(0.0); }
    ZS_FN double nearest() const { return limit(floor(place(loc) + 0.5)); }
    // s(b) - s(a) = s(b) s(-a) (1 - e^(a - b)) for the logistic function s
    ZS_FN T log_mass(double k) const {
        if (k == 0.0) return log_sigmoid(border(0.0));
        T below = log_sigmoid(T(-border(k - 1.0)));
        if (k == n - 1.0) return below;
        return log_sigmoid(border(k)) + below + log1mexp(T(step / scale));
    }
    // Mean and mean square of the distance, in steps, from point c.
    ZS_FN void moments(double c, T& first, T& second) const {
        first = T(0.0), second = T(0.0);
        for (double j = 1.0; c + j <= n - 1.0; j += 1.0) {
            T p = beyond(c + j - 1.0);
            first += p;
            second += (2.0 * j - 1.0) * p;
        }
        for (double j = 1.0; c - j >= 0.0; j += 1.0) {
            T p = up_to(c - j);
            first -= p;
            second += (2.0 * j - 1.0) * p;
        }
    }
};
"""
_PARAMETERS = "loc, scale, low, high, n_bins"
_GRID = "Grid<T> grid(loc, scale, low, high, n_bins);\n"


def _formula(first: str, body: str, constants: str = "") -> Formula:
    inputs = f"{first}, {_PARAMETERS}" if first else _PARAMETERS
    return Formula(inputs, _GRID + body, f"{first}, n_bins, {constants}", _HELPERS)


_log_prob = _formula(
    "x",
    f"""
    double k = grid.place(x), whole = floor(k + 0.5);
    if (whole != grid.limit(whole) || fabs(k - whole) > {_TOLERANCE}) return T(-INF);
    return grid.log_mass(whole);
    """,
)
_round = _formula(
    "x",
    """
    return grid.point(grid.limit(floor(grid.place(x) + 0.5)));
    """,
    constants=_PARAMETERS,
)
_mean = _formula(
    "",
    """
    T first, second;
    grid.moments(grid.nearest(), first, second);
    return grid.low + grid.step * (grid.nearest() + first);
    """,
)
_variance = _formula(
    "",
    """
    T first, second;
    grid.moments(grid.nearest(), first, second);
    return grid.step * grid.step * (second - first * first);
    """,
)
_mode = _formula(
    "",
    """
    double best = grid.nearest();
    if (grid.log_mass(0.0) >= grid.log_mass(best)) best = 0.0;
    if (grid.log_mass(grid.n - 1.0) > grid.log_mass(best)) best = grid.n - 1.0;
    return grid.point(best);
    """,
    constants=_PARAMETERS,
)
_entropy = _formula(
    "",
    """
    T sum = T(0.0);
    for (double k = 0.0; k < grid.n; k += 1.0) {
        T log_mass = grid.log_mass(k);
        sum -= exp(log_mass) * log_mass;
    }
    return sum;
    """,
)
_cdf = _formula(
    "x",
    f"""
    if (is_inf(value(x))) return T(x > 0.0 ? 1.0 : 0.0);
    double k = floor(grid.place(x) + {_TOLERANCE});
    return k < 0.0 ? T(0.0) : grid.up_to(k);
    """,
)
_icdf = _formula(
    "p",
    """
    if (p < 0.0 || p > 1.0) return T(NOT_A_NUMBER);
    if (p == 0.0 || p == 1.0) return p == 0.0 ? low : high;
    return grid.point(grid.limit(ceil(grid.place(T(loc + scale * logit(p))) - 0.5)));
    """,
    constants=_PARAMETERS,
)


@dataclass(frozen=True, repr=False)
class _Grid(constraints.Interval):
    """Points at equal distances, the bounds included.

    :param n_bins: number of points; a Var.
    """

    n_bins: Any = None

    def _not_whole(self, values: np.ndarray) -> str | None:
        low, high, n = (host_view(v).astype(float) for v in (self.lower, self.upper, self.n_bins))
        place = (values - low) / (high - low) * (n - 1.0)
        off = np.abs(place - np.round(place)) > _TOLERANCE
        return "not all values are points of the grid" if off.any() else None


class DiscretizedLogistic(Distribution):
    r"""Logistic variable rounded to the nearest of n equidistant values, the levels of a pixel.

    With values :math:`v_k = \mathrm{low} + k \delta`,
    :math:`\delta = (\mathrm{high} - \mathrm{low}) / (n - 1)` and the logistic function
    :math:`\sigma`,

    .. math:: P(v_k) = \sigma\left(\frac{v_k + \delta/2 - \mu}{s}\right)
                     - \sigma\left(\frac{v_k - \delta/2 - \mu}{s}\right),

    where :math:`v_k \pm \delta/2` is :math:`\pm\infty` for the last and the first value
    (Salimans, Karpathy, Chen and Kingma 2017, eq. 2). The log-mass is computed in the log domain
    and finite however far a value is from :math:`\mu`. Values off the grid, up to the rounding of
    floats, have the log-mass :math:`-\infty`.

    Mean, variance and entropy are sums over all n values.

    :param loc: :math:`\mu`, finite; number, array or Var.
    :param scale: :math:`s`, positive; broadcasts with ``loc``.
    :param low: the first value; number, array or Var.
    :param high: the last value, likewise, above ``low``.
    :param n_bins: n, a whole number >= 2: 256 for 8-bit images.
    :param options: see :class:`~zhusuan.distributions.base.Distribution`. Samples are floats;
        ``dtype='int32'`` fits grids of whole numbers.
    :raises ValueError: if ``high`` is not above ``low``, or a value is outside its domain.
    """

    loc = Parameter(constraints.real)
    scale = Parameter(constraints.positive)
    low = Parameter(constraints.real)
    high = Parameter(constraints.real)
    n_bins = Parameter(
        constraints.Interval("a whole number >= 2", lower=2.0, open_lower=False, integer=True)
    )
    is_continuous = False
    is_reparameterizable = False

    def __init__(
        self,
        loc: Any,
        scale: Any,
        low: Any = 0.0,
        high: Any = 1.0,
        n_bins: Any = 256,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(
            {"loc": loc, "scale": scale, "low": low, "high": high, "n_bins": n_bins}, **options
        )
        above = constraints.Interval("greater than low", lower=self.low)
        check_values("DiscretizedLogistic: high", self.high, above)

    @property
    def support(self) -> constraints.Interval:  # type: ignore[override]
        """The grid."""
        return _Grid(
            "on the grid from low to high", self.low, self.high, False, False, n_bins=self.n_bins
        )

    @property
    def _parameters(self) -> tuple[Var, ...]:
        return self.loc, self.scale, self.low, self.high, self.n_bins

    def _sample(self, n_samples: int | None) -> Var:
        noise = random.standard_logistic(self.sample_shape(n_samples), self._param_dtype)
        return _round(self.loc + self.scale * noise, *self._parameters)

    def _log_prob(self, given: Var) -> Var:
        return _log_prob(given, *self._parameters)

    @property
    def mean(self) -> Var:
        """The mean, a sum over the grid."""
        return _mean(*self._parameters)

    @property
    def variance(self) -> Var:
        """The variance, a sum over the grid."""
        return _variance(*self._parameters)

    @property
    def mode(self) -> Var:
        """The value of highest mass: the nearest to ``loc`` or, with a long tail, an end."""
        return _mode(*self._parameters)

    def _entropy(self) -> Var:
        return _entropy(*self._parameters)

    def _cdf(self, given: Var) -> Var:
        return _cdf(given, *self._parameters)

    def _icdf(self, probability: Var) -> Var:
        return _icdf(probability, *self._parameters)
