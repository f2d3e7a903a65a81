"""The identity and affine maps."""

from __future__ import annotations

from typing import Any

import jittor as jt
import numpy as np

from zhusuan._tensor import Shape, Var, shape_of
from zhusuan.distributions.constraints import Constraint
from zhusuan.distributions.validation import check_values
from zhusuan.transforms._parameters import check_fits, parameter
from zhusuan.transforms.base import Transform, no_change


class Identity(Transform):
    """The map that changes nothing."""

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

    :param loc: a; a number, array or Var that broadcasts to the shape of x.
    :param scale: b, not 0; likewise.
    :raises ValueError: if ``scale`` has a 0.
    """

    def __init__(self, loc: Any = 0.0, scale: Any = 1.0) -> None:
        super().__init__()
        self._loc = parameter(loc, "Affine: loc")
        self._scale = parameter(scale, "Affine: scale")
        check_values("Affine: scale", self._scale, _not_zero)

    def _forward(self, x: Var) -> Var:
        return self._loc + self._scale * x

    def _inverse(self, y: Var) -> Var:
        return (y - self._loc) / self._scale

    def _log_det(self, x: Var, y: Var) -> Var:
        return jt.log(jt.abs(self._scale)).broadcast(list(shape_of(x)))

    def _check_batch(self, shape: Shape) -> None:
        check_fits(self._name, shape, loc=self._loc, scale=self._scale)

    def _describe(self) -> str:
        return f"loc {list(self._loc.shape)}, scale {list(self._scale.shape)}"


class _NotZero(Constraint):
    name = "finite and not 0"

    def violation(self, values: np.ndarray) -> str | None:
        wrong = (values == 0) | ~np.isfinite(values)
        return f"a value is {values[wrong].flat[0]:g}" if wrong.any() else None


_not_zero = _NotZero()
