"""Which nvcc Jittor is given, on machines of every kind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from zhusuan.runtime.cuda import plan_cuda, runtime_library


def make_nvcc(folder: Path, runtime: bool) -> str:
    """Put an executable ``bin/nvcc`` in a folder, with or without the runtime beside it."""
    make_tool(folder / "bin" / "nvcc")
    if runtime:
        (folder / "lib64").mkdir()
        (folder / "lib64" / "libcudart.so").touch()
    return str(folder / "bin" / "nvcc")


def make_tool(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)


@dataclass(frozen=True)
class Case:
    """A machine, and what ``nvcc_path`` becomes there (None: it is left unset)."""

    name: str
    sets: str | None
    expected: bool
    reason: str
    driver: bool = True
    on_path: str | None = None  # "runtime" or "bare"
    elsewhere: str | None = None
    smi: bool = False
    jtcuda: bool = False
    site: bool = False


CASES = [
    Case("nothing at all", None, False, "libcuda.so.1", driver=False),
    Case("nvcc, no driver", "", False, "libcuda.so.1", driver=False, on_path="runtime"),
    Case("bare nvcc, no driver", "", False, "libcuda.so.1", driver=False, on_path="bare"),
    Case("nvcc outside PATH, no driver", "", False, "libcuda", driver=False, elsewhere="bare"),
    Case("nvidia-smi without libcuda", "", False, "libcuda.so.1", driver=False, smi=True),
    Case("jtcuda, no driver", "", False, "libcuda", driver=False, jtcuda=True, on_path="bare"),
    Case("all is well", None, True, "driver", on_path="runtime"),
    Case("well, but not on PATH", None, True, "driver", elsewhere="runtime"),
    Case("nvcc without runtime", "", False, "no CUDA runtime", on_path="bare"),
    Case("another has one", "<elsewhere>", True, "has one", on_path="bare", elsewhere="runtime"),
    Case("two without runtime", "", False, "no CUDA runtime", on_path="bare", elsewhere="bare"),
    Case("jtcuda", None, True, "installed itself", on_path="bare", jtcuda=True),
    Case("driver only", None, False, "no nvidia-smi"),
    Case("driver, site answers", None, True, "downloads", smi=True, site=True),
    Case("driver, no network", "", False, "cannot be reached", smi=True),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_plan(case: Case, tmp_path: Path) -> None:
    env = {"PATH": str(tmp_path / "path" / "bin")}
    places = [str(tmp_path / "elsewhere" / "bin" / "nvcc")]
    if case.on_path:
        make_nvcc(tmp_path / "path", case.on_path == "runtime")
    if case.elsewhere:
        make_nvcc(tmp_path / "elsewhere", case.elsewhere == "runtime")
    if case.smi:
        make_tool(tmp_path / "path" / "bin" / "nvidia-smi")

    plan = plan_cuda(
        env,
        has_driver=case.driver,
        has_jtcuda=case.jtcuda,
        site_answers=lambda: case.site,
        known_places=places,
    )

    value = places[0] if case.sets == "<elsewhere>" else case.sets
    assert (plan.change and plan.change[:2]) == (None if value is None else ("nvcc_path", value))
    assert plan.expected == case.expected
    assert case.reason in plan.reason


@pytest.mark.parametrize("value", ["", "/opt/mine/bin/nvcc"])
@pytest.mark.parametrize("driver", [True, False])
def test_user_setting_is_kept(value: str, driver: bool, tmp_path: Path) -> None:
    make_nvcc(tmp_path, runtime=False)
    plan = plan_cuda(
        {"PATH": str(tmp_path / "bin"), "nvcc_path": value},
        has_driver=driver,
        has_jtcuda=False,
        site_answers=lambda: pytest.fail("no need to ask"),
    )
    assert plan.change is None
    assert plan.expected == (value != "")
    assert repr(value) in plan.reason


def test_runtime_library_is_where_jittor_looks(tmp_path: Path) -> None:
    nvcc = make_nvcc(tmp_path / "cuda-12", runtime=True)
    link = tmp_path / "links" / "nvcc"
    link.parent.mkdir()
    link.symlink_to(nvcc)  # Jittor follows links, but cannot see through a wrapper script
    assert runtime_library(str(link)) == tmp_path / "cuda-12" / "lib64" / "libcudart.so"
    assert runtime_library("/usr/bin/nvcc") == Path("/usr/lib/x86_64-linux-gnu/libcudart.so")
