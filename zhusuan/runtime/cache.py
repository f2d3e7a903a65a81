"""Where Jittor keeps its compiled files, and whether its core is among them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from zhusuan.runtime.report import Change


def jittor_folder(env: Mapping[str, str], home: Path) -> Path:
    """Return the folder in which Jittor keeps everything, ``~/.cache/jittor`` by default.

    Jittor writes a ``JITTOR_HOME`` that it was given once to ``~/.cache/jittor/config.json`` and
    follows it from then on, so that file has to be read too. Nothing is written here.

    :param env: the environment variables.
    :param home: the user's home folder.
    """
    default = home / ".cache" / "jittor"
    chosen = env.get("JITTOR_HOME")
    config = default / "config.json"
    if chosen is None and config.is_file():
        chosen = json.loads(config.read_text(encoding="utf-8")).get("JITTOR_HOME")
    return default if chosen is None else Path(chosen).absolute() / ".cache" / "jittor"


def plan_cache_name(env: Mapping[str, str]) -> Change | None:
    """Fix the name of the cache, unless the user chose one.

    :param env: the environment variables.
    """
    if "cache_name" in env:
        return None
    return Change(
        "cache_name",
        "default",
        "Jittor would name its cache after the git branch of the folder it is installed in, "
        "and build its core again for every branch",
    )


def core_is_built(cache_path: Path, with_cuda: bool) -> bool:
    """Tell whether Jittor's core was compiled on this machine.

    :param cache_path: ``jittor_utils.cache_path``.
    :param with_cuda: whether Jittor will build for CUDA, which has its own subfolder.
    """
    # The .key file is written when the link has succeeded, so half a build does not count.
    name = "jittor_core*.key"
    return any(cache_path.glob(f"cu*/{name}" if with_cuda else name))


def count_objects(cache_path: Path, with_cuda: bool) -> int:
    """Count the files of Jittor's core that have been compiled.

    :param cache_path: ``jittor_utils.cache_path``.
    :param with_cuda: whether Jittor builds for CUDA, which has its own subfolder.
    """
    name = "obj_files/*.key"
    return sum(1 for _ in cache_path.glob(f"cu*/{name}" if with_cuda else name))
