"""The functions of ``update.h``, compiled as a kernel of Jittor's."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path
from typing import Any

from zhusuan.runtime.native import functions

_HEADER = Path(__file__).with_name("update.h")

# Rules and outcomes, as in the header.
ADAM, ADAMW, SGD = range(3)
DONE, NOT_COMPUTED, NOT_SUITED, NO_MEMORY = range(4)

N_SCALARS = 8


class Library:
    """The functions, as Python calls them.

    They look into Python's lists and change Jittor's graph, so that they hold Python's lock.
    """

    def __init__(self) -> None:
        signatures = {
            "step": (ctypes.c_int, ctypes.py_object, ctypes.c_int, ctypes.py_object),
            "bind": (ctypes.c_void_p, ctypes.py_object, ctypes.c_int),
            "run": (ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p),
            "count": (ctypes.c_int, ctypes.c_void_p),
            "free": (None, ctypes.c_void_p),
        }
        for name, function in functions(_HEADER, "zhusuan_optim_", signatures).items():
            setattr(self, name, function)

    step: Any
    bind: Any
    run: Any
    count: Any
    free: Any


library = functools.cache(Library)
