"""The C++ headers that Jittor's kernels include, for the CPU and for CUDA alike."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


@functools.cache
def include(name: str) -> str:
    """Return the lines that include one of this folder's headers in a Jittor kernel.

    Jittor names a compiled kernel after its source. The comment changes with the headers, so
    that a new version of the library does not run kernels made from older ones.

    :param name: file name of the header.
    """
    digest = hashlib.sha256()
    for header in sorted(FOLDER.glob("*.h")):
        digest.update(header.read_bytes())
    return f'#include "{FOLDER / name}"\n// headers {digest.hexdigest()[:16]}\n'
