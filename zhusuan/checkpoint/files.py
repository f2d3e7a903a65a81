"""Replacing a file as a whole, whatever happens in between."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

if sys.platform != "win32":
    import fcntl

# .NAME.TOKEN.zs-tmp, beside the file that it is to become.
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{16}\.zs-tmp", re.DOTALL)


def replace_file(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let ``write`` fill a new file and put it in the place of ``path``.

    The new file is made beside ``path``, forced to disk and then moved, so that at any moment
    ``path`` is the old file or the new one, also when the process is killed or the machine
    stops. What killed processes left half-written in the folder is removed.

    A link stays and what it points to is replaced; permissions stay as they were.

    :param path: file to replace or to make.
    :param write: writes the content into the binary file that it is given.
    :raises FileNotFoundError: if the folder does not exist.
    :raises OSError: if the place can't be written to; the old file is then as it was.
    """
    target = Path(os.path.realpath(path))
    try:
        mode = _mode_of(target)
        remove_leftovers(target.parent)
        temporary, file = _make_temporary(target)
        try:
            with file:
                if mode is not None:
                    os.chmod(temporary, mode)
                write(file)
                file.flush()
                os.fsync(file.fileno())
                # Before the file is closed, since that ends the lock.
                os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    _sync_folder(target.parent)


def _mode_of(target: Path) -> int | None:
    """Return the permissions of ``target``, None where it does not exist yet."""
    try:
        status = os.stat(target)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        kind = errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.EINVAL
        raise OSError(kind, "Is no regular file", str(target))
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "Is read-only", str(target))
    return stat.S_IMODE(status.st_mode)


def _make_temporary(target: Path) -> tuple[str, BinaryIO]:
    """Make an empty file that is locked for as long as it is open."""
    while True:
        # Names have at most 255 bytes, characters up to 4.
        name = f".{target.name[:40]}.{secrets.token_hex(8)}.zs-tmp"
        temporary = os.path.join(target.parent, name)
        file = os.fdopen(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666), "wb")
        _lock(file, wait=True)
        # Between its making and its lock another process may have taken it for a leftover.
        if os.path.exists(temporary):
            return temporary, file
        file.close()


def _lock(file: BinaryIO, wait: bool) -> bool:
    """Lock ``file`` against other processes; False if that did not work."""
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:  # locked by another process, or the file system has no locks
        return False
    return True


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files of processes that were killed, and leave those in use.

    :param folder: where to look. What can't be removed stays.
    """
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in filter(_TEMPORARY.fullmatch, names):
        path = os.path.join(folder, name)
        with contextlib.suppress(OSError):
            # A process holds the lock on its file until it has moved it, or has died.
            flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
            with os.fdopen(os.open(path, flags), "rb") as file:
                if _lock(file, wait=False):
                    os.unlink(path)


def _sync_folder(folder: Path) -> None:
    """Force the new name to disk, where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
