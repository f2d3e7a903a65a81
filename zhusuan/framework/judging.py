"""Observed names that nothing has read: who judges them, and the error."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zhusuan.framework.bn import BayesianNet

_judged_together: ContextVar[bool] = ContextVar("judged_together", default=False)


@contextlib.contextmanager
def judged_together() -> Iterator[None]:
    """Leave it to the caller to report observations that nobody read.

    An objective runs several nets on the same observations; a name is wrong only if none of
    them reads it.
    """
    token = _judged_together.set(True)
    try:
        yield
    finally:
        _judged_together.reset(token)


def raise_unread(nets: Sequence[BayesianNet]) -> None:
    """Raise an error for observed names that none of ``nets`` has read; none, no error.

    Inside :func:`judged_together` nothing happens: the caller judges later.

    :param nets: the nets that were run on the same observations.
    :raises ValueError: if there are any.
    """
    if _judged_together.get():
        return
    names = set.intersection(*(net.unread for net in nets))
    if names:
        known = "; ".join(
            f"{net.title} has nodes {sorted(net.nodes)}" for net in nets
        )
        raise ValueError(
            f"observed {', '.join(map(repr, sorted(names)))}, which no node and no code "
            f"of the model reads: {known}"
        )
