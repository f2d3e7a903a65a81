"""Schedules of annealing: the inverse temperatures that lead from the proposal to the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Union

import numpy as np

Schedule = Union[str, Callable[[np.ndarray], Any]]

# How far into its tails the sigmoid reaches (as in Wu et al. 2017).
_RADIUS = 4.0


def linear(fraction: np.ndarray) -> np.ndarray:
    """Return inverse temperatures in equal steps.

    :param fraction: how much of the way is done, in [0, 1].
    """
    return np.asarray(fraction, np.float64)


def sigmoidal(fraction: np.ndarray) -> np.ndarray:
    r"""Return inverse temperatures in small steps at both ends, where the densities change most.

    .. math::

        \beta(s) = \frac{\sigma(\delta (2 s - 1)) - \sigma(-\delta)}{\sigma(\delta) -
        \sigma(-\delta)}, \qquad \delta = 4

    (Grosse et al. 2015; Wu et al. 2017.)

    :param fraction: s, how much of the way is done, in [0, 1].
    """
    # sigmoid(x) = (1 + tanh(x / 2)) / 2, and what is constant drops out.
    half = 0.5 * _RADIUS
    return 0.5 * (np.tanh(half * (2.0 * np.asarray(fraction) - 1.0)) / np.tanh(half) + 1.0)


_NAMED = {"linear": linear, "sigmoid": sigmoidal}


def inverse_temperatures(schedule: Schedule, fractions: np.ndarray) -> np.ndarray:
    """Return the inverse temperatures at some fractions of the way.

    :param schedule: ``'sigmoid'``, ``'linear'``, or a function from an array of fractions in
        [0, 1] to inverse temperatures.
    :param fractions: increasing, from 0 to 1.
    :raises TypeError: if it is neither.
    :raises ValueError: for an unknown name, or if the function does not lead from 0 to 1, without
        going back.
    """
    if isinstance(schedule, str):
        if schedule not in _NAMED:
            raise ValueError(
                f"AIS: schedule must be one of {sorted(_NAMED)} or a function, got {schedule!r}"
            )
        schedule = _NAMED[schedule]
    if not callable(schedule):
        raise TypeError(
            f"AIS: schedule must be one of {sorted(_NAMED)} or a function, got {schedule!r}"
        )
    betas = np.asarray(schedule(fractions), np.float64)
    if betas.shape != fractions.shape or not np.isfinite(betas).all():
        raise ValueError(
            f"AIS: schedule must give a finite number for each of {len(fractions)} fractions, got "
            f"shape {list(betas.shape)}"
        )
    # Rounding of the function's own formula is set right, anything more is a wrong schedule: the
    # weights would be those of another density.
    for end, i in ((0.0, 0), (1.0, -1)):
        if abs(betas[i] - end) > 1e-6:
            raise ValueError(
                f"AIS: schedule must lead from 0 to 1, but it is {betas[i]:g} at fraction {end:g}"
            )
        betas[i] = end
    if (np.diff(betas) < 0).any():
        i = int((np.diff(betas) < 0).argmax())
        raise ValueError(
            f"AIS: schedule must not go back, but it falls from {betas[i]:g} to {betas[i + 1]:g} "
            f"at fraction {fractions[i + 1]:g}"
        )
    return betas
