"""The parameters of a module: which there are, which are chosen, and how to take them out."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import jittor as jt
import numpy as np
from jittor import nn

from zhusuan._tensor import Shape, Var, shape_of


class Place(NamedTuple):
    """Where a module keeps a parameter.

    :param owner: the module.
    :param key: name of the attribute, or key in a list of parameters.
    """

    owner: nn.Module
    key: Any

    def put(self, value: Any) -> None:
        """Put a value there.

        :param value: a Var or a mark.
        """
        _held_by(self.owner)[self.key] = value


class Parameter(NamedTuple):
    """A parameter of a module.

    :param name: its name in ``state_dict()``, such as ``"0.weight"``.
    :param shape: its shape.
    :param dtype: its dtype.
    :param places: where the module keeps it; several, if layers share it.
    """

    name: str
    shape: Shape
    dtype: str
    places: tuple[Place, ...]


class Chosen:
    """Stands where a parameter was while no run puts a value there.

    It keeps the order of the parameters, and arithmetic with it fails.

    :param name: name of the parameter.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"<node {self._name!r}>"


def without_parameters(
    module: nn.Module, where: Any
) -> tuple[nn.Module, list[Parameter], dict[str, np.ndarray]]:
    """Copy a module and take the chosen parameters out of the copy.

    The copy has the same Vars where they were not chosen, so that training it trains ``module``,
    and ``module`` itself is not changed.

    :param module: the module.
    :param where: which parameters: None for all, patterns, or a function of name and Var.
    :return: the copy, the chosen parameters in it, and their values by name.
    :raises TypeError: if it is no module, or ``where`` is of the wrong kind.
    :raises ValueError: if there is no parameter, or none is chosen.
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"bayesian: the module must be a jt.Module, got {module!r}")
    # Vars count as copied already.
    twin = copy.deepcopy(module, {id(var): var for var in _vars_of(module)})
    trained, others = _parameters(twin, _stopped_by_eval(module))
    names = _choose(trained, others, where, type(module).__name__)
    values = jt.fetch_sync([trained[name][0] for name in names])
    chosen = []
    for name in names:
        var, places = trained[name]
        chosen.append(Parameter(name, shape_of(var), str(var.dtype), tuple(places)))
        for place in places:
            place.put(Chosen(name))
    return twin, chosen, {name: np.array(value) for name, value in zip(names, values)}


@contextlib.contextmanager
def substituted(chosen: Sequence[Parameter], values: Mapping[str, Var]) -> Iterator[None]:
    """Put values in the places of parameters for the time of the block.

    :param chosen: the parameters.
    :param values: name -> value.
    """
    try:
        for parameter in chosen:
            for place in parameter.places:
                place.put(values[parameter.name])
        yield
    finally:
        for parameter in chosen:
            for place in parameter.places:
                place.put(Chosen(parameter.name))


def _held_by(owner: nn.Module) -> MutableMapping[Any, Any]:
    # Not setattr, which a module may have changed.
    return owner.params if isinstance(owner, nn.ParameterList) else vars(owner)


def _vars_of(value: Any) -> Iterator[Var]:
    if isinstance(value, jt.Var):
        yield value
    elif isinstance(value, nn.Module):
        for module in value.modules():
            for held in vars(module).values():
                if not isinstance(held, nn.Module):
                    yield from _vars_of(held)
    elif isinstance(value, Mapping):
        for held in value.values():
            if not isinstance(held, nn.Module):
                yield from _vars_of(held)
    elif isinstance(value, (list, tuple)):
        for held in value:
            yield from _vars_of(held)


def _stopped_by_eval(module: nn.Module) -> set[int]:
    """Return the ids of the Vars that ``module.eval()`` keeps from being trained for a while."""
    before: Mapping[int, bool] = vars(module).get("backup_grad_state", {})
    return {number for number, was_trained in before.items() if was_trained}


def _parameters(
    module: nn.Module, stopped_by_eval: set[int]
) -> tuple[dict[str, tuple[Var, list[Place]]], list[str]]:
    """Return what is trained by name, and the names of what is not, such as running means."""
    trained: dict[str, tuple[Var, list[Place]]] = {}
    others: list[str] = []
    name_of: dict[int, str] = {}
    for path, owner in module.named_modules():
        for key, var in _held_by(owner).items():
            # As Jittor finds them: not those with an underscore.
            if not isinstance(var, jt.Var) or str(key).startswith("_"):
                continue
            name = name_of.setdefault(id(var), f"{path}.{key}" if path else str(key))
            is_float = str(var.dtype).startswith("float")
            if not is_float or (var.is_stop_grad() and id(var) not in stopped_by_eval):
                others.append(name)
                continue
            places = trained.setdefault(name, (var, []))[1]
            # A module that is in two places of the tree is met twice.
            if not any(place.owner is owner and place.key == key for place in places):
                places.append(Place(owner, key))
    return trained, others


def _choose(
    trained: Mapping[str, tuple[Var, list[Place]]], others: Sequence[str], where: Any, module: str
) -> list[str]:
    if not trained:
        raise ValueError(f"bayesian: {module} has no trained parameters")
    if where is None:
        return list(trained)
    if callable(where):
        names = [name for name, (var, _) in trained.items() if where(name, var)]
        if not names:
            raise ValueError(
                f"bayesian: where chooses no parameter; those of {module} are {list(trained)}"
            )
        return names
    patterns = [where] if isinstance(where, str) else where
    if not isinstance(patterns, (list, tuple)) or not all(isinstance(p, str) for p in patterns):
        raise TypeError(
            "bayesian: where must be None, a pattern such as '*.weight', a list of patterns or a "
            f"function of name and Var, got {where!r}"
        )
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in trained):
            state = [name for name in others if fnmatchcase(name, pattern)]
            hint = f"; {state} are not trained, so no parameters" if state else ""
            raise ValueError(
                f"bayesian: where={pattern!r} matches no parameter of {module}; they are "
                f"{list(trained)}{hint}"
            )
    names = [name for name in trained if any(fnmatchcase(name, p) for p in patterns)]
    if not names:
        raise ValueError(
            f"bayesian: where={where!r} chooses no parameter; those of {module} are "
            f"{list(trained)}"
        )
    return names
