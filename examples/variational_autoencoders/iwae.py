r"""An importance weighted auto-encoder (Burda et al. 2016) on dynamically binarised MNIST.

The model has the paper's net of one stochastic layer: 50 normal latents, two deterministic layers
of 200 tanh units between them and the pixels, the same in reverse for the posterior, and as the
output's first bias the log-odds of each pixel's mean. Training maximises the bound of k = 50
particles on batches of 20, as in the paper; the step size falls from 0.001 to 0.0001 in the course
of the run, as the paper's does, but over 20 passes through the data instead of 3280. At the end the
negative log-likelihood of the test set is estimated with 5000 particles.

``--estimator dreg`` takes the doubly reparameterised gradient (Tucker et al. 2019), ``--k 1`` is a
VAE. Results: origin.png, reconstruction.png, sample.png, loss.png, metrics.json, iwae.npz.

Run it with ``make vae VAE=examples/variational_autoencoders/iwae.py`` or
``python examples/variational_autoencoders/iwae.py``. Expected with the defaults, seed 1: 91.13 nats
per test image after 20 epochs, by 5000 particles (93.18 by the 50 of training); the paper's
converged figure, after 3280 epochs, is 84.78. On one core an epoch takes 60 seconds and the
estimate 9 minutes.
"""

from __future__ import annotations

import sys
from pathlib import Path

# The helpers that examples share lie beside their folders, wherever the script is run from.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import jittor as jt
import numpy as np
from common.likelihood import log_likelihoods
from common.mnist import DataError, n_batches
from common.vae_training import N_PICTURES, VAE, X_DIM, make_parser, prepare, train
from jittor import nn

HIDDEN = 200
PAPER = 84.78  # nats, Burda et al. 2016, Table 1: IWAE, one stochastic layer, k = 50


class Generator(zs.BayesianNet):
    r"""The model :math:`p(z)\,p(x \mid z)`: standard normal z, Bernoulli pixels.

    :param z_dim: number of latent dimensions.
    :param x_logits: first bias of the output, shape ``[784]``.
    """

    def __init__(self, z_dim: int, x_logits: np.ndarray) -> None:
        super().__init__()
        self.z_dim = z_dim
        self.n = N_PICTURES
        self.net = mlp(z_dim)
        self.out = nn.Linear(HIDDEN, X_DIM)
        self.out.bias.assign(jt.array(x_logits))

    def execute(self, observed):
        """Describe one run; ``cache['x_mean']`` keeps the images without pixel noise."""
        self.observe(observed)
        # One z for each particle and image; without them, as many as pictures are wanted.
        shape = list(self.observed["z"].shape) if "z" in self.observed else [self.n, self.z_dim]
        z = self.sn("Normal", name="z", mean=jt.zeros(shape), std=1.0, group_ndims=1)
        logits = self.out(self.net(z))
        self.cache["x_mean"] = zs.special.sigmoid(logits)
        self.sn("Bernoulli", name="x", logits=logits, group_ndims=1)
        return self


class Variational(zs.BayesianNet):
    r"""The posterior :math:`q(z \mid x)`: a normal with diagonal covariance.

    :param z_dim: number of latent dimensions.
    :param k: number of particles for each image.
    """

    def __init__(self, z_dim: int, k: int) -> None:
        super().__init__()
        self.k = k
        self.net = mlp(X_DIM)
        self.mean = nn.Linear(HIDDEN, z_dim)
        self.logstd = nn.Linear(HIDDEN, z_dim)

    def execute(self, observed):
        """Describe one run on ``observed['x']``: z of shape ``[k, n, z_dim]``."""
        self.observe(observed)
        h = self.net(self.observed["x"])
        self.sn(
            "Normal", name="z", mean=self.mean(h), logstd=self.logstd(h),
            n_samples=self.k, group_ndims=1,
        )  # fmt: skip
        return self


def mlp(n_in: int) -> nn.Sequential:
    """Return two layers of tanh units."""
    return nn.Sequential(nn.Linear(n_in, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, HIDDEN), nn.Tanh())


def build(args, x_train: np.ndarray) -> VAE:
    """Make both nets and the optimizer, and say what a step of training is."""
    pixel_mean = x_train.mean(axis=0).clip(0.001, 0.999)
    generator = Generator(args.z_dim, np.log(pixel_mean / (1 - pixel_mean)))
    variational = Variational(args.z_dim, args.k)
    model = zs.variational.ImportanceWeightedObjective(
        generator, variational, axis=0, estimator=args.estimator
    )
    optimizer = jt.optim.Adam(model.parameters(), args.lr)
    n_steps = args.epochs * n_batches(len(x_train), args.batch_size)
    steps = iter(range(n_steps))

    def step(x):
        optimizer.lr = args.lr * 0.1 ** (next(steps) / n_steps)
        value = model({"x": x})
        optimizer.step(value)
        return value

    def reconstruct(x):
        z = variational({"x": x}).nodes["z"].tensor[0]
        return generator({"z": z}).cache["x_mean"]

    def sample():
        return generator({}).cache["x_mean"]

    return VAE(step, lambda x: model({"x": x}), reconstruct, sample, weights=model)


def main(argv: list[str] | None = None) -> int:
    """Run the example; return the exit status."""
    parser = make_parser("Train an importance weighted auto-encoder on MNIST.", "results/iwae")
    parser.set_defaults(epochs=20, batch_size=20, z_dim=50, binarize="dynamic")
    parser.add_argument("--k", type=int, default=50, help="particles in the bound of training")
    parser.add_argument(
        "--n-test-samples", type=int, default=5000, help="particles in the estimate at the end"
    )
    parser.add_argument("--estimator", choices=("sgvb", "dreg"), default="sgvb")
    parser.add_argument("--smoke", action="store_true", help="one tiny epoch, for CI")
    args = parser.parse_args(argv)
    if args.smoke:
        args.n_test_samples = 2 * args.k
    try:
        data, results = prepare(args)
    except (DataError, OSError, RuntimeError) as error:
        print(f"iwae.py: {error}", file=sys.stderr)
        return 1
    vae = build(args, data.x_train)
    figures = train("iwae", vae, data, results, args)
    if figures["interrupted"]:
        return 130
    generator, variational = vae.weights.generator, vae.weights.variational
    log_p = log_likelihoods(generator, variational, data.x_test, args.n_test_samples, batch_size=20)
    nll = -float(log_p.mean())
    print(
        f"after {args.epochs} epochs: {nll:.2f} nats per test image by {args.n_test_samples} "
        f"particles; the paper, after 3280 epochs: {PAPER}"
    )
    results.write_json("metrics.json", {**figures, "test_nll": nll, "paper": PAPER})
    return 0


if __name__ == "__main__":
    sys.exit(main())
