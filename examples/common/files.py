"""Writing files so that a reader never meets half of one."""

from __future__ import annotations

import contextlib
import io
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from zhusuan.distributed import is_main


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file for writing that takes its place under ``path`` only when all went well.

    The bytes go to a hidden neighbour first, which is renamed over ``path`` at the end. If the
    body raises, or the process is interrupted, ``path`` keeps what it had. Under ``mpirun`` rank 0
    writes; what the others write goes nowhere.

    :param path: the file to make or replace; its folder is made when missing.
    :yields: a binary file to write to.
    :raises OSError: when the folder or the file cannot be written.
    """
    if not is_main():
        yield io.BytesIO()
        return
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not `tempfile`: its files are private to the user (mode 600) and would stay so. A random
    # name keeps two processes that write the same file out of each other's way.
    partial = path.parent / f".{uuid.uuid4().hex}.part"
    try:
        with open(partial, "xb") as file:
            yield file
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
