r"""Bayesian logistic regression by NUTS: weights with their uncertainty, and predictions from them.

The data are made up, so that the truth is known: 1000 rows of 20 correlated features, weights
drawn from their prior, :math:`w_d \sim N(0, 1)`, intercept :math:`b \sim N(0, 2)`, labels
:math:`y_i \sim \mathrm{Bernoulli}(\mathrm{logit}^{-1}(w^\top x_i + b))`; 2000 more rows are kept
for the test. The script prints the posterior of the weights with diagnostics and compares

* the draws with the normal approximation at the mode (Laplace), which Newton's method in NumPy
  finds and which is close with this much data;
* 90 % intervals with the weights that made the data;
* the posterior predictive with the mode alone, and with the best that is possible, which is to know
  the weights: accuracy, and mean log-probability of the test labels.

Results: weights.png, calibration.png, chains.png, metrics.json.

Run it with ``python examples/mcmc/logistic_regression.py``. Expected with the defaults (seed
1; 4 chains of 1000 draws; 1 second on a core, 9.8 leapfrogs for each draw): no divergence,
R-hat at most 1.002, effective sample sizes of at least 2676; 18 of 21 weights in their interval
(19 are expected); posterior means at most 0.33 deviations from the mode, deviations 1.015
times those of Laplace; test accuracy 0.7790 and log-probability -0.4657 nats for the posterior,
0.7790 and -0.4658 for the mode, 0.7875 and -0.4475 for the true weights. With 1000 data the
posterior is narrow and predicts as its mode does.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

# The helpers that examples share lie beside their folders, wherever the script is run from.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import jittor as jt
import numpy as np
from common.files import atomic_file
from common.mcmc_plots import save_chains
from common.options import positive
from common.results import ResultDir, ResultError
from matplotlib.figure import Figure

N_TEST = 2000
STD_OF_INTERCEPT = 2.0


class Data(NamedTuple):
    """A made-up data set.

    :param x_train: features, ``float32 [n, d]``.
    :param y_train: labels, ``int32 [n]``.
    :param x_test: features, ``float32 [n_test, d]``.
    :param y_test: labels, ``int32 [n_test]``.
    :param weights: what made the labels: weights, then the intercept, ``float64 [d + 1]``.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    weights: np.ndarray


class Normal(NamedTuple):
    """A normal distribution of all weights.

    :param mean: ``[d + 1]``.
    :param std: ``[d + 1]``.
    """

    mean: np.ndarray
    std: np.ndarray


class LogisticRegression(zs.BayesianNet):
    """The model.

    :param x: features, ``[n, d]``.
    """

    def __init__(self, x: np.ndarray) -> None:
        super().__init__()
        self._x_transposed = jt.array(np.ascontiguousarray(x.T))

    def execute(self, observed):
        """Describe one run; latents may have the chains as a leading axis."""
        self.observe(observed)
        n_features = self._x_transposed.shape[0]
        w = self.sn("Normal", "w", mean=np.zeros(n_features), std=1.0, group_ndims=1)
        b = self.sn("Normal", "b", mean=0.0, std=STD_OF_INTERCEPT, group_ndims=1)
        logits = jt.matmul(w.reshape([-1, n_features]), self._x_transposed) + b
        self.sn("Bernoulli", "y", logits=logits, group_ndims=1)
        return self


def make_data(n: int, n_features: int, seed: int) -> Data:
    """Make up features with a correlation of 0.5 between neighbours, weights and labels."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=n_features + 1)
    weights[-1] *= STD_OF_INTERCEPT
    x = rng.normal(size=(n + N_TEST, n_features))
    for d in range(1, n_features):
        x[:, d] = 0.5 * x[:, d - 1] + np.sqrt(0.75) * x[:, d]
    x = x.astype(np.float32)
    y = (rng.random(n + N_TEST) < probabilities(weights[None], x)[0]).astype(np.int32)
    return Data(x[:n], y[:n], x[n:], y[n:], weights)


def with_ones(x: np.ndarray) -> np.ndarray:
    """Return features in double precision with a column of ones, for the intercept."""
    return np.concatenate([x.astype(np.float64), np.ones([len(x), 1])], 1)


def probabilities(weights: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the probability of label 1, [n_weights, n], of weights [n_weights, d + 1]."""
    logits = weights @ with_ones(x).T
    return 0.5 * (1.0 + np.tanh(0.5 * logits))


def laplace(x: np.ndarray, y: np.ndarray) -> Normal:
    """Return the normal distribution that has the mode and the curvature of the posterior."""
    features = with_ones(x)
    precision = np.ones(features.shape[1])
    precision[-1] = STD_OF_INTERCEPT**-2
    mode = np.zeros(features.shape[1])
    for _ in range(50):
        p = probabilities(mode[None], x)[0]
        curvature = (features.T * (p * (1.0 - p))) @ features + np.diag(precision)
        step = np.linalg.solve(curvature, features.T @ (y - p) - precision * mode)
        # Far from the mode a whole step may be too long.
        mode += step / max(1.0, np.abs(step).max())
        if np.abs(step).max() < 1e-10:
            break
    return Normal(mode, np.sqrt(np.diag(np.linalg.inv(curvature))))


