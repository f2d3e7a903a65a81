"""Pictures of Markov chains by matplotlib alone: traces and rank histograms."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from common.files import atomic_file

N_BINS = 20


def save_chains(
    path: str | os.PathLike[str],
    draws: Mapping[str, np.ndarray],
    divergent: np.ndarray | None = None,
    title: str | None = None,
) -> None:
    """Draw the chains of some quantities, a row for each: left the draws, right their ranks.

    Ranks are counted among the draws of all chains. If the chains agree, each bar of each chain
    has about the height of the dashed line (Vehtari et al. 2021, section 4.3).

    :param path: the PNG file to write or replace.
    :param draws: name -> array [n_chains, n_draws].
    :param divergent: flags [n_chains, n_draws]; such draws get a tick below the trace.
    :param title: a title, or None.
    :raises ValueError: when there is nothing to draw, or the draws have another shape.
    :raises OSError: when the file cannot be written.
    """
    if not draws:
        raise ValueError("save_chains: draws is empty")
    for name, array in draws.items():
        if array.ndim != 2:
            raise ValueError(
                f"save_chains: {name!r} must be [n_chains, n_draws], got {list(array.shape)}"
            )
    figure = Figure(figsize=(10.0, 2.4 * len(draws)), dpi=120, layout="constrained")
    rows = figure.subplots(len(draws), 2, squeeze=False, gridspec_kw={"width_ratios": [3, 2]})
    for (left, right), (name, array) in zip(rows, draws.items()):
        _trace(left, array, divergent)
        _ranks(right, array)
        left.set_ylabel(name)
    rows[0, 0].set_title("draws", fontsize="medium")
    rows[0, 1].set_title("ranks", fontsize="medium")
    rows[-1, 0].set_xlabel("iteration")
    rows[-1, 1].set_xlabel("rank among the draws of all chains")
    if title is not None:
        figure.suptitle(title)
    with atomic_file(path) as file:
        figure.savefig(file, format="png")


def ranks(array: np.ndarray) -> np.ndarray:
    """Return the rank of each draw among all, from 0; equal draws in the order they come in.

    :param array: any shape.
    """
    order = array.ravel().argsort(kind="stable")
    found = np.empty(order.size, np.int64)
    found[order] = np.arange(order.size)
    return found.reshape(array.shape)


def _trace(axes, array: np.ndarray, divergent: np.ndarray | None) -> None:
    for chain in array:
        axes.plot(chain, linewidth=0.5, alpha=0.8)
    if divergent is not None and divergent.any():
        low, high = array.min(), array.max()
        at = np.flatnonzero(divergent.any(0))
        axes.plot(at, np.full(at.size, low - 0.05 * (high - low)), "k|", label="divergent")
        axes.legend(loc="upper right", fontsize="small")


def _ranks(axes, array: np.ndarray) -> None:
    n_chains, n_draws = array.shape
    edges = np.linspace(0, array.size, min(N_BINS, n_draws) + 1)
    for chain in ranks(array):
        counts, _ = np.histogram(chain, edges)
        axes.stairs(counts, edges, alpha=0.8)
    axes.axhline(n_draws / (len(edges) - 1), color="k", linestyle="--", linewidth=0.8)
    axes.set_ylim(bottom=0)
