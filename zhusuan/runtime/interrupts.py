"""Signals stay Python's: Jittor ends the process on the spot at two of them.

At SIGINT, Ctrl-C: no ``KeyboardInterrupt`` is raised, and so nothing is saved that a program would
have saved. (Jittor itself leaves SIGINT alone under Jupyter.)

And at SIGCHLD, when a child has ended by a signal, for which it blames a lack of memory; also when
one has merely been stopped, as Ctrl-Z does with all those that Jittor keeps for compiling.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

_NO_STOPS = 1
"""Linux's ``SA_NOCLDSTOP``: no signal when a child is stopped or goes on."""


@contextmanager
def keep_interrupt_handler(env: Mapping[str, str] = os.environ) -> Iterator[None]:
    """Put the SIGINT handler that was there at the start back in place at the end of the block.

    Under Jupyter that of SIGCHLD as well: a shell command in a cell, ``!make``, that is interrupted
    would end the kernel.

    Only the main thread may set handlers; elsewhere nothing is done.

    :param env: the environment variables, which tell of Jupyter.
    """
    kept = [signal.SIGINT]
    if "JPY_PARENT_PID" in env:
        kept.append(signal.SIGCHLD)
    before = [signal.getsignal(number) for number in kept]
    yield
    if threading.current_thread() is not threading.main_thread():
        return
    for number, handler in zip(kept, before):
        # None stands for a handler that was not set from Python and can't be put back from it.
        if handler is not None:
            signal.signal(number, handler)


def outlive_stopped_children() -> None:
    """Let no signal come when a child is stopped or goes on, whatever handles it when one ends."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    action = _Action()
    if libc.sigaction(signal.SIGCHLD, None, ctypes.byref(action)) == 0 and action.handler:
        action.flags |= _NO_STOPS
        libc.sigaction(signal.SIGCHLD, ctypes.byref(action), None)


class _Action(ctypes.Structure):
    """The C library's ``struct sigaction``."""

    _fields_ = (
        ("handler", ctypes.c_void_p),  # NULL is the default
        ("mask", ctypes.c_ubyte * 128),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    )
