"""Monotonic rational-quadratic splines, number by number, in float64 inside."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import jittor as jt
import numpy as np
from jittor import nn

from zhusuan import special
from zhusuan._tensor import Var, shape_of
from zhusuan.formula import Formula
from zhusuan.transforms._parameters import number
from zhusuan.transforms._triangles import sums_before

MIN_WIDTH = 1e-3
MIN_SLOPE = 1e-3
# softplus of it is 1 - MIN_SLOPE: zeros are the identity.
_SLOPE_SHIFT = math.log(math.expm1(1.0 - MIN_SLOPE))

# Durkan et al. 2019: eq. 4 with s, xi and the slopes d0, d1 at the ends of the bin (y0 and y1 are
# the values there), eq. 5 as a logarithm, and eq. 6 to 8. Outside of all bins the map is the
# identity, so that a bin that does not hold the number means tails.
_ENDS = "x0, x1, y0, y1, d0, d1"
_value = Formula(
    "x, " + _ENDS,
    """
    if (x < x0 || x > x1) return x;
    T s = (y1 - y0) / (x1 - x0), u = (x - x0) / (x1 - x0), v = 1.0 - u;
    return y0 + (y1 - y0) * (s * u * u + d0 * u * v) / (s + (d1 + d0 - 2.0 * s) * u * v);
    """,
)
_log_slope = Formula(
    "x, " + _ENDS,
    """
    if (x < x0 || x > x1) return T(0.0);
    T s = (y1 - y0) / (x1 - x0), u = (x - x0) / (x1 - x0), v = 1.0 - u;
    T top = d1 * u * u + 2.0 * s * u * v + d0 * v * v;
    return 2.0 * log(s / (s + (d1 + d0 - 2.0 * s) * u * v)) + log(top);
    """,
)
_inverse_value = Formula(
    "y, " + _ENDS,
    """
    if (y < y0 || y > y1) return y;
    T s = (y1 - y0) / (x1 - x0), bend = (y - y0) * (d1 + d0 - 2.0 * s);
    T a = (y1 - y0) * (s - d0) + bend, b = (y1 - y0) * d0 - bend, c = -s * (y - y0);
    T root = b * b - 4.0 * a * c;
    // Not below 0 but by rounding.
    root = value(root) > 0.0 ? sqrt(root) : T(0.0);
    return x0 + (x1 - x0) * (2.0 * c / (-b - root));
    """,
)


class Knots(NamedTuple):
    """The splines of n numbers.

    :ivar x: where the bins begin and end, shape [n, bins + 1], float64.
    :ivar y: values there.
    :ivar slope: slopes there.
    """

    x: Var
    y: Var
    slope: Var


Function = Callable[[Var, Knots], tuple[Var, Var]]


def n_raw(n_bins: int) -> int:
    """Return how many numbers a spline is made of: widths, heights and inner slopes."""
    return 3 * n_bins - 1


def knots(raw: Var, n_bins: int, bound: float) -> Knots:
    """Turn unbounded numbers into splines from [-bound, bound] to itself; zeros are the identity.

    :param raw: shape [n, :func:`n_raw`]: widths, heights, slopes at the inner knots.
    :param n_bins: number of bins.
    :param bound: outside of it the map is the identity; so the slopes at the ends are 1.
    """
    raw = raw.cast("float64")
    ones = jt.ones_like(raw[:, :1]).stop_grad()
    slopes = special.softplus(raw[:, 2 * n_bins :] + number(_SLOPE_SHIFT, "float64"))
    return Knots(
        _ends_of_bins(raw[:, :n_bins], n_bins, bound),
        _ends_of_bins(raw[:, n_bins : 2 * n_bins], n_bins, bound),
        jt.concat([ones, slopes + number(MIN_SLOPE, "float64"), ones], dim=1),
    )


def _ends_of_bins(raw: Var, n_bins: int, bound: float) -> Var:
    share = nn.softmax(raw, dim=1) * number(1.0 - MIN_WIDTH * n_bins, "float64")
    share = share + number(MIN_WIDTH, "float64")
    return (sums_before(share, n_bins + 1) * 2.0 - 1.0) * number(bound, "float64")


def apply(function: Function, x: Var, raw: Var, n_bins: int, bound: float) -> tuple[Var, Var]:
    """Return a spline's values and their log-slopes.

    :param function: :func:`forward` or :func:`inverse`.
    :param x: Var.
    :param raw: what makes the splines, of the shape of x and one dim more.
    :param n_bins: number of bins.
    :param bound: where the tails begin.
    """
    shape = shape_of(x)
    rows = raw.reshape([math.prod(shape), int(raw.shape[-1])])
    spline = knots(rows, n_bins, bound)
    wide = x.cast("float64") if str(x.dtype) == "float32" else x
    y, log_det = function(wide.reshape([math.prod(shape)]), spline)
    return _back(y, x), _back(log_det, x)


def _back(y: Var, like: Var) -> Var:
    narrow = y if y.dtype == like.dtype else y.cast(str(like.dtype))
    return narrow.reshape(list(shape_of(like)))


def forward(x: Var, spline: Knots) -> tuple[Var, Var]:
    """Return y and log dy/dx.

    :param x: shape [n].
    :param spline: of as many numbers.
    """
    ends = _ends(x, spline.x, spline)
    return _value(x, *ends), _log_slope(x, *ends)


def inverse(y: Var, spline: Knots) -> tuple[Var, Var]:
    """Return x and log dx/dy.

    :param y: shape [n].
    :param spline: of as many numbers.
    """
    ends = _ends(y, spline.y, spline)
    x = _inverse_value(y, *ends)
    return x, -_log_slope(x, *ends)


def _ends(at: Var, ends: Var, spline: Knots) -> list[Var]:
    """Return both ends of the bins that hold ``at``, of x, y and the slope."""
    n_bins = int(ends.shape[1]) - 1
    inner = ends[:, 1:n_bins].detach()
    place = (at.unsqueeze(1) >= inner).cast("int32").sum(1)
    after = place + 1
    return [_taken(table, i) for table in spline for i in (place, after)]


def _taken(table: Var, column: Var) -> Var:
    """Return one entry of each row."""
    return table.reindex([shape_of(table)[0]], ["i0", "@e0(i0)"], extras=[column])


def check_spline(name: str, n_bins: int, bound: float) -> None:
    """Check the sizes of a spline.

    :param name: name of the transform.
    :param n_bins: number of bins.
    :param bound: where the tails begin.
    :raises ValueError: for fewer than 2 bins, too many, or a bound that isn't positive.
    """
    if not 2 <= n_bins <= int(0.5 / MIN_WIDTH):
        raise ValueError(f"{name}: n_bins must be from 2 to {int(0.5 / MIN_WIDTH)}, got {n_bins}")
    if not (bound > 0 and np.isfinite(bound)):
        raise ValueError(f"{name}: bound must be positive and finite, got {bound}")
