"""The networks that a function uses from outside: found in what it refers to."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jittor import nn

# A list of more than these is data, and not searched.
_MOST_LAYERS = 1000


def add_closed_over(
    owner: nn.Module,
    function: Callable[..., Any],
    args: tuple[Any, ...] = (),
    kwargs: Mapping[str, Any] | None = None,
) -> None:
    """Make the modules that ``function`` refers to attributes of ``owner``.

    So they are among the owner's ``parameters()``. Looked at are the variables of enclosing
    functions, globals, default values, given arguments, and the functions among all these. Bare
    Vars do not count: nothing tells a trained one from data, which an optimizer must not change.

    :param owner: the module.
    :param function: the function.
    :param args: arguments that it will be called with.
    :param kwargs: likewise, by name.
    """
    present = {id(value) for value in vars(owner).values() if isinstance(value, nn.Module)}
    found: dict[str, Any] = {}
    for name, value in _referred(function, args, kwargs or {}):
        if id(value) not in present:
            present.add(id(value))
            found.setdefault(_free_name(owner, found, name), value)
    for name, value in found.items():
        setattr(owner, name, value)


def _free_name(owner: nn.Module, found: Mapping[str, Any], name: str) -> str:
    name = name.lstrip("_") or "module"
    while name in found or hasattr(owner, name):
        name += "_"
    return name


def _referred(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    visited: set[int] = set()
    waiting: list[tuple[str, Any]] = [("function", function)]
    waiting += [(f"argument_{i}", value) for i, value in enumerate(args)]
    waiting += kwargs.items()
    while waiting:
        name, value = waiting.pop(0)
        if id(value) in visited:
            continue
        visited.add(id(value))
        if isinstance(value, nn.Module):
            yield name, value
        elif isinstance(value, functools.partial):
            waiting.append((name, value.func))
            waiting += [(f"{name}_{i}", v) for i, v in enumerate(value.args)]
            waiting += value.keywords.items()
        elif isinstance(value, types.MethodType):
            waiting += [(name, value.__self__), (name, value.__func__)]
        elif isinstance(value, types.FunctionType) and not _is_library(value):
            waiting += _variables(value)
        elif isinstance(value, (list, tuple)) and len(value) <= _MOST_LAYERS:
            waiting += [(f"{name}_{i}", v) for i, v in enumerate(value)]
        elif isinstance(value, dict) and len(value) <= _MOST_LAYERS:
            waiting += [(str(k), v) for k, v in value.items()]


def _is_library(function: types.FunctionType) -> bool:
    return (function.__module__ or "").split(".")[0] in ("jittor", "zhusuan", "numpy")


def _variables(function: types.FunctionType) -> list[tuple[str, Any]]:
    try:
        found = inspect.getclosurevars(function)
    except ValueError:  # a variable of an enclosing function that is not assigned yet
        return []
    variables = [*found.nonlocals.items(), *found.globals.items()]
    usable = [(n, v) for n, v in variables if not isinstance(v, (type, types.ModuleType))]
    defaults = [
        (name, parameter.default)
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.default is not inspect.Parameter.empty
    ]
    return usable + defaults
