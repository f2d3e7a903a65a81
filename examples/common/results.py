"""A folder for what a run leaves behind."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from common.files import atomic_file
from zhusuan.distributed import is_main


class ResultError(RuntimeError):
    """Results cannot be written. The message names the folder or the file."""


def say(text: str) -> None:
    """Print a line; under ``mpirun`` rank 0 does.

    :param text: the line.
    """
    if is_main():
        print(text, flush=True)


class ResultDir:
    """The folder of one run's results, made at once so that a long run cannot end in vain.

    :param path: the folder; made, with its parents, when missing. Files of the same names from
        an earlier run are replaced, others are left alone.
    :raises ResultError: when it cannot be made, or not be written to.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).expanduser()
        probe = self.path / f".writable-{os.getpid()}"
        try:
            # Writing is the only sure test: permission bits say nothing of a read-only disk.
            with atomic_file(probe):
                pass
            probe.unlink(missing_ok=True)  # under mpirun, rank 0 alone writes
        except OSError as error:
            raise ResultError(
                f"cannot write results to {self.path}: {error.strerror or error}"
            ) from error

    def file(self, name: str) -> Path:
        """Name a file in this folder.

        :param name: the file's name, without folders.
        :returns: its path, for functions that write it.
        :raises ValueError: when ``name`` is empty or leads out of the folder.
        """
        if Path(name).name != name or name in ("", ".."):
            raise ValueError(f"a result's name must be a plain file name: {name!r}")
        return self.path / name

    def write_json(self, name: str, values: Mapping[str, Any]) -> Path:
        """Write numbers and words as a JSON file, whole or not at all.

        The file is valid JSON whatever the run came to: NaN and infinities, which JSON does not
        have, become ``null``. NumPy scalars and arrays become numbers and (nested) lists, paths
        become strings.

        :param name: the file's name, without folders.
        :param values: what to write; keys are strings at every level.
        :returns: the path of the file.
        :raises ValueError: when ``name`` is not a plain file name.
        :raises TypeError: when a key or a value has no place in JSON; names its place.
        :raises ResultError: when the file cannot be written.
        """
        path = self.file(name)
        text = json.dumps(_plain(values, name), indent=2, ensure_ascii=False, allow_nan=False)
        try:
            with atomic_file(path) as file:
                file.write(f"{text}\n".encode())
        except OSError as error:
            raise ResultError(f"cannot write {path}: {error.strerror or error}") from error
        return path


def _plain(value: Any, where: str) -> Any:
    """Turn a value into what the ``json`` module writes as valid JSON."""
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()  # Python's own numbers, at any depth
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item, f"{where}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"{where}: keys must be strings: {key!r}")
        return {key: _plain(item, f"{where}[{key!r}]") for key, item in value.items()}
    raise TypeError(f"{where}: cannot be written as JSON: {type(value).__name__}")
