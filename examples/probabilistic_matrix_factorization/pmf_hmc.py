r"""Probabilistic matrix factorisation of movie ratings by Hamiltonian Monte Carlo.

The model is that of Salakhutdinov and Mnih (2008), with ZhuSuan's sizes: user i and movie j have
30 factors each, :math:`u_i, v_j \sim N(0, s^2 I)`, and a rating, mapped from stars to [0, 1], is

.. math::

    r_{ij} \sim N(\mathrm{sigmoid}(u_i^\top v_j + c),\, \sigma^2),

where c is the logit of the mean training rating. Factors are drawn, not optimised, in 8 particles.
An epoch moves all users, 50 at a time, by one transition of ``HMC.sample`` with the movies as they
are, and then all movies likewise: Gibbs sampling in blocks. Given the movies, users are
independent, so the log joint is left as one number for each particle and user, and each accepts or
rejects on its own. Users of about as many ratings are moved together, with a step size of their
own, which the first quarter of the epochs adapts.

Ratings are a file of MovieLens, ``--data ratings.dat`` (ml-1m), ``u.data`` (ml-100k) or
``ratings.csv`` (ml-latest); its owners do not allow handing it on. Without a file they are MADE UP,
as many and as sparse as those of ml-100k, from factors that are known (``common/movielens.py``), so
that the RMSE of the truth itself is known, too: noise that no model can predict. A tenth of the
ratings is for validation and a tenth for the test. Beside the truth stand the mean rating, and
biases of users and movies with a shrinkage that was chosen by validation.

The script prints the training RMSE of each epoch, in stars, by the mean of its 8 particles, and
that of validation and test every few; at the end the test RMSE of predictions averaged over the
second half of the epochs, which are the posterior's. Results: pmf.png, metrics.json.

Run it with ``python examples/probabilistic_matrix_factorization/pmf_hmc.py``. Expected
with the defaults (seed 1, 60 epochs): test RMSE 0.904 by the average over epochs and 0.939 by the
8 particles of the last one, where the mean has 1.060, biases 0.945 and the truth 0.822; the average
is 0.393 away from the truth's predictions, biases 0.472. The noise is the 0.85 that made the
ratings. s = 0.6 had the least validation RMSE of the average, with this seed: 0.925; 0.4 had 0.930,
and in runs of 24 epochs 0.3 had 0.945, and 0.2 and 0.15, with 2 particles, 0.985 and 1.037. It took
95 seconds of a CPU, 369 by the clock of a machine that was busy with other work; ml-1m has ten
times the ratings and was not tried. The draws fit the training ratings better (0.548) than the
truth does, since 30 factors fit noise, too; averaging takes most of that noise out again.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

# The helpers that examples share lie beside their folders, wherever the script is run from.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import jittor as jt
import numpy as np
from common.files import atomic_file
from common.movielens import DataError, Ratings, load_movielens, make_ratings, split
from common.options import positive
from common.rating_baselines import best_biases, rmse
from common.results import ResultDir, ResultError
from matplotlib.figure import Figure
from tqdm import trange

PREDICTED_AT_ONCE = 100_000


@zs.meta_bayesian_net()
def pmf(n, m, args, users, movies, offset, span):
    """The model of ratings by ``n`` users of ``m`` movies; K particles.

    :param users: user of each rating, ``int32 [batch]``.
    :param movies: its movie, ``int32 [batch]``.
    :param offset: the logit c.
    :param span: from the lowest to the highest rating, in stars.
    """
    bn = zs.BayesianNet()
    factors = {"std": args.prior_std, "n_samples": args.n_particles, "group_ndims": 1}
    u = bn.normal("u", jt.zeros([n, args.dim]), **factors)  # [K, n, D]
    v = bn.normal("v", jt.zeros([m, args.dim]), **factors)
    logits = (u[:, users] * v[:, movies]).sum(-1) + offset  # [K, batch]
    mean = bn.deterministic("r_mean", jt.sigmoid(logits))
    bn.normal("r", mean, std=args.noise_std / span)
    return bn


class Block(NamedTuple):
    """Users, or movies, that are moved together.

    :param rows: their numbers, ``[c]``.
    :param model: of their ratings.
    :param r: those ratings, in [0, 1], ``[batch]``.
    :param hmc: what moves them.
    """

    rows: np.ndarray
    model: zs.MetaBayesianNet
    r: jt.Var
    hmc: zs.HMC


def log_joint_of_each(name: str, index: jt.Var, n: int) -> Callable[[zs.BayesianNet], jt.Var]:
    """Return the log joint as one number for each particle and user, or movie, ``[K, n]``.

    :param name: of the latent, ``"u"`` or ``"v"``; the other is given, and its prior a constant.
    :param index: user, or movie, of each rating, ``int32 [batch]``.
    :param n: how many there are.
    """

    def log_joint(bn):
        log_prior, log_r = bn.cond_log_prob([name, "r"])  # [K, n], [K, batch]
        shape = [log_r.shape[0], n]
        return log_prior + log_r.reindex_reduce("add", shape, ["i0", "@e0(i1)"], extras=[index])

    return log_joint


def make_blocks(name: str, data: Ratings, args: argparse.Namespace, offset: float) -> list[Block]:
    """Divide users (``"u"``) or movies (``"v"``) into blocks of similar numbers of ratings."""
    n = data.n_users if name == "u" else data.n_movies
    own = data.users if name == "u" else data.movies
    by_count = np.argsort(-np.bincount(own, minlength=n), kind="stable")
    blocks = []
    for start in range(0, n, args.block_size):
        rows = by_count[start : start + args.block_size]
        place = np.full(n, -1, np.int32)
        place[rows] = np.arange(len(rows))
        here = data.take(np.flatnonzero(place[own] >= 0))
        at = jt.array(place[own[place[own] >= 0]])
        if name == "u":
            model = pmf(
                len(rows), data.n_movies, args, at, jt.array(here.movies), offset, data.span
            )
        else:
            users = jt.array(here.users)
            model = pmf(data.n_users, len(rows), args, users, at, offset, data.span)
        model.log_joint = log_joint_of_each(name, at, len(rows))
        hmc = zs.HMC(0.1, args.n_leapfrogs, target_acceptance_rate=args.target_rate, t0=10)
        blocks.append(Block(rows, model, jt.array(here.scaled()), hmc))
    return blocks


def move(
    name: str, blocks: list[Block], factors: dict[str, np.ndarray], adapt: bool
) -> tuple[float, list[float]]:
    """Make one transition of all users, or movies, in place.

    :param name: what is moved, ``"u"`` or ``"v"``.
    :param blocks: of these.
    :param factors: name -> ``[K, n, D]``.
    :param adapt: whether step sizes are adapted.
    :return: the rate of acceptance, and the step size of each block.
    """
    other = "v" if name == "u" else "u"
    given = jt.array(factors[other])
    total, step_sizes = 0.0, []
    for block in blocks:
        block.hmc.adapt_step_size = adapt
        latent, info = block.hmc.sample(
            block.model, {other: given, "r": block.r}, {name: factors[name][:, block.rows]}
        )
        factors[name][:, block.rows] = latent[name].numpy()
        total += float(info.acceptance_rate.mean()) * len(block.rows)
        step_sizes.append(info.updated_step_size)
    return total / factors[name].shape[1], step_sizes


class Predictor:
    """Predicts ratings by the mean over the particles.

    :param data: the ratings.
    :param args: of the script.
    :param offset: as for the model.
    """

    def __init__(self, data: Ratings, args: argparse.Namespace, offset: float) -> None:
        self._data = data
        self._batches = []
        for start in range(0, len(data.stars), PREDICTED_AT_ONCE):
            part = data.take(np.arange(start, min(start + PREDICTED_AT_ONCE, len(data.stars))))
            users, movies = jt.array(part.users), jt.array(part.movies)
            model = pmf(data.n_users, data.n_movies, args, users, movies, offset, data.span)
            self._batches.append((model, jt.array(part.scaled())))

    def __call__(self, factors: dict[str, np.ndarray]) -> np.ndarray:
        """Return predictions in stars, ``[n]``.

        :param factors: name -> ``[K, n, D]``.
        """
        known = {name: jt.array(array) for name, array in factors.items()}
        with jt.no_grad():
            # A rating that is observed need not be drawn.
            means = [model({**known, "r": r})["r_mean"].mean(0) for model, r in self._batches]
            return self._data.in_stars(np.concatenate(jt.fetch_sync(means)).astype(np.float64))


class Run(NamedTuple):
    """What sampling gave.

    :param history: name -> a figure of each epoch.
    :param last: predictions of the test ratings by the last particles, in stars.
    :param averaged: those averaged over the second half of the epochs.
    :param averaged_valid: likewise, of the validation ratings.
    :param step_sizes: name of the latent -> step size of each block.
    """

    history: dict[str, list[float]]
    last: np.ndarray
    averaged: np.ndarray
    averaged_valid: np.ndarray
    step_sizes: dict[str, list[float]]


def sample(parts: tuple[Ratings, Ratings, Ratings], args: argparse.Namespace) -> Run:
    """Run the chains, and report how the errors fall.

    :param parts: training, validation and test data.
    :param args: of the script.
    """
    train = parts[0]
    # Clipped, since nothing but five stars would have an infinite logit.
    mean = float(np.clip(train.scaled().mean(dtype=np.float64), 0.01, 0.99))
    offset = float(np.log(mean / (1.0 - mean)))
    rng = np.random.default_rng(args.seed)
    factors = {
        name: (0.1 * rng.normal(size=(args.n_particles, n, args.dim))).astype(np.float32)
        for name, n in (("u", train.n_users), ("v", train.n_movies))
    }
    blocks = {name: make_blocks(name, train, args, offset) for name in factors}
    predictors = [Predictor(part, args, offset) for part in parts]
    history = {k: [] for k in ("train", "valid", "test", "accepted_u", "accepted_v", "seconds")}
    step_sizes: dict[str, list[float]] = {}
    sums: list[np.ndarray | float] = [0.0, 0.0]
    bar = trange(1, args.epochs + 1, desc="pmf_hmc", unit="epoch", disable=None)
    for epoch in bar:
        start = time.perf_counter()
        for name in ("u", "v"):
            adapt = epoch <= n_adapted(args.epochs)
            rate, step_sizes[name] = move(name, blocks[name], factors, adapt)
            history[f"accepted_{name}"].append(rate)
        history["seconds"].append(time.perf_counter() - start)
        stars = [predict(factors) for predict in predictors]
        for name, predicted, part in zip(("train", "valid", "test"), stars, parts):
            history[name].append(rmse(predicted, part))
        if epoch > args.epochs // 2:
            sums = [old + new for old, new in zip(sums, stars[1:])]
        bar.set_postfix(train=f"{history['train'][-1]:.4f}", valid=f"{history['valid'][-1]:.4f}")
        line = f"epoch {epoch} ({history['seconds'][-1]:.1f} s): train {history['train'][-1]:.4f}"
        if epoch % args.eval_every == 0 or epoch == args.epochs:
            line += f", validation {history['valid'][-1]:.4f}, test {history['test'][-1]:.4f}"
        bar.write(line)
    n_kept = args.epochs - args.epochs // 2
    return Run(history, stars[2], sums[1] / n_kept, sums[0] / n_kept, step_sizes)


def n_adapted(n_epochs: int) -> int:
    """Return how many epochs adapt the step sizes: the first quarter."""
    return (n_epochs + 3) // 4


def draw(path: Path, run: Run, test: Ratings, errors: dict[str, float]) -> None:
    """Draw the errors of each epoch, and the test predictions beside what was given.

    :param path: the PNG file.
    :param run: what sampling gave.
    :param test: the test ratings.
    :param errors: name of a predictor -> test RMSE.
    """
    figure = Figure(figsize=(13.0, 4.2), dpi=120, layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    epochs = np.arange(1, len(run.history["train"]) + 1)
    for name in ("train", "valid", "test"):
        left.plot(epochs, run.history[name], label=f"{name}, particles of the epoch")
    styles = ("--", ":", "-.", "-")
    for (name, error), style in zip(errors.items(), styles):
        left.axhline(error, color="k", linewidth=0.8, linestyle=style, label=f"test, {name}")
    left.set(xlabel="epoch", ylabel="RMSE in stars", title="errors")
    left.legend(fontsize="x-small", ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.15))
    given = np.unique(test.stars)
    middle.boxplot(
        [run.averaged[test.stars == star] for star in given], positions=given, whis=(5, 95),
        widths=0.6 * np.diff(given).min() if len(given) > 1 else 0.5, showfliers=False,
    )  # fmt: skip
    middle.plot(given, given, "k--", linewidth=0.8)
    middle.set(xlabel="given", ylabel="predicted (5, 25, 50, 75, 95 %)", title="test ratings")
    # Tenths by prediction: where predictions are right, their means lie on the diagonal.
    tenths = [part for part in np.array_split(np.argsort(run.averaged), 10) if len(part)]
    predicted = [run.averaged[part].mean() for part in tenths]
    spread = [2.0 * test.stars[part].std() / np.sqrt(len(part)) for part in tenths]
    right.errorbar(
        predicted, [test.stars[part].mean() for part in tenths], spread, fmt="o", markersize=4,
        label="tenths, +- 2 errors",
    )  # fmt: skip
    ends = [min(predicted), max(predicted)]
    right.plot(ends, ends, "k--", linewidth=0.8)
    right.set(xlabel="mean prediction", ylabel="mean given", title="calibration")
    right.legend()
    with atomic_file(path) as file:
        figure.savefig(file, format="png")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the script's options."""
    parser = argparse.ArgumentParser(
        description="Factorise ratings by HMC.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--data", metavar="FILE",
        help="ratings.dat, u.data or ratings.csv of MovieLens; without it, ratings are made up",
    )  # fmt: skip
    parser.add_argument("--epochs", type=positive(int), default=60)
    parser.add_argument("--dim", type=positive(int), default=30, help="number of factors, D")
    parser.add_argument("--n-particles", type=positive(int), default=8, help="K")
    parser.add_argument("--block-size", type=positive(int), default=50)
    parser.add_argument("--n-leapfrogs", type=positive(int), default=10)
    parser.add_argument("--target-rate", type=positive(float), default=0.8, help="of acceptance")
    parser.add_argument("--prior-std", type=positive(float), default=0.6, help="s")
    parser.add_argument("--noise-std", type=positive(float), default=0.85, help="sigma, in stars")
    parser.add_argument("--eval-every", type=positive(int), default=10, help="epochs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--result-dir", default="results/pmf_hmc")
    parser.add_argument("--smoke", action="store_true", help="few ratings and epochs, for CI")
    return parser


