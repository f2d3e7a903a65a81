"""The order of things: look at the machine, prepare the environment, import Jittor."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.util
import os
import platform
import sys
import warnings
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from zhusuan.runtime import notebooks, site
from zhusuan.runtime.cache import (
    core_is_built,
    count_objects,
    jittor_folder,
    plan_cache_name,
)
from zhusuan.runtime.cuda import CudaPlan, driver_loads, plan_cuda
from zhusuan.runtime.forks import keep_forks_from_hanging
from zhusuan.runtime.gradients import repair_gradients
from zhusuan.runtime.interrupts import keep_interrupt_handler, outlive_stopped_children
from zhusuan.runtime.kernels import set_up_kernels
from zhusuan.runtime.loading import repair_loading
from zhusuan.runtime.mpi import check_mpi, plan_mpi
from zhusuan.runtime.onednn import ARCHIVES, OneDnnPlan, prepare_onednn
from zhusuan.runtime.prerequisites import (
    PythonPaths,
    check_numpy,
    check_tools,
    plan_python_config,
)
from zhusuan.runtime.progress import announce_build
from zhusuan.runtime.quiet import quiet_import
from zhusuan.runtime.report import Change, Report


@functools.cache
def start() -> Report:
    """Make Jittor importable on this machine, import it, and say what was done.

    Variables that the user set are never overridden. A second call returns the first one's report.

    :return: what was found and changed.
    :raises ImportError: if the installed numpy is too new for Jittor.
    :raises RuntimeError: if there is no C++ compiler or there are no Python headers, or under
        ``mpirun`` no ``mpicc``.
    """
    if "jittor" in sys.modules:
        return Report(
            changes=(),
            cuda=bool(sys.modules["jittor"].has_cuda),
            cuda_reason="Jittor was imported before zhusuan and decided by itself",
            notes=("Jittor was imported before zhusuan, so nothing was changed",),
        )
    check_numpy(_installed_version("numpy"))
    keep_forks_from_hanging()
    prepared = _prepare(os.environ)
    seconds = _import_jittor(os.environ, with_cuda=prepared.cuda)
    outlive_stopped_children()
    if any(change.variable == "use_mpi" for change in prepared.changes):
        del os.environ["use_mpi"]  # this process may start mpirun
    kernels = set_up_kernels(sys.modules["jittor"], os.environ)
    repair_gradients(sys.modules["jittor"])
    repair_loading(sys.modules["jittor"])
    shell = notebooks.find_shell()
    if shell is not None:
        notebooks.attach(shell)
    has_cuda = bool(sys.modules["jittor"].has_cuda)
    reason = prepared.cuda_reason
    if prepared.cuda and not has_cuda:
        reason += ", but Jittor sees no CUDA device"
    return Report(prepared.changes, has_cuda, reason, prepared.notes, seconds, kernels)


def _prepare(env: MutableMapping[str, str]) -> Report:
    """Set what has to be set before Jittor is imported; ``cuda`` is what to expect of it."""
    changes: list[Change] = []

    def apply(change: Change | None) -> None:
        if change is not None:
            env[change.variable] = change.value
            changes.append(change)

    apply(plan_cache_name(env))
    check_mpi(env)
    apply(plan_mpi(env))
    cuda = CudaPlan(None, False, f"zhusuan does not look for CUDA on {platform.system()}")
    notes: tuple[str, ...] = ()
    if platform.system() == "Linux":
        folder = jittor_folder(env, Path.home())
        cuda = plan_cuda(
            env,
            has_driver=driver_loads(),
            has_jtcuda=(folder / "jtcuda").is_dir(),
            site_answers=lambda: site.answers(site.SITE + "cuda12.2_cudnn8_linux.tgz"),
        )
        apply(cuda.change)
        python = PythonPaths.of_this_process()
        apply(plan_python_config(env, python))
        check_tools(env, python)
        onednn = _prepare_onednn(env, folder / "mkl")
        apply(onednn.change)
        notes = () if onednn.note is None else (onednn.note,)
    return Report(tuple(changes), cuda.expected, cuda.reason, notes)


def _prepare_onednn(env: MutableMapping[str, str], mkl: Path) -> OneDnnPlan:
    """Provide oneDNN for this machine, and warn if there is none."""
    archive = ARCHIVES.get((platform.system(), platform.machine()))
    if archive is None:
        return OneDnnPlan()
    package = importlib.util.find_spec("jittor_offline")
    sources = [mkl]  # a download of Jittor's that was not unpacked yet
    if package is not None and package.origin is not None:
        sources.insert(0, Path(package.origin).parent)
    address = site.SITE + archive.filename
    plan = prepare_onednn(env, archive, mkl, sources, lambda: site.answers(address))
    if plan.change is not None:
        warnings.warn(
            f"{plan.change.reason}. Jittor works without it, but matrix products are about "
            "15 times slower. To get it: pip install jittor-offline",
            RuntimeWarning,
            stacklevel=2,
        )
    return plan


def _import_jittor(env: MutableMapping[str, str], with_cuda: bool) -> float | None:
    """Import Jittor; return how many seconds its core took to build, if it had to be."""
    with keep_interrupt_handler(), quiet_import(env) as utils:
        cache_path = Path(utils.cache_path)
        if core_is_built(cache_path, with_cuda):
            _load_jittor()
            return None

        count = functools.partial(count_objects, cache_path, with_cuda)
        with announce_build(count, sys.stderr) as watch:
            _load_jittor()
        return watch.seconds


def _load_jittor() -> Any:
    return importlib.import_module("jittor")


def _installed_version(package: str) -> str | None:
    """Return the version of an installed package, without importing it."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
