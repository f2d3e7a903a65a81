"""What notebooks show of a distribution."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import jittor as jt
import numpy as np

from zhusuan._html import paragraph, shape_text, table
from zhusuan._tensor import Shape, Var, shape_of

if TYPE_CHECKING:
    from zhusuan.distributions.constraints import Constraint
    from zhusuan.distributions.parameter import Parameter

# Of a longer parameter the range is shown instead of the values.
_LISTED = 6
# A parameter so large is not even looked through.
_LARGE = 10_000_000


class Displayed:
    """Lets notebooks show a distribution.

    Nothing is changed by that: parameters are fetched, which runs what Jittor has left undone,
    and nothing is drawn, derived, validated or kept.
    """

    parameters: ClassVar[dict[str, Parameter]]
    support: Constraint
    batch_shape: Shape
    value_shape: Shape
    group_ndims: int
    dtype: str
    is_reparameterized: bool
    _given: dict[str, Var]

    def _repr_html_(self) -> str:
        rows = _parameter_rows(self)
        with jt.no_grad():  # under which a parameter that is derived from others is not kept
            support = self.support.name
        facts = [
            f"batch shape {shape_text(self.batch_shape)}, value (event) shape "
            f"{shape_text(self.value_shape)}, group_ndims {self.group_ndims}",
            f"support: {support}",
            self.dtype + (", reparameterized" if self.is_reparameterized else ""),
        ]
        head = ("parameter", "shape", "values", "must be")
        return table(head, rows, type(self).__name__) + paragraph(facts)


def described(dist: Displayed) -> str:
    """Return a distribution with its parameters' shapes in a line, ``Normal(mean [64, 40], ...)``.

    :param dist: the distribution.
    """
    words = [
        f"{dist.parameters[name].argument} {shape_text(shape_of(value))}"
        for name, value in dist._given.items()
    ]
    for name, value in _inside(dist):
        if isinstance(value, Displayed):
            words.append(f"{name} {described(value)}")
        elif isinstance(value, jt.Var):
            words.append(f"{name} {shape_text(shape_of(value))}")
        else:
            words.append(f"{name} {type(value).__name__}")
    return f"{type(dist).__name__}({', '.join(words)})"


def holds_module(dist: Displayed) -> bool:
    """Return whether there is a module in a distribution or in one inside it.

    Such as the transform of a flow, which may change as it is used.

    :param dist: the distribution.
    """
    return any(
        holds_module(value) if isinstance(value, Displayed) else isinstance(value, jt.Module)
        for _, value in _inside(dist)
    )


def values_text(array: np.ndarray) -> str:
    """Return the numbers in an array, or their range if they are many.

    :param array: of numbers.
    """
    if not array.size:
        return "none"
    if array.size == 1 or (array.ndim == 1 and array.size <= _LISTED):
        numbers = ", ".join(f"{float(number):.4g}" for number in array.ravel())
        return numbers if array.size == 1 else f"[{numbers}]"
    if array.size > _LARGE:
        return "..."
    n_nan = int(np.isnan(array).sum())
    if n_nan == array.size:
        return "all NaN"
    low, high = float(np.nanmin(array)), float(np.nanmax(array))
    text = f"{low:.4g} to {high:.4g}" if low < high else f"all {low:.4g}"
    return f"{text}, {n_nan} NaN" if n_nan else text


def reason(error: Exception) -> str:
    """Return what an error says in one line; Jittor's go on for many.

    :param error: the error.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"


def _parameter_rows(dist: Displayed) -> Iterator[tuple[str, str, str, str]]:
    for name, value in dist._given.items():
        declared = dist.parameters[name]
        yield declared.argument, *_value_cells(value), declared.constraint.name
    for name, value in _inside(dist):
        if isinstance(value, Displayed):
            yield name, shape_text(value.batch_shape + value.value_shape), described(value), ""
        elif isinstance(value, jt.Var):
            yield name, *_value_cells(value), ""
        else:
            yield name, "-", str(value), ""


def _value_cells(value: Var) -> tuple[str, str]:
    try:
        values = values_text(value.numpy()) if value.numel() <= _LARGE else "..."
    except Exception as error:  # where the value is computed anything may go wrong
        values = reason(error)
    return shape_text(shape_of(value)), values


def _inside(dist: Displayed) -> Iterator[tuple[str, Any]]:
    """Find what a distribution is made of beside its parameters: the public attributes."""
    for name, value in vars(dist).items():
        if name.startswith("_"):
            continue
        listed = isinstance(value, (list, tuple))
        for i, member in enumerate(value if listed else [value]):
            if isinstance(member, (Displayed, jt.Module, jt.Var)):
                yield f"{name}[{i}]" if listed else name, member
