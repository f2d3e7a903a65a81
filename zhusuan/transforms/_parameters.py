"""What transforms do with numbers and Vars that they are given."""

from __future__ import annotations

import functools
from typing import Any

import jittor as jt
import numpy as np

from zhusuan._tensor import Shape, Var, as_var, broadcast_shapes, scalar, shape_of


def parameter(value: Any, what: str) -> Any:
    """Return a number as it is, anything else as a Var; an array becomes one without gradient.

    :param value: number, array or Var.
    :param what: name for messages.
    :raises TypeError: if it is nothing of these.
    """
    if isinstance(value, jt.Var):
        return value
    return float(value) if is_number(value) else as_var(value, what=what).stop_grad()


def at(value: Any, like: Var) -> Var:
    """Return what :func:`parameter` made as a Var for arithmetic with ``like``.

    :param value: number or Var.
    :param like: Var, whose dtype a number takes.
    """
    return value if isinstance(value, jt.Var) else number(value, str(like.dtype))


def is_number(value: Any) -> bool:
    """Return whether ``value`` is a Python number, or numpy's."""
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


@functools.lru_cache(maxsize=256)
def number(value: float, dtype: str) -> Var:
    """Return a constant, made once: to make one takes an execution of what is pending."""
    return scalar(value, dtype).stop_grad()


def describe(value: Any) -> str:
    """Return a number, or the shape of a Var, for ``repr``."""
    return f"of shape {list(value.shape)}" if isinstance(value, jt.Var) else f"{value:g}"


def check_fits(name: str, shape: Shape, **parameters: Any) -> None:
    """Check that parameters broadcast to the shape of x: y has one value for each x.

    :param name: name of the transform.
    :param shape: shape of x.
    :param parameters: numbers and Vars by name.
    :raises ValueError: if one doesn't, with both shapes.
    """
    for label, var in parameters.items():
        if not isinstance(var, jt.Var):
            continue
        if broadcast_shapes(shape_of(var), shape) != shape:
            raise ValueError(
                f"{name}: {label} of shape {list(shape_of(var))} does not broadcast to x of shape "
                f"{list(shape)}"
            )
