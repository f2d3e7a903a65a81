r"""How likely are held-out images under a trained VAE? Three estimates, and what they are worth.

The log-likelihood :math:`\log \int p(z)\, p(x \mid z)\, dz` of each of 64 test images, under the
weights that vae_mnist.py has saved, is estimated

* by importance sampling, with 5000 samples of the encoder (Burda et al. 2016);
* by annealed importance sampling from the encoder to the posterior in 100 temperatures, and from
  the prior in 500, 16 chains each, moved by HMC with 10 leapfrog steps (Neal 2001; Wu et al. 2017).

All are too low on average, so the highest is the best. Whether it is good shows on images that the
model has simulated itself: there AIS bounds the log-likelihood from both sides (bidirectional Monte
Carlo, Grosse et al. 2015). Pixels are 0 or 1, drawn once from the grey levels: of those alone is
the model a distribution, so it should be trained on such, too. Results:

    evaluation.png  AIS against importance sampling, a point for each image; the bounds of the
                    simulated images against the number of temperatures
    metrics.json    the figures, with those of each image

Run it with::

    python examples/variational_autoencoders/vae_mnist.py --binarize dynamic
    python examples/variational_autoencoders/vae_evaluation.py

Expected with the defaults, seed 1 in both (10 epochs; negative ELBO of all test images 101.05
nats), in nats per image. ESS are effective numbers of the 5000 samples, or of the 16 chains:

    ====================  =======  =========  ==========  ==========  ===========
    estimate              mean     least ESS  median ESS  acceptance  CPU seconds
    ====================  =======  =========  ==========  ==========  ===========
    importance sampling    -93.14        1.3        16.2                       25
    AIS from the encoder   -92.37        4.2        12.1        0.86           50
    AIS from the prior     -92.44        1.9         7.1        0.83          200
    ====================  =======  =========  ==========  ==========  ===========

Both runs of AIS agree (80 % of the images within half a nat), and are above importance sampling by
0.77 and 0.70 on average, by -1.0 to 8.0 for a single image: the encoder is narrower than the
posterior, and for some images a few of 5000 samples have all the weight.

The bounds of 16 simulated images, which importance sampling puts at -107.43 nats:

    ============  ==================  ====  ==================  =====
    temperatures  from the encoder    gap   from the prior      gap
    ============  ==================  ====  ==================  =====
              10  -106.81 to -106.40  0.41  -122.28 to  -99.59  22.69
              30  -106.92 to -106.69  0.22  -110.52 to -104.27   6.25
             100  -106.79 to -106.76  0.03  -107.37 to -105.38   2.00
    ============  ==================  ====  ==================  =====

The settings are the first that were tried.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

# The helpers that examples share lie beside their folders, wherever the script is run from.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import jittor as jt
import numpy as np
from common.files import atomic_file
from common.mnist import DataError, load_mnist
from common.options import positive
from common.results import ResultDir
from jittor import nn
from matplotlib.figure import Figure

X_DIM, Z_DIM, HIDDEN = 784, 40, 500


class Generator(zs.BayesianNet):
    r"""The model :math:`p(z)\,p(x \mid z)` of vae_mnist.py, with a log-density for each image.

    That script averages over its batch, as training wants it. Here images count one by one, and
    chains or particles may come before them: z is ``[..., n, 40]``.

    :param n: number of images.
    """

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n
        self.fc1 = nn.Linear(Z_DIM, HIDDEN)
        self.fc2 = nn.Linear(HIDDEN, HIDDEN)
        self.fc2_ = nn.Linear(HIDDEN, X_DIM)

    def execute(self, observed):
        """Describe one run."""
        self.observe(observed)
        z = self.sn("Normal", "z", mean=jt.zeros([self.n, Z_DIM]), std=1.0, group_ndims=1)
        h = nn.relu(self.fc2(nn.relu(self.fc1(z))))
        self.sn("Bernoulli", "x", logits=self.fc2_(h), group_ndims=1)
        return self


class Variational(zs.BayesianNet):
    r"""The encoder :math:`q(z \mid x)` of the same script.

    :param n_samples: number of draws for each image, a leading axis; None for one without it.
    """

    def __init__(self, n_samples: int | None = None) -> None:
        super().__init__()
        self.n_samples = n_samples
        self.fc1 = nn.Linear(X_DIM, HIDDEN)
        self.fc2 = nn.Linear(HIDDEN, HIDDEN)
        self.fc3 = nn.Linear(HIDDEN, Z_DIM)
        self.fc4 = nn.Linear(HIDDEN, Z_DIM)

    def execute(self, observed):
        """Describe one run on ``observed['x']``."""
        self.observe(observed)
        h = nn.relu(self.fc2(nn.relu(self.fc1(self.observed["x"]))))
        self.sn(
            "Normal", "z", mean=self.fc3(h), logstd=self.fc4(h), group_ndims=1,
            n_samples=self.n_samples,
        )  # fmt: skip
        return self


def load(path: Path, n: int, n_particles: int) -> tuple[Generator, Variational, Variational]:
    """Return the model of n images, and the encoder with one draw and with several.

    :param path: what vae_mnist.py has saved.
    """
    generator, one, several = Generator(n), Variational(), Variational(n_particles)
    for encoder in (one, several):
        zs.load(path, zs.variational.ELBO(generator, encoder))
    return generator, one, several


def summary_of_ais(found: zs.evaluation.AISResult, seconds: float) -> dict:
    """Return the figures of a run for metrics.json."""
    return {
        "mean": float(found),
        "ess_least": found.ess.min(),
        "ess_median": np.median(found.ess),
        "acceptance_rate": found.acceptance_rate.mean(),
        "n_divergent": found.n_divergent,
        "seconds": seconds,
        "per_image": found.log_likelihood,
    }


def held_out(x: np.ndarray, path: Path, args: argparse.Namespace) -> dict[str, dict]:
    """Estimate the log-likelihood of each image in three ways.

    :param x: images, ``[n, 784]``.
    :param path: the weights.
    :returns: name of the estimate -> its figures.
    """
    generator, encoder, particles = load(path, len(x), args.n_particles)
    start = time.perf_counter()
    log_p = zs.is_loglikelihood(
        generator, {"x": x}, axis=0, proposal=particles, n_samples=args.n_samples
    )
    found = {
        "importance": {
            "mean": float(log_p.numpy().mean()),
            "ess_least": log_p.ess.min(),
            "ess_median": np.median(log_p.ess),
            "seconds": time.perf_counter() - start,
            "per_image": log_p.numpy(),
        }
    }
    report("importance", found["importance"])
    for name, proposal, n in (
        ("AIS, encoder", encoder, args.n_encoder_temperatures),
        ("AIS, prior", generator, args.n_temperatures),
    ):
        start = time.perf_counter()
        ais = zs.AIS(
            generator, proposal, zs.mcmc.HMC(0.1, args.n_leapfrogs), {"x": x}, ["z"], n,
            verbose=None, n_chains=args.n_chains,
        )  # fmt: skip
        found[name] = summary_of_ais(ais.run(seed=args.seed), time.perf_counter() - start)
        report(name, found[name])
    return found


def simulated(path: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Bound the log-likelihood of images of the model's own from both sides.

    The seed makes them the same images whatever the proposal and the number of temperatures.

    :param path: the weights.
    """
    generator, encoder, particles = load(path, args.n_simulated, args.n_particles)
    curves: dict[str, list[dict]] = {"encoder": [], "prior": []}
    for name, proposal in (("encoder", encoder), ("prior", generator)):
        for n in args.sweep:
            start = time.perf_counter()
            both = zs.evaluation.bidirectional(
                generator, proposal, zs.mcmc.HMC(0.1, args.n_leapfrogs), ["x"],
                n_temperatures=n, n_chains=args.n_chains, seed=args.seed, verbose=None,
            )  # fmt: skip
            curves[name].append(
                {
                    "n_temperatures": n,
                    "lower": float(both.lower),
                    "upper": float(both.upper),
                    "gap": both.gap.mean(),
                    "gap_largest": both.gap.max(),
                    "ess_least": both.lower.ess.min(),
                    "acceptance_rate": both.lower.acceptance_rate.mean(),
                    "seconds": time.perf_counter() - start,
                }
            )
            print(
                f"simulated, from the {name:7} in {n:5} temperatures: {float(both.lower):8.2f} to "
                f"{float(both.upper):8.2f}, gap {both.gap.mean():.2f} nats",
                flush=True,
            )
    log_p = zs.is_loglikelihood(
        generator, both.observed, axis=0, proposal=particles, n_samples=args.n_samples
    )
    print(f"simulated, by importance sampling: {log_p.numpy().mean():.2f}")
    return {"bounds": curves, "importance": float(log_p.numpy().mean())}


