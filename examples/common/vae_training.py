"""What the scripts that train a variational auto-encoder on MNIST share: all but the model.

A script describes its model as a :class:`VAE`, and hands the function that makes it to
:func:`run_script`, which trains it and leaves in the result folder:

    origin.png, reconstruction.png, sample.png    64 test images, their reconstructions, and
                                                  images made from the prior
    epochs/                                       the last two after every epoch
    loss.png, metrics.json                        the losses as a curve and as figures
    <name of the script>.npz                      the training after the last epoch: the weights,
                                                  for zs.load, and what vae_mnist.py's --resume
                                                  goes on from

Under ``mpirun`` each process trains on its part of every batch; the losses are those of all data,
and rank 0 alone prints and writes. A script that has more to show says so by ``VAE.finish``.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import jittor as jt
import numpy as np
from jittor import nn
from tqdm import tqdm

from common.images import save_curves, save_grid
from common.mnist import MNIST, DataError, batches, load_mnist, n_batches
from common.options import positive
from common.results import ResultDir, say

X_DIM = 784
N_PICTURES = 64


class VAE(NamedTuple):
    """A model to train, as functions of images: Vars of shape ``[n, 784]``.

    :param step: makes a step of training on a batch; returns the loss of the batch, a Var or float.
    :param loss: returns the loss of a batch: a negative bound in nats per image, shape [1].
    :param reconstruct: returns the images as the model would paint them, pixels in [0, 1].
    :param sample: returns 64 images made from the prior.
    :param weights: the module whose parameters are saved.
    :param finish: what the script shows of its own once the model is trained: called with the
        result folder, the pictured images (``float32 [64, 784]``) and the history, a list of
        dicts with the keys epoch, train, test and seconds, one per finished epoch. Returns more
        figures for ``metrics.json``.
    :param optimizer: whose state is saved with the weights, if given.
    """

    step: Callable[[jt.Var], Any]
    loss: Callable[[jt.Var], jt.Var]
    reconstruct: Callable[[jt.Var], jt.Var]
    sample: Callable[[], jt.Var]
    weights: nn.Module
    finish: Callable[[ResultDir, np.ndarray, list[dict]], dict] | None = None
    optimizer: Any = None


def make_parser(
    description: str, result_dir: str, path_derivative: bool = True, resume: bool = False
) -> argparse.ArgumentParser:
    """Return a parser of the options that the scripts share.

    Each script adds its own ``smoke`` flag, by which ``zhusuan.runtime.warm`` knows examples.

    :param description: what the script does.
    :param result_dir: default of the folder for results.
    :param path_derivative: whether the script knows the option ``--path-derivative``.
    :param resume: whether it knows ``--resume``, for which its VAE must have the optimizer.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--epochs", type=positive(int), default=10)
    parser.add_argument("--batch-size", type=positive(int), default=64)
    parser.add_argument("--z-dim", type=positive(int), default=40)
    parser.add_argument("--lr", type=positive(float), default=1e-3, help="Adam's step size")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--result-dir", default=result_dir)
    parser.add_argument("--data-dir", help="folder with MNIST's four IDX files")
    parser.add_argument(
        "--binarize",
        choices=("none", "static", "dynamic"),
        default="none",
        help="pixels as grey levels, as 0/1 drawn once, or drawn anew for each batch",
    )
    parser.add_argument(
        "--cuda",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="use the GPU; without the option, when there is one",
    )
    if resume:
        parser.add_argument(
            "--resume",
            action="store_true",
            help="go on with the training that the result folder holds, if it holds one",
        )
    if path_derivative:
        parser.add_argument(
            "--path-derivative",
            action=argparse.BooleanOptionalAction,
            default=True,
            help="the low-variance gradient of Roeder et al. 2017",
        )
    return parser


def run_script(
    name: str, build: Callable[[argparse.Namespace], VAE], args: argparse.Namespace
) -> int:
    """Train the model and write the results; return the exit status: 130 after Ctrl-C.

    :param name: name of the script, without its ending.
    :param build: makes the model, after the random numbers have been seeded.
    :param args: what a parser of :func:`make_parser` has read.
    """
    try:
        data, results = prepare(args)
    except (DataError, OSError, RuntimeError) as error:
        print(f"{name}.py: {error}", file=sys.stderr)
        return 1
    figures = train(name, build(args), data, results, args)
    return 130 if figures["interrupted"] else 0


def prepare(args: argparse.Namespace) -> tuple[MNIST, ResultDir]:
    """Choose the device, seed, and find the data and the result folder."""
    if args.cuda or (args.cuda is None and jt.has_cuda):
        zs.runtime.use_cuda(True)
    zs.set_seed(args.seed)
    data = load_mnist(args.data_dir, binarize=args.binarize)
    if args.smoke:
        args.epochs = 1
        data = data._replace(x_train=data.x_train[:640], x_test=data.x_test[:200])
    return data, ResultDir(args.result_dir)


