"""What the optimizers of this package share."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import jittor as jt

from zhusuan.optim.library import (
    DONE,
    N_SCALARS,
    NO_MEMORY,
    NOT_COMPUTED,
    NOT_SUITED,
    library,
)

_Scalars = tuple[float, ...]


class FusedStep(jt.optim.Optimizer):
    """Replaces ``step`` of one of Jittor's optimizers, which is the second base of the class.

    What the update in one pass cannot do is left to the ``step`` of that optimizer: parameters
    that are not float32, everything when Jittor uses a GPU, or when an option is not a number.
    """

    param_groups: list[dict[str, Any]]
    n_step: int
    _rule: int
    _state: tuple[str, ...]

    def _scalars(self, group: dict[str, Any]) -> _Scalars | None:
        """Return the numbers that the rule needs; None where they can't be told."""
        raise NotImplementedError

    def _option(self, group: dict[str, Any], name: str) -> Any:
        return group[name] if name in group else getattr(self, name)

    def step(self, loss: Any = None, retain_graph: bool = False) -> None:
        """Take a step down the gradient of ``loss``, or along what ``backward`` has summed up.

        Other than Jittor's own, this computes the loss, the gradients and the parameters at once.

        :param loss: a float Var of any shape; its entries are summed.
        :param retain_graph: whether the graph of ``loss`` is needed again.
        :raises MemoryError: if there is no memory for a parameter whose old value is held.
        """
        self.pre_step(loss, retain_graph)
        jt.flags.node_order = 0  # pre_step sets it for the operations that Jittor's step adds
        left = self._update(loss)
        if left:
            whole, self.param_groups = self.param_groups, left
            try:
                super().step()
            finally:
                self.param_groups = whole
                jt.flags.node_order = 0
        else:
            self.post_step()

    def _update(self, loss: Any) -> list[dict[str, Any]]:
        """Update what can be updated in one pass; return groups of what is left to do."""
        scalars = self._all_scalars()
        if jt.flags.use_cuda or scalars is None:
            return self.param_groups
        groups = [
            (group["params"], group["grads"], numbers, *(group[name] for name in self._state))
            for group, numbers in zip(self.param_groups, scalars)
        ]
        # The loss is computed with its gradients, or it would be computed once more by itself.
        jt.sync([var for group in groups for var in group[1]] + ([] if loss is None else [loss]))
        left: list[int] = []
        outcome = library().step(groups, self._rule, left)
        if outcome == NOT_COMPUTED:
            jt.sync([var for lists in groups for vs in (*lists[:2], *lists[3:]) for var in vs])
            left = []
            outcome = library().step(groups, self._rule, left)
        if outcome == NO_MEMORY:
            raise MemoryError("there is no memory for the new values of the parameters")
        if outcome in (NOT_SUITED, NOT_COMPUTED):
            return self.param_groups
        assert outcome == DONE
        return self._parts(left) if left else []

    def _all_scalars(self) -> list[_Scalars] | None:
        found = []
        for group in self.param_groups:
            try:
                scalars = self._scalars(group)
            except ZeroDivisionError:  # such as no step yet, where Jittor divides by zero too
                return None
            if scalars is None:
                return None
            found.append(scalars)
        return found

    def _parts(self, numbers: Sequence[int]) -> list[dict[str, Any]]:
        """Return the groups with some of their parameters only, numbered through all groups."""
        parts, first, wanted = [], 0, set(numbers)
        for group in self.param_groups:
            n = len(group["params"])
            here = [i for i in range(n) if first + i in wanted]
            part = dict(group)
            for name in ("params", "grads", *self._state):
                part[name] = [group[name][i] for i in here]
            parts.append(part)
            first += n
        return parts

    def _in_place(self) -> InPlaceUpdate | None:
        """Return the update of the parameters where they are now, for recorded programs.

        :return: None if it is not possible, as with parameters that are not float32.
        """
        if jt.flags.use_cuda or self._all_scalars_of_next() is None:
            return None
        groups = [
            (group["params"], [], (), *(group[name] for name in self._state))
            for group in self.param_groups
        ]
        jt.sync([var for lists in groups for vs in (lists[0], *lists[3:]) for var in vs])
        handle = library().bind(groups, self._rule)
        return None if not handle else InPlaceUpdate(self, handle, groups)

    def _all_scalars_of_next(self) -> list[_Scalars] | None:
        self.n_step += 1
        try:
            return self._all_scalars()
        finally:
            self.n_step -= 1


class InPlaceUpdate:
    """Updates an optimizer's parameters in place, for gradients that are given by address.

    For programs that keep the kernels of a training step and the memory they work on: nothing is
    computed here but the update, and no Var is replaced. It refuses when anybody uses a
    parameter, or the optimizer's state, who did not when it was made: who holds an old value
    would see it change.

    :param optimizer: the optimizer.
    :param handle: of ``update.h``.
    :param groups: what it was made of, kept alive by this.
    """

    def __init__(self, optimizer: FusedStep, handle: int, groups: list[Any]) -> None:
        self._optimizer, self._handle, self._library = optimizer, handle, library()
        # Lists may be changed by others, the Vars in them must stay.
        self._kept = [list(vs) for lists in groups for vs in (lists[0], *lists[3:])]
        self._numbers = (ctypes.c_double * (N_SCALARS * len(groups)))()
        self.n_gradients: int = self._library.count(handle)

    def __call__(self, gradients: Any) -> bool:
        """Count a step and update all parameters.

        :param gradients: a ctypes array of ``n_gradients`` c_int64, the addresses of the gradients
            of all parameters that take one, in the order of the groups: float32 arrays.
        :return: False, and nothing was done, if the ordinary step has to be taken.
        """
        scalars = self._optimizer._all_scalars_of_next()
        if scalars is None or len(gradients) != self.n_gradients:
            return False
        numbers = self._numbers
        for g, values in enumerate(scalars):
            numbers[g * N_SCALARS : g * N_SCALARS + len(values)] = list(values)
        if not self._library.run(self._handle, gradients, numbers):
            return False
        self._optimizer.n_step += 1
        self._optimizer.zero_grad()
        return True

    def __del__(self) -> None:
        self._library.free(self._handle)
