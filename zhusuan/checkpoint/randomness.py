"""The random states that a checkpoint holds: the library's, numpy's and Python's."""

from __future__ import annotations

import random as python_random
from typing import Any

import numpy as np

from zhusuan import random
from zhusuan.checkpoint.values import plain


def states() -> dict[str, Any]:
    """Return the present states, as values that JSON can hold."""
    version, numbers, gauss = python_random.getstate()
    return {
        "zhusuan": random.get_state(),
        "numpy": plain(np.random.get_state(legacy=False)),
        "python": [version, list(numbers), gauss],
    }


def restore(stored: dict[str, Any]) -> None:
    """Continue where :func:`states` was called.

    :param stored: what it returned.
    :raises ValueError: if it is no such thing; nothing is changed then.
    """
    before = states()
    try:
        _set(stored)
    except (KeyError, TypeError, ValueError) as error:
        _set(before)
        raise ValueError(f"not the random states of a checkpoint: {error!r}") from error


def _set(stored: dict[str, Any]) -> None:
    version, numbers, gauss = stored["python"]
    random.set_state(stored["zhusuan"])
    np.random.set_state(stored["numpy"])
    python_random.setstate((version, tuple(numbers), gauss))
