"""Batches as rows: kernels are compiled by the number of dims, and rows have one number of them."""

from __future__ import annotations

import math

import jittor as jt

from zhusuan._tensor import Shape, Var, shape_of, sum_dims


def as_rows(x: Var, event_ndims: int, *event: int) -> Var:
    """Return x with all of its batch dims as one.

    :param x: shape ``batch + event``.
    :param event_ndims: how many dims are one event.
    :param event: new shape of an event; by default a vector.
    """
    shape = shape_of(x)
    cut = len(shape) - event_ndims
    event = event or (math.prod(shape[cut:]),)
    return x.reshape([math.prod(shape[:cut]), *event])


def per_event(values: Var, x: Var, event_ndims: int) -> Var:
    """Return one number for each row in the shape of the batch of x; [1] where there is none.

    :param values: shape [n].
    :param x: shape ``batch + event``.
    :param event_ndims: how many dims are one event.
    """
    shape = shape_of(x)
    return values.reshape(list(shape[: len(shape) - event_ndims]) or [1])


def row_sums(values: Var) -> Var:
    """Return the sums of rows, shape [n], for a Var of one's own of shape [n, k]."""
    return sum_dims(values, [1])


def one_for_all(value: Var, x: Var, event_ndims: int) -> Var:
    """Return a number, the same for each event, in the shape of the batch of x.

    :param value: shape [1].
    :param x: shape ``batch + event``.
    :param event_ndims: how many dims are one event.
    """
    shape = shape_of(x)
    n = math.prod(shape[: len(shape) - event_ndims])
    # A sum over a dim of size 1 would be a kernel of its own: a product keeps the one for n.
    return per_event(value * jt.ones([n]), x, event_ndims)


def places(x: Var, event_ndims: int) -> int:
    """Return how many places each channel has: 1 for vectors, height times width for images.

    :param x: shape ``batch + event``; channels are the first dim of an event.
    :param event_ndims: how many dims are one event.
    """
    return math.prod(shape_of(x)[len(x.shape) - event_ndims + 1 :])


def check_channels(name: str, n_channels: int, event_ndims: int) -> None:
    """Raise ValueError for sizes below 1.

    :param name: name of the transform.
    :param n_channels: number of channels.
    :param event_ndims: dims of an event, the first of which is that of the channels.
    """
    if n_channels < 1 or event_ndims < 1:
        raise ValueError(
            f"{name}: n_channels and event_ndims must be at least 1, got {n_channels} and "
            f"{event_ndims}"
        )


def check_event(name: str, n_channels: int, event: Shape) -> Shape:
    """Return the shape of an event; raise ValueError if it has another number of channels."""
    if event[0] != n_channels:
        raise ValueError(
            f"{name}: events must have {n_channels} channels in their first dim, got shape "
            f"{list(event)}"
        )
    return event
