"""Functions of a C++ header that work on Jittor's own structures, as Python's ctypes calls them."""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jittor as jt
import numpy as np


def functions(
    header: Path, prefix: str, signatures: Mapping[str, tuple[Any, ...]]
) -> dict[str, Callable[..., Any]]:
    """Compile a header as a kernel of Jittor's; return functions of its by name.

    They are called with Python's lock held, as they look into Python's objects.

    :param header: declares ``extern "C"`` functions called ``prefix + name``.
    :param prefix: of their names.
    :param signatures: name -> types of ctypes: of the result, and of the arguments.
    """
    digest = hashlib.sha256(header.read_bytes()).hexdigest()[:16]
    addresses = jt.code(
        [len(signatures)], "int64", [],
        cpu_header=f'#include "{header}"\n// {digest}\n',
        cpu_src="\n".join(
            f"@out({i}) = (int64)(void*)&{prefix}{name};" for i, name in enumerate(signatures)
        ),
    ).numpy()  # fmt: skip
    return {
        name: ctypes.PYFUNCTYPE(*signature)(int(address))
        for (name, signature), address in zip(signatures.items(), addresses)
    }


def address_of(array: np.ndarray) -> int:
    """Return where the numbers of an array are in memory.

    :param array: contiguous; whoever uses the address keeps the array.
    """
    return int(array.__array_interface__["data"][0])
