"""A process that trains, or samples, by one library when told to; see benchmarks/bench.py.

``python -m peers.train_worker LIBRARY VARIANT THREADS``. Commands come as lines of JSON on standard
input, and each is answered by one on standard output: ``{"prepare": case, "sizes": {...},
"warm_up": n}``, then ``{"steps": n}`` by the seconds of a step, the mean loss and the peak of the
memory.

A library is a module ``train_LIBRARY`` with ``VERSIONS``, ``set_up(threads)`` and
``make(case, sizes, variant)``, which returns a function from a list of batches to their losses;
for the case "epoch", a function from a number of epochs to losses, for "hmc", from a number of
transitions to the mean squares of the draws. It raises ``NotImplementedError`` for what the library
has not.
"""

from __future__ import annotations

import importlib
import itertools
import json
import os
import resource
import sys
import time
from typing import Any

import numpy as np
from peers.training import batches

WARM_UP = 40
"""Steps, in two blocks: replays and caches begin only then."""


class Work:
    """One case, ready to run."""

    def __init__(self, library: Any, case: str, sizes: dict[str, int], variant: str) -> None:
        self._makes_data = case in ("epoch", "hmc")
        self._run = library.make(case, sizes, variant)
        self._batches = None if self._makes_data else batches(case, sizes)

    def problem(self) -> str:
        """Return why the library does not do what the variant promises; mostly empty."""
        return getattr(self._run, "problem", lambda: "")()

    def steps(self, n: int) -> tuple[float, list[float]]:
        """Return the seconds of a step, and the losses."""
        given = n if self._batches is None else list(itertools.islice(self._batches, n))
        start = time.perf_counter()
        losses = self._run(given)
        return (time.perf_counter() - start) / n, [float(loss) for loss in losses]


def _memory() -> float:
    # Linux gives KiB.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _prepare(library: Any, command: dict[str, Any], variant: str) -> tuple[Work, dict[str, Any]]:
    start = time.perf_counter()
    work = Work(library, command["prepare"], command["sizes"], variant)
    _, first = work.steps(1)
    answer: dict[str, Any] = {"first_seconds": time.perf_counter() - start, "first": first[0]}
    n = command.get("warm_up", WARM_UP)
    losses: list[float] = []
    for _ in range(2):
        seconds, found = work.steps(max(1, n // 2))
        losses += found
    answer["seconds"] = seconds
    answer["prepare_seconds"] = time.perf_counter() - start
    # Why a fast way is not taken, if its function tells.
    answer["problem"] = work.problem()
    answer["last"] = float(np.mean(losses[-max(1, n // 4) :]))
    return work, answer


def main() -> None:
    """Answer commands until there are no more."""
    # Whatever the libraries print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(reply: dict[str, Any]) -> None:
        answers.write(json.dumps(reply) + "\n")
        answers.flush()

    name, variant, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    try:
        library = importlib.import_module(f"peers.train_{name}")
    except ImportError as error:
        answer({"missing": str(error)})
        return
    library.set_up(threads)
    answer({"versions": library.VERSIONS, "memory": _memory()})
    work: Work | None = None
    for line in sys.stdin:
        command = json.loads(line)
        try:
            if "prepare" in command:
                work, reply = _prepare(library, command, variant)
            elif "profile" in command:
                reply = library.profile(command["steps"])
            else:
                assert work is not None
                seconds, losses = work.steps(command["steps"])
                reply = {"seconds": seconds, "loss": float(np.mean(losses))}
            reply["memory"] = _memory()
        except NotImplementedError as error:
            reply = {"missing": str(error)}
        except Exception as error:  # the other libraries are measured all the same
            reply = {"error": f"{type(error).__name__}: {error}"[:600]}
        answer(reply)


if __name__ == "__main__":
    main()
