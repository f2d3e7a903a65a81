"""Composition of transforms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jittor import nn

from zhusuan._tensor import Shape, Var
from zhusuan.distributions.constraints import Constraint
from zhusuan.transforms._events import sum_events
from zhusuan.transforms.base import Transform


class Sequential(Transform):
    r"""Transforms one after the other: :math:`y = f_n(\dots f_2(f_1(x)))`.

    An event of the whole is the smallest that holds the events of every part: an elementwise map
    before one of vectors acts on vectors, and its log-determinant is summed over them. Context is
    handed to the parts that know its name.

    Log-determinants add up (Rezende and Mohamed 2015, eq. 7).

    :param modules: the transforms, in the order in which they act on x.
    :raises ValueError: if there is none.
    :raises TypeError: if one of them is no transform.
    :ivar parts: the transforms, as an ``nn.ModuleList``.
    """

    def __init__(self, modules: Sequence[Transform]) -> None:
        super().__init__()
        parts = list(modules)
        if not parts:
            raise ValueError("Sequential: give at least one transform; Identity() changes nothing")
        for i, part in enumerate(parts):
            if not isinstance(part, Transform):
                raise TypeError(f"Sequential: part {i} must be a Transform, got {part!r}")
        self.parts = nn.ModuleList(parts)
        self._parts = tuple(parts)
        self.event_ndims_in, self._extra = _align(parts)
        last = parts[-1]
        self.event_ndims_out = last.event_ndims_out + self._extra[-1]
        self.keeps_support = all(part.keeps_support for part in parts)
        names = [name for part in parts for name in part.context_names]
        self.context_names = tuple(dict.fromkeys(names))

    @property
    def domain(self) -> Constraint:  # type: ignore[override]
        """Where x may lie: the domain of the first part."""
        return self._parts[0].domain

    @property
    def codomain(self) -> Constraint:  # type: ignore[override]
        """A set that holds all y: the codomain of the last part that does not keep supports."""
        moving = [part for part in self._parts if not part.keeps_support]
        return (moving or self._parts)[-1].codomain

    def _forward(self, x: Var, **context: Any) -> Var:
        for part in self._parts:
            x = part.forward(x, **_for_part(part, context))
        return x

    def _forward_and_log_det(self, x: Var, **context: Any) -> tuple[Var, Var]:
        total = None
        for part, extra in zip(self._parts, self._extra):
            x, log_det = part.forward_and_log_det(x, **_for_part(part, context))
            term = sum_events(log_det, extra)
            total = term if total is None else total + term
        return x, total

    def _log_det(self, x: Var, y: Var, **context: Any) -> Var:
        return self._forward_and_log_det(x, **context)[1]

    def _inverse(self, y: Var, **context: Any) -> Var:
        for part in reversed(self._parts):
            y = part.inverse(y, **_for_part(part, context))
        return y

    def _inverse_and_log_det(self, y: Var, **context: Any) -> tuple[Var, Var]:
        total = None
        for part, extra in zip(reversed(self._parts), reversed(self._extra)):
            y, log_det = part.inverse_and_log_det(y, **_for_part(part, context))
            term = sum_events(log_det, extra)
            total = term if total is None else total + term
        return y, total

    def _event_shape_out(self, event: Shape) -> Shape:
        for part in self._parts:
            event = part.forward_shape(event)
        return event

    def _event_shape_in(self, event: Shape) -> Shape:
        for part in reversed(self._parts):
            event = part.inverse_shape(event)
        return event

    def _describe(self) -> str:
        return "[" + ", ".join(map(repr, self._parts)) + "]"


def _align(parts: Sequence[Transform]) -> tuple[int, list[int]]:
    """Return the event dims of the whole, and by how many dims they exceed those of each part."""
    ndims = 0
    for part in reversed(parts):
        # Dims of the event as this part's y, then as its x.
        ndims = max(ndims - part.event_ndims_out, 0) + part.event_ndims_in
    extras, here = [], ndims
    for part in parts:
        extras.append(here - part.event_ndims_in)
        here = extras[-1] + part.event_ndims_out
    return ndims, extras


def _for_part(part: Transform, context: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in context.items() if name in part.context_names}
