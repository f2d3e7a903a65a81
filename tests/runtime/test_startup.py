"""The whole: reports, and real imports of Jittor in fresh processes."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import jittor as jt
import pytest

import zhusuan.runtime
from zhusuan.runtime import Change, device, startup
from zhusuan.runtime.__main__ import describe
from zhusuan.runtime.report import Report

ROOT = Path(__file__).parents[2]

MATRIX_PRODUCT = """
import zhusuan as zs
import jittor as jt
print((jt.ones((2, 3)) @ jt.ones((3, 2))).numpy().tolist())
"""

MISSING_GRADIENT = """
import zhusuan as zs
import jittor as jt
jt.grad(jt.ones((2, 3)).sum(), [jt.ones((3,))])
"""


def run(program: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a program with none of Jittor's variables set but those given.

    The name of the cache is given: should zhusuan fail to set it, Jittor must not spend minutes on
    another core.
    """
    ours = {"nvcc_path", "log_silent", "log_v", "use_mkl", "python_config_path"}
    clean = {name: value for name, value in os.environ.items() if name not in ours}
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**clean, "cache_name": "default", **env},
        capture_output=True,
        text=True,
        check=True,
    )


def path_with_nvcc(folder: Path) -> str:
    """Return PATH with an nvcc in front that has no CUDA runtime."""
    nvcc = folder / "bin" / "nvcc"
    nvcc.parent.mkdir()
    nvcc.write_text("#!/bin/sh\necho release 0.0, V0.0.0\n")
    nvcc.chmod(0o755)
    return f"{nvcc.parent}{os.pathsep}{os.environ['PATH']}"


def test_import_works_and_says_nothing(tmp_path: Path) -> None:
    path = path_with_nvcc(tmp_path)
    run(MATRIX_PRODUCT, PATH=path)  # compiles the kernel, of which Jittor may report progress
    result = run(MATRIX_PRODUCT, PATH=path)
    assert result.stdout.strip() == "[[3.0, 3.0], [3.0, 3.0]]"
    assert result.stderr == ""


def test_later_warnings_are_seen() -> None:
    result = run(MISSING_GRADIENT)
    assert "doesn't have gradient" in result.stderr
    assert "[i " not in result.stderr + result.stdout


def test_user_who_asks_sees_the_log() -> None:
    assert "[i " in run("import zhusuan", log_v="0").stderr


def test_start_is_idempotent() -> None:
    assert zhusuan.runtime.start() is zhusuan.runtime.start()


def test_jittor_imported_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup, "_prepare", lambda env: pytest.fail("nothing may be changed"))
    report = startup.start.__wrapped__()
    assert report.changes == ()
    assert "before zhusuan" in report.notes[0]


def test_use_cuda_without_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    report = Report((), False, "the NVIDIA driver's libcuda.so.1 cannot be loaded")
    fake = SimpleNamespace(has_cuda=False, flags=SimpleNamespace(use_cuda=0))
    monkeypatch.setattr(device, "start", lambda: report)
    monkeypatch.setitem(sys.modules, "jittor", fake)
    with pytest.raises(RuntimeError, match=r"CUDA was asked for.*sees none: .*libcuda\.so\.1"):
        zhusuan.runtime.use_cuda()
    assert fake.flags.use_cuda == 0


def test_use_cuda_with_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = SimpleNamespace(has_cuda=True, flags=SimpleNamespace(use_cuda=0))
    monkeypatch.setitem(sys.modules, "jittor", fake)
    zhusuan.runtime.use_cuda(True)
    assert fake.flags.use_cuda == 1
    zhusuan.runtime.use_cuda(False)
    assert fake.flags.use_cuda == 0


def test_missing_onednn_warns_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(startup.platform, "system", lambda: "Linux")
    monkeypatch.setattr(startup.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(startup.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(startup.site, "answers", lambda url: False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        plan = startup._prepare_onednn({}, tmp_path / "mkl")
    assert plan.change is not None
    assert [warning.category for warning in caught] == [RuntimeWarning]
    message = str(caught[0].message)
    assert "pip install jittor-offline" in message
    assert "15 times slower" in message


def test_description_names_everything() -> None:
    changes = (Change("cache_name", "default", "one cache"),)
    report = Report(changes, False, "no driver", build_seconds=250)
    text = "\n".join(describe(report))
    for part in (jt.__version__, "oneDNN", "no: no driver", "cache_name='default'", "250 s"):
        assert part in text
