"""Vars as arrays and back, bit by bit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import jittor as jt
import numpy as np

from zhusuan._tensor import Var, shape_of


def fetch(arrays: Mapping[str, Any]) -> tuple[dict[str, np.ndarray], list[str]]:
    """Replace the Vars in ``arrays`` by their values.

    :param arrays: name -> array or Var.
    :return: name -> array, and the names of those that hold the upper halves of float32 numbers,
        since numpy has no bfloat16.
    """
    names = [name for name, value in arrays.items() if isinstance(value, jt.Var)]
    fetched = dict(zip(names, jt.fetch_sync([arrays[name] for name in names])))
    halves = [name for name in names if str(arrays[name].dtype) == "bfloat16"]
    for name in halves:
        bits = np.ascontiguousarray(fetched[name], dtype=np.float32).view(np.uint32)
        fetched[name] = (bits >> 16).astype(np.uint16)
    return {name: np.asarray(fetched.get(name, value)) for name, value in arrays.items()}, halves


class Stored:
    """The value of a Var, as it comes from a file.

    :param array: the value, for bfloat16 as :func:`fetch` returns it.
    :param is_bfloat16: whether it is.
    """

    def __init__(self, array: np.ndarray, is_bfloat16: bool) -> None:
        self.array = array
        self.shape = array.shape
        self.dtype = "bfloat16" if is_bfloat16 else array.dtype.name

    def to_var(self) -> Var:
        """Return a new Var."""
        if self.dtype == "bfloat16":
            return jt.array((self.array.astype(np.uint32) << 16).view(np.float32)).cast("bfloat16")
        return jt.array(np.ascontiguousarray(self.array), dtype=self.dtype)

    def mismatch(self, var: Var, here: str) -> str | None:
        """Say how the value does not fit a Var; None where it does.

        :param var: what it is to be put into.
        :param here: where ``var`` is, such as ``"the net"``.
        """
        stored, present = list(self.shape), list(shape_of(var))
        if stored != present:
            return f"shape {stored} in the file, {present} in {here}"
        if self.dtype != str(var.dtype):
            return f"dtype {self.dtype} in the file, {var.dtype} in {here}"
        return None


def materialise(values: Iterable[tuple[Var, Stored]]) -> list[tuple[Var, Var]]:
    """Make a new Var of each value, so that what is left to do can't fail.

    :param values: pairs of a Var and the value for it.
    :return: pairs of the Var and a new one with its value, for :func:`put`.
    """
    pairs = [(var, stored.to_var()) for var, stored in values]
    # Values that are pending would become constants of the kernels that read them.
    jt.sync([new for _, new in pairs])
    return pairs


def put(pairs: Iterable[tuple[Var, Var]]) -> None:
    """Put values into Vars in place; whoever refers to the Vars sees them.

    :param pairs: from :func:`materialise`.
    """
    for var, new in pairs:
        var.update(new)
    jt.sync([var for var, _ in pairs])
