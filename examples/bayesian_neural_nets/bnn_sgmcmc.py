r"""A Bayesian neural net for regression by stochastic gradient MCMC, on Boston housing.

The net is that of ``bnn_vi.py``, 50 ReLU units between the features and the mean of a normal
target, but its posterior is sampled: by SGHMC (Chen, Fox and Guestrin 2014), as in ZhuSuan, with 20
nets side by side; or by one of the other samplers with ``--sampler``. Each step takes the gradient
of one minibatch, which ``n_data`` counts for the whole training set, and nothing is rejected.

As in ZhuSuan's example, the scale of the weights is not given. There an M-step fits it; here each
layer's precision has a Gamma prior, and after each epoch it is drawn given the weights, a Gibbs
step, as Chen et al. (ibid.) do. With ``--prior scaled`` the precisions are 1: the very model of
``bnn_vi.py``.

The learning rate falls to a tenth in the first half of the epochs, which are discarded. The rest
are predictions by as many nets as were drawn. Mean squared velocities tell what the noise of the
minibatches does: divided by the learning rate they are temperatures, 1 where the noise is small
beside the friction. The single output bias, on which all data pull, is the hottest.

Divisions, standardising and figures are those of ``bnn_vi.py``: root mean squared error in units of
the target, and mean log-density of the test targets. ``--validate`` judges by a tenth of the
training part and never sees the test data.

Results: rmse.png, predictions.png, metrics.json.

Run it with ``python examples/bayesian_neural_nets/bnn_sgmcmc.py``. Expected with the defaults, mean
and standard error over 5 splits (seed 1, 800 epochs): test RMSE 2.85 +- 0.18 (thousand dollars),
test log-density -2.46 +- 0.05, where ``bnn_vi.py`` has 3.14 +- 0.22 and -2.58 +- 0.05 on the same
splits; temperatures of 0.99 to 1.11, but 2.1 to 2.6 of the output bias; a split took 54 to 85
seconds on a very busy machine. The settings were chosen by ``--validate``: the first learning rate
among 3e-5, 1e-4, 3e-4 and 1e-3, its fall, and 800 epochs, which gave a log-density of -2.418, and
not 400, which gave -2.443 (-2.452 with ``--prior scaled``). The settings of the other samplers were
hardly tuned: on the first two splits with ``--validate --epochs 400``, the log-density is -2.53 for
sgnht, -2.54 for sgld and -2.78 for psgld, where sghmc has -2.42.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

# The helpers that examples share lie beside their folders, wherever the script is run from.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import jittor as jt
import numpy as np
from common.files import atomic_file
from common.options import positive
from common.regression import judge, save_predictions, with_error
from common.results import ResultDir
from common.uci import DataError, Split, load_uci, splits, standardise
from common.uci import Regression as Table
from jittor import nn
from matplotlib.figure import Figure
from tqdm import tqdm

N_LAYERS = 2

# The learning rate of the draws that are kept, as a part of the first one.
FINAL = 0.1

# Of the Gamma prior of a layer's precision: shape and rate, so that its mean is 1.
PRIOR_SHAPE = 1.0

# After how many epochs, evenly from the second half, all nets are kept for the test.
N_KEPT = 50

SAMPLERS: dict[str, Callable[[float], zs.mcmc.SGMCMC]] = {
    "sghmc": lambda lr: zs.mcmc.SGHMC(lr, friction=0.2, n_iter_resample_v=1000),
    # Squares of velocities are about as large as the last learning rate: so measured, the friction
    # of SGNHT follows them within some hundred steps.
    "sgnht": lambda lr: zs.mcmc.SGNHT(
        lr, 0.2, tune_rate=0.01 / (FINAL * lr), use_vector_alpha=False
    ),
    "sgld": zs.mcmc.SGLD,
    "psgld": lambda lr: zs.mcmc.PSGLD(lr, decay=0.99),
}

LEARNING_RATES = {"sghmc": 3e-4, "sgnht": 3e-4, "sgld": 1e-3, "psgld": 3e-3}


class Regression(zs.BayesianNet):
    r"""The model: a net with random weights of random precision, and normal targets around it.

    :param sizes: numbers of units, from the features of a datum to 1.
    :param n_data: size of the training set, of which each batch is a part.
    :param n_particles: how many nets.
    """

    def __init__(self, sizes: list[int], n_data: int, n_particles: int) -> None:
        super().__init__()
        self.layers = list(zip(sizes, sizes[1:]))
        self.n_data = n_data
        self.n_particles = n_particles

    def execute(self, observed):
        """Describe one run on ``observed['x']``, shape ``[n, n_features]``."""
        self.observe(observed)
        k = self.n_particles
        h = self.observed["x"]
        for i, (n_in, n_out) in enumerate(self.layers):
            precision = self.sn(
                "Gamma", f"precision{i}", alpha=jt.full([k, 1, 1], PRIOR_SHAPE), beta=PRIOR_SHAPE,
                group_ndims=2,
            )  # fmt: skip
            # Not smaller weights for more inputs, but smaller outputs: all numbers have the same
            # scale then, and one learning rate.
            w = self.sn(
                "Normal", f"w{i}", mean=jt.zeros([k, n_in, n_out]), std=precision**-0.5,
                group_ndims=2,
            )  # fmt: skip
            b = self.sn("Normal", f"b{i}", mean=jt.zeros([k, 1, n_out]), std=1.0, group_ndims=2)
            h = nn.relu(h) if i else h
            h = jt.matmul(h, w) / math.sqrt(n_in) + b
        # The noise is around a third of the standard deviation of the targets, which is 1.
        log_std = self.sn("Normal", "log_std", mean=jt.full([k, 1], -1.0), std=0.5, group_ndims=1)
        y_mean = h.squeeze(-1)
        self.cache["y_mean"] = y_mean
        self.sn("Normal", "y", mean=y_mean, logstd=log_std, n_data=self.n_data)
        return self


class Draws(NamedTuple):
    """Predictions of the nets that a run has drawn, in the unit of the target.

    :param mean: ``float64 [n_kept, n_particles, n_test]``.
    :param std: of the noise, ``float64 [n_kept, n_particles, 1]``.
    :param epochs: after which of the epochs they were drawn, ``[n_kept]``.
    :param temperature: mean squared velocity over learning rate, for each latent that has one.
    :param seconds: how long the run took.
    """

    mean: np.ndarray
    std: np.ndarray
    epochs: np.ndarray
    temperature: dict[str, float]
    seconds: float


def draw_precisions(latent: Mapping[str, jt.Var]) -> dict[str, jt.Var]:
    """Draw the precisions of the layers given their weights: a Gibbs step, as Gamma is conjugate.

    :param latent: weights by name, ``w0`` of shape ``[n_particles, n_in, n_out]`` and so on.
    """
    precisions = {}
    for i in range(N_LAYERS):
        w = latent[f"w{i}"].numpy()
        alpha = PRIOR_SHAPE + 0.5 * w[0].size
        beta = PRIOR_SHAPE + 0.5 * (w**2).sum((1, 2), keepdims=True)
        gamma = zs.distributions.Gamma(np.full_like(beta, alpha), beta)
        precisions[f"precision{i}"] = gamma.sample()
    jt.sync(list(precisions.values()))
    return precisions


def sample(part: Split, args: argparse.Namespace, title: str) -> Draws:
    """Sample the posterior, and keep what it predicts for the test data."""
    begin = time.perf_counter()
    n, n_features = part.x_train.shape
    model = Regression([n_features, args.n_hidden, 1], n, args.n_particles)
    n_batches = -(-n // args.batch_size)
    first_kept = args.epochs // 2
    sampler = SAMPLERS[args.sampler](args.lr)
    # Large steps find the posterior, small ones follow it: the rate falls until draws are kept.
    slope = (1.0 - FINAL) / max(first_kept * n_batches, 1)
    sampler.learning_rate = lambda t: args.lr * max(1.0 - slope * t, FINAL)
    n_kept = min(N_KEPT, args.epochs - first_kept)
    kept = np.linspace(first_kept, args.epochs - 1, n_kept).astype(int)
    x_test = jt.array(part.x_test)

    # The weights begin as draws from the prior, so that each net begins elsewhere; the noise as
    # large as the targets, since it would be too small for such nets and the first steps too wild.
    precisions = {f"precision{i}": jt.ones([args.n_particles, 1, 1]) for i in range(N_LAYERS)}
    with jt.no_grad():
        net = model({"x": x_test, **precisions})
    latent = {
        name: node.tensor.detach()
        for name, node in net.nodes.items()
        if name != "y" and name not in precisions
    }
    latent["log_std"] = jt.zeros([args.n_particles, 1])
    rng = np.random.default_rng(args.seed)
    means, stds, squares = [], [], []
    bar = tqdm(range(args.epochs), desc=title, disable=None, leave=False)
    for epoch in bar:
        for rows in np.array_split(rng.permutation(n), n_batches):
            data = {"x": part.x_train[rows], "y": part.y_train[rows]}
            latent, info = sampler.sample(model, {**data, **precisions}, latent)
        if args.prior == "gamma":
            precisions = draw_precisions(latent)
        if epoch in kept:
            with jt.no_grad():
                predicted = model({"x": x_test, **precisions, **latent}).cache["y_mean"].numpy()
            means.append(predicted.astype(np.float64) * part.y_std + part.y_mean)
            stds.append(np.exp(latent["log_std"].numpy().astype(np.float64)) * part.y_std)
            squares.append({name: k.numpy().mean() for name, k in info.mean_k.items()})
            if not bar.disable:
                bar.set_postfix(noise=f"{stds[-1].mean():.2f}")
    last_rate = FINAL * args.lr
    temperature = {
        name: float(np.mean([row[name] for row in squares])) / last_rate for name in squares[0]
    }
    seconds = time.perf_counter() - begin
    return Draws(np.stack(means), np.stack(stds), kept + 1, temperature, seconds)


def rmse_so_far(draws: Draws, y: np.ndarray) -> np.ndarray:
    """Return the RMSE of the mean over all nets drawn until then, ``[n_kept]``."""
    counts = np.arange(1, len(draws.mean) + 1)[:, None]
    centre = draws.mean.mean(1).cumsum(0) / counts
    return np.sqrt(((centre - y) ** 2).mean(1))


def save_rmse(path: Path, rows: list[tuple[Draws, np.ndarray]]) -> None:
    """Draw how averaging over the draws lowers the error, a colour for each split.

    :param rows: draws of each split, and the targets of its test data.
    """
    figure = Figure(figsize=(6.4, 4.0), dpi=120, layout="constrained")
    axes = figure.subplots()
    for i, (draws, y) in enumerate(rows):
        single = np.sqrt(((draws.mean - y) ** 2).mean(2)).mean(1)
        axes.plot(draws.epochs, rmse_so_far(draws, y), color=f"C{i}", label=f"split {i + 1}")
        axes.plot(draws.epochs, single, ":", color=f"C{i}")
    axes.set(xlabel="epoch", ylabel="RMSE")
    axes.set_title("mean over all draws so far; dotted: a single net", fontsize="medium")
    axes.grid(alpha=0.3)
    axes.legend()
    with atomic_file(path) as file:
        figure.savefig(file, format="png")


def parts_of(data: Table, args: argparse.Namespace) -> list[Split]:
    """Return the divisions; with ``--validate`` of the training parts, not of the data."""
    parts = []
    for train, test in splits(len(data.y), args.n_splits, args.seed):
        if args.validate:
            ((inner, outer),) = splits(len(train), 1, args.seed)
            train, test = train[inner], train[outer]
        parts.append(standardise(data, train, test))
    return parts


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the script's options."""
    parser = argparse.ArgumentParser(
        description="Sample a Bayesian neural net by stochastic gradient MCMC.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--sampler", choices=list(SAMPLERS), default="sghmc")
    parser.add_argument("--lr", type=positive(float), help="by default, that of the sampler")
    parser.add_argument(
        "--prior", choices=["gamma", "scaled"], default="gamma",
        help="of the layers' precisions; scaled: they are 1, the model of bnn_vi.py",
    )  # fmt: skip
    parser.add_argument("--epochs", type=positive(int), default=800, help="half are discarded")
    parser.add_argument("--batch-size", type=positive(int), default=114)
    parser.add_argument("--n-particles", type=positive(int), default=20, help="nets at once")
    parser.add_argument("--n-hidden", type=positive(int), default=50)
    parser.add_argument("--n-splits", type=positive(int), default=5)
    parser.add_argument(
        "--validate", action="store_true",
        help="leave the test data alone, and judge by a tenth of the training data",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data-file", help="numbers in columns, the target last")
    parser.add_argument("--result-dir", default="results/bnn_sgmcmc")
    parser.add_argument("--smoke", action="store_true", help="a few epochs on one split, for CI")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the example; return the exit status."""
    args = make_parser().parse_args(argv)
    if args.smoke:
        args.epochs, args.n_splits = 4, 1
    args.lr = args.lr or LEARNING_RATES[args.sampler]
    try:
        data = load_uci("boston", args.data_file)
        results = ResultDir(args.result_dir)
    except (DataError, OSError, RuntimeError) as error:
        print(f"bnn_sgmcmc.py: {error}", file=sys.stderr)
        return 1
    if jt.has_cuda:
        zs.runtime.use_cuda(True)

    zs.set_seed(args.seed)
    what = "validation" if args.validate else "test"
    rows, curves = [], []
    for i, part in enumerate(parts_of(data, args), start=1):
        draws = sample(part, args, f"split {i}/{args.n_splits}")
        n_test = len(part.y_test)
        found = judge(part.y_test, draws.mean.reshape(-1, n_test), draws.std.reshape(-1, 1))
        noise = float(draws.std.mean())
        curves.append((draws, part.y_test))
        rows.append({"split": i, "rmse": found.rmse, "log_density": found.log_density,
                     "noise_std": noise, "temperature": draws.temperature,
                     "seconds": draws.seconds})  # fmt: skip
        print(
            f"split {i}/{args.n_splits}: {what} RMSE {found.rmse:.3f}, log-density "
            f"{found.log_density:.3f}, noise {noise:.2f}, {draws.seconds:.0f} s",
            flush=True,
        )
        if draws.temperature:
            shares = ", ".join(f"{name} {t:.2f}" for name, t in draws.temperature.items())
            print(f"  temperatures: {shares}", flush=True)
        if i == 1:
            save_predictions(results.file("predictions.png"), part.y_test, found)

    rmse, rmse_error = with_error([row["rmse"] for row in rows])
    log_density, log_density_error = with_error([row["log_density"] for row in rows])
    print(
        f"{data.name}, {args.n_splits} splits, mean and its standard error: "
        f"{what} RMSE {rmse:.3f} +- {rmse_error:.3f}, "
        f"{what} log-density {log_density:.3f} +- {log_density_error:.3f}"
    )
    save_rmse(results.file("rmse.png"), curves)
    results.write_json(
        "metrics.json",
        {"arguments": vars(args), "judged_by": what, "splits": rows, "rmse": rmse,
         "rmse_error": rmse_error, "log_density": log_density,
         "log_density_error": log_density_error},
    )  # fmt: skip
    print(f"results are in {results.path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
