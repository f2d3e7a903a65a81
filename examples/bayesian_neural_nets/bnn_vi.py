r"""Variational inference of a Bayesian neural net for regression, on Boston housing.

A net with one hidden layer of 50 ReLU units predicts the mean of a normal target; its weights have
normal priors, scaled by the number of inputs of a layer, and the standard deviation of the target
has a prior too. :func:`zhusuan.bayesian` turns an ordinary ``nn.Sequential`` into the stochastic
part, ``n_data`` counts each batch for the whole training set, and an automatic mean-field posterior
is fitted by the ELBO with some particles for each step.

For each of several random divisions into 90 % training and 10 % test data, standardised by the
training part as usual (Hernandez-Lobato and Adams 2015), the script reports the root mean squared
error of the posterior predictive mean, in units of the target, and the mean log-density of the test
targets. ``--data-file`` takes another set, such as those of the UCI repository, with the target in
the last column.

Results: loss.png, predictions.png, metrics.json.

Run it with ``python examples/bayesian_neural_nets/bnn_vi.py``. Expected with the defaults, mean and
standard error over 5 splits (seed 1): test RMSE 3.14 +- 0.22 (thousand dollars), test log-density
-2.58 +- 0.05; a split takes about 15 seconds on one core. Hernandez-Lobato and Adams (2015) report
3.01 +- 0.18 and -2.57 +- 0.09 for probabilistic backpropagation over 20 splits.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

# The helpers that examples share lie beside their folders, wherever the script is run from.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import jittor as jt
import numpy as np
from common.images import save_curves
from common.regression import Predictive, judge, save_predictions, with_error
from common.results import ResultDir
from common.uci import DataError, Split, load_uci, splits, standardise
from jittor import nn


class Regression(zs.BayesianNet):
    r"""The model: a net with random weights, and normal targets around it.

    :param n_features: number of features of a datum.
    :param n_hidden: number of hidden units.
    :param n_data: size of the training set, of which each batch is a part.
    """

    def __init__(self, n_features: int, n_hidden: int, n_data: int) -> None:
        super().__init__()
        layers = nn.Sequential(nn.Linear(n_features, n_hidden), nn.Relu(), nn.Linear(n_hidden, 1))
        self.net = zs.bayesian(layers, prior="scaled", name="net")
        self.n_data = n_data

    def execute(self, observed):
        """Describe one run on ``observed['x']``, shape ``[n, n_features]``."""
        self.observe(observed)
        # Around a third of the standard deviation of the targets, which is 1.
        std = self.sn("LogNormal", name="std", mean=jt.full([1], -1.0), std=0.5, group_ndims=1)
        y_mean = self.net(self, self.observed["x"]).squeeze(-1)
        self.cache["y_mean"] = y_mean
        self.sn("Normal", name="y", mean=y_mean, std=std, n_data=self.n_data)
        return self


def fit(part: Split, args, progress: bool | None = None):
    """Return the model, its posterior and the history of the training."""
    n, n_features = part.x_train.shape
    model = Regression(n_features, args.n_hidden, n)
    data = {"x": part.x_train, "y": part.y_train}
    # The first weights are those that Jittor gives a net: with all of them at the prior's median,
    # 0, no unit would differ from another.
    guide = zs.variational.auto.MeanField(
        model, data, n_samples=args.n_particles, init=model.net.initial, init_scale=0.05,
        use_path_derivative=True,
    )  # fmt: skip
    objective = zs.variational.ELBO(model, guide, axis=0)
    optimizer = jt.optim.Adam(guide.parameters(), args.lr)

    def slower(epoch, history):
        # In a straight line to a hundredth: the noise of the gradient is averaged out at the end.
        optimizer.lr = args.lr * max(1 - epoch / args.epochs, 0.01)

    history = zs.variational.fit(
        objective, data, optimizer, args.epochs, batch_size=args.batch_size, callback=slower,
        progress=progress,
    )  # fmt: skip
    return model, guide, history


def evaluate(model: Regression, guide, part: Split, n_draws: int) -> Predictive:
    """Judge the predictions of draws of the posterior, in units of the target."""
    draws = guide.sample(n_draws)
    predicted = zs.predict(
        model, {"x": part.x_test}, posterior=draws, names=["y_mean"], vectorize=True
    )["y_mean"].astype(np.float64)
    std = draws["std"].reshape(-1, 1).astype(np.float64) * part.y_std
    return judge(part.y_test, predicted * part.y_std + part.y_mean, std)


def main(argv: list[str] | None = None) -> int:
    """Run the example; return the exit status."""
    parser = argparse.ArgumentParser(
        description="Fit a Bayesian neural net by variational inference.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--epochs", type=int, default=1000)
    parser.add_argument("--batch-size", type=int, default=114)
    parser.add_argument("--n-particles", type=int, default=16, help="weights drawn for a step")
    parser.add_argument("--n-hidden", type=int, default=50)
    parser.add_argument("--n-draws", type=int, default=5000, help="weights drawn for the test")
    parser.add_argument("--n-splits", type=int, default=5)
    parser.add_argument("--lr", type=float, default=1e-2, help="Adam's first step size")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data-file", help="numbers in columns, the target last")
    parser.add_argument("--result-dir", default="results/bnn_vi")
    parser.add_argument("--smoke", action="store_true", help="a few epochs on one split, for CI")
    args = parser.parse_args(argv)
    if args.smoke:
        args.epochs, args.n_splits, args.n_draws = 2, 1, 100
    try:
        data = load_uci("boston", args.data_file)
        results = ResultDir(args.result_dir)
    except (DataError, OSError, RuntimeError) as error:
        print(f"bnn_vi.py: {error}", file=sys.stderr)
        return 1
    if jt.has_cuda:
        zs.runtime.use_cuda(True)

    zs.set_seed(args.seed)
    rows, curves = [], {}
    for i, (train, test) in enumerate(splits(len(data.y), args.n_splits, args.seed), start=1):
        part = standardise(data, train, test)
        model, guide, history = fit(part, args)
        found = evaluate(model, guide, part, args.n_draws)
        noise = float(guide.median()["std"].item()) * part.y_std
        # The bound is that of all training data; its first epochs would dwarf the rest.
        curves[f"split {i}"] = np.array(history.train[len(history.train) // 10 :]) / len(train)
        rows.append({"split": i, "rmse": found.rmse, "log_density": found.log_density,
                     "noise_std": noise, "loss": history.train[-1],
                     "seconds": history.seconds})  # fmt: skip
        print(
            f"split {i}/{args.n_splits}: test RMSE {found.rmse:.3f}, "
            f"log-density {found.log_density:.3f}, noise {noise:.2f}, {history.seconds:.0f} s",
            flush=True,
        )
        if i == 1:
            save_predictions(results.path / "predictions.png", part.y_test, found)

    rmse, rmse_error = with_error([row["rmse"] for row in rows])
    log_density, log_density_error = with_error([row["log_density"] for row in rows])
    print(
        f"{data.name}, {args.n_splits} splits, mean and its standard error: "
        f"test RMSE {rmse:.3f} +- {rmse_error:.3f}, "
        f"test log-density {log_density:.3f} +- {log_density_error:.3f}"
    )
    save_curves(results.path / "loss.png", curves, "epoch (from the tenth part on)",
                "negative ELBO (nats per datum)")  # fmt: skip
    results.write_json(
        "metrics.json",
        {"arguments": vars(args), "splits": rows, "rmse": rmse, "rmse_error": rmse_error,
         "log_density": log_density, "log_density_error": log_density_error},
    )  # fmt: skip
    print(f"results are in {results.path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
