"""Softplus, tanh and the logit."""

from __future__ import annotations

from zhusuan._tensor import Var
from zhusuan.distributions import constraints
from zhusuan.formula import Formula
from zhusuan.transforms.base import Inverse, Transform
from zhusuan.transforms.interval import Sigmoid

# The smallest normal float32: softplus underflows for x < -87.
_softplus = Formula(
    "x", "T y = softplus(x); return value(y) < 1.17549435e-38 ? T(1.17549435e-38) : y;"
)
# log(e^y - 1) = y + log(1 - e^-y)
_softplus_inverse = Formula(
    "y", "return y < 0.0 ? T(NOT_A_NUMBER) : y + log1mexp(y);"
)
_log_sigmoid = Formula("x", "return log_sigmoid(x);")
# The largest float32 below 1: rounding gives 1 for x > 9.
_tanh = Formula(
    "x",
    """
    T y = tanh(x);
    return fabs(value(y)) > 0.99999994 ? T(value(y) > 0.0 ? 0.99999994 : -0.99999994) : y;
    """,
)
_atanh = Formula("y", "return fabs(value(y)) > 1.0 ? T(NOT_A_NUMBER) : atanh(y);")
# log(1 - tanh(x)^2)
_log_sech2 = Formula("x", "T a = fabs(x); return 2.0 * (LOG_2 - a - log1p(exp(-2.0 * a)));")


class Softplus(Transform):
    r"""From the real numbers to the positive ones: :math:`y = \log(1 + e^x)`.

    Its values grow like x and not like :math:`e^x`; Kucukelbir et al. 2017 compare it with
    :class:`Exp`.
    """

    codomain = constraints.positive

    def _forward(self, x: Var) -> Var:
        return _softplus(x)

    def _inverse(self, y: Var) -> Var:
        return _softplus_inverse(y)

    def _log_det(self, x: Var, y: Var) -> Var:
        return _log_sigmoid(x)


class Tanh(Transform):
    r"""From the real numbers to those between -1 and 1: :math:`y = \tanh x`.

    Values that would round to -1 or 1 are the nearest float32 inside.

    Its derivative is :math:`1 - y^2` (DLMF 4.34).
    """

    codomain = constraints.Interval("in (-1, 1)", -1.0, 1.0)

    def _forward(self, x: Var) -> Var:
        return _tanh(x)

    def _inverse(self, y: Var) -> Var:
        return _atanh(y)

    def _log_det(self, x: Var, y: Var) -> Var:
        return _log_sech2(x)


class Logit(Inverse):
    r"""From the unit interval to the real numbers: :math:`y = \log(x / (1 - x))`.

    Source: Bishop 2006, eq. 4.61.
    """

    def __init__(self) -> None:
        super().__init__(Sigmoid())

    def _describe(self) -> str:
        return ""
