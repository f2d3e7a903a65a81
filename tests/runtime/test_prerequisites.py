"""Compiler, headers and numpy: found, pointed to, or asked for in one clear sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from zhusuan.runtime.prerequisites import (
    PythonPaths,
    check_numpy,
    check_tools,
    plan_python_config,
)


@pytest.fixture
def python(tmp_path: Path) -> PythonPaths:
    """A virtual environment over an installation, neither of which has a config script yet."""
    for folder in ("venv/bin", "base/bin", "usr/bin"):
        (tmp_path / folder).mkdir(parents=True)
    return PythonPaths(tmp_path / "venv/bin/python", tmp_path / "base", 11, (tmp_path / "usr/bin",))


def add_gxx(folder: Path) -> dict[str, str]:
    (folder / "g++").write_text("#!/bin/sh\n")
    (folder / "g++").chmod(0o755)
    return {"PATH": str(folder)}


@pytest.mark.parametrize(
    ("existing", "env", "value"),
    [
        ("base/bin/python3.11-config", {}, "base/bin/python3.11-config"),
        ("base/bin/python3.10-config", {}, None),
        ("usr/bin/python3.11-config", {}, None),
        ("venv/bin/python3.11-config", {}, None),
        ("venv/bin/python3-config", {}, None),
        ("venv/bin/python-config", {}, None),
        ("base/bin/python3.11-config", {"python_config_path": "/mine"}, None),
        ("base/bin/python3.11-config", {"python_config_path": ""}, None),
    ],
)
def test_python_config(
    existing: str, env: dict[str, str], value: str | None, python: PythonPaths, tmp_path: Path
) -> None:
    (tmp_path / existing).touch()
    change = plan_python_config(env, python)
    assert (change and change.value) == (value and str(tmp_path / value))


def test_what_jittor_finds_goes_first(python: PythonPaths, tmp_path: Path) -> None:
    for folder in ("base", "usr"):
        (tmp_path / folder / "bin/python3.11-config").touch()
    assert plan_python_config({}, python) is None


def test_all_tools_there(python: PythonPaths, tmp_path: Path) -> None:
    (tmp_path / "usr/bin/python3.11-config").touch()
    check_tools(add_gxx(tmp_path), python)


@pytest.mark.parametrize(
    ("gxx", "headers", "named"),
    [
        (False, True, ["g++"]),
        (True, False, ["python3.11-config"]),
        (False, False, ["the C++ compiler g++ and the headers of Python 3.11"]),
    ],
)
def test_missing_tools(
    gxx: bool, headers: bool, named: list[str], python: PythonPaths, tmp_path: Path
) -> None:
    env = add_gxx(tmp_path) if gxx else {"PATH": str(tmp_path / "nowhere")}
    if headers:
        (tmp_path / "usr/bin/python3.11-config").touch()
    with pytest.raises(RuntimeError, match=r"apt-get install g\+\+ python3-dev") as error:
        check_tools(env, python)
    assert all(name in str(error.value) for name in named)


def test_own_compiler_and_headers_are_trusted(python: PythonPaths) -> None:
    check_tools({"PATH": "", "cc_path": "clang++", "python_config_path": "/mine"}, python)


@pytest.mark.parametrize("version", ["1.23.5", "1.26.4", None])
def test_good_numpy(version: str | None) -> None:
    check_numpy(version)


@pytest.mark.parametrize("version", ["2.0.0", "2.3.1", "10.0"])
def test_numpy_too_new(version: str) -> None:
    with pytest.raises(ImportError, match=rf"numpy {version} is installed.*pip install 'numpy<2'"):
        check_numpy(version)
