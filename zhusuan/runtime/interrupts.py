"""Ctrl-C stays Python's: Jittor takes SIGINT for itself and ends the process on the spot.

With Jittor's handler no ``KeyboardInterrupt`` is raised, and so nothing is saved that a program
would have saved. (Jittor itself leaves SIGINT alone under Jupyter.)
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def keep_interrupt_handler() -> Iterator[None]:
    """Put the SIGINT handler that was there at the start back in place at the end of the block.

    Only the main thread may set handlers; elsewhere nothing is done.
    """
    before = signal.getsignal(signal.SIGINT)
    yield
    # None stands for a handler that was not set from Python and can't be put back from it.
    if before is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, before)
