"""Programs: the kernels that a function of Vars has run, to be run again without a graph.

``replay.h`` says how. A program reads and writes the memory of the Vars of its recording: inputs
are copied there, weights are read where they are.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jittor as jt
import numpy as np

from zhusuan.runtime.native import functions

_HEADER = Path(__file__).with_name("replay.h")
_READERS = ("numpy", "item", "data")
_CTYPES: dict[str, Any] = {
    "float32": ctypes.c_float,
    "float64": ctypes.c_double,
    "int32": ctypes.c_int32,
    "int64": ctypes.c_int64,
}


class Program:
    """The kernels of one run, and the memory that they use.

    :ivar problem: why it must not be run; empty if it may.
    :ivar reads_values: whether the function looked at values while the graph was built.
    :ivar inputs: views of the memory of the inputs.
    :ivar outputs: views of that of the outputs.
    """

    def __init__(self, handle: int, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        self._handle, self._library = handle, _library()
        self.problem: str = self._library.problem(handle).decode()
        self.reads_values = False
        self.inputs: list[np.ndarray] = []
        self.outputs: list[np.ndarray] = []
        strange = [str(v.dtype) for v in (*inputs, *outputs) if str(v.dtype) not in _CTYPES]
        if strange and not self.problem:
            self.problem = f"an input or output is {strange[0]}"
        if not self.problem:
            self.inputs = [
                _memory(self._library.input(handle, i), var) for i, var in enumerate(inputs)
            ]
            self.outputs = [
                _memory(self._library.output(handle, i), var) for i, var in enumerate(outputs)
            ]

    @property
    def entry(self) -> tuple[int, int]:
        """The address of the C function that :meth:`run` calls, and of its argument."""
        return ctypes.cast(self._library.run, ctypes.c_void_p).value or 0, self._handle

    def run(self) -> None:
        """Compute the outputs from what is in the memory of the inputs."""
        self._library.run(self._handle)

    def __del__(self) -> None:
        self._library.free(self._handle)


def _memory(address: int, var: Any) -> np.ndarray:
    shape = tuple(var.shape)
    kind = _CTYPES[str(var.dtype)] * int(np.prod(shape))
    return np.ctypeslib.as_array(kind.from_address(address)).reshape(shape)


def is_possible() -> bool:
    """Whether programs can be recorded: on the CPU."""
    return not jt.flags.use_cuda


def leaf(array: np.ndarray) -> Any:
    """Return a Var with memory of its own, to which a program's inputs can be written.

    :param array: of a dtype that Jittor keeps.
    """
    var = jt.array(np.array(array, order="C"))
    if var.numel() == 1:
        var.sync()  # else a value of 0, 1 or 2 would be compiled into the kernels
    return var


def record(
    function: Callable[[], Sequence[Any]],
    leaves: Sequence[Any],
    uploads: Callable[[], Sequence[Any]] = list,
) -> tuple[Program, list[Any]]:
    """Call a function of Vars, and record what it runs.

    :param function: returns Vars.
    :param leaves: the Vars that are its inputs, from :func:`leaf`.
    :param uploads: returns Vars that were filled from the host meanwhile, and join the inputs.
    :return: the program, whose inputs are the leaves and then the uploads; and the Vars.
    """
    library = _library()
    jt.sync_all()  # what is pending from before must not become a part of the program
    reads: list[str] = []
    library.open(_addresses(leaves), len(leaves))
    try:
        with _noting_reads(leaves, reads):
            outputs = list(function())
            jt.sync(outputs)
        made = list(uploads())
    except BaseException:
        library.free(library.close(_addresses([]), 0, _addresses([]), 0))
        raise
    handle = library.close(_addresses(outputs), len(outputs), _addresses(made), len(made))
    program = Program(handle, [*leaves, *made], outputs)
    if reads:
        program.reads_values = True
        program.problem = f"the function reads values on the way, by {reads[0]}"
    return program, outputs


@contextlib.contextmanager
def _noting_reads(leaves: Sequence[Any], reads: list[str]) -> Iterator[None]:
    """Note who reads the value of an input, or of a Var that is made meanwhile."""
    marker = max((var.id for var in leaves), default=jt.array(0.0).id)
    inputs = {var.id for var in leaves}
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
        addresses = ctypes.POINTER(ctypes.c_int64)
        signatures = {
            "open": (None, addresses, ctypes.c_int),
            "close": (ctypes.c_void_p, addresses, ctypes.c_int, addresses, ctypes.c_int),
            "run": (None, ctypes.c_void_p),
            "problem": (ctypes.c_char_p, ctypes.c_void_p),
            "input": (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int),
            "output": (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int),
            "free": (None, ctypes.c_void_p),
        }
        for name, function in functions(_HEADER, "zhusuan_replay_", signatures).items():
            setattr(self, name, function)

    open: Any
    close: Any
    run: Any
    problem: Any
    input: Any
    output: Any
    free: Any


_library = functools.cache(_Library)
