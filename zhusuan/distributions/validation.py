"""The switch for checking values: parameters when a distribution is made, observed values."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

import jittor as jt

from zhusuan._tensor import Var, host_view, shape_of
from zhusuan.distributions.constraints import Constraint

_enabled = True


class validation:
    """Turn checks of values on or off; shapes, names and dtypes are always checked.

    Takes effect at once and stays, or lasts for a ``with`` block::

        zs.distributions.validation(False)
        with zs.distributions.validation(False):
            ...

    :param enabled: whether parameters and observations are checked for NaN and domain.
    """

    def __init__(self, enabled: bool) -> None:
        global _enabled
        self._previous = _enabled
        _enabled = bool(enabled)

    def __enter__(self) -> validation:
        return self

    def __exit__(self, *exc_info: object) -> None:
        global _enabled
        _enabled = self._previous


def validation_enabled() -> bool:
    """Return whether values are checked.

    :return: True if they are.
    """
    return _enabled


class _PendingChecks:
    """Checks that wait for the values of lazy Vars, to be computed together."""

    def __init__(self) -> None:
        self.prefix = ""
        self.all: list[tuple[str, Var, Constraint]] = []

    def add(self, what: str, var: Var, constraint: Constraint) -> None:
        self.all.append((self.prefix + what, var, constraint))

    def run(self) -> None:
        jt.sync([var for _, var, _ in self.all])
        for check in self.all:
            _check_now(*check)


_pending: ContextVar[_PendingChecks | None] = ContextVar("pending", default=None)


@contextlib.contextmanager
def validated_together() -> Iterator[None]:
    """Look at the Vars that are checked inside the block at its end, all at once.

    To look at a value, Jittor has to compute it: one by one, these are many small executions,
    and many small rounds of compilation where kernels are new. Blocks may be nested; the
    outermost one checks.

    :raises ValueError: at the end of the block, if a check fails.
    """
    if _pending.get() is not None:
        yield
        return
    checks = _PendingChecks()
    token = _pending.set(checks)
    try:
        yield
    finally:
        _pending.reset(token)
    checks.run()


@contextlib.contextmanager
def collected() -> Iterator[list[tuple[str, Var, Constraint]]]:
    """Collect the checks of Vars inside the block and make none: what, the Var, what it may be.

    For recorded runs, whose values are checked when they are run.
    """
    checks = _PendingChecks()
    token = _pending.set(checks)
    try:
        yield checks.all
    finally:
        _pending.reset(token)


@contextlib.contextmanager
def checks_named(prefix: str) -> Iterator[None]:
    """Begin the messages of checks inside the block with ``prefix``, such as a node's name.

    :param prefix: text for people.
    """
    checks = _pending.get()
    if checks is None:
        yield
        return
    before, checks.prefix = checks.prefix, prefix
    try:
        yield
    finally:
        checks.prefix = before


def check_values(what: str, var: Var, constraint: Constraint) -> None:
    """Check the values of a Var, here and now or at the end of :func:`validated_together`.

    :param what: what the Var is, for the message.
    :param var: the Var; computed if it is pending.
    :param constraint: what its values may be.
    :raises ValueError: if one of them is not allowed.
    """
    if not _enabled:
        return
    checks = _pending.get()
    if checks is None:
        _check_now(what, var, constraint)
    else:
        checks.add(what, var, constraint)


def _check_now(what: str, var: Var, constraint: Constraint) -> None:
    violation = constraint.violation(host_view(var))
    if violation is not None:
        raise ValueError(
            f"{what} must be {constraint.name}, but {violation} (shape {list(shape_of(var))})"
        )
