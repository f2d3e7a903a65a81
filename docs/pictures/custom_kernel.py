"""Draws the picture of the tutorial on kernels: effective draws against the step size.

Run ``python docs/pictures/custom_kernel.py docs/_static/images/custom_kernel.png``; it takes about
half a minute, prints the figures, and uses the kernels of the page itself.
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

DIM, N_CHAINS, N_DRAWS = 20, 4, 5000
SD = np.ones(DIM, np.float32)
SD[0] = 0.1
STEPS = np.geomspace(0.02, 2.0, 13)


def log_density(v):
    """Return the log-density of independent normals, up to a constant."""
    return -0.5 * ((v["x"] / SD) ** 2).sum(-1)


def effective(kernel: zs.mcmc.Kernel) -> float:
    """Return the effective draws of each 1000 steps, the median over the wide coordinates.

    :param kernel: with a step size that is not adapted.
    """
    target = zs.mcmc.FunctionTarget(log_density, {"x": [DIM]})
    start = SD * np.random.default_rng(1).normal(size=(N_CHAINS, DIM))  # where the chains should be
    trace = zs.mcmc.run(kernel, target, n_chains=N_CHAINS, n_warmup=0, n_draws=N_DRAWS,
                        init={"x": start}, seed=1, progress=False)
    sizes = zs.diagnostics.ess_bulk(trace.samples["x"])[1:]
    return float(np.median(sizes)) / (N_CHAINS * N_DRAWS) * 1000


def main(path: Path) -> None:
    """Write the picture.

    :param path: of the PNG file.
    """
    names = names_of("tutorials/custom_kernel.rst")
    kernels = {
        "Barker": names["Barker"],
        "MALA": lambda step: zs.mcmc.MALA(step, adapt_step_size=False, adapt_mass=False),
        "random walk": names["RandomWalk"],
    }
    figure, axes = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
    for label, make in kernels.items():
        found = [effective(make(float(step))) for step in STEPS]
        print(label, dict(zip(STEPS.round(3), np.round(found, 1))))
        axes.plot(STEPS, found, "o-", ms=3.5, label=label)
    axes.set(xscale="log", yscale="log", xlabel="step size",
             ylabel="effective draws in 1000 steps")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=90)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