def report(name: str, figures: dict) -> None:
    """Print a line on one estimate."""
    rate = f", acceptance {figures['acceptance_rate']:.2f}" if "acceptance_rate" in figures else ""
    print(
        f"{name:13} {figures['mean']:8.2f} nats per image; effective weights: least "
        f"{figures['ess_least']:.1f}, median {figures['ess_median']:.1f}{rate}; "
        f"{figures['seconds']:.0f} s",
        flush=True,
    )


def differences(found: dict[str, dict]) -> dict[str, dict]:
    """Compare both runs of AIS with importance sampling, image by image."""
    base = found["importance"]["per_image"]
    rows = {}
    for name in ("AIS, encoder", "AIS, prior"):
        apart = found[name]["per_image"] - base
        rows[name] = {
            "mean": apart.mean(),
            "sd": apart.std(),
            "lowest": apart.min(),
            "highest": apart.max(),
            "within_half_a_nat": (np.abs(apart) < 0.5).mean(),
        }
        print(
            f"{name} minus importance: {apart.mean():+.2f} on average, {apart.min():+.2f} to "
            f"{apart.max():+.2f}; {(np.abs(apart) < 0.5).mean():.0%} within half a nat"
        )
    return rows


def draw(
    path: Path, found: dict[str, dict], bounds: dict[str, list[dict]], importance: float
) -> None:
    """Draw AIS against importance sampling, and the bounds against the number of temperatures.

    :param path: the PNG file.
    :param found: of :func:`held_out`.
    :param bounds: of :func:`simulated`.
    :param importance: estimate of the simulated images.
    """
    figure = Figure(figsize=(11.0, 4.2), dpi=120, layout="constrained")
    left, right = figure.subplots(1, 2)
    base = found["importance"]["per_image"]
    for name, marker in (("AIS, encoder", "o"), ("AIS, prior", "x")):
        left.plot(base, found[name]["per_image"] - base, marker, markersize=4, label=name)
    left.axhline(0.0, color="k", linewidth=0.8)
    left.set(title="held-out images, each a point", ylabel="AIS minus importance (nats)")
    left.set_xlabel("log-likelihood by importance sampling (nats)")
    left.legend()
    for i, (name, rows) in enumerate(bounds.items()):
        n = [row["n_temperatures"] for row in rows]
        for side, marker in (("lower", "^"), ("upper", "v")):
            values = [row[side] for row in rows]
            right.plot(n, values, f"C{i}-{marker}", label=f"{side} bound, from the {name}")
    right.axhline(importance, color="k", linestyle="--", linewidth=0.8, label="importance sampling")
    right.set(xscale="log", xlabel="temperatures", ylabel="log-likelihood (nats)")
    right.set_title("images that the model has simulated")
    right.legend(fontsize="small")
    with atomic_file(path) as file:
        figure.savefig(file, format="png")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the script's options."""
    parser = argparse.ArgumentParser(
        description="Estimate the log-likelihood of held-out images under a trained VAE.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--weights", default="results/vae_mnist/vae_mnist.npz")
    parser.add_argument("--n-images", type=positive(int), default=64)
    parser.add_argument("--n-samples", type=positive(int), default=5000, help="for each image")
    parser.add_argument("--n-particles", type=positive(int), default=50, help="drawn at once")
    parser.add_argument("--n-chains", type=positive(int), default=16)
    parser.add_argument("--n-leapfrogs", type=positive(int), default=10)
    parser.add_argument(
        "--n-temperatures", type=positive(int), default=500, help="from the prior to the posterior"
    )
    parser.add_argument(
        "--n-encoder-temperatures", type=positive(int), default=100, help="from the encoder"
    )
    parser.add_argument("--n-simulated", type=positive(int), default=16, help="images for BDMC")
    parser.add_argument(
        "--sweep", type=positive(int), nargs="+", default=[10, 30, 100],
        help="numbers of temperatures for BDMC",
    )  # fmt: skip
    parser.add_argument(
        "--binarize",
        choices=("none", "static"),
        default="static",
        help="pixels as grey levels, or as 0/1, of which alone the model is a distribution",
    )
    parser.add_argument("--data-dir", help="folder with MNIST's four IDX files")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--result-dir", default="results/vae_evaluation")
    parser.add_argument("--smoke", action="store_true", help="few of everything, for CI")
    return parser


