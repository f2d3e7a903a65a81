"""Saving and loading weights: npz, atomic, checked; nothing is pickled."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import jittor as jt
import numpy as np
from jittor import nn

_FORMAT = "zhusuan-1"
_HEADER = "__zhusuan__"


def save(path: str | os.PathLike[str], net: nn.Module, **extra: Any) -> None:
    """Write the parameters of ``net`` to one npz file.

    The file is written beside its place and then moved there: whatever happens in between,
    ``path`` holds the old checkpoint or the new one, never a part of one.

    :param path: file to write; its folder must exist.
    :param net: module whose ``state_dict()`` is saved, dtypes kept.
    :param extra: values that JSON can hold, such as ``epoch=3``; :func:`load` returns them.
    :raises TypeError: if ``net`` is no module or ``extra`` can't be written as JSON.
    """
    if not isinstance(net, nn.Module):
        raise TypeError(f"net must be a jt.Module, got {type(net).__name__}")
    path = Path(path)
    arrays = {f"net.{name}": np.asarray(var.numpy()) for name, var in net.state_dict().items()}
    header = json.dumps({"format": _FORMAT, "extra": extra})
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            np.savez(file, **{_HEADER: np.array(header)}, **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def load(path: str | os.PathLike[str], net: nn.Module) -> dict[str, Any]:
    """Read what :func:`save` wrote into the parameters of ``net``.

    Everything is read and checked before the first parameter is changed.

    :param path: file to read.
    :param net: module with the same parameters, by name and shape.
    :return: the ``extra`` values.
    :raises FileNotFoundError: if there is no such file.
    :raises ValueError: if it is no checkpoint, is damaged, or does not fit ``net``; the message
        lists every parameter that is missing, unexpected or of another shape.
    """
    arrays, header = _read(Path(path))
    stored = {name[len("net.") :]: array for name, array in arrays.items()}
    wanted = net.state_dict()
    problems = [f"{name}: not in the file" for name in wanted if name not in stored]
    problems += [f"{name}: not in the net" for name in stored if name not in wanted]
    problems += [
        f"{name}: shape {list(stored[name].shape)} in the file, {list(var.shape)} in the net"
        for name, var in wanted.items()
        if name in stored and tuple(stored[name].shape) != tuple(var.shape)
    ]
    if problems:
        raise ValueError(f"{path} does not fit {type(net).__name__}:\n  " + "\n  ".join(problems))
    for name, var in wanted.items():
        var.update(jt.array(stored[name], dtype=str(var.dtype)))
    return header["extra"]


def _read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}")
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        header = json.loads(str(arrays.pop(_HEADER)))
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, OSError) as error:
        raise ValueError(f"{path} is no checkpoint of zhusuan, or is damaged: {error}") from error
    if header.get("format") != _FORMAT:
        raise ValueError(f"{path}: format {header.get('format')!r}, expected {_FORMAT!r}")
    return arrays, header
