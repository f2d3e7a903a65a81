r"""From whole numbers to real ones: noise, and a logit that keeps away from its ends.

A density of whole numbers has no bound: it may be as high as it likes at them. Uniform noise
mends that, and the density of x + u then bounds the probability of x from below (Theis, van den
Oord and Bethge 2016, sec. 3.1):
:math:`\log P(x) \ge \mathbb{E}_u \log p(x + u)`.
"""

from __future__ import annotations

from typing import Any

import jittor as jt

from zhusuan import random
from zhusuan._tensor import Var, shape_of
from zhusuan.distributions import constraints
from zhusuan.distributions.constraints import Constraint
from zhusuan.formula import Formula
from zhusuan.transforms._parameters import number
from zhusuan.transforms.base import Transform, _float_var

# With p = a + (1 - 2 a) x, and 1 - p = a + (1 - 2 a) (1 - x).
_forward = Formula(
    "x, alpha",
    """
    T p = alpha + (1.0 - 2.0 * alpha) * x, q = alpha + (1.0 - 2.0 * alpha) * (1.0 - x);
    return p < 0.0 || q < 0.0 ? T(NOT_A_NUMBER) : log(p / q);
    """,
    constants="alpha",
)
_inverse = Formula(
    "y, alpha",
    "return (sigmoid(y) - alpha) / (1.0 - 2.0 * alpha);",
    constants="alpha",
)
_log_det = Formula(
    "x, alpha",
    """
    T p = alpha + (1.0 - 2.0 * alpha) * x, q = alpha + (1.0 - 2.0 * alpha) * (1.0 - x);
    return log(1.0 - 2.0 * alpha) - log(p) - log(q);
    """,
    constants="alpha",
)


class BoundedLogit(Transform):
    r"""The logit of a number that is moved away from 0 and 1 first.

    .. math:: y = \mathrm{logit}(\alpha + (1 - 2 \alpha) x)

    (Papamakarios, Pavlakou and Murray 2017; with a factor :math:`1 - \alpha` in Dinh,
    Sohl-Dickstein and Bengio 2017, sec. 4.1). It takes pixels in [0, 1] to numbers that a flow
    can deal with: log-densities of y are turned into those of x by the log-determinant. Computed
    in double precision.

    It takes all numbers for which the logit exists, which are a few more than those in [0, 1]:
    a flow to pixels leaves a little mass there.

    :param alpha: in (0, 0.5): 0.05 in RealNVP, 1e-6 for MNIST in MAF.
    :raises ValueError: for another.
    """

    def __init__(self, alpha: float = 0.05) -> None:
        super().__init__()
        if not 0.0 < alpha < 0.5:
            raise ValueError(f"BoundedLogit: alpha must be in (0, 0.5), got {alpha}")
        self.alpha = float(alpha)

    @property
    def domain(self) -> Constraint:  # type: ignore[override]
        r"""The numbers from -e to 1 + e with :math:`e = \alpha / (1 - 2 \alpha)`."""
        margin = self.alpha / (1.0 - 2.0 * self.alpha)
        return constraints.Interval(
            f"in ({-margin:g}, {1.0 + margin:g})", -margin, 1.0 + margin
        )

    def _forward(self, x: Var) -> Var:
        return _forward(x, self._alpha(x))

    def _inverse(self, y: Var) -> Var:
        return _inverse(y, self._alpha(y))

    def _log_det(self, x: Var, y: Var) -> Var:
        return _log_det(x, self._alpha(x))

    def _alpha(self, x: Var) -> Var:
        return number(self.alpha, str(x.dtype))

    def _describe(self) -> str:
        return f"alpha {self.alpha:g}"


def dequantize(x: Any, n_levels: int = 256) -> Var:
    r"""Return :math:`(x + u) / n`, in [0, 1), with u uniform on [0, 1) for each entry.

    In bits per entry, a log-density of the result is
    :math:`\log_2 n - \log p / (D \log 2)` (ibid.).

    :param x: whole numbers 0 ... n - 1; array or Var.
    :param n_levels: n; 256 for 8-bit images.
    :return: a float Var of the shape of x.
    :raises ValueError: if there are less than 2 levels.
    :raises TypeError: if ``x`` is not numeric.
    """
    if n_levels < 2:
        raise ValueError(f"dequantize: n_levels must be at least 2, got {n_levels}")
    var = _float_var(x, "dequantize: x")
    noise = random.uniform(shape_of(var), str(var.dtype))
    # Of float32, 255 + u may round to 256.
    return jt.minimum((var + noise) / float(n_levels), 1.0 - 2.0**-24)


def quantize(x: Any, n_levels: int = 256) -> Var:
    """Return the whole numbers that :func:`dequantize` started from, as floats.

    :param x: numbers in [0, 1]; array or Var; what lies outside becomes an end.
    :param n_levels: as for :func:`dequantize`.
    :return: Var of the shape of ``x``, whole numbers from 0 to ``n_levels - 1``.
    :raises TypeError: if ``x`` is not numeric.
    """
    scaled = jt.floor(_float_var(x, "quantize: x") * float(n_levels))
    return jt.clamp(scaled, 0.0, n_levels - 1.0)
