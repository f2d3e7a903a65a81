"""A recorded log-density and gradient that samplers call without a detour through numpy.

To cut up float64 rows into the float32 arrays of the latents, and to put their gradients together
again, takes numpy 15 us, and the kernels of a small model 2.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zhusuan.runtime.native import address_of, functions
from zhusuan.runtime.replay import Replay

_HEADER = Path(__file__).with_name("evaluator.h")


class _Part(ctypes.Structure):
    """As in ``evaluator.h``."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("gradient", ctypes.c_void_p),
        ("start", ctypes.c_int64),
        ("width", ctypes.c_int64),
    )


class Evaluator:
    """Calls a replay on the coordinates of all chains.

    :param replay: gives the log-densities, [n_chains], and the gradients with respect to its
        inputs; it is replaying.
    :param columns: of each of its inputs, in the rows of coordinates.
    :param n_chains: number of rows.
    :param dim: their length.
    """

    def __init__(self, replay: Replay, columns: Sequence[slice], n_chains: int, dim: int) -> None:
        class Structure(ctypes.Structure):
            _fields_ = (
                ("run", ctypes.c_void_p),
                ("program", ctypes.c_void_p),
                ("n_chains", ctypes.c_int64),
                ("dim", ctypes.c_int64),
                ("n_parts", ctypes.c_int64),
                ("log_prob", ctypes.c_void_p),
                ("parts", _Part * len(columns)),
            )

        program = replay.program
        assert program is not None
        log_prob, *gradients = map(address_of, program.outputs)
        parts = [
            _Part(address_of(memory), gradient, c.start, c.stop - c.start)
            for memory, gradient, c in zip(program.inputs, gradients, columns)
        ]
        self._replay = replay
        self._structure = Structure(
            *program.entry, n_chains, dim, len(parts), log_prob, (_Part * len(parts))(*parts)
        )
        self._at = ctypes.addressof(self._structure)
        self._evaluate = _library()["evaluate"]

    @staticmethod
    def suits(replay: Replay) -> bool:
        """Return whether a replay is one of kernels that read and write float32.

        :param replay: of the log-density and the gradient.
        """
        program = replay.program
        return program is not None and all(
            memory.dtype == np.float32 for memory in (*program.inputs, *program.outputs)
        )

    def __call__(self, position: int, log_prob: int, gradient: int) -> bool:
        """Write log-densities and gradients; return False if it has to be done the long way.

        :param position: address of the coordinates, float64 of shape [n_chains, dim].
        :param log_prob: address for the log-densities, float64 of shape [n_chains].
        :param gradient: address for the gradients, float64 of shape [n_chains, dim].
        """
        return self._replay.skips_check() and bool(
            self._evaluate(self._at, position, log_prob, gradient)
        )


@functools.cache
def _library() -> dict[str, Callable[..., Any]]:
    return functions(
        _HEADER, "zhusuan_evaluator_", {"evaluate": (ctypes.c_int, *[ctypes.c_void_p] * 4)}
    )
