"""The state of a training, kept so that it can be put back bit by bit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jittor as jt
import numpy as np
from jittor import nn

from zhusuan._tensor import FLOAT_DTYPES, Var
from zhusuan.checkpoint.states import set_states, states
from zhusuan.checkpoint.variables import Stored, fetch, materialise, put
from zhusuan.framework.closures import add_closed_over

# True between a step and the next backward: the gradients that are kept are done with.
_GRADIENTS_ARE_SPENT = "_Optimizer__zero_grad"


class _Holder(nn.Module):
    """Holds the modules that a function refers to."""


class Trained:
    """What a training changes: weights, the state of the optimizer, states kept with modules.

    :param objective: a module, or a function, whose modules are found in what it refers to.
    :param optimizer: of ``jt.optim``, or made like these; of another one, which has no
        ``param_groups``, the state is not known.
    """

    def __init__(self, objective: Any, optimizer: Any) -> None:
        self.optimizer = optimizer
        self.root: nn.Module = objective
        if not isinstance(objective, nn.Module):
            self.root = _Holder()
            add_closed_over(self.root, objective)
        self.weights: dict[str, Var] = dict(self.root.state_dict())
        seen = {id(var) for var in self.weights.values()}
        for g, group in enumerate(self._groups()):
            for i, var in enumerate(group["params"]):
                if id(var) not in seen:
                    seen.add(id(var))
                    self.weights[f"parameter {i} of the optimizer's group {g}"] = var
        self._floats = [v for v in self.weights.values() if str(v.dtype).startswith("float")]

    def _groups(self) -> list[dict[str, Any]]:
        return getattr(self.optimizer, "param_groups", [])

    def not_finite(self) -> list[str]:
        """Return the names of the weights that are not finite."""
        if not self._is_suspicious():
            return []
        values = {name: var.numpy() for name, var in self.weights.items()}
        return [n for n, v in values.items() if v.dtype.kind == "f" and not np.isfinite(v).all()]

    def _is_suspicious(self) -> bool:
        # Sums of squares overflow only for weights beyond 1e15, and take a fifth of a millisecond
        # for a million weights; it has to be cheap, for it is done at every step.
        if jt.flags.use_cuda:
            sums = [np.sum(total) for total in jt.fetch_sync([v.sum() for v in self._floats])]
        else:
            flat = [_flat(var) for var in self._floats]
            with np.errstate(all="ignore"):
                sums = [np.dot(array, array) for array in flat]
        return not np.isfinite(sums).all()


def _flat(var: Var) -> np.ndarray:
    # What numpy computes with; numpy has no bfloat16, and float16 would overflow soon.
    as_it_is = str(var.dtype) in FLOAT_DTYPES
    return (var.data if as_it_is else var.numpy().astype(np.float32)).ravel()


class Snapshot:
    """The state of a training between two steps.

    Weights are not copied: a step of an optimizer gives its Vars new values and leaves the old
    ones to whoever holds them. Taking one costs 50 us for a net of 14 weights under Adam.

    :param trained: the training.
    """

    def __init__(self, trained: Trained) -> None:
        self._trained = trained
        self._held: dict[int, tuple[Var, Var, str]] = {}
        self.take()

    def take(self) -> None:
        """Forget the state that was held, and hold the present one; all Vars are computed."""
        optimizer = self._trained.optimizer
        self._states = states(self._trained.root)
        self._attributes = {
            name: _unshared(value)
            for name, value in getattr(optimizer, "__dict__", {}).items()
            if name != "param_groups" and _is_plain(value)
        }
        left_out = ["params"]
        if getattr(optimizer, _GRADIENTS_ARE_SPENT, False):
            left_out.append("grads")
        self._groups = [
            {key: _unshared(value) for key, value in group.items() if key not in left_out}
            for group in self._trained._groups()
        ]
        before, self._held = self._held, {}
        for var in [*self._trained.weights.values(), *_vars_in(self._groups)]:
            if id(var) in self._held:
                continue
            holder = before[id(var)][1] if id(var) in before else var.detach()
            # assign shares the value, at a thirtieth of the cost of detach, but hands on what the
            # holder was: its name, and that it takes no gradient.
            if holder.is_stop_grad() and not var.is_stop_grad():
                holder = var.detach()
            name = var.name()
            holder.assign(var)
            var.name(name)
            self._held[id(var)] = (var, holder, name)

    def settle(self, loss: Var) -> None:
        """Compute the loss and what a step has changed, together.

        Fetching the loss alone would run the forward pass by itself, and what the step has made
        would pile up.

        :param loss: the loss of the step.
        """
        jt.sync([loss, *(var for var, _, _ in self._held.values())])

    def restore(self) -> None:
        """Put the state back; whoever refers to the Vars sees it."""
        for name, value in self._attributes.items():
            setattr(self._trained.optimizer, name, _unshared(value))
        for group, kept in zip(self._trained._groups(), self._groups):
            group.update({key: _unshared(value) for key, value in kept.items()})
        for var, holder, name in self._held.values():
            # To share the holder's node would keep the graphs of all steps to come.
            var.assign(holder.detach())
            var.name(name)
        set_states(self._trained.root, self._states)


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, (bool, int, float, str, np.number))


def _unshared(value: Any) -> Any:
    """Copy the lists, not the Vars in them."""
    return [_unshared(item) for item in value] if isinstance(value, list) else value


def _vars_in(value: Any) -> Iterator[Var]:
    if isinstance(value, jt.Var):
        yield value
    elif isinstance(value, dict):
        yield from _vars_in(list(value.values()))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _vars_in(item)


class BestWeights:
    """A copy of the weights, on the host.

    :param trained: the training.
    """

    def __init__(self, trained: Trained) -> None:
        self._weights = trained.weights
        arrays, halves = fetch(trained.weights)
        self._stored = {name: Stored(array, name in halves) for name, array in arrays.items()}

    def restore(self) -> None:
        """Put the weights back; the optimizer is left as it is."""
        put(materialise((var, self._stored[name]) for name, var in self._weights.items()))