def load(args: argparse.Namespace) -> Ratings:
    """Return the user's ratings, or made-up ones, and say which."""
    if args.data is not None:
        data = load_movielens(args.data)
        print(f"{args.data}: ratings of MovieLens")
    else:
        sizes = {"n_users": 60, "n_movies": 90, "n_ratings": 1500} if args.smoke else {}
        data = make_ratings(**sizes, seed=args.seed)
        print("These ratings are MADE UP, not MovieLens; give a file of that with --data FILE.")
    density = len(data.stars) / (data.n_users * data.n_movies)
    print(
        f"{len(data.stars)} ratings by {data.n_users} users of {data.n_movies} movies, "
        f"{100 * density:.1f} % of all pairs"
    )
    return data


def main(argv: list[str] | None = None) -> int:
    """Run the example; return the exit status."""
    args = make_parser().parse_args(argv)
    if args.smoke:
        args.epochs, args.dim, args.n_particles, args.eval_every = 16, 5, 4, 4
    try:
        results = ResultDir(args.result_dir)
        data = load(args)
        parts = split(data, args.seed)
    except (ResultError, DataError) as error:
        print(f"pmf_hmc.py: {error}", file=sys.stderr)
        return 1
    zs.set_seed(args.seed)
    train, valid, test = parts
    biases = best_biases(train, valid)
    start, start_of_cpu = time.perf_counter(), time.process_time()
    run = sample(parts, args)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - start_of_cpu
    errors = {"mean": rmse(biases.mean, test), "biases": rmse(biases.predict(test), test)}
    errors["average of epochs"] = rmse(run.averaged, test)
    if test.expected is not None:
        errors["the truth"] = rmse(test.expected, test)
    draw(results.file("pmf.png"), run, test, errors)
    figures = {
        "arguments": vars(args),
        "data": {
            "made_up": test.expected is not None,
            "users": data.n_users,
            "movies": data.n_movies,
            "train": len(train.stars),
            "validation": len(valid.stars),
            "test": len(test.stars),
        },
        "test_rmse": {**errors, "particles of the last epoch": rmse(run.last, test)},
        "validation_rmse": {
            "biases": rmse(biases.predict(valid), valid),
            "average of epochs": rmse(run.averaged_valid, valid),
        },
        "shrinkage_of_biases": biases.shrinkage,
        "history": run.history,
        "step_sizes": run.step_sizes,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
    }
    if test.expected is not None:
        # Noise in the ratings hides most of what the predictors differ by.
        figures["rmse_from_the_truth"] = {
            name: float(np.sqrt(np.mean((predicted - test.expected) ** 2)))
            for name, predicted in (
                ("mean", biases.mean),
                ("biases", biases.predict(test)),
                ("average of epochs", run.averaged),
            )
        }
    results.write_json("metrics.json", figures)
    print(
        f"{seconds:.0f} seconds, {cpu_seconds:.0f} of them computing; accepted in the last epoch: "
        f"{run.history['accepted_u'][-1]:.2f} of users, {run.history['accepted_v'][-1]:.2f} of "
        "movies"
    )
    print("test RMSE in stars:")
    for name, error in figures["test_rmse"].items():
        print(f"{name:>28}: {error:.4f}")
    print(f"results are in {results.path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
