"""Which part of the data a rank works on."""

from __future__ import annotations

from typing import Any

import jittor as jt
import numpy as np

from zhusuan.distributed.collectives import rank, world_size


def shard(data: Any) -> Any:
    """Return this rank's part: of n things, the next ``n / world_size`` for each rank in turn.

    The parts are as equal as can be: where n is no multiple of the number of ranks, some have one
    more. With one process the part is the whole.

    :param data: how many there are, or an array or Var of shape ``[n, ...]``, which is cut along
        axis 0.
    :return: a ``slice`` for a number, else the rows of this rank.
    :raises ValueError: if the number is negative, or there is no axis 0.
    :raises TypeError: if it is no integer.
    """
    if isinstance(data, (jt.Var, np.ndarray, list, tuple)):
        array = np.asarray(data) if isinstance(data, (list, tuple)) else data
        if not len(array.shape):
            raise ValueError(f"shard: needs an array with rows, got the number {data!r}")
        return array[shard(int(array.shape[0]))]
    if isinstance(data, bool) or not isinstance(data, (int, np.integer)):
        raise TypeError(f"shard: expected an int or an array, got {type(data).__name__}")
    if data < 0:
        raise ValueError(f"shard: a number of things can't be negative, got {data}")
    return slice(int(data) * rank() // world_size(), int(data) * (rank() + 1) // world_size())
