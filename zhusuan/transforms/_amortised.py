"""Maps of vectors whose parameters are their own, or come from a network, one set per vector."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from zhusuan._tensor import Shape, Var, as_var, broadcast_shapes, shape_of
from zhusuan.transforms.base import Transform


class _Amortisable(Transform):
    """What planar, radial and Sylvester flows share: where their parameters come from.

    All of them are one vector: a parameter of this module, or the context, so that a network can
    give each x a map of its own (Rezende and Mohamed 2015, sec. 4.2).

    :param n_dim: entries of x.
    :param start: the values that the parameters start at, one array after the other.
    :param amortised: take the parameters from ``context``.
    :ivar n_parameters: entries that a context must have.
    """

    event_ndims_in = 1
    event_ndims_out = 1

    def __init__(self, n_dim: int, start: Sequence[np.ndarray], amortised: bool) -> None:
        super().__init__()
        self.n_dim = n_dim
        self._sizes = [int(np.size(array)) for array in start]
        self.n_parameters = sum(self._sizes)
        self._amortised = amortised
        self.context_names = ("context",) if amortised else ()
        flat = np.concatenate([np.ravel(array) for array in start]).astype("float32")
        self.raw: Var = None if amortised else as_var(flat)

    # -- what a map writes, with x of shape [n, n_dim] and parameters of shape [n or 1, size] each

    def _map(self, x: Var, *parameters: Var) -> tuple[Var, Var]:
        """Return y and log|det dy/dx|, of shape [n]."""
        raise NotImplementedError

    def _solve(self, y: Var, *parameters: Var) -> Var:
        """Return x."""
        raise NotImplementedError

    # -- the rest

    def _forward_and_log_det(self, x: Var, context: Any = None) -> tuple[Var, Var]:
        shape = shape_of(x)
        y, log_det = self._map(self._rows(x), *self._parameters_for(shape[:-1], context))
        return y.reshape(list(shape)), log_det.reshape(list(shape[:-1]) or [1])

    def _inverse(self, y: Var, context: Any = None) -> Var:
        shape = shape_of(y)
        x = self._solve(self._rows(y), *self._parameters_for(shape[:-1], context))
        return x.reshape(list(shape))

    def _rows(self, x: Var) -> Var:
        return x.reshape([math.prod(shape_of(x)[:-1]), self.n_dim])

    def _parameters_for(self, batch: Shape, context: Any) -> list[Var]:
        raw = self._taken(batch, context) if self._amortised else self.raw
        raw = raw.reshape([-1, self.n_parameters])
        ends = np.cumsum(self._sizes).tolist()
        return [raw[:, end - size : end] for size, end in zip(self._sizes, ends)]

    def _taken(self, batch: Shape, context: Any) -> Var:
        if context is None:
            raise ValueError(
                f"{self._name}: context of {self.n_parameters} entries, its parameters, is missing"
            )
        raw = as_var(context, what=f"{self._name}: context")
        shape = shape_of(raw)
        if shape[-1:] != (self.n_parameters,):
            raise ValueError(
                f"{self._name}: context must have shape (..., {self.n_parameters}), "
                f"got {list(shape)}"
            )
        if broadcast_shapes(shape[:-1], batch) != batch:
            raise ValueError(
                f"{self._name}: context of shape {list(shape)} does not broadcast to the batch "
                f"{list(batch)} of x"
            )
        full = (*batch, self.n_parameters)
        return raw if shape == full or len(shape) == 1 else raw.broadcast(list(full))

    def _event_shape_out(self, event: Shape) -> Shape:
        if event[0] != self.n_dim:
            raise ValueError(
                f"{self._name}: vectors must have {self.n_dim} entries, got {event[0]}"
            )
        return event

    _event_shape_in = _event_shape_out

    def _describe(self) -> str:
        return f"{self.n_dim} entries" + (", parameters from context" if self._amortised else "")


def check_size(name: str, **sizes: int) -> None:
    """Check that sizes are positive.

    :param name: name of the transform.
    :param sizes: by name.
    :raises ValueError: if one isn't.
    """
    for label, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name}: {label} must be at least 1, got {size}")
