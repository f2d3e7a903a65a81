"""What a training keeps beside its parameters, such as a moving mean, and how a file holds it.

An object with ``state()`` and ``set_state(value)``, see :class:`TrainingState`, is kept with a
module by :func:`keep`; :func:`zhusuan.save` then finds it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from jittor import nn

_ATTRIBUTE, _WAITING = "_training_states", "_waiting_states"


class TrainingState(Protocol):
    """A part of a training that is no parameter."""

    def state(self) -> Any:
        """Return the state as numbers, strings, numpy arrays and lists or dicts of these."""

    def set_state(self, state: Any) -> None:
        """Go on from what :meth:`state` returned."""


_S = TypeVar("_S", bound=TrainingState)


def keep(module: Any, name: str, part: _S) -> _S:
    """Let checkpoints of a module hold ``part``.

    :param module: the module whose training it belongs to.
    :param name: name of the part, unique in the module.
    :param part: the part; what a checkpoint that was loaded before has for it is set now.
    :return: ``part``.
    """
    module.__dict__.setdefault(_ATTRIBUTE, {})[name] = part
    waiting = module.__dict__.get(_WAITING, {})
    if name in waiting:
        part.set_state(waiting.pop(name))
    return part


def kept(module: Any, name: str) -> Any:
    """Return the part that a module keeps under ``name``, or None.

    :param module: the module.
    :param name: name of the part.
    """
    return module.__dict__.get(_ATTRIBUTE, {}).get(name)


def states(net: Any) -> dict[str, dict[str, Any]]:
    """Return the states that the modules of a net keep: name of the module -> part -> state.

    :param net: a module, or a list of them.
    """
    return {
        name: {key: part.state() for key, part in module.__dict__[_ATTRIBUTE].items()}
        for name, module in _modules(net)
        if module.__dict__.get(_ATTRIBUTE)
    }


def set_states(net: Any, stored: Mapping[str, Mapping[str, Any]]) -> None:
    """Give the modules of a net the states that :func:`states` returned.

    A part that is not there yet, since the first step makes it, takes its state when it is kept.

    :param net: as for :func:`states`; modules that it does not have are left out.
    :param stored: what :func:`states` returned.
    """
    for name, module in _modules(net):
        for key, state in stored.get(name, {}).items():
            part = kept(module, key)
            if part is None:
                module.__dict__.setdefault(_WAITING, {})[key] = state
            else:
                part.set_state(state)


def _modules(net: Any) -> Iterator[tuple[str, nn.Module]]:
    is_one = not isinstance(net, Sequence)
    for i, one in enumerate([net] if is_one else net):
        if isinstance(one, nn.Module):
            for name, module in one.named_modules():
                yield (name if is_one else f"{i}:{name}"), module
