"""Draws the pictures of the tutorial on normalizing flows: a density in the plane, and posteriors.

Run ``python docs/pictures/flows.py docs/_static/images``; it takes a minute or two, prints figures,
and uses the flows and the training of the page itself, with more steps.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from pages import names_of

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import jittor as jt

mpl.use("Agg")
import matplotlib.pyplot as plt

N_STEPS, N_GRID = 1000, 150


def grid(low, high, bottom, top):
    """Return the centres of the cells of a rectangle, for pictures."""
    x, y = np.linspace(low, high, N_GRID), np.linspace(bottom, top, N_GRID)
    return np.stack(np.meshgrid(x, y), -1).reshape(-1, 2).astype(np.float32)


def draw_lines(axes, flow) -> None:
    """Draw lines of constant latent coordinates, and where the flow takes them."""
    along = np.linspace(-2.5, 2.5, 400)
    for k in range(2):
        for value in np.linspace(-2.5, 2.5, 21):
            line = np.empty((len(along), 2), np.float32)
            line[:, k], line[:, 1 - k] = value, along
            bent, _ = flow.transform(jt.array(line))
            axes.plot(*bent.numpy().T, lw=0.5, color=("tab:blue", "tab:orange")[k])


def moons(names, path: Path) -> None:
    """Draw the data, the bent lines, the density, and draws."""
    zs.set_seed(1)
    flow = names["realnvp"]()
    names["fit"](flow, N_STEPS)
    print(f"moons after {N_STEPS} steps: {names['log_likelihood'](flow):.3f}", flush=True)
    box = (-2.8, 2.8, -2.0, 2.0)
    with jt.no_grad():
        density = np.exp(flow.log_prob(jt.array(grid(*box))).numpy()).reshape(N_GRID, N_GRID)
        draws = flow.sample(1500).numpy()
        figure, row = plt.subplots(1, 4, figsize=(9.6, 2.0), layout="constrained")
        draw_lines(row[1], flow)
    row[0].scatter(*names["points"][:1500].T, s=1, c="k", linewidths=0)
    row[2].imshow(density, origin="lower", extent=box, cmap="magma", aspect="auto")
    row[3].scatter(*draws.T, s=1, c="k", linewidths=0)
    for axes, title in zip(row, ("data", "latent grid", "density", "draws")):
        axes.set(xlim=box[:2], ylim=box[2:], xticks=[], yticks=[])
        axes.set_title(title, fontsize=9)
    figure.savefig(path, dpi=80)


def posteriors(names, path: Path) -> None:
    """Draw the bent posterior, and draws of the families."""
    box = (-2.6, 2.6, -2.6, 3.6)
    points = grid(*box)
    joint = names["model"].observe(y=-1.0, z=jt.array(points)).log_joint().numpy()
    figure, row = plt.subplots(1, 4, figsize=(9.6, 2.5), layout="constrained")
    row[0].set_title("posterior", fontsize=9)
    for axes, kind in zip(row[1:], ("normal", "planar", "iaf")):
        zs.set_seed(1)
        posterior = names["fit_posterior"](kind, N_STEPS)
        gap = names["gap"](posterior)
        print(f"{kind} after {N_STEPS} steps: gap {gap:.3f}", flush=True)
        with jt.no_grad():
            draws = posterior(1500)[0].numpy()
        axes.scatter(*draws.T, s=1, c="k", linewidths=0)
        axes.set_title(f"{kind}: {gap:.2f} nats", fontsize=9)
    density = np.exp(joint - joint.max()).reshape(N_GRID, N_GRID)
    row[0].imshow(density, origin="lower", extent=box, cmap="magma", aspect="auto")
    for axes in row:
        axes.set(xlim=box[:2], ylim=box[2:], xticks=[], yticks=[])
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    found = names_of("tutorials/normalizing_flows.rst")
    folder = Path(sys.argv[1])
    moons(found, folder / "flow_moons.png")
    posteriors(found, folder / "flow_posterior.png")
