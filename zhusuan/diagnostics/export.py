"""Draws and statistics as ArviZ takes them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from zhusuan.diagnostics._samples import check_samples, check_stats

# What this library's samplers report under another name than ArviZ's plots look for.
_STATS = {"divergent": "diverging", "n_leapfrogs": "n_steps", "log_prob": "lp"}

# Groups whose arrays begin with [n_chains, n_draws].
_DRAWN = ("log_likelihood", "posterior_predictive", "prior", "prior_predictive")
_DATA = ("observed_data", "constant_data")


def arviz_groups(
    samples: Mapping[str, Any],
    stats: Mapping[str, Any] | None = None,
    **groups: Mapping[str, Any] | None,
) -> dict[str, dict[str, np.ndarray]]:
    """Return the nested dict that ArviZ 1.x calls data: group -> name -> array.

    :param samples: name -> draws of shape [n_chains, n_draws, ...].
    :param stats: name -> array of shape [n_chains, n_draws]; ``divergent``, ``n_leapfrogs`` and
        ``log_prob`` get ArviZ's names ``diverging``, ``n_steps`` and ``lp``, others keep theirs.
    :param groups: more groups under ArviZ's names, each name -> array: ``log_likelihood`` (for
        ``arviz.loo``), ``posterior_predictive``, ``prior``, ``prior_predictive``, of shape
        [n_chains, n_draws, ...]; ``observed_data``, ``constant_data``, of any shape.
    :return: groups ``posterior``, ``sample_stats`` if there are stats, and the given ones, with
        arrays of the shapes above. Floating draws are float64, for ArviZ computes in the precision
        that it is given.
    :raises TypeError: if something is no dict, or an unknown group is given.
    :raises ValueError: for other shapes, or no samples.
    :raises KeyError: for a name that is not among the samples.
    """
    posterior = check_samples(samples)
    size = next(iter(posterior.values())).shape[:2]
    found = {"posterior": posterior}
    if checked := check_stats(stats, (size[0], size[1])):
        found["sample_stats"] = {_STATS.get(name, name): v for name, v in checked.items()}
    for group, arrays in groups.items():
        if group not in (*_DRAWN, *_DATA):
            raise TypeError(f"unknown group {group!r}; there are {[*_DRAWN, *_DATA]}")
        if arrays is None:
            continue
        if group in _DRAWN:
            found[group] = check_samples(arrays)
        else:
            found[group] = {name: np.asarray(array) for name, array in arrays.items()}
    return {
        group: {name: _in_double(array) for name, array in arrays.items()}
        for group, arrays in found.items()
    }


def to_arviz(
    samples: Mapping[str, Any],
    stats: Mapping[str, Any] | None = None,
    **groups: Mapping[str, Any] | None,
) -> Any:
    """Return draws as ArviZ's own object, for its plots and comparisons.

    ::

        data = zs.diagnostics.to_arviz(trace.samples, trace.stats)
        arviz.plot_rank(data)

    :param samples: see :func:`arviz_groups`.
    :param stats: see :func:`arviz_groups`.
    :param groups: see :func:`arviz_groups`.
    :return: an ``InferenceData`` of ArviZ 0.x, or the ``DataTree`` of ArviZ 1.x.
    :raises RuntimeError: if ArviZ is not installed.
    :raises TypeError: if something is no dict, or an unknown group is given.
    :raises ValueError: for other shapes, or no samples.
    """
    data = arviz_groups(samples, stats, **groups)
    try:
        arviz = importlib.import_module("arviz")
    except ImportError as error:
        raise RuntimeError(
            "to_arviz needs ArviZ: pip install arviz, or pip install 'zhusuan[arviz]'. The "
            "figures of zs.diagnostics.summary need nothing"
        ) from error
    if int(arviz.__version__.split(".")[0]) >= 1:
        return arviz.from_dict(data)
    return arviz.from_dict(**data)


def _in_double(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float64) if array.dtype.kind == "f" else array
