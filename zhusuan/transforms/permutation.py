"""Permutations of vectors."""

from __future__ import annotations

import math
from collections.abc import Sequence

import jittor as jt
import numpy as np

from zhusuan._tensor import Shape, Var, shape_of
from zhusuan.transforms._events import no_change
from zhusuan.transforms.base import Transform


class Permutation(Transform):
    r"""The entries of vectors in another order: :math:`y_i = x_{p_i}`.

    Between autoregressive maps or couplings it lets every entry depend on every other one (Kingma
    et al. 2016 turn vectors around).

    :param permutation: p, each of 0 .. n - 1 once; ``range(n)[::-1]`` turns vectors around.
    :raises ValueError: if it is no permutation.
    """

    event_ndims_in = 1
    event_ndims_out = 1
    keeps_support = True

    def __init__(self, permutation: Sequence[int]) -> None:
        super().__init__()
        order = np.asarray(list(permutation))
        if order.ndim != 1 or not np.array_equal(np.sort(order), np.arange(order.size)):
            raise ValueError(
                "Permutation: each of 0 .. n - 1 must be there once, got "
                f"{list(permutation)}"
            )
        self._order = jt.array(order.astype("int32"))
        self._back = jt.array(np.argsort(order).astype("int32"))

    def _forward(self, x: Var) -> Var:
        return _taken(x, self._order)

    def _inverse(self, y: Var) -> Var:
        return _taken(y, self._back)

    def _log_det(self, x: Var, y: Var) -> Var:
        return no_change(x, 1)

    def _event_shape_out(self, event: Shape) -> Shape:
        n = int(self._order.shape[0])
        if event[0] != n:
            raise ValueError(f"Permutation of {n} entries: got vectors of {event[0]}")
        return event

    _event_shape_in = _event_shape_out

    def _describe(self) -> str:
        return f"{int(self._order.shape[0])} entries"


def _taken(x: Var, order: Var) -> Var:
    shape = shape_of(x)
    rows = x.reshape([math.prod(shape[:-1]), shape[-1]])
    taken = rows.reindex(list(rows.shape), ["i0", "@e0(i1)"], extras=[order])
    return taken.reshape(list(shape))
