"""What the semi-supervised scripts share: the few labels, the training, and what is shown of it.

A script describes its model as a :class:`SemiSupervised`, and hands the function that makes it to
:func:`run_script`, which trains it and leaves in the result folder:

    analogies.png                   a test digit of each class (left), then its style with every
                                    label: z is inferred, y is 0 to 9
    accuracy.png, loss.png          test accuracy beside that of a classifier that was trained on
                                    the labels alone, and the negative bounds, per epoch
    metrics.json                    the same as figures
    <name of the script>.npz        the weights, for zs.load
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import jittor as jt
import numpy as np
from jittor import nn

from common import vae_training
from common.images import save_curves, save_grid
from common.mnist import MNIST, DataError, batches
from common.results import ResultDir

N_CLASSES = 10
N_HIDDEN = 300
EVERY_CLASS = np.eye(N_CLASSES, dtype=np.float32)  # the one-hot vectors of 0 to 9
N_STEPS_ALONE = 500


class Labelled:
    """The few images whose labels are known.

    :param x: ``float32 [n, 784]``, pixels in [0, 1].
    :param t: ``int [n]``, the digits.
    :param batch_size: how many of them :meth:`draw` returns, all when there are fewer.
    :param rng: where batches and binary pixels come from.
    """

    def __init__(
        self, x: np.ndarray, t: np.ndarray, batch_size: int, rng: np.random.Generator
    ) -> None:
        self.x, self.y = x, EVERY_CLASS[t]
        self._size, self._rng = min(batch_size, len(x)), rng

    def draw(self) -> tuple[jt.Var, jt.Var]:
        """Return images with pixels drawn anew, and their labels as one-hot vectors."""
        rows = self._rng.permutation(len(self.x))[: self._size]
        x = next(batches(self.x[rows], self._size, self._rng, shuffle=False, binarize=True))
        return jt.array(x), jt.array(self.y[rows])


class SemiSupervised(NamedTuple):
    """A model to train, as functions of images, Vars of shape ``[n, 784]``.

    :param step: makes a step of training on a batch without labels (and one with labels, which
        it draws itself); returns the loss of the batch, shape [1].
    :param loss: returns the negative bound of images without labels, in nats per image, [1].
    :param classifier: module from images to logits, ``[n, 10]``, as q(y|x) has them.
    :param paint: from images and one-hot labels ``[n, 10]`` to the images that the model would
        paint in the same style with each of the ten labels, ``[n, 10, 784]``.
    :param weights: the module whose parameters are saved.
    """

    step: Callable[[jt.Var], jt.Var]
    loss: Callable[[jt.Var], jt.Var]
    classifier: nn.Module
    paint: Callable[[jt.Var, jt.Var], jt.Var]
    weights: nn.Module


class Generator(zs.BayesianNet):
    r"""The model :math:`p(y)\,p(z)\,p(x \mid y, z)`: a digit in a style, with Bernoulli pixels.

    :param x_dim: number of pixels.
    :param z_dim: number of latent dimensions.
    """

    def __init__(self, x_dim: int, z_dim: int) -> None:
        super().__init__()
        self.z_dim = z_dim
        self.from_z = nn.Linear(z_dim, N_HIDDEN)
        self.from_y = nn.Linear(N_CLASSES, N_HIDDEN, bias=False)
        self.hidden = nn.Linear(N_HIDDEN, N_HIDDEN)
        self.to_x = nn.Linear(N_HIDDEN, x_dim)

    def execute(self, observed):
        """Describe one run; ``cache['x_mean']`` keeps the images without pixel noise."""
        self.observe(observed)
        y = self.sn("OnehotCategorical", name="y", logits=jt.zeros([N_CLASSES]))
        z = self.sn("Normal", name="z", mean=jt.zeros([self.z_dim]), std=1.0, group_ndims=1)
        h = nn.relu(self.from_z(z) + self.from_y(y))
        x_logits = self.to_x(nn.relu(self.hidden(h)))
        self.cache["x_mean"] = zs.special.sigmoid(x_logits)
        self.sn("Bernoulli", name="x", logits=x_logits, group_ndims=1)
        return self


class Classifier(nn.Module):
    """The network of q(y|x), from images to logits.

    :param x_dim: number of pixels.
    """

    def __init__(self, x_dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(x_dim, N_HIDDEN)
        self.fc2 = nn.Linear(N_HIDDEN, N_HIDDEN)
        self.fc3 = nn.Linear(N_HIDDEN, N_CLASSES)

    def execute(self, x):
        """Return logits, shape ``[n, 10]``."""
        return self.fc3(nn.relu(self.fc2(nn.relu(self.fc1(x)))))


def make_parser(description: str, result_dir: str, epochs: int) -> argparse.ArgumentParser:
    """Return a parser of the options that the scripts share.

    :param description: what the script does.
    :param result_dir: default of the folder for results.
    :param epochs: default of the number of epochs.
    """
    parser = vae_training.make_parser(description, result_dir, path_derivative=False)
    parser.set_defaults(binarize="dynamic", batch_size=50, epochs=epochs, z_dim=10)
    parser.add_argument(
        "--labels", type=int, default=10, metavar="N", help="labelled images of each class"
    )
    parser.add_argument(
        "--label-weight",
        type=float,
        default=10.0,
        help="weight of the classifier's loss on labelled images beside a bound per image",
    )
    parser.add_argument(
        "--warm-up",
        type=int,
        default=1200,
        metavar="STEPS",
        help="steps in which q(y|x) learns from the labels alone",
    )
    return parser


Build = Callable[[argparse.Namespace, Labelled], SemiSupervised]


def run_script(name: str, build: Build, args: argparse.Namespace) -> int:
    """Train the model and write the results; return the exit status: 130 after Ctrl-C.

    :param name: name of the script, without its ending.
    :param build: makes the model from the options and the labelled images.
    :param args: what a parser of :func:`make_parser` has read.
    """
    try:
        data, results = vae_training.prepare(args)
        if args.smoke:
            args.warm_up = 3
        rng = np.random.default_rng(args.seed)
        labelled, data = split(data, args, rng)
    except (DataError, OSError, RuntimeError, ValueError) as error:
        print(f"{name}.py: {error}", file=sys.stderr)
        return 1
    alone = accuracy(labels_alone(labelled), data)
    print(f"a classifier trained on the {len(labelled.x)} labels alone: accuracy {alone:.4f}")
    figures = train(name, build(args, labelled), data, alone, results, args)
    return 130 if figures["interrupted"] else 0


def split(
    data: MNIST, args: argparse.Namespace, rng: np.random.Generator
) -> tuple[Labelled, MNIST]:
    """Choose the images that keep their labels; the other training images lose them.

    :param data: all images; the training images are those of ``x_train``.
    :param args: ``labels`` is the number of images of each class.
    :param rng: chooses them.
    :return: the labelled images, and the data with the others for training.
    :raises ValueError: when a class has not as many images.
    """
    # A smoke run has kept all labels, but not all images.
    t, t_test = data.t_train[: len(data.x_train)], data.t_test[: len(data.x_test)]
    per_class = [np.flatnonzero(t == digit) for digit in range(N_CLASSES)]
    fewest = min(map(len, per_class))
    if not 1 <= args.labels <= fewest:
        raise ValueError(f"--labels must be from 1 to {fewest}, got {args.labels}")
    rows = np.concatenate([rng.choice(of, args.labels, replace=False) for of in per_class])
    labelled = Labelled(data.x_train[rows], t[rows], args.batch_size, rng)
    without = np.delete(data.x_train, rows, axis=0), np.delete(t, rows)
    return labelled, MNIST(*without, data.x_test, t_test)


def labels_alone(labelled: Labelled) -> Classifier:
    """Train the network of q(y|x) on the labelled images and nothing else."""
    classifier = Classifier(labelled.x.shape[1])
    optimizer = jt.optim.Adam(classifier.parameters(), 1e-3)
    for _ in range(N_STEPS_ALONE):
        x, y = labelled.draw()
        log_prob = zs.distributions.OnehotCategorical(classifier(x)).log_prob(y)
        optimizer.step(-log_prob.sum() / len(y))
    return classifier


def accuracy(classifier: nn.Module, data: MNIST) -> float:
    """Return the share of the test images whose likeliest class is the right one."""
    right = 0
    with jt.no_grad():
        for start in range(0, len(data.x_test), 1000):
            logits = classifier(jt.array(data.x_test[start : start + 1000])).numpy()
            right += int((logits.argmax(1) == data.t_test[start : start + 1000]).sum())
    return right / len(data.x_test)


def train(
    name: str,
    model: SemiSupervised,
    data: MNIST,
    alone: float,
    results: ResultDir,
    args: argparse.Namespace,
) -> dict:
    """Train, evaluate and write the results; return the figures."""
    rng = np.random.default_rng([args.seed, 1])
    history: list[dict] = []
    figures = {
        "arguments": {**vars(args), "cuda": bool(jt.flags.use_cuda)},
        "unit": "negative bound in nats per image",
        "accuracy_of_labels_alone": alone,
        "interrupted": False,
        "history": history,
    }
    try:
        for epoch in range(1, args.epochs + 1):
            start = time.perf_counter()
            loss = vae_training.train_epoch(model.step, data, args, rng, epoch)
            row = {
                "epoch": epoch,
                "train": loss,
                "seconds": time.perf_counter() - start,
                "test": vae_training.evaluate(model.loss, data.x_test, args.batch_size),
                "accuracy": accuracy(model.classifier, data),
            }
            history.append(row)
            print(
                f"epoch {epoch}/{args.epochs}: accuracy {row['accuracy']:.4f}, test "
                f"{row['test']:.2f} nats per image, {row['seconds']:.1f} s",
                flush=True,
            )
    except KeyboardInterrupt:
        figures["interrupted"] = True
        print(f"\ninterrupted: keeping what was learned, in {results.path}", flush=True)
    zs.save(results.path / f"{name}.npz", model.weights, epochs=len(history))
    write_pictures(results, model, data, history, alone)
    results.write_json("metrics.json", figures)
    print(f"results are in {results.path}")
    return figures


def write_pictures(
    results: ResultDir, model: SemiSupervised, data: MNIST, history: list[dict], alone: float
) -> None:
    """Write the analogies as a grid, and the accuracies and bounds as curves."""
    rows = [int(np.argmax(data.t_test == digit)) for digit in range(N_CLASSES)]
    x = data.x_test[rows]
    with jt.no_grad():
        y = EVERY_CLASS[model.classifier(jt.array(x)).numpy().argmax(1)]
        painted = model.paint(jt.array(x), jt.array(y)).numpy()
    grid = np.concatenate([x[:, None], painted], axis=1)
    save_grid(results.path / "analogies.png", grid.reshape(-1, x.shape[1]), n_cols=1 + N_CLASSES)
    if history:
        curves = {
            "semi-supervised": [row["accuracy"] for row in history],
            "labels alone": [alone] * len(history),
        }
        save_curves(results.path / "accuracy.png", curves, "epoch", "test accuracy")
        bounds = {"test": [row["test"] for row in history]}
        save_curves(results.path / "loss.png", bounds, "epoch", "negative bound (nats per image)")
