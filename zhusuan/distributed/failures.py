"""A rank that fails ends the job: the others would wait for it forever."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import traceback
from types import TracebackType
from typing import Any, NoReturn

from zhusuan.distributed.library import is_inside, library

_is_set = False


def end_together() -> None:
    """Let an error that nobody catches, or ``sys.exit`` with a status, end all ranks at once.

    ``mpirun`` by itself notices only processes that were killed: one that ends by an error first
    waits for the others in ``MPI_Finalize``, and they wait for it.
    """
    global _is_set
    if _is_set or not is_inside() or library().size == 1:
        return
    _is_set = True
    process = os.getpid()  # its forked children, such as workers that read data, end as ever
    show, leave = sys.excepthook, sys.exit

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        with contextlib.suppress(Exception):
            show(kind, error, trace)
        if os.getpid() != process:
            return
        last = traceback.format_exception_only(kind, error)[-1].strip()
        _abort(f"rank {library().rank} of {library().size} failed: {last}", 1)

    def exit(status: Any = None) -> NoReturn:
        if status not in (None, 0) and os.getpid() == process:
            code = status if isinstance(status, int) else 1
            what = status if isinstance(status, int) else f"1: {status}"
            _abort(f"rank {library().rank} of {library().size} ended with status {what}", code)
        leave(status)
        raise SystemExit(status)  # for the type checker; it never comes here

    sys.excepthook, sys.exit = hook, exit

    def say_left() -> None:
        if os.getpid() == process:
            library().say_left()

    # Called before what Jittor has registered, which may take its time.
    atexit.register(say_left)


def _abort(message: str, code: int) -> None:
    print(f"zhusuan: {message}; this ends all ranks", file=sys.stderr, flush=True)
    sys.stdout.flush()
    library().abort(code)