def score(p: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Return accuracy and mean log-probability of labels, in nats.

    :param p: predicted probability of label 1, ``[n]``.
    :param y: labels, ``[n]``.
    """
    p = np.clip(p, 1e-12, 1.0 - 1e-12)
    return {
        "accuracy": float(((p > 0.5) == y).mean()),
        "log_probability": float(np.where(y, np.log(p), np.log1p(-p)).mean()),
    }


def draw_weights(path: Path, draws: np.ndarray, mode: Normal, truth: np.ndarray) -> None:
    """Draw 90 % intervals and means of the weights, the mode, and what made the data."""
    figure = Figure(figsize=(8.0, 4.0), dpi=120, layout="constrained")
    axes = figure.subplots()
    at = np.arange(len(truth))
    low, high = np.quantile(draws, (0.05, 0.95), axis=0)
    axes.vlines(at, low, high, linewidth=3.0, color="C0", alpha=0.5, label="90 % interval")
    axes.plot(at, draws.mean(0), "o", markersize=4, color="C0", label="posterior mean")
    axes.plot(at, mode.mean, "_", color="C1", label="mode")
    axes.plot(at, truth, "kx", markersize=5, label="truth")
    axes.set_xticks(at, [*map(str, at[:-1]), "b"])
    axes.set(xlabel="weight", ylabel="value")
    axes.grid(alpha=0.3)
    axes.legend()
    with atomic_file(path) as file:
        figure.savefig(file, format="png")


def draw_calibration(path: Path, p: np.ndarray, y: np.ndarray) -> None:
    """Draw how often the label was 1 among test rows of similar prediction."""
    figure = Figure(figsize=(4.5, 4.0), dpi=120, layout="constrained")
    axes = figure.subplots()
    groups = np.array_split(np.argsort(p), 10)
    predicted = np.array([p[group].mean() for group in groups])
    found = np.array([y[group].mean() for group in groups])
    # Two standard errors of the frequency, were the predictions right.
    error = [2.0 * np.sqrt((p[group] * (1.0 - p[group])).sum()) / len(group) for group in groups]
    axes.errorbar(predicted, found, error, fmt="o", markersize=4, label="tenths, +- 2 errors")
    axes.plot([0.0, 1.0], [0.0, 1.0], "k--", linewidth=0.8)
    axes.set(xlabel="predicted probability", ylabel="frequency among test rows")
    axes.legend()
    with atomic_file(path) as file:
        figure.savefig(file, format="png")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the script's options."""
    parser = argparse.ArgumentParser(
        description="Sample the weights of a logistic regression by NUTS.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--n-data", type=positive(int), default=1000)
    parser.add_argument("--n-features", type=positive(int), default=20)
    parser.add_argument("--n-chains", type=positive(int), default=4)
    parser.add_argument("--n-warmup", type=positive(int), default=500)
    parser.add_argument("--n-draws", type=positive(int), default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--result-dir", default="results/logistic_regression")
    parser.add_argument("--smoke", action="store_true", help="30 draws after 30 steps, for CI")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the example; return the exit status."""
    args = make_parser().parse_args(argv)
    if args.smoke:
        args.n_warmup = args.n_draws = 30
    try:
        results = ResultDir(args.result_dir)
    except ResultError as error:
        print(f"logistic_regression.py: {error}", file=sys.stderr)
        return 1
    data = make_data(args.n_data, args.n_features, args.seed)
    trace = zs.mcmc.run(
        zs.mcmc.NUTS(), LogisticRegression(data.x_train), {"y": data.y_train},
        n_chains=args.n_chains, n_warmup=args.n_warmup, n_draws=args.n_draws, seed=args.seed,
    )  # fmt: skip
    table = zs.diagnostics.summary(trace.samples, trace.stats)
    rows = table.to_dict().values()
    stacked = trace.stacked()
    draws = np.concatenate([stacked["w"], stacked["b"]], 1).astype(np.float64)
    mode = laplace(data.x_train, data.y_train)
    predictive = probabilities(draws, data.x_test).mean(0)
    low, high = np.quantile(draws, (0.05, 0.95), axis=0)
    figures = {
        "arguments": vars(args),
        "summary": table.to_dict(),
        "warnings": list(table.warnings),
        "largest_r_hat": max(row["r_hat"] for row in rows),
        "least_ess": min(min(row["ess_bulk"], row["ess_tail"]) for row in rows),
        "n_divergent": int(trace.stats["divergent"].sum()),
        "n_leapfrogs": float(trace.stats["n_leapfrogs"].mean()),
        "seconds": trace.seconds,
        "weights_in_their_interval": int(((low < data.weights) & (data.weights < high)).sum()),
        "largest_distance_from_mode_in_std": float(
            (np.abs(draws.mean(0) - mode.mean) / mode.std).max()
        ),
        "std_over_that_of_laplace": float((draws.std(0) / mode.std).mean()),
        "test": {
            "posterior": score(predictive, data.y_test),
            "mode": score(probabilities(mode.mean[None], data.x_test)[0], data.y_test),
            "truth": score(probabilities(data.weights[None], data.x_test)[0], data.y_test),
        },
    }
    draw_weights(results.file("weights.png"), draws, mode, data.weights)
    draw_calibration(results.file("calibration.png"), predictive, data.y_test)
    save_chains(
        results.file("chains.png"),
        {"w[0]": trace.samples["w"][..., 0], "b": trace.samples["b"][..., 0]},
        trace.stats["divergent"],
    )
    results.write_json("metrics.json", figures)
    print(f"{table}\n{trace.seconds:.0f} seconds, {figures['n_leapfrogs']:.1f} leapfrogs a draw")
    print(
        f"{figures['weights_in_their_interval']} of {len(data.weights)} weights are in their 90 % "
        f"interval; posterior means at most {figures['largest_distance_from_mode_in_std']:.2f} "
        f"deviations from the mode, deviations {figures['std_over_that_of_laplace']:.3f} times "
        "those of Laplace"
    )
    for name, found in figures["test"].items():
        print(
            f"{name:>9}: test accuracy {found['accuracy']:.4f}, log-probability "
            f"{found['log_probability']:.4f} nats"
        )
    print(f"results are in {results.path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
