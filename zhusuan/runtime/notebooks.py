"""In IPython, an error in a cell must not come back in all cells after it.

IPython keeps the traceback of the last error, and with it the local variables of its functions. If
one of them is a Var that can't be computed, such as the Cholesky factor of a matrix that has none,
Jittor tries again whenever something else is fetched, and raises the same error there.
"""

from __future__ import annotations

import gc
import sys
import traceback
from typing import Any


def find_shell() -> Any:
    """Return IPython's shell, of a notebook or a terminal; None where there is none."""
    module = sys.modules.get("IPython")
    return None if module is None else module.get_ipython()


def attach(shell: Any) -> None:
    """Let a shell call :func:`release` after each cell.

    :param shell: IPython's.
    """
    shell.events.register("post_run_cell", release)


def release(result: Any) -> None:
    """Give up the local variables in a traceback if a Var that can't be computed is held.

    :param result: of a cell that was run. Nothing is done if there was no error in it, or if it was
        interrupted: the user does not want to wait for what is still to be computed.
    """
    error = result.error_in_exec
    if not isinstance(error, Exception):
        return
    try:
        sys.modules["jittor"].sync_all()
    except Exception:
        one: BaseException | None = error
        while one is not None:
            traceback.clear_frames(one.__traceback__)
            for frame, _ in traceback.walk_tb(one.__traceback__):
                # Until Python 3.12 whoever looks at locals, as IPython did, leaves a copy of them
                # in the frame; it is brought up to date by looking again.
                len(frame.f_locals)
            one = one.__cause__ or one.__context__
        gc.collect()
