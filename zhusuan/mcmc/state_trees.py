"""States of kernels as plain values and arrays, for files; nothing is pickled.

A state is a tree of named tuples, tuples, lists and dicts, whose leaves are numbers, arrays and
Vars. Written, it is what JSON can hold, each array in it a number that counts the arrays beside it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import jittor as jt
import numpy as np


def encode(tree: Any, arrays: dict[str, np.ndarray], place: str = "the state") -> Any:
    """Return a tree as JSON can hold it.

    :param tree: a state.
    :param arrays: gets the arrays.
    :param place: what messages call the tree.
    :raises TypeError: for a leaf of another kind; the message says where it is.
    """
    if isinstance(tree, np.generic):
        return {"scalar": _put(arrays, np.asarray(tree))}
    if tree is None or isinstance(tree, (bool, int, float, str)):
        return tree
    if isinstance(tree, np.ndarray) and not tree.dtype.hasobject:
        return {"array": _put(arrays, tree)}
    if isinstance(tree, jt.Var):
        return {"var": _put(arrays, tree.numpy())}
    if isinstance(tree, Mapping) and all(isinstance(key, str) for key in tree):
        return {"dict": {k: encode(v, arrays, f"{place}[{k!r}]") for k, v in tree.items()}}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        kind: Any = type(tree)
        named = zip(kind._fields, tree)
        fields = {k: encode(v, arrays, f"{place}.{k}") for k, v in named}
        return {"tuple": f"{kind.__module__}:{kind.__qualname__}", "fields": fields}
    if isinstance(tree, (tuple, list)):
        kind_name = "row" if isinstance(tree, tuple) else "list"
        return {kind_name: [encode(v, arrays, f"{place}[{i}]") for i, v in enumerate(tree)]}
    raise TypeError(
        f"{place} is a {type(tree).__name__}, which can't be saved: a state may hold numbers, "
        "arrays, Vars, named tuples, tuples, lists and dicts of these"
    )


def _put(arrays: dict[str, np.ndarray], array: np.ndarray) -> str:
    name = str(len(arrays))
    arrays[name] = array
    return name


def decode(tree: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """Return the tree that :func:`encode` was given.

    Named tuples are made of classes that are loaded already; no module is imported.

    :param tree: what :func:`encode` returned.
    :param arrays: what it put there.
    :raises ValueError: for a named tuple that there is not, or that has other fields now.
    """
    if not isinstance(tree, dict):
        return tree
    if "tuple" in tree:
        kind = _named_tuple(tree["tuple"])
        fields = {name: decode(value, arrays) for name, value in tree["fields"].items()}
        if set(fields) != set(kind._fields):
            raise ValueError(
                f"{tree['tuple']} has the fields {list(kind._fields)}, but {list(fields)} were "
                "saved, by another version"
            )
        return kind._make(fields[name] for name in kind._fields)
    ((what, value),) = tree.items()
    if what == "dict":
        return {name: decode(v, arrays) for name, v in value.items()}
    if what in ("row", "list"):
        items = [decode(v, arrays) for v in value]
        return tuple(items) if what == "row" else items
    array = arrays[value]
    if what == "scalar":
        return array[()]
    return array if what == "array" else jt.array(array, dtype=str(array.dtype))


def _named_tuple(name: str) -> Any:
    module, _, path = name.partition(":")
    found: Any = sys.modules.get(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    if not (isinstance(found, type) and issubclass(found, tuple) and hasattr(found, "_fields")):
        raise ValueError(
            f"it has a {name}, and there is no such named tuple: import the module of the kernel "
            "first"
        )
    return found
