"""Saving and loading a training: weights, optimizer, random states. Nothing is pickled."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jittor as jt

from zhusuan._tensor import Var
from zhusuan.checkpoint import formats, optimizers, randomness, states
from zhusuan.checkpoint.files import replace_file
from zhusuan.checkpoint.values import Arrays, pack, unpack
from zhusuan.checkpoint.variables import Stored, fetch, materialise, put
from zhusuan.distributed import is_main

__all__ = ["load", "save"]

_NET = "net."


def save(path: str | os.PathLike[str], net: Any, optimizer: Any = None, **extra: Any) -> None:
    """Write a net, and what its training needs to go on, to one file.

    The file holds the parameters of ``net``; what its modules keep beside them, such as the
    moving means of learning signals; the state of ``optimizer``; the random states of
    this library, of numpy and of Python, that is, all that :func:`zhusuan.random.set_seed` seeds
    except Jittor's own, which can't be read; and ``extra``.

    It is written beside its place, forced to disk and moved: whatever happens in between, ``path``
    holds the old checkpoint or the new one, never a part of one.

    Under ``mpirun`` rank 0 writes, and the others only check their arguments; any number of ranks
    can :func:`load` the file.

    :param path: file to write, in a folder that exists. A name that ends in ``.safetensors`` asks
        for this format, every other name for npz.
    :param net: module whose ``state_dict()`` is saved, dtypes kept; or another object with such a
        method; or a list of these whose parameters have different names, such as a model and a
        variational net of function style.
    :param optimizer: optimizer of Jittor or one written like it, all of whose parameters are in
        ``net``.
    :param extra: values that :func:`load` returns, such as ``epoch=3``: None, numbers, strings,
        numpy arrays, ``np.random.Generator``, and lists, tuples and dicts of these.
    :raises TypeError: if an argument can't be saved; the message names it.
    :raises ValueError: if ``net`` has no parameters, or ``optimizer`` trains one that is not in it.
    :raises OSError: if the file can't be written; what was there before is then unchanged.
    """
    parameters = _parameters(net)
    arrays: Arrays = {_NET + name: var for name, var in parameters.items()}
    header: dict[str, Any] = {}
    if optimizer is not None:
        optimizers.check_optimizer(optimizer)
        header["optimizer"] = optimizers.pack_optimizer(optimizer, parameters, arrays)
    kept = states.states(net)
    if kept:
        header["states"] = pack(kept, "states", arrays)
    header["extra"] = {name: pack(value, f"extra.{name}", arrays) for name, value in extra.items()}
    if not is_main():
        return
    fetched, header["bfloat16"] = fetch(arrays)
    header["random"] = randomness.states()
    path = Path(path)
    as_safetensors = path.suffix == ".safetensors"
    replace_file(path, lambda file: formats.write(file, as_safetensors, header, fetched))


def load(
    path: str | os.PathLike[str],
    net: Any,
    optimizer: Any = None,
    *,
    strict: bool = True,
    restore_random: bool | None = None,
) -> dict[str, Any]:
    """Read what :func:`save` wrote into a net, and into an optimizer to go on with the training.

    The whole file is read and checked before anything is changed. Values are put into the Vars
    that are there, so whoever refers to them, such as an optimizer, sees them.

    Under ``mpirun`` all ranks read the file. The random numbers of rank 0 go on where its own, or
    those of a single process, were; the other ranks begin streams that follow from it.

    :param path: file to read.
    :param net: module with the same parameters, by name, shape and dtype; a list as for
        :func:`save`.
    :param optimizer: optimizer of the same class over the same parameters. By default the state
        in the file, if there is one, is left alone.
    :param strict: False leaves out parameters that only the file has or only ``net`` has. Those
        that both have must still fit.
    :param restore_random: whether random numbers go on where they were when the file was
        written; by default, if ``optimizer`` is given.
    :return: the ``extra`` values.
    :raises FileNotFoundError: if there is no such file.
    :raises TypeError: if ``net`` or ``optimizer`` is no such object.
    :raises ValueError: if it is no checkpoint, is damaged, or does not fit; the message lists
        everything that does not.
    """
    path = Path(path)
    parameters = _parameters(net)
    if optimizer is not None:
        optimizers.check_optimizer(optimizer)
    stored = _decode(path)
    problems, values = _compare(stored.net, parameters, strict)
    plan = None
    if optimizer is not None:
        plan = optimizers.plan(optimizer, parameters, stored.optimizer)
        problems += plan.problems
    if restore_random is None:
        restore_random = optimizer is not None
    if restore_random and stored.random is None:
        problems.append("random states: not in the file")
    if problems:
        raise ValueError(f"{path} does not fit {type(net).__name__}:\n  " + "\n  ".join(problems))
    pairs = materialise(values + plan.values if plan else values)
    if restore_random and stored.random is not None:
        try:
            randomness.restore(stored.random)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    if plan is not None:
        plan.apply(optimizer)
    put(pairs)
    states.set_states(net, stored.states)
    return stored.extra


class _Checkpoint(NamedTuple):
    """A file, taken apart."""

    net: dict[str, Stored]
    optimizer: dict[str, Any] | None
    random: dict[str, Any] | None
    states: dict[str, dict[str, Any]]
    extra: dict[str, Any]


def _decode(path: Path) -> _Checkpoint:
    header, arrays = formats.read(path)
    try:
        halves = set(header.get("bfloat16", ()))
        stored = {name: Stored(array, name in halves) for name, array in arrays.items()}
        return _Checkpoint(
            {name[len(_NET) :]: stored[name] for name in stored if name.startswith(_NET)},
            unpack(header.get("optimizer"), stored),
            header.get("random"),
            unpack(header.get("states", {}), stored),
            unpack(header["extra"], stored),
        )
    except Exception as error:  # damage has many faces
        raise ValueError(f"{path} is damaged: {error!r}") from error


def _parameters(net: Any) -> Mapping[str, Var]:
    if not isinstance(net, (list, tuple)):
        return _parameters_of_one(net)
    together: dict[str, Var] = {}
    for one in net:
        for name, var in _parameters_of_one(one).items():
            if name in together and together[name] is not var:
                raise ValueError(
                    f"two of the nets have a parameter called {name!r}: give functions different "
                    "scopes, or put the nets into one module"
                )
            together[name] = var
    return together


def _parameters_of_one(net: Any) -> Mapping[str, Var]:
    if isinstance(net, type) or not callable(getattr(net, "state_dict", None)):
        raise TypeError(
            f"net must be a jt.Module, or have a state_dict() as it has, got "
            f"{net.__name__ if isinstance(net, type) else type(net).__name__}"
        )
    parameters = net.state_dict()
    if not parameters:
        raise ValueError(
            f"{type(net).__name__} has no parameters; Jittor does not find Vars and modules that "
            "are in a list or a dict"
        )
    for name, var in parameters.items():
        if not isinstance(name, str) or not isinstance(var, jt.Var):
            raise TypeError(
                f"{type(net).__name__}.state_dict() must map names to Vars, got "
                f"{name!r}: {type(var).__name__}"
            )
    return parameters


def _compare(
    stored: Mapping[str, Stored], parameters: Mapping[str, Var], strict: bool
) -> tuple[list[str], list[tuple[Var, Stored]]]:
    """Return what does not fit, and the values of what does."""
    problems = []
    values = [(var, stored[name]) for name, var in parameters.items() if name in stored]
    if strict:
        problems += [f"{name}: not in the file" for name in parameters if name not in stored]
        problems += [f"{name}: not in the net" for name in stored if name not in parameters]
    elif not values:
        problems.append("no parameter of the net is in the file")
    for name, var in parameters.items():
        if name in stored and (problem := stored[name].mismatch(var, "the net")):
            problems.append(f"{name}: {problem}")
    return problems, values
