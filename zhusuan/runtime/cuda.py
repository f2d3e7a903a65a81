"""Which nvcc Jittor may use.

Jittor takes the first nvcc that it finds and loads ``libcudart.so`` from beside it. Where that
library or the driver is missing, ``import jittor`` dies; an empty ``nvcc_path`` prevents it.
"""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from zhusuan.runtime.report import Change

KNOWN_PLACES = ("/usr/local/cuda/bin/nvcc", "/usr/bin/nvcc", "/opt/cuda/bin/nvcc")
"""Where Jittor looks when PATH has no nvcc, in its order."""


@dataclass(frozen=True)
class CudaPlan:
    """What to do about CUDA.

    :param change: the variable to set, or None to leave Jittor to itself.
    :param expected: whether Jittor will then build for CUDA.
    :param reason: why.
    """

    change: Change | None
    expected: bool
    reason: str


def driver_loads() -> bool:
    """Tell whether the NVIDIA driver's library can be loaded."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def find_nvccs(env: Mapping[str, str], known_places: Sequence[str] = KNOWN_PLACES) -> list[str]:
    """List the nvccs on this machine, the one that Jittor would take first.

    :param env: the environment variables, of which PATH is read.
    :param known_places: where to look besides PATH.
    """
    search = env.get("PATH", os.defpath)
    found = [shutil.which("nvcc", path=search), *map(shutil.which, known_places)]
    return list(dict.fromkeys(path for path in found if path))


def runtime_library(nvcc: str) -> Path:
    """Return the CUDA runtime that Jittor loads for an nvcc.

    :param nvcc: path of the compiler.
    """
    if nvcc == "/usr/bin/nvcc":  # Debian's package; Jittor knows this one place, on x86_64 only
        return Path("/usr/lib/x86_64-linux-gnu/libcudart.so")
    return Path(nvcc).resolve().parent.parent / "lib64" / "libcudart.so"


def plan_cuda(
    env: Mapping[str, str],
    *,
    has_driver: bool,
    has_jtcuda: bool,
    site_answers: Callable[[], bool],
    known_places: Sequence[str] = KNOWN_PLACES,
) -> CudaPlan:
    """Decide what ``nvcc_path`` should be.

    :param env: the environment variables.
    :param has_driver: whether ``libcuda.so.1`` can be loaded.
    :param has_jtcuda: whether Jittor has installed a CUDA toolkit of its own.
    :param site_answers: tells whether Jittor's site can be reached; only called if it matters.
    :param known_places: where an nvcc may be, besides PATH.
    """
    if "nvcc_path" in env:
        value = env["nvcc_path"]
        return CudaPlan(None, value != "", f"nvcc_path is {value!r} in the environment")

    found = find_nvccs(env, known_places)
    has_smi = shutil.which("nvidia-smi", path=env.get("PATH", os.defpath)) is not None
    if not has_driver:
        reason = "the NVIDIA driver's libcuda.so.1 cannot be loaded"
        # nvidia-smi without libcuda (some containers) makes Jittor download a CUDA toolkit.
        return _without_cuda(reason) if found or has_smi else CudaPlan(None, False, reason)
    if has_jtcuda:
        return CudaPlan(None, True, "Jittor uses the CUDA toolkit that it installed itself")
    if not found:
        return _plan_without_nvcc(has_smi, site_answers)

    usable = [nvcc for nvcc in found if runtime_library(nvcc).is_file()]
    if not usable:
        return _without_cuda(f"{found[0]} has no CUDA runtime: no {runtime_library(found[0])}")
    if usable[0] == found[0]:
        return CudaPlan(None, True, f"{found[0]} and the driver are there")
    reason = f"{found[0]} has no CUDA runtime: no {runtime_library(found[0])}; {usable[0]} has one"
    return CudaPlan(Change("nvcc_path", usable[0], reason), True, reason)


def _plan_without_nvcc(has_smi: bool, site_answers: Callable[[], bool]) -> CudaPlan:
    """Decide for a machine with a driver and no nvcc: Jittor downloads CUDA, or dies trying."""
    if not has_smi:  # Jittor asks nvidia-smi for the version to download
        return CudaPlan(None, False, "there is a driver, but no nvcc and no nvidia-smi")
    if site_answers():
        return CudaPlan(None, True, "there is no nvcc; Jittor downloads a CUDA toolkit of its own")
    return _without_cuda("there is no nvcc, and Jittor's site, which has one, cannot be reached")


def _without_cuda(reason: str) -> CudaPlan:
    return CudaPlan(Change("nvcc_path", "", reason), False, reason)