def train(name: str, vae: VAE, data: MNIST, results: ResultDir, args: argparse.Namespace) -> dict:
    """Train, evaluate and write the results; return the figures."""
    rng = np.random.default_rng(args.seed)  # orders the data, alike in all processes
    pictured = data.x_test[:N_PICTURES]
    save_grid(results.path / "origin.png", pictured)
    checkpoint, history = results.path / f"{name}.npz", []
    if getattr(args, "resume", False) and checkpoint.exists():
        stored = zs.load(checkpoint, vae.weights, vae.optimizer)
        rng, history = stored["order"], stored["history"]
        say(f"going on after epoch {len(history)} of {checkpoint}")
    figures = {
        "arguments": {**vars(args), "cuda": bool(jt.flags.use_cuda)},
        "unit": "negative bound of the log-likelihood in nats per image",
        "interrupted": False,
        "history": history,
    }
    try:
        for epoch in range(len(history) + 1, args.epochs + 1):
            start = time.perf_counter()
            train_loss = train_epoch(vae.step, data, args, rng, epoch)
            seconds = time.perf_counter() - start
            test_loss = evaluate(vae.loss, data.x_test, args.batch_size)
            history.append(
                {"epoch": epoch, "train": train_loss, "test": test_loss, "seconds": seconds}
            )
            say(
                f"epoch {epoch}/{args.epochs}: train {train_loss:.2f}, test {test_loss:.2f} "
                f"nats per image, {seconds:.1f} s"
            )
            zs.save(checkpoint, vae.weights, vae.optimizer, history=history, order=rng)
            write_pictures(results.path / "epochs", f"-{epoch:03d}", vae, pictured)
    except KeyboardInterrupt:
        figures["interrupted"] = True
        say(f"\ninterrupted: keeping what was learned, in {results.path}")
        zs.save(checkpoint, vae.weights, vae.optimizer, history=history, order=rng)

    write_pictures(results.path, "", vae, pictured)
    if history:
        curves = {key: [row[key] for row in history] for key in ("train", "test")}
        save_curves(results.path / "loss.png", curves, "epoch", "negative bound (nats per image)")
        if vae.finish is not None:
            figures.update(vae.finish(results, pictured, history))
    results.write_json("metrics.json", figures)
    say(f"results are in {results.path}")
    return figures


def train_epoch(
    step: Callable[[jt.Var], Any],
    data: MNIST,
    args: argparse.Namespace,
    rng: np.random.Generator,
    epoch: int,
) -> float:
    """Train for one epoch and return the mean loss per image."""
    total, count, pending = 0.0, 0, []
    dynamic = args.binarize == "dynamic"
    bar = tqdm(
        batches(data.x_train, args.batch_size, rng, binarize=dynamic),
        total=n_batches(len(data.x_train), args.batch_size),
        desc=f"epoch {epoch}/{args.epochs}",
        disable=None if zs.distributed.is_main() else True,
        leave=False,
    )
    for i, x in enumerate(bar, start=1):
        with zs.distributed.batch_part(x) as part:
            value = step(jt.array(part))
        pending.append((value.detach() if isinstance(value, jt.Var) else value, len(x)))
        if i % 50 == 0 or i == bar.total:
            # One fetch for many losses: a fetch at each step would wait for each step.
            jt.sync([v for v, _ in pending if isinstance(v, jt.Var)])
            losses = [float(v.item() if isinstance(v, jt.Var) else v) for v, _ in pending]
            sizes = [size for _, size in pending]
            total += float(np.dot(losses, sizes))
            count += sum(sizes)
            pending = []
            if not np.isfinite(total):
                raise FloatingPointError(
                    f"the loss is not finite in epoch {epoch}, step {i}: try a lower --lr"
                )
            bar.set_postfix(loss=f"{np.mean(losses):.2f}")
    return float(zs.distributed.all_reduce(total / count, "mean"))


def evaluate(loss: Callable[[jt.Var], jt.Var], x_test: np.ndarray, batch_size: int) -> float:
    """Return the loss per image over the whole test set, its last batch included."""
    total = 0.0
    with jt.no_grad():
        for x in batches(zs.distributed.shard(x_test), batch_size, shuffle=False):
            total += float(loss(jt.array(x)).item()) * len(x)
    return float(zs.distributed.all_reduce(total, "sum")) / len(x_test)


def write_pictures(folder: Path, suffix: str, vae: VAE, x: np.ndarray) -> None:
    """Write reconstructions of ``x`` and images made from the prior as grids."""
    with jt.no_grad():
        reconstruction = vae.reconstruct(jt.array(x)).numpy()
        sample = vae.sample().numpy()
    save_grid(folder / f"reconstruction{suffix}.png", reconstruction)
    save_grid(folder / f"sample{suffix}.png", sample)
