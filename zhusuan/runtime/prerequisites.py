"""What Jittor needs on a machine and cannot get by itself: a compiler, headers, an older numpy."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from zhusuan.runtime.report import Change


@dataclass(frozen=True)
class PythonPaths:
    """Where this Python lives.

    :param executable: ``sys.executable``.
    :param base_prefix: ``sys.base_prefix``, the installation below a virtual environment.
    :param minor: the 11 of 3.11.
    :param system_folders: where system packages put ``python3.X-config``.
    """

    executable: Path
    base_prefix: Path
    minor: int
    system_folders: tuple[Path, ...] = (Path("/usr/bin"), Path("/usr/local/bin"))

    @classmethod
    def of_this_process(cls) -> PythonPaths:
        """Return the paths of the running interpreter."""
        return cls(Path(sys.executable), Path(sys.base_prefix), sys.version_info.minor)

    @property
    def config_name(self) -> str:
        """Name of the script that knows where the headers are."""
        return f"python3.{self.minor}-config"

    def jittors_candidates(self) -> list[Path]:
        """Return where Jittor (``get_py3_config_path``) looks for the script."""
        beside = self.executable.parent
        return [
            beside / self.config_name,
            Path(f"{self.executable}-config"),
            *(folder / self.config_name for folder in self.system_folders),
            beside / "python3-config",
        ]


def check_numpy(version: str | None) -> None:
    """Refuse a numpy that Jittor cannot work with.

    :param version: the installed version, or None if unknown.
    :raises ImportError: for numpy 2 and later.
    """
    if version is not None and int(version.split(".")[0]) >= 2:
        raise ImportError(
            f"Jittor 1.3 needs numpy 1.x, but numpy {version} is installed. "
            "Run: pip install 'numpy<2'"
        )


def plan_python_config(env: Mapping[str, str], python: PythonPaths) -> Change | None:
    """Point Jittor to the base interpreter's headers, where it would find none.

    A virtual environment over a Python in an unusual place (pyenv, conda, built from source) has
    no ``python3.X-config`` of its own, and Jittor does not look in the installation below it.

    :param env: the environment variables.
    :param python: where this Python lives.
    """
    if "python_config_path" in env or any(path.is_file() for path in python.jittors_candidates()):
        return None
    config = python.base_prefix / "bin" / python.config_name
    if not config.is_file():
        return None
    return Change(
        "python_config_path",
        str(config),
        f"Jittor does not look for {python.config_name} in the installation that "
        "the virtual environment is based on",
    )


def check_tools(env: Mapping[str, str], python: PythonPaths) -> None:
    """Make sure that there are a C++ compiler and Python's headers, on Linux.

    :param env: the environment variables, after :func:`plan_python_config` was applied.
    :param python: where this Python lives.
    :raises RuntimeError: saying what is missing and how to install it.
    """
    missing = []
    # An empty cc_path is nobody's compiler, but it is the user's own setting: Jittor will complain.
    if "cc_path" not in env and shutil.which("g++", path=env.get("PATH", os.defpath)) is None:
        missing.append("the C++ compiler g++")
    configs = python.jittors_candidates()
    if "python_config_path" not in env and not any(path.is_file() for path in configs):
        missing.append(f"the headers of Python 3.{python.minor} ({python.config_name})")
    if missing:
        raise RuntimeError(
            f"Jittor compiles its kernels on this machine and needs {' and '.join(missing)}. "
            "On Debian or Ubuntu: apt-get install g++ python3-dev"
        )
