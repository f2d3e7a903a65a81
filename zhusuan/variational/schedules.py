"""Weights that change as training goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def linear_warmup(steps: int, start: float = 0.0, end: float = 1.0) -> Callable[[int], float]:
    """Return a schedule that rises in equal steps, then stays.

    (Bowman et al. 2016; Sonderby et al. 2016.) ::

        model = zs.variational.ELBO(p, q, kl_weight=zs.variational.linear_warmup(2000))

    :param steps: the step from which on the weight is ``end``.
    :param start: weight of step 0.
    :param end: the final weight.
    :return: function of the step, 0 for the first.
    :raises ValueError: if ``steps`` is below 1 or a weight is negative.
    :raises TypeError: if a weight is no number.
    """
    if steps < 1:
        raise ValueError(f"linear_warmup: steps must be at least 1, got {steps}")
    for weight in (start, end):
        check_weight(weight)

    def weight_at(step: int) -> float:
        return start + (end - start) * min(step / steps, 1.0)

    return weight_at


class StepCount:
    """How many steps a training has made; kept in checkpoints."""

    def __init__(self) -> None:
        self.count = 0

    def state(self) -> int:
        """Return the count."""
        return self.count

    def set_state(self, state: int) -> None:
        """Go on from a count.

        :param state: what :meth:`state` returned.
        """
        self.count = int(state)


def check_weight(weight: Any, name: str = "kl_weight") -> float:
    """Return a weight as a float.

    :param weight: number.
    :param name: name of the option, for the message.
    :raises TypeError: if it is no number.
    :raises ValueError: if it is negative or not finite.
    """
    try:
        value = float(weight)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be a number, got {weight!r}") from error
    if not 0.0 <= value < float("inf"):
        raise ValueError(f"{name} must be finite and not negative, got {weight!r}")
    return value
