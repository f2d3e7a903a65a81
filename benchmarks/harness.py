"""What the benchmarks share: processes that measure one library each, and summaries of figures."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import statistics
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PEERS_PYTHON = HERE.parent / ".venv-peers" / "bin" / "python"
TIMEOUT_SECONDS = 90.0


class WorkerDied(RuntimeError):
    """A library's process ended without an answer."""


class Worker:
    """A process that answers lines of JSON by lines of JSON; started anew after a crash.

    :param name: what it measures, for messages.
    :param command: the interpreter, and what it runs.
    :param threads: how many cores it may use.
    :param timeout: seconds that an answer may take; compiling counts, and waiting for whoever
        else compiles.
    :param environment: further variables.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        threads: int,
        timeout: float = TIMEOUT_SECONDS,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name, self._command, self._timeout = name, list(command), timeout
        self._environment = {
            **os.environ, "OMP_NUM_THREADS": str(threads), "JAX_PLATFORMS": "cpu",
            **(environment or {}),
        }  # fmt: skip
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> dict[str, Any]:
        """Start the process; return the versions, or what is missing.

        :raises WorkerDied: if there is no answer.
        """
        try:
            self._process = subprocess.Popen(
                self._command, cwd=HERE, env=self._environment, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log,
            )  # fmt: skip
        except OSError as error:
            return {"missing": f"{self._command[0]}: {error.strerror}"}
        return self._answer()

    def ask(self, **command: Any) -> dict[str, Any]:
        """Send a command and return the answer.

        :raises WorkerDied: if there is none.
        """
        if self._process is None:
            self.start()
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # _answer says why
        return self._answer()

    def stop(self) -> None:
        """End the process."""
        if self._process is None:
            return
        process, self._process = self._process, None
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        try:  # without commands it ends by itself, and takes its own processes with it
            process.wait(5.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _answer(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        timer = threading.Timer(self._timeout, self._process.kill)
        timer.start()
        try:
            line = self._process.stdout.readline()
        finally:
            timer.cancel()
        if not line:
            code = self._process.wait()
            self._process = None
            self._log.seek(0)
            lines = self._log.read().split("\n")
            raise WorkerDied(f"{self.name} ended with status {code}: " + "\n".join(lines[-8:]))
        return json.loads(line)


def use_cores(threads: int) -> None:
    """Keep this process and its workers on so many cores: XLA has no other setting."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def machine() -> str:
    """Return the processor, its cores and the version of Python."""
    try:
        info = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":", 1)[1].strip() for line in info if "model name" in line)
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def summary(values: Sequence[float]) -> dict[str, float]:
    """Return the median, quartiles and least of some figures."""
    low, _, high = (
        statistics.quantiles(values, n=4, method="inclusive") if values[1:] else [values[0]] * 3
    )
    return {
        "median": statistics.median(values), "q1": low, "q3": high, "min": min(values),
        "n": len(values),
    }  # fmt: skip
