"""Makes Jittor notice at once when a round of kernels is compiled; see ``kernel_polling.cc``."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".cc")

_TRIAL = """
import ctypes, sys, time
path, twin = sys.argv[1:]
tool, probe = ctypes.CDLL(path), ctypes.CDLL(twin)
assert tool.zhusuan_shorten_naps(twin.encode()) == 0
start = time.monotonic()
probe.zhusuan_nap(1000)
sys.exit(time.monotonic() - start > 0.5)
"""


def build_polling(folder: Path, compiler: str) -> bool:
    """Build the library in ``folder``, try it on a copy of itself, and tell whether it works.

    :param folder: an existing folder.
    :param compiler: path of g++.
    """
    library, twin = folder / "polling.so", folder / "polling-trial.so"
    try:
        subprocess.run(
            # Lazy binding gives the trial the kind of table that Jittor's core has.
            [compiler, "-O2", "-fPIC", "-shared", "-Wl,-z,lazy", str(SOURCE), "-ldl"]
            + ["-o", str(library)],
            check=True, capture_output=True, timeout=300,
        )  # fmt: skip
        shutil.copy(library, twin)
        # In a process of its own: a mistake here would be a segmentation fault.
        command = [sys.executable, "-c", _TRIAL, str(library), str(twin)]
        return subprocess.run(command, check=False, capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def shorten_naps(folder: Path, core: str) -> bool:
    """Apply the library to Jittor's core in this process, and tell whether that worked.

    :param folder: where :func:`build_polling` built it.
    :param core: path of the loaded ``jittor_core``.
    """
    try:
        library = ctypes.CDLL(str(folder / "polling.so"))
    except OSError:
        return False
    return library.zhusuan_shorten_naps(core.encode()) == 0
