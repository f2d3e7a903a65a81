"""What the user sees while Jittor's core is built, which takes minutes and happens once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from tqdm import tqdm

EXPECTED_OBJECTS = 157
"""How many files Jittor 1.3.11 compiles for its core and for oneDNN's operators."""

POLL_SECONDS = 0.5


class Stopwatch:
    """Seconds since it was made; :meth:`stop` fixes them."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self.seconds = 0.0

    def stop(self) -> None:
        """Keep the time that has passed in ``seconds``."""
        self.seconds = time.monotonic() - self._start


@contextmanager
def announce_build(count_finished: Callable[[], int], stream: TextIO) -> Iterator[Stopwatch]:
    """Tell the user that Jittor's core is being built, for as long as the block lasts.

    :param count_finished: returns how many files have been compiled so far.
    :param stream: where to write; a live bar is drawn only on a terminal.
    :return: a context manager that gives a stopwatch, stopped when the block ends.
    """
    print(
        "zhusuan: Jittor compiles its core now. This happens once per machine and takes "
        "about 2 to 5 minutes.",
        file=stream,
        flush=True,
    )
    watch = Stopwatch()
    with _live_bar(count_finished, stream):
        yield watch
    watch.stop()
    print(f"zhusuan: Jittor is ready after {watch.seconds:.0f} s.", file=stream, flush=True)


@contextmanager
def _live_bar(count_finished: Callable[[], int], stream: TextIO) -> Iterator[None]:
    """Draw a bar from a thread inside the block, if ``stream`` is a terminal."""
    if not stream.isatty():
        yield
        return
    done = threading.Event()

    def draw() -> None:
        with tqdm(total=EXPECTED_OBJECTS, unit="file", file=stream, leave=False) as bar:
            while not done.wait(POLL_SECONDS):
                bar.n = min(count_finished(), EXPECTED_OBJECTS)
                bar.refresh()

    thread = threading.Thread(target=draw, name="zhusuan-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
