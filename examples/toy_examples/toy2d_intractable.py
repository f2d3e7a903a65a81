r"""A funnel in two dimensions and the mean-field normal that fits it best.

ZhuSuan's toy: :math:`z_2 \sim N(0, 1.35)`, :math:`z_1 \mid z_2 \sim N(0, e^{z_2})`. The density has
a narrow neck and a wide mouth; the approximation is a product of two normals, trained by the
evidence lower bound. Nothing is observed, so the log evidence is 0 and the bound is
:math:`-\mathrm{KL}(q \,\|\, p)`. In two dimensions a grid tells the truth: the script integrates
p and the divergence numerically, and compares with the best mean-field normal, which for this
density can be worked out (:func:`best_fit`). It leaves in the result folder:

    fit.png         the density and q's contours before, during and after training
    bound.png       the bound, epoch by epoch
    metrics.json    the figures

Run it with ``python examples/toy_examples/toy2d_intractable.py``. Expected with the defaults (seed
1, 40 epochs of 100 steps, some seconds): a divergence of 0.7681 nats, where the best mean-field
normal has 0.7679; standard deviations 0.676 and 0.631, where that has 0.675 and 0.626.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import NamedTuple

# The helpers that examples share lie beside their folders, wherever the script is run from.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import jittor as jt
import numpy as np
from common.files import atomic_file
from common.images import save_curves
from common.options import positive
from common.results import ResultDir, ResultError
from matplotlib.figure import Figure
from tqdm import tqdm

WIDTH = 1.35  # standard deviation of z2
STEPS = 100  # of training in an epoch
# Of the integrals: z1 is spaced by its cube, so that the neck, 0.005 wide, has points as well.
GRID_1 = np.linspace(-10.0, 10.0, 4001) ** 3
GRID_2 = np.linspace(-9.0, 9.0, 721)


@zs.meta_bayesian_net()
def funnel(n_particles):
    r"""Build the model :math:`p(z_2)\,p(z_1 \mid z_2)`.

    :param n_particles: number of draws.
    """
    bn = zs.BayesianNet()
    z2 = bn.normal("z2", jt.zeros([1]), std=WIDTH, n_samples=n_particles, group_ndims=1)
    bn.normal("z1", jt.zeros([1]), logstd=z2, group_ndims=1)
    return bn


class MeanField(zs.BayesianNet):
    """The approximation q: two independent normals.

    :param n_particles: number of draws.
    """

    def __init__(self, n_particles: int) -> None:
        super().__init__()
        self.mean = jt.array(np.float32([2.0, -1.5]))  # far from the answer, to see it move
        self.logstd = jt.array(np.float32([-1.0, -1.0]))
        self.n_particles = n_particles

    def execute(self, observed):
        """Describe one run."""
        self.observe(observed)
        for i, name in enumerate(("z1", "z2")):
            self.sn(
                "Normal", name, mean=self.mean[i : i + 1], logstd=self.logstd[i : i + 1],
                n_samples=self.n_particles, group_ndims=1,
            )  # fmt: skip
        return self


class Fit(NamedTuple):
    """A product of two normals.

    :param mean: its means, of z1 and z2.
    :param std: its standard deviations.
    """

    mean: tuple[float, float]
    std: tuple[float, float]


def best_fit() -> Fit:
    r"""Return the mean-field normal with the least :math:`\mathrm{KL}(q \,\|\, p)`.

    With :math:`\mathbb{E}_q[z_1^2 e^{-2 z_2}] = (m_1^2 + s_1^2) e^{2 s_2^2 - 2 m_2}` the bound has
    a closed form. It is largest at :math:`m_1 = m_2 = 0`, :math:`s_1 = e^{-s_2^2}` and
    :math:`s_2^2 = 1 / (2 + 1 / 1.35^2)`, where the divergence is :math:`\log(1.35 / s_2)`.
    """
    s2 = 1.0 / math.sqrt(2.0 + WIDTH**-2)
    return Fit((0.0, 0.0), (math.exp(-(s2**2)), s2))


def log_normal(z: np.ndarray, mean: float, std: np.ndarray | float) -> np.ndarray:
    """Return the log-density of a normal distribution."""
    return -0.5 * ((z - mean) / std) ** 2 - np.log(std) - 0.5 * math.log(2.0 * math.pi)


def log_p(z1: np.ndarray, z2: np.ndarray) -> np.ndarray:
    """Return the log-density of the funnel."""
    return log_normal(z2, 0.0, WIDTH) + log_normal(z1, 0.0, np.exp(z2))


def log_q(fit: Fit, z1: np.ndarray, z2: np.ndarray) -> np.ndarray:
    """Return the log-density of a mean-field normal."""
    return log_normal(z1, fit.mean[0], fit.std[0]) + log_normal(z2, fit.mean[1], fit.std[1])


def log_evidence() -> float:
    """Return the log of the integral of p, by the trapezoidal rule."""
    density = np.exp(log_p(GRID_1[:, None], GRID_2))
    return float(np.log(np.trapz(np.trapz(density, GRID_1, axis=0), GRID_2)))


def divergence(fit: Fit) -> float:
    r"""Return :math:`\mathrm{KL}(q \,\|\, p)` by the trapezoidal rule, eight deviations wide."""
    z1, z2 = (m + s * np.linspace(-8.0, 8.0, 801) for m, s in zip(fit.mean, fit.std))
    of_q = log_q(fit, z1[:, None], z2)
    terms = np.exp(of_q) * (of_q - log_p(z1[:, None], z2))
    return float(np.trapz(np.trapz(terms, z1, axis=0), z2))


def fit_of(q: MeanField) -> Fit:
    """Return what a net has learned."""
    mean, std = q.mean.numpy().astype(float), np.exp(q.logstd.numpy().astype(float))
    return Fit(tuple(mean.tolist()), tuple(std.tolist()))


def train(args: argparse.Namespace) -> tuple[list[Fit], list[float]]:
    """Fit q; return it before training and after each epoch, and the mean bound of each epoch."""
    model, q = funnel(args.n_particles), MeanField(args.n_particles)
    objective = zs.variational.ELBO(model, q, axis=0)
    optimizer = jt.optim.Adam(objective.parameters(), args.lr)
    fits, bounds = [fit_of(q)], []
    bar = tqdm(range(args.epochs), desc="epochs", disable=None, leave=False)
    for epoch in bar:
        # The second half in ever smaller steps: q settles instead of trembling.
        optimizer.lr = args.lr * min(1.0, 2.0 * (1.0 - epoch / args.epochs))
        losses = []
        for _ in range(STEPS):
            loss = objective({})
            optimizer.step(loss)
            losses.append(loss.detach())
        bounds.append(-float(np.mean(jt.fetch_sync(losses))))
        fits.append(fit_of(q))
        bar.set_postfix(bound=f"{bounds[-1]:.3f}")
    return fits, bounds


def draw(path: Path, fits: list[Fit]) -> None:
    """Draw the funnel and q before training, after a tenth of it, at its end, and at its best."""
    early = max(len(fits) // 10, 1)
    panels = {
        "before": fits[0],
        f"after {early} epoch{'s' if early > 1 else ''}": fits[early],
        f"after {len(fits) - 1} epochs": fits[-1],
        "best mean field": best_fit(),
    }
    z1, z2 = np.linspace(-4.0, 4.0, 300), np.linspace(-4.0, 3.0, 300)
    funnel_log_p = log_p(z1, z2[:, None])
    figure = Figure(figsize=(12.0, 3.4), dpi=120, layout="constrained")
    for axes, (title, fit) in zip(figure.subplots(1, 4, sharey=True), panels.items()):
        top = funnel_log_p.max()
        axes.contourf(z1, z2, funnel_log_p, levels=top - np.arange(9.0, -0.5, -0.75), cmap="Blues")
        of_q = log_q(fit, z1, z2[:, None])
        # Through the points one, two and three standard deviations away.
        heights = of_q_top(fit) - 0.5 * np.array([3.0, 2.0, 1.0]) ** 2
        axes.contour(z1, z2, of_q, levels=heights, colors="C3", linestyles="-", linewidths=1.0)
        axes.set_title(f"{title}: KL {divergence(fit):.3f}", fontsize="medium")
        axes.set_xlabel("$z_1$")
    figure.axes[0].set_ylabel("$z_2$")
    with atomic_file(path) as file:
        figure.savefig(file, format="png")


def of_q_top(fit: Fit) -> float:
    """Return the log-density of q at its mean."""
    return float(log_q(fit, np.array(fit.mean[0]), np.array(fit.mean[1])))


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the script's options."""
    parser = argparse.ArgumentParser(
        description="Fit a funnel by a mean-field normal.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--epochs", type=positive(int), default=40, help=f"of {STEPS} steps each")
    parser.add_argument("--n-particles", type=positive(int), default=100)
    parser.add_argument("--lr", type=positive(float), default=2e-2, help="Adam's step size")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--result-dir", default="results/toy2d_intractable")
    parser.add_argument("--smoke", action="store_true", help="two epochs, for CI")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the example; return the exit status."""
    args = make_parser().parse_args(argv)
    if args.smoke:
        args.epochs = 2
    zs.set_seed(args.seed)
    try:
        results = ResultDir(args.result_dir)
    except ResultError as error:
        print(f"toy2d_intractable.py: {error}", file=sys.stderr)
        return 1
    fits, bounds = train(args)
    best = best_fit()
    figures = {
        "arguments": vars(args),
        "unit": "nats",
        "log_evidence": log_evidence(),
        "kl": divergence(fits[-1]),
        "kl_of_best": divergence(best),
        "bound_in_training": bounds[-1],
        "fit": fits[-1]._asdict(),
        "best_fit": best._asdict(),
        "history": bounds,
    }
    draw(results.file("fit.png"), fits)
    save_curves(results.file("bound.png"), {"lower bound": bounds}, "epoch", "nats")
    results.write_json("metrics.json", figures)
    for name, fit in (("q", fits[-1]), ("best", best)):
        numbers = " ".join(f"{v:.3f}" for pair in zip(fit.mean, fit.std) for v in pair)
        print(f"{name:>4}: mean and sd of z1, z2: {numbers}, KL {divergence(fit):.4f} nats")
    print(
        f"bound of the last epoch {bounds[-1]:.4f}, log evidence by quadrature "
        f"{figures['log_evidence']:.5f}; results are in {results.path}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
