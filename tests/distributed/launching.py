"""The command line of a program of several processes, and its environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

PROGRAMS = Path(__file__).with_name("programs")


def command(program: str, *arguments: Any, n: int = 2) -> list[str]:
    """Return the command that runs a program of ``programs/``; n = 0 is without mpirun."""
    script = [sys.executable, str(PROGRAMS / f"{program}.py"), *map(str, arguments)]
    options = ["--oversubscribe", "--bind-to", "none"]
    if os.geteuid() == 0:
        options.append("--allow-run-as-root")
    return ["mpirun", "-np", str(n), *options, *script] if n else script


def environment() -> dict[str, str]:
    """Return the environment of the programs: one thread in each, for there may be 2 cores."""
    inside = ("OMPI_", "PMIX_")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(inside)}
    return {**clean, "OMP_NUM_THREADS": "1"}
