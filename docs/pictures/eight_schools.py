"""Draws the picture of the tutorial on eight schools: the funnel, and the chains of tau.

Run ``python docs/pictures/eight_schools.py docs/_static/images/eight_schools.png``. What it shows
is what the page itself samples.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from pages import names_of

mpl.use("Agg")
import matplotlib.pyplot as plt


def funnel(axes: plt.Axes, theta: np.ndarray, tau: np.ndarray, divergent: np.ndarray) -> None:
    """Draw an effect against the logarithm of tau, with the transitions that diverged.

    :param axes: where.
    :param theta: of one school, ``[n_chains, n_draws]``.
    :param tau: likewise.
    :param divergent: flags, likewise.
    """
    axes.scatter(theta, np.log(tau), s=3, c="tab:blue", alpha=0.5, linewidths=0)
    axes.scatter(theta[divergent], np.log(tau[divergent]), s=9, c="tab:red", linewidths=0,
                 label="diverged")
    axes.set(xlim=(-20, 40), ylim=(-4, 4), xlabel="effect in the first school")


def main(path: Path) -> None:
    """Write the picture.

    :param path: of the PNG file.
    """
    names = names_of("tutorials/mcmc.rst")
    centred, trace = names["centred"], names["trace"]
    figure, ((one, two), (three, four)) = plt.subplots(
        2, 2, figsize=(8.2, 4.8), layout="constrained", height_ratios=[3, 2]
    )
    tau = centred.samples["tau"][..., 0]
    funnel(one, centred.samples["theta"][..., 0], tau, centred.stats["divergent"])
    one.set(title="as written: centred", ylabel="log tau")
    one.legend(frameon=False, fontsize=8, loc="lower right")
    three.plot(tau.T, lw=0.6)
    three.set(ylabel="tau", xlabel="draw")
    print(f"centred: {np.mean(tau < 0.5):.1%} of the draws of tau below 0.5")
    tau = names["tau"][..., 0]
    funnel(two, names["theta"][..., 0], tau, trace.stats["divergent"])
    two.set(title="non-centred", yticklabels=[])
    four.plot(tau.T, lw=0.4)
    four.set(xlabel="draw")
    print(f"non-centred: {np.mean(tau < 0.5):.1%}")
    for axes in (three, four):
        axes.set_ylim(0, 25)
    figure.savefig(path, dpi=64)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
