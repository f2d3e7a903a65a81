"""Where Jittor's files are, and whether its core is among them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from zhusuan.runtime.cache import core_is_built, count_objects, jittor_folder, plan_cache_name


@pytest.mark.parametrize(
    ("variable", "remembered", "folder"),
    [
        (None, None, "home"),
        ("/chosen", None, "/chosen"),
        (None, "/remembered", "/remembered"),
        ("/chosen", "/remembered", "/chosen"),
    ],
)
def test_jittor_folder(
    variable: str | None, remembered: str | None, folder: str, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    (home / ".cache" / "jittor").mkdir(parents=True)
    config = home / ".cache" / "jittor" / "config.json"
    if remembered is not None:
        config.write_text(json.dumps({"JITTOR_HOME": remembered}))
    env = {} if variable is None else {"JITTOR_HOME": variable}
    root = home if folder == "home" else Path(folder)
    assert jittor_folder(env, home) == root / ".cache" / "jittor"
    assert config.exists() == (remembered is not None)  # looking writes nothing


@pytest.mark.parametrize(
    ("env", "value"), [({}, "default"), ({"cache_name": "mine"}, None), ({"cache_name": ""}, None)]
)
def test_cache_name(env: dict[str, str], value: str | None) -> None:
    change = plan_cache_name(env)
    assert (change and change.value) == value


@pytest.mark.parametrize(
    ("files", "cpu", "cuda"),
    [
        ([], False, False),
        (["jittor_core.cpython-311.so"], False, False),  # the link was interrupted
        (["jittor_core.cpython-311.so.key"], True, False),
        (["cu12.2_sm_90/jittor_core.cpython-311.so.key"], False, True),
        (["jit_utils_core.cpython-311.so.key"], False, False),
    ],
)
def test_core_is_built(files: list[str], cpu: bool, cuda: bool, tmp_path: Path) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert core_is_built(tmp_path, with_cuda=False) == cpu
    assert core_is_built(tmp_path, with_cuda=True) == cuda


def test_count_objects(tmp_path: Path) -> None:
    for folder, n in ((tmp_path, 3), (tmp_path / "cu12.2", 2)):
        (folder / "obj_files").mkdir(parents=True)
        for i in range(n):
            (folder / "obj_files" / f"{i}.o").touch()
            (folder / "obj_files" / f"{i}.o.key").touch()
    assert count_objects(tmp_path, with_cuda=False) == 3
    assert count_objects(tmp_path, with_cuda=True) == 2
