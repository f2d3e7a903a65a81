"""What the Bayesian neural nets for regression share: judging their draws, and a picture."""

from __future__ import annotations

import math
import os
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from common.files import atomic_file


class Predictive(NamedTuple):
    """What draws of a posterior say of the targets of some data, in the unit of the target.

    :param centre: predictive means, ``[n]``.
    :param spread: predictive standard deviations, ``[n]``.
    :param rmse: root mean squared error of the means.
    :param log_density: mean log-density of the targets, in nats.
    """

    centre: np.ndarray
    spread: np.ndarray
    rmse: float
    log_density: float


def judge(y: np.ndarray, mean: np.ndarray, std: np.ndarray) -> Predictive:
    """Judge the mixture of the normals that draws of a posterior predict.

    :param y: targets, ``[n]``.
    :param mean: means that each draw gives, ``[n_draws, n]``.
    :param std: standard deviations of the noise, ``[n_draws, 1]`` or ``[n_draws, n]``.
    """
    log_p = -0.5 * ((y - mean) / std) ** 2 - np.log(std * math.sqrt(2.0 * math.pi))
    log_density = np.logaddexp.reduce(log_p, axis=0) - math.log(len(mean))
    centre = mean.mean(axis=0)
    spread = np.sqrt(mean.var(axis=0) + (std**2).mean(axis=0))
    rmse = math.sqrt(np.mean((centre - y) ** 2))
    return Predictive(centre, spread, rmse, float(log_density.mean()))


def with_error(values: list[float]) -> tuple[float, float]:
    """Return the mean and its standard error, 0 for a single value.

    :param values: one for each split.
    """
    error = np.std(values, ddof=1) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return float(np.mean(values)), float(error)


def save_predictions(path: str | os.PathLike[str], y: np.ndarray, found: Predictive) -> None:
    """Draw predictions, with two standard deviations, above the truth.

    :param path: the PNG file to write or replace.
    :param y: targets, ``[n]``.
    :param found: predictions of them.
    """
    figure = Figure(figsize=(5.0, 5.0), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.errorbar(
        y, found.centre, yerr=2 * found.spread, fmt="o", markersize=3, alpha=0.6, linewidth=1
    )
    low, high = min(y.min(), found.centre.min()), max(y.max(), found.centre.max())
    axes.plot([low, high], [low, high], color="black", linewidth=0.8)
    axes.set(xlabel="test target", ylabel="prediction, with 2 standard deviations")
    with atomic_file(path) as file:
        figure.savefig(file, format="png")
