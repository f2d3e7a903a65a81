"""A lock between processes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform != "win32":
    import fcntl


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold a lock inside the block; other processes wait for it. Does nothing on Windows.

    :param path: a file in an existing folder, made if missing.
    """
    with path.open("w") as handle:
        if sys.platform != "win32":
            fcntl.flock(handle, fcntl.LOCK_EX)  # released when the file is closed
        yield
