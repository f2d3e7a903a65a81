"""The state of an optimizer, of whatever class.

Jittor's optimizers, and those written like them, are made alike: attributes such as ``lr`` and
``n_step``, and ``param_groups``, dicts with ``params`` and with lists of one Var per parameter,
such as ``m``. Nothing here knows their names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jittor as jt

from zhusuan._tensor import Var, shape_of
from zhusuan.checkpoint.values import Arrays, pack
from zhusuan.checkpoint.variables import Stored

# True between a step and the next backward: the gradients that are kept are done with.
_GRADIENTS_ARE_SPENT = "_Optimizer__zero_grad"


def check_optimizer(optimizer: Any) -> None:
    """Check that ``optimizer`` is made as described above.

    :raises TypeError: if it is not.
    """
    if not isinstance(getattr(optimizer, "param_groups", None), list):
        raise TypeError(
            f"optimizer must be one of jt.optim, with param_groups, got {type(optimizer).__name__}"
        )


def pack_optimizer(optimizer: Any, net: Mapping[str, Var], arrays: Arrays) -> dict[str, Any]:
    """Turn the state of an optimizer into what JSON can hold, and put the Vars in it aside.

    :param optimizer: the optimizer.
    :param net: name -> parameter of the net that it trains.
    :param arrays: the Vars are added here.
    :raises TypeError: if an attribute can't be saved.
    :raises ValueError: if it trains a parameter that is not in ``net``.
    """
    names = {id(var): name for name, var in net.items()}
    for group in optimizer.param_groups:
        for i, var in enumerate(group["params"]):
            if id(var) not in names and not var.is_stop_grad():
                raise ValueError(
                    f"optimizer: parameter {i} of a group, of shape {list(shape_of(var))}, is not "
                    "in the net and would not be saved; save a net that holds all that is trained"
                )
    return {
        "class": type(optimizer).__qualname__,
        "attributes": pack(_attributes(optimizer), "optimizer", arrays, with_vars=True),
        "spent": getattr(optimizer, _GRADIENTS_ARE_SPENT, True),
        "groups": [
            {
                "params": [names.get(id(var)) for var in group["params"]],
                "state": pack(_state(optimizer, group), f"optimizer.{g}", arrays, with_vars=True),
            }
            for g, group in enumerate(optimizer.param_groups)
        ],
    }


def _attributes(optimizer: Any) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(optimizer).items()
        if not (name.startswith("_") or name == "param_groups" or callable(value))
    }


def _state(optimizer: Any, group: Mapping[str, Any]) -> dict[str, Any]:
    """Return a group without its parameters, and without gradients that are done with."""
    left_out = ["params", "grads"] if getattr(optimizer, _GRADIENTS_ARE_SPENT, True) else ["params"]
    return {key: value for key, value in group.items() if key not in left_out}


class Plan(NamedTuple):
    """What is to be done to an optimizer; making it changes nothing.

    :param problems: what does not fit; the rest holds only if there is nothing.
    :param values: Vars of the optimizer and their new values.
    :param attributes: attributes of the optimizer and their new values.
    :param groups: likewise for each group.
    """

    problems: list[str]
    values: list[tuple[Var, Stored]]
    attributes: dict[str, Any]
    groups: list[dict[str, Any]]

    def apply(self, optimizer: Any) -> None:
        """Do it, but for ``values``."""
        for name, value in self.attributes.items():
            setattr(optimizer, name, _fresh(value))
        for group, new in zip(optimizer.param_groups, self.groups):
            group.update(_fresh(new))


def plan(optimizer: Any, net: Mapping[str, Var], stored: Mapping[str, Any] | None) -> Plan:
    """Compare an optimizer with what a file holds.

    :param optimizer: the optimizer to be changed.
    :param net: name -> parameter of the net that it trains.
    :param stored: what :func:`pack_optimizer` returned, unpacked, with a :class:`Stored` for
        each Var; None if the file has nothing.
    """
    made = Plan([], [], {}, [])
    if stored is None:
        made.problems.append("optimizer: not in the file; save(path, net, optimizer) puts it there")
        return made
    if type(optimizer).__qualname__ != stored["class"]:
        made.problems.append(
            f"optimizer: {stored['class']} in the file, {type(optimizer).__qualname__} here"
        )
        return made
    groups = optimizer.param_groups
    if len(groups) != len(stored["groups"]):
        made.problems.append(
            f"optimizer: {len(stored['groups'])} groups of parameters in the file, "
            f"{len(groups)} here"
        )
        return made
    for g, (group, other) in enumerate(zip(groups, stored["groups"])):
        made.problems.extend(_other_parameters(f"optimizer, group {g}", group, net, other))
    if made.problems:
        return made
    present = _attributes(optimizer)
    for name, value in stored["attributes"].items():
        made.attributes[name] = _merge(value, present.get(name), f"optimizer.{name}", made)
    made.attributes[_GRADIENTS_ARE_SPENT] = stored["spent"]
    for g, (group, other) in enumerate(zip(groups, stored["groups"])):
        state = other["state"]
        for key in group:
            if key not in state and key not in ("params", "grads"):
                made.problems.append(f"optimizer, group {g}: {key} is not in the file")
        made.groups.append(
            {k: _merge(v, group.get(k), f"optimizer.{g}.{k}", made) for k, v in state.items()}
        )
    return made


def _other_parameters(
    where: str, group: Mapping[str, Any], net: Mapping[str, Var], stored: Mapping[str, Any]
) -> Iterator[str]:
    names = {id(var): name for name, var in net.items()}
    here = [names.get(id(var)) for var in group["params"]]
    there = stored["params"]
    if len(here) != len(there):
        yield f"{where}: {len(there)} parameters in the file, {len(here)} here"
        return
    for i, (name, other) in enumerate(zip(here, there)):
        if name != other:
            yield f"{where}: parameter {i} is {other} in the file, {name} here"


def _merge(stored: Any, present: Any, where: str, made: Plan) -> Any:
    """Return what takes the place of ``present``; Vars stay, their new values are noted."""
    if isinstance(present, jt.Var):
        if not isinstance(stored, Stored):
            made.problems.append(f"{where}: no Var in the file")
        elif problem := stored.mismatch(present, "the optimizer"):
            made.problems.append(f"{where}: {problem}")
        else:
            made.values.append((present, stored))
        return present
    if isinstance(present, (list, tuple)) and any(isinstance(item, jt.Var) for item in present):
        if not isinstance(stored, (list, tuple)) or len(stored) != len(present):
            made.problems.append(f"{where}: not {len(present)} Vars in the file")
            return present
        return type(present)(
            _merge(item, mine, f"{where}.{i}", made)
            for i, (item, mine) in enumerate(zip(stored, present))
        )
    if isinstance(present, dict) and isinstance(stored, dict):
        return {k: _merge(v, present.get(k), f"{where}.{k}", made) for k, v in stored.items()}
    return stored


def _fresh(value: Any) -> Any:
    """Make a Var of each value for which there is none yet."""
    if isinstance(value, Stored):
        var = value.to_var().stop_grad()
        var.sync()
        return var
    if isinstance(value, (list, tuple)):
        return type(value)(_fresh(item) for item in value)
    if isinstance(value, dict):
        return {key: _fresh(item) for key, item in value.items()}
    return value
