"""Functions of arrays whose kernels Jittor runs again without building the graph again.

Of a gradient that takes 500 us for a small model, the kernels take 20: the rest is Python, which
describes the graph anew each time, and Jittor's executor, which decides anew what to fuse. Where
one function is evaluated thousands of times on arrays of the same shapes, its operations are
noted once (``recording.py``) and run again on new inputs.

This is right only for functions that do the same for all inputs. What can be seen is refused:
values that are read on the way (a Python branch may depend on them), shapes that depend on
values, operations that are not kernels. What cannot be seen, such as noise or a counter, shows
when replays are compared with the function itself: at the first two, and then at ever longer
distances. A function that fails is evaluated as ever, at its own speed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jittor as jt
import numpy as np

from zhusuan.runtime.recording import Program, is_possible, leaf, record

_ATTEMPTS = 4
"""New kernels are compiled in the first runs, and a recording must not compile any."""

_CHECKED = 2
_LONGEST_WAIT = 4096


class Replay:
    """Calls a function of arrays, by its kernels alone as soon as that is possible.

    :param function: takes Vars and returns Vars, of shapes that follow from those of its inputs.
    :param copies: whether results are arrays of their own; else the next call may overwrite them.
    :ivar problem: why the function itself is called every time; empty if it is not.
    """

    def __init__(
        self, function: Callable[[list[Any]], Sequence[Any]], copies: bool = True
    ) -> None:
        self._function, self._copies = function, copies
        self._program: Program | None = None
        self._n_calls = self._n_tried = 0
        self._check_at = 0
        self.problem = "" if is_possible() else "replays need the CPU"

    @property
    def is_replaying(self) -> bool:
        """Whether the kernels are run without a graph by now."""
        return self._program is not None

    @property
    def program(self) -> Program | None:
        """The kernels that are run; None if the function itself is called."""
        return self._program

    def skips_check(self) -> bool:
        """Count a call by whoever runs :attr:`program` himself; return whether he may.

        If not, nothing is counted, and the replay is to be called, since it is time to compare it
        with the function.
        """
        if self._program is None or self._n_calls + 1 >= self._check_at:
            return False
        self._n_calls += 1
        return True

    def __call__(self, *arrays: np.ndarray) -> list[np.ndarray]:
        """Return the outputs.

        :param arrays: float32, of the same shapes at all calls.
        """
        self._n_calls += 1
        if self.problem or self._n_calls == 1:
            return self._direct(arrays)
        if self._program is None:
            return self._recorded(arrays)
        for memory, array in zip(self._program.inputs, arrays):
            memory[...] = array
        self._program.run()
        outputs = self._program.outputs
        if self._copies:
            outputs = [memory.copy() for memory in outputs]
        if self._n_calls >= self._check_at:
            return self._compared(arrays, outputs)
        return outputs

    def _direct(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        return jt.fetch_sync(list(self._function([leaf(array) for array in arrays])))

    def _recorded(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        leaves = [leaf(array) for array in arrays]
        program, outputs = record(lambda: self._function(leaves), leaves)
        self._n_tried += 1
        if not program.problem:
            self._program, self._check_at = program, self._n_calls + 1
        elif self._n_tried == _ATTEMPTS or program.reads_values:
            self.problem = program.problem
        return [np.array(var.numpy()) for var in outputs]

    def _compared(
        self, arrays: Sequence[np.ndarray], outputs: list[np.ndarray]
    ) -> list[np.ndarray]:
        """Compare a replay with the function; return what the function gives."""
        expected = self._direct(arrays)
        if all(map(_same, expected, outputs)):
            wait = self._n_calls if self._n_calls > self._n_tried + 1 + _CHECKED else 1
            self._check_at = self._n_calls + min(wait, _LONGEST_WAIT)
        else:
            self.problem = "the function gave other values than its replay for the same inputs"
            self._program = None
        return expected


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    # The same kernels on the same inputs: threads may only change the order of sums.
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-5, atol=1e-6, equal_nan=True)
