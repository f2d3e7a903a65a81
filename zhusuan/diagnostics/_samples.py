"""Samples and statistics of a run, checked: dicts of arrays that belong together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zhusuan.diagnostics._draws import as_draws


def check_samples(samples: Any, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """Return the draws of some variables as arrays, which have chains and draws in common.

    :param samples: name -> draws of shape [n_chains, n_draws, ...].
    :param names: which of them, in this order; all if None.
    :raises TypeError: if samples is no dict, or draws are no real numbers.
    :raises ValueError: for other shapes, or nothing at all.
    :raises KeyError: for a name that is not there.
    """
    if not isinstance(samples, Mapping):
        raise TypeError(f"samples must be a dict from names to draws, got {type(samples).__name__}")
    if isinstance(names, str):
        names = [names]
    for name in names or ():
        if name not in samples:
            raise KeyError(f"no variable {name!r} among the samples, which are {list(samples)}")
    chosen = list(samples if names is None else names)
    if not chosen:
        raise ValueError("samples is empty: there is no variable")
    arrays = {name: as_draws(samples[name], f"the draws of {name!r}") for name in chosen}
    shapes = {name: array.shape[:2] for name, array in arrays.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError(f"variables must have equal [n_chains, n_draws], got {shapes}")
    return arrays


def check_stats(stats: Any, size: tuple[int, int]) -> dict[str, np.ndarray]:
    """Return the statistics of a run as arrays.

    :param stats: name -> array of shape [n_chains, n_draws], or None.
    :param size: n_chains and n_draws.
    :raises TypeError: if stats is no dict.
    :raises ValueError: for other shapes.
    """
    if stats is None:
        return {}
    if not isinstance(stats, Mapping):
        raise TypeError(f"stats must be a dict from names to arrays, got {type(stats).__name__}")
    arrays = {name: np.asarray(value) for name, value in stats.items()}
    for name, array in arrays.items():
        if array.shape[:2] != size:
            raise ValueError(
                f"the statistic {name!r} must have shape [n_chains, n_draws] = {list(size)}, as "
                f"the draws, got {list(array.shape)}"
            )
    return arrays
