"""Jittor's Vars as the library needs them: conversion, shapes, constants, sums, host views.

The oddities of Jittor that concern values and shapes (no 0-d Var, silent float64 to float32,
NanoVector shapes) are dealt with here and nowhere else.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jittor as jt
import numpy as np

Var = Any
"""A ``jt.Var``. Jittor carries no type information, so a type checker sees ``Any``."""

Shape = tuple[int, ...]

FLOAT_DTYPES = ("float32", "float64")


def shape_of(value: Any) -> Shape:
    """Return the shape of a Var or array as a tuple of ints (Jittor's own is a NanoVector)."""
    return tuple(value.shape)


def as_var(value: Any, dtype: str | None = None, what: str = "value") -> Var:
    """Convert numbers, lists, numpy arrays and Vars to a Var.

    A Python number becomes shape ``[1]``, since Jittor has no 0-d Var. Floats become float32
    unless ``dtype`` says otherwise: float64 has to be asked for.

    :param value: what to convert; a Var of the right dtype is returned as it is.
    :param dtype: dtype of the result; by default that of a Var, else ``'float32'``.
    :param what: name used in error messages.
    :raises TypeError: if ``value`` is not numeric.
    """
    if isinstance(value, jt.Var):
        return value if dtype is None or str(value.dtype) == dtype else value.cast(dtype)
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise TypeError(
            f"{what} must be a number, an array or a jt.Var, got {type(value).__name__}: {error}"
        ) from error
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{what} must be a number, an array of numbers or a jt.Var, "
            f"got {type(value).__name__}: {value!r}"
        )
    # jt.array keeps a non-contiguous float64 array as float64 but narrows a contiguous one, so
    # both the layout and the dtype are said outright.
    target = dtype or "float32"
    var = jt.array(np.ascontiguousarray(array, dtype=target), dtype=target)
    if array.size == 1:
        var.sync()  # as scalar() does
    return var


def settled(var: Var) -> Var:
    """Return ``var``, computed now if it has one element and is pending; for a jt.Function.

    Jittor hands the memory of a function's inputs on, but that of a pending one-element array is
    not filled in yet: the function, and whoever reads the Var later, would see garbage.
    """
    if len(var.shape) == 1 and var.shape[0] == 1 and ":s0:" in var.debug_msg():
        var.sync()
    return var


def scalar(value: float, dtype: str = "float32") -> Var:
    """Return a materialised Var of shape [1].

    It is synced, because the value of a *pending* one-element array is compiled into the kernel
    when it is 0, 1 or 2: one g++ run for each such constant.
    """
    var = jt.array(np.full((1,), value, dtype=dtype), dtype=dtype)
    var.sync()
    return var


def constant(value: float, like: Var) -> float | Var:
    """Return ``value`` so that it takes part in arithmetic with ``like`` at its full precision.

    ``float64_var * 0.1`` multiplies by float32(0.1) in Jittor; a float64 Var of shape [1] does not.
    """
    return scalar(value, "float64") if str(like.dtype) == "float64" else float(value)


def broadcast_shapes(*shapes: Shape) -> Shape | None:
    """Return the common broadcast shape as numpy defines it, or None when there is none."""
    first = shapes[0] if shapes else ()
    # Almost always all are equal, and numpy takes 7 us to say so: there are dozens in a step.
    if all(shape == first for shape in shapes):
        return first
    return _broadcast_shapes(shapes)


@functools.lru_cache(maxsize=4096)
def _broadcast_shapes(shapes: tuple[Shape, ...]) -> Shape | None:
    """Ask numpy, which takes 30 us: a quarter of the time of a small model's log joint."""
    try:
        return tuple(int(n) for n in np.broadcast_shapes(*shapes))
    except ValueError:
        return None


def host_view(var: Var) -> np.ndarray:
    """Return the values of ``var`` for reading; computes it if it is still pending.

    On the CPU this is a view without a copy; on CUDA ``.data`` would move the Var to the host
    for good, so a copy is taken.
    """
    return var.numpy() if jt.flags.use_cuda else var.data


def sum_dims(var: Var, dims: Sequence[int]) -> Var:
    """Sum an elementwise result over ``dims``; the dims vanish (all of them: shape [1]).

    Jittor would fuse the elementwise work into the reduction, and g++ does not vectorise exp,
    log and the like in a reduction loop: at [64, 784] a Bernoulli log-likelihood took 1.1 ms
    fused and 0.13 ms with the two apart. Call it on Vars of one's own only: ``stop_fuse`` acts
    in place.
    """
    return var.stop_fuse().sum(list(dims)) if dims else var


def mean_all(var: Var) -> Var:
    """Return the mean of all elements, shape [1].

    ``jt.mean`` loses digits (1e-3 relative at 5e6 elements), a sum divided by the count does not.
    """
    count = int(np.prod(shape_of(var)))
    return var if count == 1 and len(var.shape) == 1 else var.sum() / count
