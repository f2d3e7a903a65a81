"""The random states that a checkpoint holds: the library's, numpy's and Python's."""

from __future__ import annotations

import random as python_random
from typing import Any

import numpy as np

from zhusuan import random
from zhusuan.checkpoint.values import plain
from zhusuan.distributed import rank
from zhusuan.random import source


def states() -> dict[str, Any]:
    """Return the present states, as values that JSON can hold."""
    version, numbers, gauss = python_random.getstate()
    state, common = source.get_states()
    return {
        "zhusuan": state,
        **({} if common == state else {"common": common}),  # the same with one process
        "numpy": plain(np.random.get_state(legacy=False)),
        "python": [version, list(numbers), gauss],
    }


def restore(stored: dict[str, Any]) -> None:
    """Continue where :func:`states` was called, which may have been with other ranks.

    :param stored: what it returned.
    :raises ValueError: if it is no such thing; nothing is changed then.
    """
    before = states()
    try:
        _set(stored)
        source.resume(stored["zhusuan"], stored.get("common"))
        if rank():  # whose numpy and Python draw other numbers than those of rank 0
            words = random.spawn(1)[0].generate_state(2).tolist()
            np.random.seed(words[0])
            python_random.seed(words[1])
    except (KeyError, TypeError, ValueError) as error:
        _set(before)
        raise ValueError(f"not the random states of a checkpoint: {error!r}") from error


def _set(stored: dict[str, Any]) -> None:
    version, numbers, gauss = stored["python"]
    random.set_state(stored["zhusuan"])
    np.random.set_state(stored["numpy"])
    python_random.setstate((version, tuple(numbers), gauss))