def untrained(folder: Path) -> Path:
    """Save first weights, for a run that only shows that the script works."""
    path = folder / "untrained.npz"
    zs.save(path, zs.variational.ELBO(Generator(1), Variational()))
    return path


def main(argv: list[str] | None = None) -> int:
    """Run the example; return the exit status."""
    args = make_parser().parse_args(argv)
    if args.smoke:
        args.n_images = args.n_simulated = args.n_chains = args.n_particles = 4
        args.n_temperatures = args.n_encoder_temperatures = args.n_leapfrogs = 3
        args.n_samples, args.sweep = 8, [2, 3]
    zs.set_seed(args.seed)
    try:
        results = ResultDir(args.result_dir)
        x = load_mnist(args.data_dir, binarize=args.binarize).x_test[: args.n_images]
        path = untrained(results.path) if args.smoke else Path(args.weights)
        found = held_out(x, path, args)
    except FileNotFoundError as error:
        print(
            f"vae_evaluation.py: {error}: train the model first, with vae_mnist.py "
            "--binarize dynamic, or give its weights by --weights",
            file=sys.stderr,
        )
        return 1
    except (DataError, RuntimeError) as error:
        print(f"vae_evaluation.py: {error}", file=sys.stderr)
        return 1
    figures = {"arguments": vars(args), "held_out": found, "differences": differences(found)}
    results.write_json("metrics.json", figures)  # the rest takes as long again
    own = simulated(path, args)
    draw(results.file("evaluation.png"), found, own["bounds"], own["importance"])
    results.write_json("metrics.json", {**figures, "simulated": own})
    print(f"results are in {results.path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
