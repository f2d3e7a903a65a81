"""Compiles the examples' kernels ahead of time, by running each example in its smoke mode."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
"""The examples, in a checkout of the repository; they are not part of the installed package."""


def find_examples(folder: Path = EXAMPLES) -> list[Path]:
    """Return the example scripts: those that know ``--smoke``.

    :param folder: where to look.
    """
    scripts = sorted(folder.glob("*/*.py"))
    return [path for path in scripts if '"--smoke"' in path.read_text(encoding="utf-8")]


def warm(scripts: Sequence[Path]) -> list[Path]:
    """Run the scripts once each, so that their kernels are compiled; return those that failed.

    Kernels don't depend on the sizes of arrays: the tiny run needs the kernels of the real one.

    :param scripts: scripts with the options ``--smoke`` and ``--result-dir``.
    """
    failed = []
    for script in scripts:
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as results:
            done = subprocess.run(
                [sys.executable, str(script), "--smoke", "--result-dir", results],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
        seconds = time.monotonic() - start
        if done.returncode == 0:
            print(f"zhusuan: {script.name}: kernels are ready, {seconds:.0f} s", flush=True)
        else:
            failed.append(script)
            print(f"zhusuan: {script} failed:\n{done.stderr}", file=sys.stderr, flush=True)
    return failed
