"""Orthogonal maps as products of reflections."""

from __future__ import annotations

import math

from zhusuan import random
from zhusuan._tensor import Shape, Var, shape_of
from zhusuan.transforms._amortised import check_size
from zhusuan.transforms._events import no_change
from zhusuan.transforms.base import Transform


class Householder(Transform):
    r"""A rotation of vectors, with or without a reflection, which keeps lengths and volumes.

    .. math:: y = H_k \cdots H_1 x, \qquad H_i = I - 2 \frac{v_i v_i^\top}{\|v_i\|^2}

    (Householder flow, Tomczak and Welling 2016). Every orthogonal matrix is a product of
    as many reflections as it has rows, or of fewer.

    :param n_dim: entries of x.
    :param n_reflections: k.
    :raises ValueError: if one of them is below 1.
    :ivar vectors: v, shape [n_reflections, n_dim].
    """

    event_ndims_in = 1
    event_ndims_out = 1

    def __init__(self, n_dim: int, n_reflections: int = 1) -> None:
        super().__init__()
        check_size("Householder", n_dim=n_dim, n_reflections=n_reflections)
        self.n_dim, self.n_reflections = n_dim, n_reflections
        self.vectors = random.standard_normal((n_reflections, n_dim)).detach()

    def _forward(self, x: Var) -> Var:
        return self._reflected(x, range(self.n_reflections))

    def _inverse(self, y: Var) -> Var:
        return self._reflected(y, reversed(range(self.n_reflections)))

    def _reflected(self, x: Var, order: object) -> Var:
        shape = shape_of(x)
        rows = x.reshape([math.prod(shape[:-1]), self.n_dim])
        for i in order:  # type: ignore[attr-defined]
            rows = reflected(rows, self.vectors[i].reshape([1, self.n_dim]))
        return rows.reshape(list(shape))

    def _log_det(self, x: Var, y: Var) -> Var:
        return no_change(x, 1)

    def _event_shape_out(self, event: Shape) -> Shape:
        if event[0] != self.n_dim:
            raise ValueError(f"Householder: vectors must have {self.n_dim} entries, got {event[0]}")
        return event

    _event_shape_in = _event_shape_out

    def _describe(self) -> str:
        return f"{self.n_dim} entries, {self.n_reflections} reflections"


def reflected(x: Var, v: Var) -> Var:
    """Return x reflected in the planes at right angles to v, along dim 1.

    :param x: shape [n, d] or [n, d, m].
    :param v: as x, or with dims of size 1 but for dim 1.
    """
    return x - v * ((v * x).sum(1, keepdims=True) * 2.0 / (v * v).sum(1, keepdims=True))


def orthonormal_columns(vectors: list[Var], identity: Var) -> Var:
    """Return the first columns of products of reflections.

    :param vectors: one for each reflection, the first acts last, shape [n or 1, d] each.
    :param identity: the first columns of the identity, shape [1, d, m].
    :return: shape [n or 1, d, m].
    """
    columns = identity
    for v in reversed(vectors):
        columns = reflected(columns, v.unsqueeze(2))
    return columns
