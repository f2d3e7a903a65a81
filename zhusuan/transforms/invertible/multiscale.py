"""Several scales: a part of the channels is done early."""

from __future__ import annotations

import math
from typing import Any

import jittor as jt

from zhusuan._tensor import Shape, Var, shape_of
from zhusuan.transforms._events import sum_events
from zhusuan.transforms.base import Transform
from zhusuan.transforms.invertible._rows import as_rows


class FactorOut(Transform):
    r"""Some channels go on through a transform, the others are left as they are.

    .. math:: y = (f(x_{1:k}),\ x_{k+1:n})

    the step between two scales of RealNVP (Dinh, Sohl-Dickstein and Bengio 2017, eq. 14 to 16),
    written so that shapes stay: what goes on must come back in its own shape. Two scales of
    images are ::

        inner = Sequential([Squeeze(), *couplings_of_small_images, Squeeze().inv])
        Sequential([Squeeze(), *couplings, FactorOut(inner), Squeeze().inv])

    :param transform: f, which must keep the shape of its events.
    :param n_through: k, how many channels (the first dim of an event) go on; half of them by
        default.
    :raises TypeError: if f is no transform.
    :raises ValueError: if k is below 1, or f takes events of one number of dims to another.
    """

    def __init__(self, transform: Transform, n_through: int | None = None) -> None:
        super().__init__()
        if not isinstance(transform, Transform):
            raise TypeError(f"FactorOut: transform must be a Transform, got {transform!r}")
        if transform.event_ndims_in != transform.event_ndims_out:
            raise ValueError(
                f"FactorOut: {transform!r} takes events of {transform.event_ndims_in} dims to "
                f"events of {transform.event_ndims_out}"
            )
        if n_through is not None and n_through < 1:
            raise ValueError(f"FactorOut: n_through must be at least 1, got {n_through}")
        self.transform = transform
        self.n_through = n_through
        # Elementwise maps act on parts of vectors.
        self.event_ndims_in = self.event_ndims_out = max(transform.event_ndims_in, 1)
        self._extra = self.event_ndims_in - transform.event_ndims_in
        self.context_names = transform.context_names

    def _forward_and_log_det(self, x: Var, **context: Any) -> tuple[Var, Var]:
        through, left = self._parts(x)
        y, log_det = self.transform.forward_and_log_det(through, **context)
        return self._joined(y, left), sum_events(log_det, self._extra)

    def _inverse_and_log_det(self, y: Var, **context: Any) -> tuple[Var, Var]:
        through, left = self._parts(y)
        x, log_det = self.transform.inverse_and_log_det(through, **context)
        return self._joined(x, left), sum_events(log_det, self._extra)

    def _parts(self, x: Var) -> tuple[Var, Var]:
        shape = shape_of(x)
        dim = len(shape) - self.event_ndims_in
        batch, event = shape[:dim], shape[dim:]
        k = self._count(event)
        rows, cut = as_rows(x, self.event_ndims_in), k * math.prod(event[1:])
        through = rows[:, :cut].reshape([*batch, k, *event[1:]])
        return through, rows[:, cut:].reshape([*batch, event[0] - k, *event[1:]])

    def _joined(self, through: Var, left: Var) -> Var:
        parts = [as_rows(part, self.event_ndims_in) for part in (through, left)]
        shape = list(shape_of(left))
        dim = len(shape) - self.event_ndims_in
        shape[dim] += through.shape[dim]
        return jt.concat(parts, dim=1).reshape(shape)

    def _count(self, event: Shape) -> int:
        return event[0] // 2 if self.n_through is None else self.n_through

    def _event_shape_out(self, event: Shape) -> Shape:
        k = self._count(event)
        if not 0 < k < event[0]:
            raise ValueError(
                f"FactorOut: events of shape {list(event)} cannot be cut after {k or 'half'} "
                "channels of their first dim"
            )
        through = (k, *event[1:])
        found = self.transform.forward_shape(through)
        if found != through:
            raise ValueError(
                f"FactorOut: the transform must keep shapes, but takes {list(through)} to "
                f"{list(found)}"
            )
        return event

    _event_shape_in = _event_shape_out

    def _describe(self) -> str:
        return repr(self.transform)
