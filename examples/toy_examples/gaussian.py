r"""Hamiltonian Monte Carlo on a normal distribution, with a thousand chains.

ZhuSuan's toy: ten independent normals whose standard deviations go from 1 to 1/10. Nothing is
observed, so the truth is the model itself. All chains start at 0 and move together, one transition
for each call of :meth:`zhusuan.mcmc.HMC.sample`. Step size and mass are adapted in the first
quarter of the iterations, the second quarter is discarded, and the rest is compared with the truth.
It leaves in the result folder:

    density.png     histograms of draws beside the true densities
    adaptation.png  step size and rate of acceptance, iteration by iteration
    metrics.json    the figures

Run it with ``python examples/toy_examples/gaussian.py``. Expected with the defaults (seed 1, 4
seconds on one core): acceptance 0.954 at step size 0.433; each mean within 0.0053 standard
deviations of 0, each standard deviation within 0.45 % of the truth (with seeds 1 to 8 the largest
of the ten errors was 0.44 to 0.74 %).
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

# The helpers that examples share lie beside their folders, wherever the script is run from.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import jittor as jt
import numpy as np
from common.files import atomic_file
from common.options import positive
from common.results import ResultDir, ResultError
from matplotlib.figure import Figure
from tqdm import tqdm

STD = (1.0 / np.arange(1, 11)).astype(np.float32)


@zs.meta_bayesian_net()
def gaussian(n_chains):
    """Build the model.

    :param n_chains: number of draws, each the state of a chain.
    """
    bn = zs.BayesianNet()
    bn.normal("x", jt.zeros([len(STD)]), std=STD, n_samples=n_chains, group_ndims=1)
    return bn


def sample(args: argparse.Namespace) -> tuple[np.ndarray, dict[str, list[float]]]:
    """Return the draws of the second half, [n_chains, n_draws, 10], and how the adaptation went."""
    model = gaussian(args.n_chains)
    hmc = zs.mcmc.HMC(
        step_size=1e-3, n_leapfrogs=args.n_leapfrogs, target_acceptance_rate=0.9,
        adapt_step_size=True, adapt_mass=True,
    )  # fmt: skip
    latent = {"x": np.zeros([args.n_chains, len(STD)], np.float32)}
    draws, history = [], {"step size": [], "acceptance": []}
    bar = tqdm(range(args.n_iters), desc="iterations", disable=None, leave=False)
    for i in bar:
        hmc.adapt_step_size = hmc.adapt_mass = i < args.n_iters // 4
        latent, info = hmc.sample(model, {}, latent)
        history["step size"].append(info.updated_step_size)
        history["acceptance"].append(float(info.acceptance_rate.mean()))
        bar.set_postfix({name: f"{values[-1]:.3f}" for name, values in history.items()})
        if i >= args.n_iters // 2:
            draws.append(latent["x"].numpy())
    return np.stack(draws, 1), history


def draw(path: Path, draws: np.ndarray) -> None:
    """Draw histograms of the first, second, fifth and tenth coordinate, and their densities."""
    figure = Figure(figsize=(12.0, 3.0), dpi=120, layout="constrained")
    for axes, i in zip(figure.subplots(1, 4), (0, 1, 4, 9)):
        x = np.linspace(-4.0, 4.0, 200) * STD[i]
        density = np.exp(-0.5 * (x / STD[i]) ** 2) / (STD[i] * math.sqrt(2.0 * math.pi))
        axes.hist(draws[..., i].ravel(), bins=60, range=(x[0], x[-1]), density=True, color="C0")
        axes.plot(x, density, color="C3", linewidth=1.0)
        axes.set_title(f"$x_{{{i + 1}}}$, standard deviation {STD[i]:.3g}", fontsize="medium")
    with atomic_file(path) as file:
        figure.savefig(file, format="png")


def draw_adaptation(path: Path, history: dict[str, list[float]]) -> None:
    """Draw step size and rate of acceptance of each iteration."""
    figure = Figure(figsize=(8.0, 3.0), dpi=120, layout="constrained")
    for axes, (name, values) in zip(figure.subplots(1, 2), history.items()):
        axes.plot(np.arange(1, len(values) + 1), values)
        axes.axvline(len(values) // 4, color="k", linestyle="--", linewidth=0.8)
        axes.set(xlabel="iteration", title=name)
        axes.grid(alpha=0.3)
    figure.axes[0].set_yscale("log")
    with atomic_file(path) as file:
        figure.savefig(file, format="png")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the script's options."""
    parser = argparse.ArgumentParser(
        description="Sample ten normals by Hamiltonian Monte Carlo.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--n-chains", type=positive(int), default=1000)
    parser.add_argument("--n-iters", type=positive(int), default=200, help="half are discarded")
    parser.add_argument("--n-leapfrogs", type=positive(int), default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--result-dir", default="results/gaussian")
    parser.add_argument("--smoke", action="store_true", help="40 iterations, for CI")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the example; return the exit status."""
    args = make_parser().parse_args(argv)
    if args.smoke:
        args.n_iters = 40
    zs.set_seed(args.seed)
    try:
        results = ResultDir(args.result_dir)
    except ResultError as error:
        print(f"gaussian.py: {error}", file=sys.stderr)
        return 1
    draws, history = sample(args)
    mean, std = draws.mean((0, 1), dtype=np.float64), draws.std((0, 1), dtype=np.float64)
    # The chains are independent, so their means tell how far the overall mean may be off.
    error = draws.mean(1, dtype=np.float64).std(0) / math.sqrt(args.n_chains)
    figures = {
        "arguments": vars(args),
        "expected_mean": np.zeros(len(STD)),
        "expected_std": STD,
        "mean": mean,
        "std": std,
        "standard_error_of_mean": error,
        "relative_error_of_std": np.abs(std / STD - 1.0),
        "largest_error_of_mean_in_std": float(np.abs(mean / STD).max()),
        "largest_relative_error_of_std": float(np.abs(std / STD - 1.0).max()),
        "acceptance": float(np.mean(history["acceptance"][args.n_iters // 2 :])),
        "step_size": history["step size"][-1],
    }
    draw(results.file("density.png"), draws)
    draw_adaptation(results.file("adaptation.png"), history)
    results.write_json("metrics.json", figures)
    for i, expected in enumerate(STD):
        print(
            f"x{i + 1:<3} mean {mean[i]:8.5f} +- {error[i]:.5f} (expected 0)   std {std[i]:.5f} "
            f"(expected {expected:.5f}), relative error {std[i] / expected - 1.0:+.2%}"
        )
    print(
        f"acceptance {figures['acceptance']:.3f} at step size {figures['step_size']:.3f}; "
        f"results are in {results.path}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
