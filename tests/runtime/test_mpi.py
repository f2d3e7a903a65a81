from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from zhusuan.runtime.mpi import check_mpi, plan_mpi

INSIDE = {"OMPI_COMM_WORLD_SIZE": "2"}


@pytest.mark.parametrize(
    ("env", "value"),
    [({}, "0"), ({"use_mpi": "1"}, None), ({"use_mpi": "0"}, None), (INSIDE, None)],
)
def test_mpi_is_for_mpirun(env: dict[str, str], value: str | None) -> None:
    change = plan_mpi(env)
    assert (change and change.value) == value


def test_what_mpirun_needs_is_said(tmp_path: Path) -> None:
    (tmp_path / "mpicc").touch(mode=0o755)
    check_mpi({"PATH": "/nowhere"})
    check_mpi({**INSIDE, "PATH": str(tmp_path)})
    check_mpi({**INSIDE, "PATH": "/nowhere", "mpicc_path": "/opt/mpicc"})
    with pytest.raises(RuntimeError, match="no mpicc.*libopenmpi-dev"):
        check_mpi({**INSIDE, "PATH": "/nowhere"})
    with pytest.raises(RuntimeError, match="use_mpi is '0'"):
        check_mpi({**INSIDE, "PATH": str(tmp_path), "use_mpi": "0"})


def test_alone_jittor_is_without_mpi() -> None:
    # A process that then starts mpirun must not hand use_mpi=0 on.
    code = (
        "import os, zhusuan, jittor as jt\n"
        "assert jt.compile_extern.mpi is None and jt.world_size == 1\n"
        "assert 'use_mpi' not in os.environ\n"
        "assert any(c.variable == 'use_mpi' for c in zhusuan.runtime.start().changes)\n"
    )
    env = {key: value for key, value in os.environ.items() if key != "use_mpi"}
    subprocess.run([sys.executable, "-c", code], check=True, env=env, timeout=600)
