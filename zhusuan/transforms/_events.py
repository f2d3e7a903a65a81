"""Log-determinants by events."""

from __future__ import annotations

import jittor as jt

from zhusuan._tensor import Var, shape_of, sum_dims


def sum_events(log_det: Var, ndims: int) -> Var:
    """Sum an elementwise log-determinant over its last dims; shape [1] if none is left.

    :param log_det: Var.
    :param ndims: how many dims are summed.
    """
    n = len(log_det.shape)
    return sum_dims(log_det, range(n - ndims, n))


def no_change(x: Var, event_ndims: int) -> Var:
    """Return the log-determinant of a map that keeps volumes: zeros of the shape of the batch.

    :param x: Var of shape ``batch + event``.
    :param event_ndims: how many dims are one event.
    """
    shape = shape_of(x)
    return jt.zeros(list(shape[: len(shape) - event_ndims]) or [1], dtype=str(x.dtype))
