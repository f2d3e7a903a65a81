"""Maps from the real numbers to an interval, whole, half or bounded."""

from __future__ import annotations

import math
from typing import Any

from zhusuan._tensor import Shape, Var
from zhusuan.distributions import constraints
from zhusuan.distributions.constraints import Constraint
from zhusuan.distributions.validation import check_values
from zhusuan.formula import Formula
from zhusuan.transforms._parameters import (
    at,
    check_fits,
    describe,
    is_number,
    number,
    parameter,
)
from zhusuan.transforms.base import Transform

# A value that rounding, overflow or underflow would put onto a bound is the nearest number
# inside; the smallest normal one next to 0, since Jittor's kernels flush smaller ones.
_HELPERS = """
ZS_FN double next_inside(double bound, double towards, bool single) {
    double tiny = single ? 1.17549435e-38 : 2.2250738585072014e-308;
    double next = single ? (double)nextafterf((float)bound, (float)towards)
                         : nextafter(bound, towards);
    return fabs(next) < tiny ? (towards > bound ? tiny : -tiny) : next;
}
template <typename T> ZS_FN T kept_inside(const T& y, const T& low, const T& high, bool single) {
    double lower = is_inf(value(low)) ? (single ? -3.4028234663852886e38 : -1.7976931348623157e308)
                                      : next_inside(value(low), INF, single);
    double upper = is_inf(value(high)) ? (single ? 3.4028234663852886e38 : 1.7976931348623157e308)
                                       : next_inside(value(high), -INF, single);
    if (value(y) < lower) return T(lower);
    if (value(y) > upper) return T(upper);
    return y;
}
"""
_forward = Formula(
    "x, low, high, single",
    """
    bool open_low = is_inf(value(low)), open_high = is_inf(value(high));
    if (open_low && open_high) return x;
    T y;
    if (open_high) y = low + exp(x);
    else if (open_low) y = high - exp(-x);
    else if (value(x) > 0.0) y = high - (high - low) * sigmoid(T(-x));
    else y = low + (high - low) * sigmoid(x);
    return kept_inside(y, low, high, value(single) != 0.0);
    """,
    constants="single",
    helpers=_HELPERS,
)
# The numbers outside have no logarithm: NaN. The bounds themselves lie at -inf and inf.
_inverse = Formula(
    "y, low, high",
    """
    bool open_low = is_inf(value(low)), open_high = is_inf(value(high));
    if (open_low && open_high) return y;
    if (y < low || y > high) return T(NOT_A_NUMBER);
    if (y == low) return T(-INF);
    if (y == high) return T(INF);
    if (open_high) return log(y - low);
    if (open_low) return -log(high - y);
    return log((y - low) / (high - y));
    """,
)
_log_det = Formula(
    "x, low, high",
    """
    bool open_low = is_inf(value(low)), open_high = is_inf(value(high));
    if (open_low && open_high) return T(0.0);
    if (open_high) return x;
    if (open_low) return -x;
    return log(high - low) + log_sigmoid(x) + log_sigmoid(T(-x));
    """,
)


class Interval(Transform):
    r"""From the real numbers to those between two bounds, increasing; a bound may be infinite.

    .. math::

        y = a + (b - a)\,\mathrm{sigmoid}(x), \qquad
        y = a + e^x \ (b = \infty), \qquad
        y = b - e^{-x} \ (a = -\infty)

    The first two are those of the Stan reference manual (version 2.35, sec. "Constraint
    transforms"); where only the upper bound is finite, Stan's map is decreasing. The values are
    strictly inside the bounds: what rounding would put onto a bound becomes the nearest number
    inside, where the gradient of y is 0; the log-determinant is that of the exact map
    everywhere. Computed in double precision (:class:`~zhusuan.formula.Formula`).

    :param low: a, below ``high``; number, array or Var that broadcasts to the shape of x.
    :param high: b; likewise.
    :raises ValueError: if ``high`` is not above ``low``.
    :raises TypeError: if one of them is not numeric.
    """

    def __init__(self, low: Any = -math.inf, high: Any = math.inf) -> None:
        super().__init__()
        self._low = parameter(low, f"{self._name}: low")
        self._high = parameter(high, f"{self._name}: high")
        if is_number(low) and is_number(high):
            if not low < high:
                raise ValueError(
                    f"{self._name}: high must be greater than low, got {low} and {high}"
                )
        else:
            above = constraints.Interval("greater than low", lower=self._low, open_upper=False)
            # One of the two is a Var: a number is converted to go with it.
            check_values(f"{self._name}: high", at(self._high, self._low), above)

    @property
    def codomain(self) -> Constraint:  # type: ignore[override]
        """The open interval."""
        return constraints.Interval("in (low, high)", self._low, self._high)

    def _forward(self, x: Var) -> Var:
        return _forward(x, *self._bounds(x), number(float(str(x.dtype) == "float32"), "float32"))

    def _inverse(self, y: Var) -> Var:
        return _inverse(y, *self._bounds(y))

    def _log_det(self, x: Var, y: Var) -> Var:
        return _log_det(x, *self._bounds(x))

    def _bounds(self, x: Var) -> tuple[Var, Var]:
        return at(self._low, x), at(self._high, x)

    def _check_batch(self, shape: Shape) -> None:
        check_fits(self._name, shape, low=self._low, high=self._high)

    def _describe(self) -> str:
        return f"low {describe(self._low)}, high {describe(self._high)}"


class GreaterThan(Interval):
    r"""From the real numbers to those above a bound: :math:`y = a + e^x`.

    Source: Stan reference manual, "Constraint transforms".

    :param low: a; number, array or Var that broadcasts to the shape of x.
    """

    def __init__(self, low: Any) -> None:
        super().__init__(low, math.inf)


class LessThan(Interval):
    r"""From the real numbers to those below a bound: :math:`y = b - e^{-x}`.

    Source: Stan reference manual, "Constraint transforms", with -x for x, so that it increases.

    :param high: b; number, array or Var that broadcasts to the shape of x.
    """

    def __init__(self, high: Any) -> None:
        super().__init__(-math.inf, high)


class Exp(Interval):
    r"""From the real numbers to the positive ones: :math:`y = e^x`.

    Source: Stan reference manual, "Constraint transforms".
    """

    codomain = constraints.positive

    def __init__(self) -> None:
        super().__init__(0.0, math.inf)

    def _describe(self) -> str:
        return ""


class Sigmoid(Interval):
    r"""From the real numbers to the unit interval: :math:`y = 1 / (1 + e^{-x})`.

    Source: Bishop 2006, eq. 4.59; its derivative is y (1 - y).
    """

    codomain = constraints.open_unit_interval

    def __init__(self) -> None:
        super().__init__(0.0, 1.0)

    def _describe(self) -> str:
        return ""
