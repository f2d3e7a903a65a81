"""Draws the picture of the tutorial on Bayesian neural networks: two posteriors of a curve.

Run ``python docs/pictures/bayesian_network.py docs/_static/images/bayesian_network.png``. What it
shows is what the page itself fits and samples.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from pages import names_of

import zhusuan as zs

mpl.use("Agg")
import matplotlib.pyplot as plt


def main(path: Path) -> None:
    """Write the picture.

    :param path: of the PNG file.
    """
    names = names_of("tutorials/bayesian_networks.rst")
    x = np.linspace(-2.5, 2.5, 200, dtype=np.float32)[:, None]
    figure, row = plt.subplots(1, 2, figsize=(8.2, 2.9), sharey=True, layout="constrained")
    posteriors = {"mean field": names["guide"], "HMC": names["trace"].stacked()}
    for axes, (label, posterior) in zip(row, posteriors.items()):
        drawn = zs.predict(names["model"], {"x": x}, 200, posterior=posterior, names=["mean"])
        curves = drawn["mean"][..., 0]
        mean, std = curves.mean(0), curves.std(0)
        print(f"{label}: deviation at 0 {std[100]:.3f}, at -2.5 {std[0]:.2f}, at 2.5 {std[-1]:.2f}")
        axes.fill_between(x[:, 0], mean - 2 * std, mean + 2 * std, color="tab:blue", alpha=0.25,
                          linewidth=0)
        axes.plot(x, mean, color="tab:blue", lw=1.3)
        axes.scatter(names["x_all"], names["y_all"], s=4, c="k", linewidths=0)
        axes.set(title=label, xlabel="x", ylim=(-5, 5))
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
