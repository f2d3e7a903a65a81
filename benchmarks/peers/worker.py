"""A process that measures one library when told to: ``python -m peers.worker torch 2``.

Commands come as lines of JSON on standard input, and each is answered by one on standard output:
``{"prepare": family, "size": n}`` by the operations there are, ``{"run": operation, "times": n}``
by the seconds that each run took.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
from typing import Any

from peers.families import FAMILIES, LOG_PROB, Operation

WARM_UPS = 3


def _prepare(library: Any, name: str, size: int) -> tuple[dict[str, Operation], dict[str, Any]]:
    """Return the operations that work, and the answer: their seconds, and what went wrong."""
    family = next(f for f in FAMILIES if f.name == name)
    source = getattr(family, library.NAME)
    if not source:
        return {}, {"seconds": {}}
    try:
        operations = library.operations(family, source, family.arrays(size))
    except NameError as error:  # an older or newer version of it, where names differ
        return {}, {"seconds": {}, "missing": str(error)}
    except Exception as error:  # the other libraries and families are measured all the same
        return {}, {"seconds": {}, "errors": {"all": f"{type(error).__name__}: {error}"[:300]}}
    seconds, errors = {}, {}
    for operation, run in operations.items():
        try:
            # The first run compiles, where the library does that; slow ones need no third.
            for n in range(WARM_UPS):
                start = time.perf_counter()
                run()
                seconds[operation] = time.perf_counter() - start
                if n and seconds[operation] > 1.0:
                    break
        except Exception as error:
            seconds.pop(operation, None)
            errors[operation] = f"{type(error).__name__}: {error}"[:300]
    answer = {"seconds": seconds, "errors": errors}
    if LOG_PROB in seconds:
        answer["log_prob"] = library.mean(operations[LOG_PROB]())
    return {operation: operations[operation] for operation in seconds}, answer


def _timed(run: Operation, times: int) -> list[float]:
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        result = run()
        seconds.append(time.perf_counter() - start)
        del result  # outside the time, and before the next run needs the memory
    return seconds


def main() -> None:
    """Answer commands until there are no more."""
    # Whatever the libraries print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(reply: dict[str, Any]) -> None:
        answers.write(json.dumps(reply) + "\n")
        answers.flush()

    name, threads = sys.argv[1], int(sys.argv[2])
    try:
        library = importlib.import_module(f"peers.with_{name}")
    except ImportError as error:
        answer({"missing": str(error)})
        return
    library.set_up(threads)
    answer({"versions": library.VERSIONS})
    operations: dict[str, Operation] = {}
    for line in sys.stdin:
        command = json.loads(line)
        if "prepare" in command:
            operations.clear()
            gc.collect()
            operations, reply = _prepare(library, command["prepare"], command["size"])
            answer(reply)
        else:
            answer({"seconds": _timed(operations[command["run"]], command["times"])})


if __name__ == "__main__":
    main()
