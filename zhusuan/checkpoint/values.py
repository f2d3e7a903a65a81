"""Python values as JSON plus arrays, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jittor as jt
import numpy as np

from zhusuan.checkpoint.variables import Stored

Arrays = dict[str, Any]
"""Name -> numpy array, or a Var whose value is yet to be fetched."""

# The key that tells a dict which stands for another type from a user's dict.
_MARK = "__zhusuan__"

_BIT_GENERATORS = {
    kind.__name__: kind
    for kind in (
        np.random.MT19937,
        np.random.PCG64,
        np.random.PCG64DXSM,
        np.random.Philox,
        np.random.SFC64,
    )
}


def pack(value: Any, name: str, arrays: Arrays, with_vars: bool = False) -> Any:
    """Turn ``value`` into what JSON can hold, and put the arrays in it aside.

    :param value: None, bool, number, string, numpy array, ``np.random.Generator``, or lists,
        tuples and dicts of these. A numpy scalar becomes a Python number.
    :param name: what ``value`` is called in messages and among ``arrays``.
    :param arrays: the arrays found are added here.
    :param with_vars: take Vars as well.
    :return: the value for :func:`unpack`.
    :raises TypeError: for anything else, naming it.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        items = [pack(v, f"{name}.{i}", arrays, with_vars) for i, v in enumerate(value)]
        return items if isinstance(value, list) else {_MARK: "tuple", "items": items}
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str) or key == _MARK:
                raise TypeError(f"{name}: a key must be a string other than {_MARK}, got {key!r}")
        return {key: pack(v, f"{name}.{key}", arrays, with_vars) for key, v in value.items()}
    if isinstance(value, np.random.Generator):
        return {_MARK: "generator", **_pack_generator(value, name)}
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return {_MARK: "array", "entry": _put(value, name, arrays)}
    if isinstance(value, jt.Var):
        if with_vars:
            return {_MARK: "var", "entry": _put(value, name, arrays)}
        raise TypeError(f"{name} is a jt.Var; pass its value, .numpy() or .item()")
    raise TypeError(
        f"{name} is a {type(value).__name__}, which can't be saved: None, numbers, strings, numpy "
        "arrays, np.random.Generator, and lists, tuples and dicts of these can"
    )


def unpack(packed: Any, arrays: Mapping[str, Stored]) -> Any:
    """Turn what :func:`pack` returned into the value again; a Var stays a :class:`Stored`.

    :param packed: from :func:`pack`, possibly by way of JSON.
    :param arrays: the arrays by name.
    :raises KeyError: if an array is missing.
    :raises ValueError: if a part is of a kind that is not known.
    """
    if isinstance(packed, list):
        return [unpack(item, arrays) for item in packed]
    if not isinstance(packed, dict):
        return packed
    kind = packed.get(_MARK)
    if kind is None:
        return {key: unpack(item, arrays) for key, item in packed.items()}
    if kind == "tuple":
        return tuple(unpack(item, arrays) for item in packed["items"])
    if kind == "array":
        return arrays[packed["entry"]].array
    if kind == "var":
        return arrays[packed["entry"]]
    if kind == "generator":
        return _unpack_generator(packed)
    raise ValueError(f"values of kind {kind!r} are not known")


def plain(state: Any) -> Any:
    """Turn the arrays in the state of a bit generator into lists."""
    if isinstance(state, dict):
        return {key: plain(value) for key, value in state.items()}
    return state.tolist() if isinstance(state, (np.ndarray, np.generic)) else state


def _put(array: Any, name: str, arrays: Arrays) -> str:
    entry, i = name, 2
    while entry in arrays:  # {"a.b": x} and {"a": {"b": y}}
        entry, i = f"{name}~{i}", i + 1
    arrays[entry] = array
    return entry


def _pack_generator(generator: np.random.Generator, name: str) -> dict[str, Any]:
    bits = generator.bit_generator
    state = plain(bits.state)
    if state["bit_generator"] not in _BIT_GENERATORS:
        raise TypeError(f"{name}: a generator over {type(bits).__name__} can't be saved")
    # seed_seq is public since numpy 1.25.
    sequence = getattr(bits, "seed_seq", None) or getattr(bits, "_seed_seq", None)
    packed = {"state": state}
    if isinstance(sequence, np.random.SeedSequence):
        packed["seeds"] = {
            "entropy": _plain_entropy(sequence.entropy),
            "spawn_key": [int(key) for key in sequence.spawn_key],
            "pool_size": sequence.pool_size,
            "n_children_spawned": sequence.n_children_spawned,
        }
    return packed


def _plain_entropy(entropy: Any) -> Any:
    return entropy if entropy is None or isinstance(entropy, int) else [int(n) for n in entropy]


def _unpack_generator(packed: dict[str, Any]) -> np.random.Generator:
    state = packed["state"]
    sequence = np.random.SeedSequence(**packed["seeds"]) if "seeds" in packed else None
    bits = _BIT_GENERATORS[state["bit_generator"]](sequence)
    bits.state = state
    return np.random.Generator(bits)
