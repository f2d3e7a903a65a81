"""What the scripts that fit a flow to images share: all but the model.

The model is a Bayesian network with one node, "x": images with pixels in [0, 1]. A script hands
it to :func:`fit`, which trains it and leaves in the result folder:

    log_likelihood.png          that of training and validation images, epoch by epoch
    <name of the script>.npz    the weights, for zs.load
"""

from __future__ import annotations

import argparse
import time
from typing import NamedTuple

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import jittor as jt
import numpy as np
from tqdm import tqdm

from common.images import save_curves
from common.mnist import MNIST, batches, n_batches
from common.options import positive
from common.results import ResultDir
from zhusuan.transforms import dequantize

N_VALID = 10000  # of the 60000 training images


class Levels(NamedTuple):
    """Images as whole numbers.

    :param train: ``float32 [n, d]``, from 0 to ``n_levels - 1``.
    :param valid: likewise.
    :param test: likewise.
    :param n_levels: number of grey levels.
    """

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    n_levels: int


def make_parser(description: str, result_dir: str, epochs: int) -> argparse.ArgumentParser:
    """Return a parser of the options that the scripts share.

    :param description: what the script does.
    :param result_dir: default of the folder for results.
    :param epochs: default of their number.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--epochs", type=positive(int), default=epochs)
    parser.add_argument("--batch-size", type=positive(int), default=128)
    parser.add_argument("--lr", type=positive(float), default=1e-3, help="Adam's step size")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--result-dir", default=result_dir)
    parser.add_argument("--data-dir", help="folder with MNIST's four IDX files")
    return parser


def cut(data: MNIST, smoke: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return training, validation and test images as bytes, which is what flows dequantise.

    :param data: MNIST, with pixels byte / 255.
    :param smoke: whether a few of them will do.
    """
    train, test = np.rint(data.x_train * 255.0), np.rint(data.x_test * 255.0)
    train, valid = train[:-N_VALID], train[-N_VALID:]
    return (train[:640], valid[:200], test[:200]) if smoke else (train, valid, test)


def fit(
    name: str, model: zs.BayesianNet, data: Levels, results: ResultDir, args: argparse.Namespace
) -> list[dict]:
    """Train a flow; return the history, a dict for each epoch.

    :param name: name of the script, without its ending.
    :param model: the flow.
    :param data: the images.
    :param results: the folder for results.
    :param args: what a parser of :func:`make_parser` has read.
    """
    optimizer = jt.optim.Adam(model.parameters(), args.lr)
    rng = np.random.default_rng(args.seed)
    history = []
    for epoch in range(1, args.epochs + 1):
        start = time.perf_counter()
        fitted = train_epoch(model, optimizer, data, args, rng, epoch)
        seconds = time.perf_counter() - start
        valid = float(log_likelihoods(model, data.valid, data.n_levels).mean())
        history.append({"epoch": epoch, "train": fitted, "valid": valid, "seconds": seconds})
        print(
            f"epoch {epoch}/{args.epochs}: train {fitted:.2f}, valid {valid:.2f} nats per image, "
            f"{seconds:.1f} s",
            flush=True,
        )
    zs.save(results.file(f"{name}.npz"), model)
    curves = {key: [row[key] for row in history] for key in ("train", "valid")}
    save_curves(results.file("log_likelihood.png"), curves, "epoch", "nats per image")
    return history


def train_epoch(
    model: zs.BayesianNet,
    optimizer: jt.optim.Optimizer,
    data: Levels,
    args: argparse.Namespace,
    rng: np.random.Generator,
    epoch: int,
) -> float:
    """Train for one epoch and return the mean log-likelihood of its batches."""
    values = []
    count = n_batches(len(data.train), args.batch_size, drop_last=True)
    rows = batches(data.train, args.batch_size, rng, drop_last=True)
    label = f"epoch {epoch}/{args.epochs}"
    bar = tqdm(rows, total=count, desc=label, disable=None, leave=False)
    for i, levels in enumerate(bar):
        # In ever smaller steps over the second half: the weights settle.
        done = (epoch - 1 + i / count) / args.epochs
        optimizer.lr = args.lr * min(1.0, 2.0 * (1.0 - done))
        # Noise of its own for each step.
        x = dequantize(levels, data.n_levels)
        log_likelihood = model({"x": x}).log_joint().mean()
        optimizer.step(-log_likelihood)
        values.append(log_likelihood.item())
        if not np.isfinite(values[-1]):
            raise FloatingPointError(
                f"the log-likelihood is not finite in epoch {epoch}, step {i + 1}: try a lower --lr"
            )
        bar.set_postfix(nats=f"{values[-1]:.1f}")
    return float(np.mean(values))


def log_likelihoods(model: zs.BayesianNet, levels: np.ndarray, n_levels: int) -> np.ndarray:
    """Return the log-likelihood of each image, in nats, at one draw of the noise.

    :param model: the flow.
    :param levels: whole numbers, [n, d].
    :param n_levels: number of grey levels.
    """
    values = []
    with jt.no_grad():
        for rows in batches(levels, 500, shuffle=False):
            values.append(model({"x": dequantize(rows, n_levels)}).log_joint().numpy())
    return np.concatenate(values)


def summary(values: np.ndarray, n_dims: int, n_levels: int) -> dict[str, float]:
    """Return the mean of log-likelihoods in nats, its standard error, and bits per pixel.

    :param values: a log-likelihood for each image.
    :param n_dims: pixels of an image.
    :param n_levels: number of grey levels.
    """
    mean = float(values.mean())
    return {
        "mean": mean,
        "standard_error": float(values.std(ddof=1) / np.sqrt(len(values))),
        "bits_per_pixel": float(np.log2(n_levels) - mean / n_dims / np.log(2.0)),
    }
