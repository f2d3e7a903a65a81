"""Draws the picture of the tutorial on distributions: densities over histograms of draws.

Run ``python docs/pictures/densities.py docs/_static/images/densities.png``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np

import zhusuan as zs
from zhusuan import distributions as zd

mpl.use("Agg")
import matplotlib.pyplot as plt

BARS, LINE = "#b9cde3", "#1f3b5c"


def families() -> list[tuple[str, zd.Distribution, float, float]]:
    """Return title, distribution, and the range of values that is shown."""
    return [
        ("Normal(0, std=1)", zd.Normal(0.0, std=1.0), -4, 4),
        ("StudentT(df=2, 0, 1)", zd.StudentT(2.0, 0.0, 1.0), -4, 4),
        ("Gumbel(0, 1)", zd.Gumbel(0.0, 1.0), -3, 7),
        (
            "Mixture of 2 Normals",
            zd.Mixture(zd.Normal(np.array([-2.0, 1.5]), std=np.array([0.5, 1.0])),
                       probs=[0.3, 0.7]),
            -4.5, 5,
        ),
        ("Gamma(2, 1)", zd.Gamma(2.0, 1.0), 0, 8),
        ("Weibull(2, concentration=3)", zd.Weibull(2.0, 3.0), 0, 4),
        ("Beta(2, 5)", zd.Beta(2.0, 5.0), 0, 1),
        ("TruncatedNormal(0, 1, low=-1, high=2)",
         zd.TruncatedNormal(0.0, std=1.0, low=-1.0, high=2.0), -1.5, 2.5),
        ("Poisson(4)", zd.Poisson(4.0), -0.5, 12.5),
        ("ZeroInflatedPoisson(0.3, 5)", zd.ZeroInflatedPoisson(0.3, 5.0), -0.5, 13.5),
        ("NegativeBinomial(3, probs=0.6)", zd.NegativeBinomial(3.0, probs=0.6), -0.5, 16.5),
        ("VonMises(1, concentration=2)", zd.VonMises(1.0, 2.0), -np.pi, np.pi),
    ]


def panel(axes: plt.Axes, title: str, d: zd.Distribution, low: float, high: float) -> None:
    """Draw one family.

    :param axes: where.
    :param title: what is written above.
    :param d: the distribution, of one variable.
    :param low: the smallest value shown.
    :param high: the largest value shown.
    """
    draws = d.sample(20_000).numpy().ravel()
    whole = not d.is_continuous
    edges = np.arange(low, high + 1) if whole else np.linspace(low, high, 41)
    counts, _ = np.histogram(draws, edges)
    # Over all draws, those outside the picture included.
    axes.bar(edges[:-1], counts / len(draws) / np.diff(edges), np.diff(edges), align="edge",
             color=BARS, edgecolor="white", linewidth=0.5)
    x = np.arange(np.ceil(low), high) if whole else np.linspace(low, high, 400)
    axes.plot(x, d.prob(x).numpy(), "o" if whole else "-", color=LINE, ms=4, lw=1.6)
    axes.set_title(title, fontsize=9, family="monospace")
    axes.set_yticks([])
    axes.locator_params(axis="x", integer=whole)
    axes.set_xlim(low, high)
    axes.tick_params(labelsize=8)
    axes.spines[["left", "right", "top"]].set_visible(False)


def main(path: Path) -> None:
    """Write the picture.

    :param path: of the PNG file.
    """
    zs.set_seed(1)
    figure, grid = plt.subplots(3, 4, figsize=(12, 6.6), layout="constrained")
    for axes, family in zip(grid.ravel(), families()):
        panel(axes, *family)
    figure.savefig(path, dpi=90)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
