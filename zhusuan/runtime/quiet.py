"""Keeps Jittor's log lines from the user while it is imported, and only then.

An import writes about fourteen ``[i]`` lines. ``log_silent=1`` removes them, and warnings with
them, so it is taken back as soon as the import is over: a warning about a missing gradient must
be seen.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, NoReturn

MARK = "ZHUSUAN_QUIET_IMPORT"
"""Set while ``log_silent`` is this module's doing and not the user's.

Jittor may restart the interpreter in the middle of its import (``jittor_utils.install_cuda``,
when it clears other CUDA folders from PATH); the new process inherits the environment."""


def logs_wanted(env: Mapping[str, str]) -> bool:
    """Tell whether the user has said what they want to see of Jittor's log.

    :param env: the environment variables.
    """
    return MARK not in env and ("log_silent" in env or "log_v" in env)


@contextmanager
def quiet_import(
    env: MutableMapping[str, str], load: Callable[[str], Any] = importlib.import_module
) -> Iterator[Any]:
    """Import Jittor's helper package and keep the log quiet inside the block.

    Does nothing about the log if the user has set ``log_silent`` or ``log_v``.

    :param env: the environment variables; left as they were found.
    :param load: imports a module by name.
    :return: a context manager that gives ``jittor_utils``.
    """
    if logs_wanted(env):
        yield load("jittor_utils")
        return
    env["log_silent"] = env[MARK] = "1"
    try:
        utils = load("jittor_utils")
        with _quiet_log(utils.LOG), _quiet_notebook(utils):
            yield utils
        load("jittor").flags.log_silent = 0  # the C++ side read the environment and kept it
    except Exception:
        print(
            "zhusuan: importing Jittor failed; set log_silent=0 to see Jittor's own log.",
            file=sys.stderr,
        )
        raise
    finally:
        del env["log_silent"], env[MARK]


@contextmanager
def _quiet_log(log: Any) -> Iterator[None]:
    """Silence the Python side of Jittor's log inside the block, but let fatal errors be fatal.

    Under ``log_silent`` Jittor's ``LOG.f`` returns where it should raise, so that an import goes
    on without, say, the cuDNN that it could not find.

    :param log: ``jittor_utils.LOG``.
    """
    log.log_silent = 1  # for a jittor_utils that was imported before the environment said so
    log.f = _fail  # on the instance: deleting it brings the method back
    try:
        yield
    finally:
        del log.f
        log.log_silent = 0


@contextmanager
def _quiet_notebook(utils: Any) -> Iterator[None]:
    """Under Jupyter, join Jittor's output to that of the notebook after the block.

    Jittor does so as it loads the first part of its core, for which it sets ``log_sync``; the core
    reports this before it has read that it is to be silent. (``log_sync`` is on anyway.)

    :param utils: the module ``jittor_utils``.
    """
    if not getattr(utils, "is_in_ipynb", False) or utils.cc is not None:
        yield
        return
    utils.is_in_ipynb = False
    try:
        yield
    finally:
        utils.is_in_ipynb = True
    if utils.cc is not None:
        utils.cc.ostream_redirect(True, True)


def _fail(*message: Any) -> NoReturn:
    """Raise with a message in parts, some of them callables, as ``LOG.f`` takes them."""
    raise RuntimeError("".join(str(part() if callable(part) else part) for part in message))
