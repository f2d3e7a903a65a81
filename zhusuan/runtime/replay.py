"""Functions of arrays whose kernels Jittor runs again without building the graph again.

Of a gradient that takes 500 us for a small model, the kernels take 20: the rest is Python, which
describes the graph anew each time, and Jittor's executor, which decides anew what to fuse. Where
one function is evaluated thousands of times on arrays of the same shapes, its operations are
noted once (``replay.h``) and run again on new inputs.

This is right only for functions that do the same for all inputs. What can be seen is refused:
values that are read on the way (a Python branch may depend on them), shapes that depend on
values, operations that are not kernels. What cannot be seen, such as noise or a counter, shows
when replays are compared with the function itself: at the first two, and then at ever longer
distances. A function that fails is evaluated as ever, at its own speed.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jittor as jt
import numpy as np

_HEADER = Path(__file__).with_name("replay.h")
_READERS = ("numpy", "item", "data")
_ATTEMPTS = 4
"""New kernels are compiled in the first runs, and a recording must not compile any."""

_CHECKED = 2
_LONGEST_WAIT = 4096


class Replay:
    """Calls a function of arrays, by its kernels alone as soon as that is possible.

    :param function: takes Vars and returns Vars, of shapes that follow from those of its inputs;
        float32.
    :param shapes: of the inputs.
    :ivar problem: why the function itself is called every time; empty if it is not.
    """

    def __init__(
        self, function: Callable[[list[Any]], Sequence[Any]], shapes: Sequence[tuple[int, ...]]
    ) -> None:
        self._function = function
        self._shapes = [tuple(shape) for shape in shapes]
        self._program: _Program | None = None
        self._n_calls = self._n_tried = 0
        self._check_at = 0
        self.problem = "" if _is_possible() else "replays need the CPU"

    @property
    def is_replaying(self) -> bool:
        """Whether the kernels are run without a graph by now."""
        return self._program is not None

    def __call__(self, *arrays: np.ndarray) -> list[np.ndarray]:
        """Return the outputs, as arrays of their own.

        :param arrays: float32, of the shapes that were given.
        """
        self._n_calls += 1
        if self.problem or self._n_calls == 1:
            return self._direct(arrays)
        if self._program is None:
            return self._recorded(arrays)
        outputs = self._program(arrays)
        if self._n_calls >= self._check_at:
            return self._compared(arrays, outputs)
        return outputs

    def _direct(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        return jt.fetch_sync(list(self._function(_leaves(arrays))))

    def _recorded(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        program, outputs = _record(self._function, _leaves(arrays))
        self._n_tried += 1
        if not program.problem:
            self._program, self._check_at = program, self._n_calls + 1
        elif self._n_tried == _ATTEMPTS or program.reads_values:
            self.problem = program.problem
        return outputs

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


def _is_possible() -> bool:
    return not jt.flags.use_cuda


class _Program:
    """The kernels of one run, and the memory that they use.

    :ivar problem: why it must not be run; empty if it may.
    :ivar reads_values: whether the function looked at values while the graph was built.
    """

    def __init__(self, handle: int, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        self._handle, self._library = handle, _library()
        self.problem: str = self._library.problem(handle).decode()
        self.reads_values = False
        if self.problem:
            return
        self._inputs = [
            _memory(self._library.input(handle, i), tuple(var.shape))
            for i, var in enumerate(inputs)
        ]
        self._outputs = [
            _memory(self._library.output(handle, i), tuple(var.shape))
            for i, var in enumerate(outputs)
        ]

    def __call__(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        for memory, array in zip(self._inputs, arrays):
            memory[...] = array
        self._library.run(self._handle)
        return [memory.copy() for memory in self._outputs]

    def __del__(self) -> None:
        self._library.free(self._handle)


def _memory(address: int, shape: tuple[int, ...]) -> np.ndarray:
    n = int(np.prod(shape))
    return np.ctypeslib.as_array((ctypes.c_float * n).from_address(address)).reshape(shape)


def _leaves(arrays: Sequence[np.ndarray]) -> list[Any]:
    # Copies, as an array's memory may become the Var's, which replays write to.
    leaves = [jt.array(np.array(array, np.float32, order="C")) for array in arrays]
    for leaf in leaves:
        if leaf.numel() == 1:
            leaf.sync()  # else a value of 0, 1 or 2 would be compiled into the kernels
    return leaves


def _record(
    function: Callable[[list[Any]], Sequence[Any]], leaves: list[Any]
) -> tuple[_Program, list[np.ndarray]]:
    library = _library()
    jt.sync_all()  # what is pending from before must not become a part of the program
    reads: list[str] = []
    outputs: list[Any] = []
    library.open(_addresses(leaves), len(leaves))
    try:
        with _noting_reads(leaves, reads):
            outputs = list(function(leaves))
            jt.sync(outputs)
    except BaseException:
        library.free(library.close(_addresses([]), 0))
        raise
    program = _Program(library.close(_addresses(outputs), len(outputs)), leaves, outputs)
    if any(str(var.dtype) != "float32" for var in outputs):
        program.problem = program.problem or "not all outputs are float32"
    if reads:
        program.reads_values = True
        program.problem = f"the function reads values on the way, by {reads[0]}"
    return program, [np.array(var.numpy()) for var in outputs]


@contextlib.contextmanager
def _noting_reads(leaves: Sequence[Any], reads: list[str]) -> Iterator[None]:
    """Note who reads the value of an input, or of a Var that is made meanwhile."""
    marker = max(leaf.id for leaf in leaves)
    inputs = {leaf.id for leaf in leaves}
    # Inherited and C-level descriptors alike are put back as they were.
    old = {name: vars(jt.Var)[name] for name in _READERS}

    def note(var: Any, name: str) -> None:
        if var.id > marker or var.id in inputs:
            reads.append(name)

    def method(name: str) -> Callable[..., Any]:
        @functools.wraps(old[name])
        def reader(self: Any, *args: Any) -> Any:
            note(self, name)
            return old[name].__get__(self)(*args)

        return reader

    def data(self: Any) -> Any:
        note(self, "data")
        return old["data"].__get__(self)

    jt.Var.numpy, jt.Var.item, jt.Var.data = method("numpy"), method("item"), property(data)
    try:
        yield
    finally:
        for name, descriptor in old.items():
            setattr(jt.Var, name, descriptor)


def _addresses(variables: Sequence[Any]) -> Any:
    return (ctypes.c_int64 * max(1, len(variables)))(*[id(var) for var in variables])


class _Library:
    """The functions of ``replay.h``, compiled as a kernel of Jittor's."""

    def __init__(self) -> None:
        signatures = {
            "open": (None, ctypes.POINTER(ctypes.c_int64), ctypes.c_int),
            "close": (ctypes.c_void_p, ctypes.POINTER(ctypes.c_int64), ctypes.c_int),
            "run": (None, ctypes.c_void_p),
            "problem": (ctypes.c_char_p, ctypes.c_void_p),
            "n_steps": (ctypes.c_int, ctypes.c_void_p),
            "input": (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int),
            "output": (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int),
            "free": (None, ctypes.c_void_p),
        }
        digest = hashlib.sha256(_HEADER.read_bytes()).hexdigest()[:16]
        addresses = jt.code(
            [len(signatures)], "int64", [],
            cpu_header=f'#include "{_HEADER}"\n// {digest}\n',
            cpu_src="\n".join(
                f"@out({i}) = (int64)(void*)&zhusuan_replay_{name};"
                for i, name in enumerate(signatures)
            ),
        ).numpy()  # fmt: skip
        # They call Python objects' destructors, so that they must hold Python's lock.
        for (name, signature), address in zip(signatures.items(), addresses):
            setattr(self, name, ctypes.PYFUNCTYPE(*signature)(int(address)))  # type: ignore[arg-type]

    open: Any
    close: Any
    run: Any
    problem: Any
    n_steps: Any
    input: Any
    output: Any
    free: Any


_library = functools.cache(_Library)
