"""A rank that dies ends the job within seconds, and the checkpoint stays whole."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from jittor import nn

import zhusuan as zs
from tests.distributed.launching import command, environment

# What the issue allows, from the death to the end of mpirun.
MOST_SECONDS = 10.0


def start(tmp_path: Path, mode: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command("interrupted", tmp_path / "net.npz", tmp_path, mode),
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def wait_for(path: Path, job: subprocess.Popen[str]) -> str:
    while not path.exists() or not path.read_text():
        assert job.poll() is None, job.communicate()[0]
        time.sleep(0.02)
    return path.read_text()


def is_running(pid: str) -> bool:
    """Tell whether a process is there and no zombie, which a container may keep."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.parametrize("victim", [0, 1])
def test_kill_9_in_the_middle_of_training(launch, tmp_path: Path, victim: int) -> None:
    job = start(tmp_path, "go on")
    others = wait_for(tmp_path / str(1 - victim), job)
    pid = int(wait_for(tmp_path / str(victim), job))
    os.kill(pid, signal.SIGKILL)
    begin = time.perf_counter()
    output = job.communicate(timeout=60)[0]
    assert time.perf_counter() - begin < MOST_SECONDS
    assert job.returncode != 0
    assert f"process rank {victim}" in output
    assert "signal 9" in output
    assert not is_running(others)

    net = nn.Linear(400, 400)
    stored = zs.load(tmp_path / "net.npz", net)
    assert stored["n_steps"] >= 20
    assert not list(tmp_path.glob("*.tmp"))
    if victim:
        return
    # On the same number of processes, on more and on one; each reads the same file.
    losses = []
    for n in (2, 3, 0):
        (tmp_path / f"again{n}.npz").write_bytes((tmp_path / "net.npz").read_bytes())
        done = launch("interrupted", tmp_path / f"again{n}.npz", tmp_path, "resume", n=n)
        assert f"went on from {stored['n_steps']};" in done.stdout
        losses.append(float(done.stdout.rsplit("loss ", 1)[1].split()[0]))
    # The data go on in the same order; rounding differs with the number of ranks.
    np.testing.assert_allclose(losses, losses[0], rtol=1e-4)


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("raise", "zhusuan: rank 1 of 2 failed: ValueError: rank 1 has had enough"),
        ("exit", "zhusuan: rank 1 of 2 ended with status 3"),
        ("end", "rank 1 has ended, and rank 0 waits for it"),
    ],
)
def test_a_rank_that_leaves_ends_the_job(launch, tmp_path: Path, mode: str, message: str) -> None:
    job = start(tmp_path, mode)
    wait_for(tmp_path / "1", job)
    begin = time.perf_counter()
    output = job.communicate(timeout=60)[0]
    assert time.perf_counter() - begin < MOST_SECONDS
    assert job.returncode != 0
    assert message in output


@pytest.mark.parametrize("n", [2, 3])
def test_fit_undoes_a_step_on_all_ranks(launch, n: int) -> None:
    done = launch("breakdown", n=n)
    for rank in range(n):
        assert f"rank {rank}: all undone" in done.stdout
