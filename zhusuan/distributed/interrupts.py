"""Ctrl-C on one rank: all of them have to stop, and at the same place."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

from zhusuan.distributed.collectives import do_all, world_size


@contextlib.contextmanager
def stopping_together() -> Iterator[Callable[[], None]]:
    """Keep SIGINT back inside the block, and give a function that asks whether any rank had it.

    All ranks call that function; it raises KeyboardInterrupt on all, or on none. A second SIGINT
    raises it at once. With one process, and outside of the main thread, SIGINT does what it did
    before, and the function nothing.

    :return: a context manager that gives the function.
    """
    before = signal.getsignal(signal.SIGINT)
    pressed = False

    def press(*_: object) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True

    def check() -> None:
        if not do_all(not pressed, "the work goes on"):
            raise KeyboardInterrupt

    if world_size() == 1:
        yield lambda: None
        return
    if threading.current_thread() is not threading.main_thread() or before is None:
        yield check
        return
    signal.signal(signal.SIGINT, press)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)
