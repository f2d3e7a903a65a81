"""The sinh-arcsinh map."""

from __future__ import annotations

import math
from typing import Any

from zhusuan._tensor import Shape, Var
from zhusuan.distributions import constraints
from zhusuan.distributions.validation import check_values
from zhusuan.formula import Formula
from zhusuan.transforms._parameters import at, check_fits, describe, is_number, parameter
from zhusuan.transforms.base import Transform

# asinh is odd; |x| + x^2 / (1 + sqrt(1 + x^2)) is sqrt(1 + x^2) + |x| - 1 without a difference.
_asinh = """
    T size = fabs(x), a = log1p(size + x * x / (1.0 + sqrt(1.0 + x * x)));
    T angle = x < 0.0 ? -a : a;
"""
_forward = Formula(
    "x, skewness, tail",
    _asinh + "return sinh(tail * (angle + skewness));",
)
_log_det = Formula(
    "x, skewness, tail",
    _asinh
    + """
    T u = fabs(tail * (angle + skewness));
    return log(tail) + u + log1p(exp(-2.0 * u)) - LOG_2 - 0.5 * log1p(x * x);
    """,
)


class SinhArcsinh(Transform):
    r"""Make a distribution skew, and its tails heavy or light, element by element.

    .. math:: y = \sinh\big(\delta (\operatorname{asinh} x + \epsilon)\big)

    the inverse of :math:`S_{\epsilon, \delta}` of Jones and Pewsey (2009), eq. 1, with
    :math:`\delta` for their :math:`1 / \delta` and :math:`\epsilon` for their
    :math:`\epsilon`. :math:`\epsilon = 0` and :math:`\delta = 1` change nothing.

    Vars that are given are used as they are, with their gradients.

    :param skewness: :math:`\epsilon`; a number, array or Var that broadcasts to the shape of x;
        positive values skew to the right.
    :param tail: :math:`\delta > 0`; likewise. Above 1 tails become heavier, below 1 lighter.
    :raises ValueError: if ``tail`` is not positive.
    :raises TypeError: if one of them is not numeric.
    """

    def __init__(self, skewness: Any = 0.0, tail: Any = 1.0) -> None:
        super().__init__()
        self._skewness = parameter(skewness, "SinhArcsinh: skewness")
        self._tail = parameter(tail, "SinhArcsinh: tail")
        if not is_number(tail):
            check_values("SinhArcsinh: tail", self._tail, constraints.positive)
        elif not 0.0 < tail < math.inf:
            raise ValueError(f"SinhArcsinh: tail must be positive, got {tail}")

    def _forward(self, x: Var) -> Var:
        return _forward(x, at(self._skewness, x), at(self._tail, x))

    def _inverse(self, y: Var) -> Var:
        tail = at(self._tail, y)
        # The inverse is of the same kind: sinh((asinh y - delta epsilon) / delta).
        return _forward(y, -at(self._skewness, y) * tail, 1.0 / tail)

    def _log_det(self, x: Var, y: Var) -> Var:
        return _log_det(x, at(self._skewness, x), at(self._tail, x))

    def _check_batch(self, shape: Shape) -> None:
        check_fits(self._name, shape, skewness=self._skewness, tail=self._tail)

    def _describe(self) -> str:
        return f"skewness {describe(self._skewness)}, tail {describe(self._tail)}"
