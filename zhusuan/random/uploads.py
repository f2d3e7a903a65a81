"""Arrays that are drawn on the host and uploaded, and who wants to know how they are made."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import NamedTuple

import jittor as jt
import numpy as np

from zhusuan._tensor import Var

Make = Callable[[], np.ndarray]


class Upload(NamedTuple):
    """One array that was drawn.

    :param make: draws the next one from the stream in use, of the same shape and dtype.
    :param var: the Var of this one.
    """

    make: Make
    var: Var


_noted: ContextVar[list[Upload] | None] = ContextVar("noted", default=None)


def uploaded(make: Make) -> Var:
    """Return a Var of what ``make`` draws, of the same dtype.

    :param make: draws an array from the stream in use.
    """
    var = _upload(make())
    noted = _noted.get()
    if noted is not None:
        if var.numel() == 1:
            var.sync()  # else its value may become a part of a kernel
        noted.append(Upload(make, var))
    return var


def _upload(drawn: np.ndarray) -> Var:
    # jt.array with a dtype copies twice; without one it narrows 64 bits unless told not to.
    if drawn.dtype.itemsize < 8:
        return jt.ops.array(drawn)
    with jt.flag_scope(auto_convert_64_to_32=0):
        return jt.ops.array(drawn)


@contextlib.contextmanager
def noting_uploads() -> Iterator[list[Upload]]:
    """Note, in order, what is uploaded inside the block."""
    noted: list[Upload] = []
    token = _noted.set(noted)
    try:
        yield noted
    finally:
        _noted.reset(token)
