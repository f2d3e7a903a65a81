"""Programs of several processes, started by ``mpirun`` as users start them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.distributed.launching import command, environment

Launch = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def launch() -> Launch:
    """Run a program to its end; ``check=False`` takes any exit status."""
    for tool in ("mpirun", "mpicc"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is missing: apt-get install openmpi-bin libopenmpi-dev")

    def run(
        program: str, *arguments: Any, n: int = 2, check: bool = True, timeout: float = 1500
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command(program, *arguments, n=n), env=environment(), timeout=timeout,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if check and done.returncode:
            pytest.fail(f"{program} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    return run
