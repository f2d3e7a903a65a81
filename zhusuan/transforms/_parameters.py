"""What transforms do with numbers and Vars that they are given."""

from __future__ import annotations

from typing import Any

import jittor as jt

from zhusuan._tensor import Shape, Var, as_var, broadcast_shapes, shape_of


def parameter(value: Any, what: str) -> Var:
    """Return a Var; one made of a number or an array is a constant without gradient.

    :param value: number, array or Var.
    :param what: name for messages.
    """
    var = as_var(value, what=what)
    return var if isinstance(value, jt.Var) else var.stop_grad()


def check_fits(name: str, shape: Shape, **parameters: Var) -> None:
    """Check that parameters broadcast to the shape of x: y has one value for each x.

    :param name: name of the transform.
    :param shape: shape of x.
    :param parameters: Vars by name.
    :raises ValueError: if one doesn't, with both shapes.
    """
    for label, var in parameters.items():
        if broadcast_shapes(shape_of(var), shape) != shape:
            raise ValueError(
                f"{name}: {label} of shape {list(shape_of(var))} does not broadcast to x of shape "
                f"{list(shape)}"
            )
