"""Draws the picture of the tutorial on discrete latents: how six losses train one model.

Run ``python docs/pictures/discrete_latents.py docs/_static/images/discrete_latents.png``; it takes
some minutes, prints the figures, and uses the nets, the data and the training of the page itself.
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

from zhusuan.variational import ELBO, ImportanceWeightedObjective, ReweightedWakeSleep

N_STEPS, EVERY, SEEDS = 1500, 50, (1, 2, 3, 4)


def reinforce(p, q, variance_reduction):
    """Return the loss of the plain bound by scores."""
    return ELBO(p, q, estimator="reinforce", axis=0, variance_reduction=variance_reduction)


LOSSES = {
    "sum over all states": None,
    "reinforce, no baseline": lambda p, q: reinforce(p, q, False),
    "reinforce, moving mean": lambda p, q: reinforce(p, q, True),
    "reinforce, rloo": lambda p, q: reinforce(p, q, "rloo"),
    "vimco": lambda p, q: ImportanceWeightedObjective(p, q, axis=0, estimator="vimco"),
    "wake phases": lambda p, q: ReweightedWakeSleep(p, q, axis=0),
}


def curve(names, make, seed: int) -> list[float]:
    """Train a model; return its exact evidence as it goes on."""
    zs.set_seed(seed)
    p, q = names["Generator"](), names["Recognition"](4)
    found = [names["judged"](p)]

    def after(step):
        if step % EVERY == 0:
            found.append(names["judged"](p))

    if make is None:
        names["train"](lambda o: -names["evidence"](p, o["x"]).mean(), p.parameters(), N_STEPS,
                       seed, after)
    else:
        loss = make(p, q)
        names["train"](loss, loss.parameters(), N_STEPS, seed, after)
    return found


def main(path: Path) -> None:
    """Write the picture.

    :param path: of the PNG file.
    """
    names = names_of("tutorials/discrete_latents.rst")
    figure, axes = plt.subplots(figsize=(6.8, 3.6), layout="constrained")
    steps = np.arange(0, N_STEPS + 1, EVERY)
    for label, make in LOSSES.items():
        runs = np.array([curve(names, make, seed) for seed in SEEDS])
        print(f"{label:24s} last {runs[:, -1].round(3)} mean {runs[:, -1].mean():.3f}, "
              f"after 500 steps {runs[:, 500 // EVERY].mean():.3f}", flush=True)
        axes.plot(steps, runs.mean(0), label=label, color="k" if make is None else None,
                  ls="--" if make is None else "-", lw=1.4)
    truth = names["judged"](names["model"])
    print(f"the model that made the images: {truth:.3f}")
    axes.axhline(truth, color="gray", lw=0.8)
    axes.text(0, truth + 0.01, "the model that made the images", fontsize=8, color="gray")
    axes.set(xlabel="step", ylabel="log evidence, nats per image", ylim=(-5.6, -4.55))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=90)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
