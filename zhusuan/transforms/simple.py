"""The identity and affine maps."""

from __future__ import annotations

import math
from typing import Any

import jittor as jt
import numpy as np

from zhusuan._tensor import Shape, Var, shape_of
from zhusuan.distributions.constraints import Constraint
from zhusuan.distributions.validation import check_values
from zhusuan.transforms._events import no_change
from zhusuan.transforms._parameters import at, check_fits, describe, is_number, parameter
from zhusuan.transforms.base import Transform


class Identity(Transform):
    """The map that changes nothing. Source: the definition."""

    keeps_support = True

    def _forward(self, x: Var) -> Var:
        return x

    def _inverse(self, y: Var) -> Var:
        return y

    def _log_det(self, x: Var, y: Var) -> Var:
        return no_change(x, 0)


class Affine(Transform):
    r"""Shift and scale, element by element: :math:`y = a + b x`.

    Vars that are given are used as they are, with their gradients; they are no parameters of this
    module.

    Source: the definition; the log-determinant is :math:`\log|b|`.

    :param loc: a; a number, array or Var that broadcasts to the shape of x.
    :param scale: b, not 0; likewise.
    :raises ValueError: if ``scale`` has a 0.
    :raises TypeError: if one of them is not numeric.
    """

    def __init__(self, loc: Any = 0.0, scale: Any = 1.0) -> None:
        super().__init__()
        self._loc = parameter(loc, "Affine: loc")
        self._scale = parameter(scale, "Affine: scale")
        if not is_number(scale):
            check_values("Affine: scale", self._scale, _not_zero)
        elif scale == 0 or not math.isfinite(scale):
            raise ValueError(f"Affine: scale must be {_not_zero.name}, got {scale}")

    def _forward(self, x: Var) -> Var:
        return at(self._loc, x) + at(self._scale, x) * x

    def _inverse(self, y: Var) -> Var:
        return (y - at(self._loc, y)) / at(self._scale, y)

    def _log_det(self, x: Var, y: Var) -> Var:
        return jt.log(jt.abs(at(self._scale, x))).broadcast(list(shape_of(x)))

    def _check_batch(self, shape: Shape) -> None:
        check_fits(self._name, shape, loc=self._loc, scale=self._scale)

    def _describe(self) -> str:
        return f"loc {describe(self._loc)}, scale {describe(self._scale)}"


class _NotZero(Constraint):
    name = "finite and not 0"

    def violation(self, values: np.ndarray) -> str | None:
        wrong = (values == 0) | ~np.isfinite(values)
        return f"a value is {values[wrong].flat[0]:g}" if wrong.any() else None


_not_zero = _NotZero()
