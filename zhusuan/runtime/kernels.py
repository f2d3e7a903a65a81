"""Kernels that compile quickly and compute strictly: puts flags and tools in place.

Runs right after Jittor was imported and changes settings of the running process only. Kernels
compiled this way are kept in a folder of their own beside Jittor's, so that a program that uses
Jittor without zhusuan finds its own kernels as it left them. Switches, in the environment:

``ZHUSUAN_FAST_COMPILE=0``
    leave the compilation to Jittor; or name the measures to use, such as ``wrapper,header``.
``ZHUSUAN_FAST_MATH=1``
    keep Jittor's ``-Ofast``.
``ZHUSUAN_KERNEL_CACHE=FOLDER``
    keep the kernels there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zhusuan.runtime.kernel_flags import strict_flags
from zhusuan.runtime.kernel_polling import SOURCE, shorten_naps
from zhusuan.runtime.kernel_tools import (
    HEADER,
    SELECT,
    WRAPPER,
    Compiler,
    prepare_tools,
    wrapper_command,
)
from zhusuan.runtime.locks import file_lock

MEASURES = ("wrapper", "header", "linker", "polling", "select")

_NEEDED_BYTES = 300 * 2**20
"""A precompiled header has 70 MB, and while it is made there are two."""


@dataclass(frozen=True)
class KernelReport:
    """How kernels are compiled in this process.

    :param strict_math: whether NaNs, infinities and subnormal numbers are respected.
    :param measures: what makes the compilation faster; empty when nothing does.
    :param folder: where the kernels are kept.
    :param reason: why something was left as Jittor has it, or None.
    """

    strict_math: bool = False
    measures: frozenset[str] = frozenset()
    folder: str | None = None
    reason: str | None = None


def set_up_kernels(jt: Any, env: Mapping[str, str]) -> KernelReport:
    """Set Jittor's flags for the kernels of this process.

    :param jt: the module ``jittor``, imported.
    :param env: the environment variables.
    :return: what was done. Whatever goes wrong, Jittor is left to work in its own way.
    """
    if sys.platform != "linux" or jt.flags.cc_type != "g++":
        return KernelReport(reason=f"this is done for g++ on Linux, not {jt.flags.cc_type}")
    try:
        return _set_up(jt, env)
    except OSError as error:
        return KernelReport(reason=f"{type(error).__name__}: {error}")


def _set_up(jt: Any, env: Mapping[str, str]) -> KernelReport:
    wanted = wanted_measures(env)
    cc_flags = jt.flags.cc_flags
    if env.get("ZHUSUAN_FAST_MATH", "0") == "0":
        cc_flags = strict_flags(cc_flags)
    is_strict = cc_flags != jt.flags.cc_flags
    compiler = Compiler.of_jittor(jt.flags.cc_path, cc_flags, sys.executable)

    jittors = Path(jt.flags.cache_path)
    # A kernel's file name does not depend on the flags and tools, and a change of them compiles
    # it anew: one folder for each combination keeps two programs from undoing each other's work.
    name = f"zhusuan-{'strict' if is_strict else 'fast'}-{'tools' if wanted else 'plain'}"
    folder = Path(env.get("ZHUSUAN_KERNEL_CACHE", jittors / "zhusuan")) / name
    if not is_strict and not wanted and "ZHUSUAN_KERNEL_CACHE" not in env:
        folder = jittors
    _make_cache(folder, jittors)

    measures: frozenset[str] = frozenset()
    if wanted:
        tools, measures = _find_or_make_tools(folder, compiler, wanted, jt.flags.jittor_path)
        if "wrapper" in measures:
            jt.flags.python_path = wrapper_command(_link_wrapper(folder, tools))
        if "polling" in measures and not shorten_naps(tools, _core_path()):
            measures -= {"polling"}
    jt.flags.cc_flags = cc_flags
    jt.flags.cache_path = str(folder)
    if measures and "use_parallel_op_compiler" not in env:
        # Jittor's 16 jobs on 2 cores get in each other's way.
        jt.flags.use_parallel_op_compiler = min(
            jt.flags.use_parallel_op_compiler, max(2, len(os.sched_getaffinity(0)))
        )
    return KernelReport(is_strict, measures, str(folder))


def _core_path() -> str:
    return str(sys.modules["jittor_core"].__file__)


def wanted_measures(env: Mapping[str, str]) -> tuple[str, ...]:
    """Return the measures that the environment asks for.

    :param env: the environment variables.
    """
    text = env.get("ZHUSUAN_FAST_COMPILE", "1").strip()
    if text in ("0", ""):
        return ()
    return MEASURES if text == "1" else tuple(m for m in MEASURES if m in text.split(","))


def fingerprint(compiler: Compiler, jittor_path: str, wanted: tuple[str, ...]) -> str:
    """Return a name that changes whenever the tools would.

    g++ notices other flags, but not that a header which it precompiled has changed.

    :param compiler: how kernels are compiled.
    :param jittor_path: folder of Jittor's sources.
    :param wanted: the measures asked for.
    """
    digest = hashlib.sha1("\0".join([HEADER, WRAPPER, SELECT, *wanted, compiler.python]).encode())
    digest.update(SOURCE.read_bytes())
    digest.update("\0".join([compiler.path, *compiler.flags]).encode())
    program = Path(shutil.which(compiler.path) or compiler.path).resolve()
    headers = sorted(Path(jittor_path, "src").rglob("*.h"))
    for path in (program, *headers):
        status = path.stat()
        digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def _find_or_make_tools(
    folder: Path, compiler: Compiler, wanted: tuple[str, ...], jittor_path: str
) -> tuple[Path, frozenset[str]]:
    """Return the folder of the tools and the measures that work, making them the first time."""
    tools = folder / "tools" / fingerprint(compiler, jittor_path, wanted)
    done = tools / "measures.json"
    if not done.is_file():
        (folder / "tools").mkdir(exist_ok=True)
        with file_lock(folder / "tools" / "lock"):
            if not done.is_file():
                _make_tools(tools, compiler, wanted)
    return tools, frozenset(json.loads(done.read_text(encoding="utf-8")))


def _make_tools(tools: Path, compiler: Compiler, wanted: tuple[str, ...]) -> None:
    if shutil.disk_usage(tools.parent).free < _NEEDED_BYTES:
        raise OSError(f"less than {_NEEDED_BYTES // 2**20} MiB are free in {tools.parent}")
    # An interrupted attempt may have left something: no file of it is trusted.
    shutil.rmtree(tools, ignore_errors=True)
    tools.mkdir(parents=True)
    works = prepare_tools(tools, compiler, wanted)
    # Written last and in one step: it says that the rest is whole.
    _replace(tools / "measures.json", json.dumps(sorted(works)))


def _link_wrapper(folder: Path, tools: Path) -> Path:
    """Give the wrapper a path that stays when the tools are made anew.

    The path is part of every kernel's command line, which decides whether it is compiled again.
    """
    link = folder / "compile.sh"
    target = os.path.relpath(tools / "compile.sh", folder)
    if not link.is_symlink() or os.readlink(link) != target:
        scratch = Path(tempfile.mkdtemp(dir=folder)) / "link"
        scratch.symlink_to(target)
        os.replace(scratch, link)
        scratch.parent.rmdir()
        for stale in tools.parent.iterdir():
            if stale.is_dir() and stale != tools:
                shutil.rmtree(stale, ignore_errors=True)
    return link


def _make_cache(folder: Path, jittors: Path) -> None:
    """Make the folders that Jittor expects in its cache."""
    if folder == jittors:
        return
    for name in ("jit", "obj_files", "tmp"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    generated = folder / "gen"
    if not generated.is_symlink():
        # Another process may be doing the same.
        with contextlib.suppress(FileExistsError):
            generated.symlink_to(jittors / "gen")


def _replace(path: Path, text: str) -> None:
    scratch = path.with_name(f"{path.name}.{os.getpid()}")
    scratch.write_text(text, encoding="utf-8")
    os.replace(scratch, path)
