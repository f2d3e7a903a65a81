"""Vectors as lower triangles, and running sums along the last dim, for the structured maps."""

from __future__ import annotations

import functools
import math

import jittor as jt
import numpy as np

from zhusuan._tensor import Shape, Var, shape_of


def flat(x: Var, ndims: int) -> Var:
    """Return ``x`` in float64 with its leading dims made one, and at least one, dim.

    One dim, so that one kernel serves every number of dims; float64, since running sums of
    logarithms lose digits.

    :param x: Var of shape ``batch + event``.
    :param ndims: how many dims are the event.
    """
    shape = shape_of(x)
    cut = len(shape) - ndims
    batch = math.prod(shape[:cut])
    wide = x if str(x.dtype) == "float64" else x.cast("float64")
    return wide.reshape([batch, *shape[cut:]])


def unflat(y: Var, batch: Shape, like: Var) -> Var:
    """Undo :func:`flat`: give a result its batch and dtype; shape [1] where nothing is left.

    :param y: Var whose first dim is the batch, made one.
    :param batch: the dims of the batch.
    :param like: Var of the dtype that is wanted.
    """
    narrow = y if y.dtype == like.dtype else y.cast(str(like.dtype))
    return narrow.reshape(list(batch + shape_of(y)[1:]) or [1])


def batch_of(x: Var, ndims: int) -> Shape:
    """Return the shape of ``x`` without its last ``ndims`` dims."""
    shape = shape_of(x)
    return shape[: len(shape) - ndims]


def sums_before(x: Var, n: int) -> Var:
    """Return for each of n places the sum of the entries of ``x`` before it.

    As a product with a triangle of ones: Jittor's cumsum has no second derivative on the CPU.

    :param x: shape [batch, m] with m <= n.
    :param n: number of places.
    :return: shape [batch, n].
    """
    return jt.matmul(x, _ones_above(int(x.shape[-1]), n))


def sums_after(x: Var, n: int) -> Var:
    """Return for each of the first n places the sum of the entries of ``x`` after it.

    :param x: shape [batch, m] with m >= n.
    :param n: number of places.
    :return: shape [batch, n].
    """
    return jt.matmul(x, _ones_above(n, int(x.shape[-1])).transpose(1, 0))


@functools.lru_cache(maxsize=64)
def _ones_above(rows: int, columns: int) -> Var:
    triangle = jt.array(np.triu(np.ones((rows, columns)), 1), dtype="float64")
    triangle.sync()
    return triangle.stop_grad()


def count_of_triangle(rows: int) -> int:
    """Return the number of entries on and below the diagonal."""
    return rows * (rows + 1) // 2


def rows_of_triangle(name: str, size: int) -> int:
    """Return the number of rows of the triangle that a vector fills.

    :param name: name of the transform, for messages.
    :param size: entries of the vector.
    :raises ValueError: if it fills none.
    """
    rows = (math.isqrt(8 * size + 1) - 1) // 2
    if size < 1 or count_of_triangle(rows) != size:
        raise ValueError(
            f"{name}: a vector of {size} entries fills no triangle; it must have 1, 3, 6, 10, ... "
            "entries, n (n + 1) / 2"
        )
    return rows


def square(name: str, event: Shape) -> int:
    """Return n for a matrix of shape (n, n).

    :raises ValueError: for another shape.
    """
    if event[0] != event[1] or event[0] < 1:
        raise ValueError(f"{name}: y must be square matrices, got {event[0]} x {event[1]}")
    return event[0]


def to_triangle(x: Var, rows: int) -> Var:
    """Write vectors into the lower triangles of matrices, row by row; zeros above.

    :param x: shape [batch, rows (rows + 1) / 2].
    :param rows: rows of the matrices.
    :return: shape [batch, rows, rows].
    """
    # Jittor renames the indices in its source only where "<" follows, not ">".
    return x.reindex(
        [int(x.shape[0]), rows, rows],
        ["i0", "i1*(i1+1)/2+i2"],
        overflow_conditions=["i1<i2"],
        overflow_value=0,
    )


def from_triangle(y: Var) -> Var:
    """Undo :func:`to_triangle`.

    :param y: shape [batch, n, n]; what is above the diagonal is not read.
    :return: shape [batch, n (n + 1) / 2].
    """
    n = int(y.shape[-1])
    row, column = _places(n)
    return y.reindex(
        [int(y.shape[0]), count_of_triangle(n)],
        ["i0", "@e0(i1)", "@e1(i1)"],
        extras=[row, column],
    )


@functools.lru_cache(maxsize=64)
def _places(n: int) -> tuple[Var, Var]:
    places = tuple(jt.array(i.astype("int32")) for i in np.tril_indices(n))
    jt.sync(list(places))
    return places
