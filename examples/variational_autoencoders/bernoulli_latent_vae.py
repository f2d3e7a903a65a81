r"""Variational auto-encoder with binary latent variables on MNIST, trained by REINFORCE.

A code of 40 bits for each image. No gradient goes through the draw of a bit, so the recognition
network learns from the score function (Williams 1992), with the learning signal centred by a
network that predicts it from the image and by the mean of what that leaves over the last steps
(Mnih and Gregor 2014, "Neural variational inference and learning in belief networks", sec. 2.3).

Run it with ``python examples/variational_autoencoders/bernoulli_latent_vae.py``;
common/vae_training.py says what it leaves in the result folder. Expected with the defaults (30
epochs of dynamically binarised images, seed 1): a test loss (negative ELBO, nats per image) that
falls from 192.3 after the first epoch to 123.4 after the last, still falling, and 113.3 by the
importance weighted bound of 100 particles.
"""

from __future__ import annotations

import sys
from pathlib import Path

# The helpers that examples share lie beside their folders, wherever the script is run from.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import jittor as jt
from common.likelihood import log_likelihoods
from common.mnist import DataError
from common.vae_training import N_PICTURES, VAE, X_DIM, make_parser, prepare, train
from jittor import nn

HIDDEN = 500


class Generator(zs.BayesianNet):
    r"""The model :math:`p(z)\,p(x \mid z)`: fair coins z, Bernoulli pixels.

    :param z_dim: number of bits.
    """

    def __init__(self, z_dim: int) -> None:
        super().__init__()
        self.z_dim = z_dim
        self.net = mlp(z_dim, X_DIM)

    def execute(self, observed):
        """Describe one run; ``cache['x_mean']`` keeps the images without pixel noise."""
        self.observe(observed)
        n = self.observed["z"].shape[0] if "z" in self.observed else N_PICTURES
        z = self.sn("Bernoulli", name="z", logits=jt.zeros([n, self.z_dim]), group_ndims=1)
        x_logits = self.net(z)
        self.cache["x_mean"] = zs.special.sigmoid(x_logits)
        self.sn("Bernoulli", name="x", logits=x_logits, group_ndims=1)
        return self


class Variational(zs.BayesianNet):
    r"""The posterior :math:`q(z \mid x)`: independent bits.

    :param z_dim: number of bits.
    """

    def __init__(self, z_dim: int) -> None:
        super().__init__()
        self.net = mlp(X_DIM, z_dim)

    def execute(self, observed):
        """Describe one run on ``observed['x']``."""
        self.observe(observed)
        self.sn("Bernoulli", name="z", logits=self.net(self.observed["x"]), group_ndims=1)
        return self


class Baseline(nn.Module):
    """What the lower bound of an image will be, before any bit is drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(X_DIM, 100), nn.Relu(), nn.Linear(100, 1))

    def execute(self, x):
        """Return one prediction for each image, shape ``[n]``."""
        return self.net(x).reshape([-1])


def mlp(n_in: int, n_out: int) -> nn.Sequential:
    """Return a network with two hidden layers."""
    return nn.Sequential(
        nn.Linear(n_in, HIDDEN), nn.Relu(), nn.Linear(HIDDEN, HIDDEN), nn.Relu(),
        nn.Linear(HIDDEN, n_out),
    )  # fmt: skip


def build(args) -> VAE:
    """Make the three networks and the optimizer, and say what a step of training is."""
    generator, variational = Generator(args.z_dim), Variational(args.z_dim)
    baseline = Baseline() if args.baseline else None
    weights = nn.ModuleList([generator, variational, *([baseline] if baseline else [])])
    optimizer = jt.optim.Adam(weights.parameters(), args.lr)

    def lower_bound(x):
        return zs.variational.elbo(generator, {"x": x}, variational=variational)

    def step(x):
        bound = lower_bound(x)
        if baseline is None:
            cost = jt.mean(bound.reinforce())
            optimizer.step(cost)
        else:
            costs, errors = bound.reinforce(baseline=baseline(x))
            cost = jt.mean(costs)
            optimizer.step(cost + jt.mean(errors))
        return cost  # without the baseline's error: its value is the negative lower bound

    def loss(x):
        return -jt.mean(lower_bound(x))

    def reconstruct(x):
        z = variational({"x": x})["z"]
        return generator({"z": z}).cache["x_mean"]

    def sample():
        return generator({}).cache["x_mean"]

    return VAE(step, loss, reconstruct, sample, weights)


def main(argv: list[str] | None = None) -> int:
    """Run the example; return the exit status."""
    parser = make_parser(
        "Train a variational auto-encoder with binary latent variables on MNIST.",
        "results/bernoulli_latent_vae",
        path_derivative=False,
    )
    parser.set_defaults(epochs=30, batch_size=100, binarize="dynamic")
    parser.add_argument(
        "--no-baseline", dest="baseline", action="store_false",
        help="centre the learning signal by its moving mean alone",
    )  # fmt: skip
    parser.add_argument(
        "--n-test-samples", type=int, default=100, help="particles in the estimate at the end"
    )
    parser.add_argument("--smoke", action="store_true", help="one tiny epoch, for CI")
    args = parser.parse_args(argv)
    if args.smoke:
        args.n_test_samples = 2
    try:
        data, results = prepare(args)
    except (DataError, OSError, RuntimeError) as error:
        print(f"bernoulli_latent_vae.py: {error}", file=sys.stderr)
        return 1
    vae = build(args)
    figures = train("bernoulli_latent_vae", vae, data, results, args)
    if figures["interrupted"]:
        return 130
    generator, variational = vae.weights[:2]
    log_p = log_likelihoods(
        generator, variational, data.x_test, args.n_test_samples, batch_size=200, axis=None
    )
    nll = -float(log_p.mean())
    print(f"test: {nll:.2f} nats per image by {args.n_test_samples} particles")
    results.write_json("metrics.json", {**figures, "test_nll": nll})
    return 0


if __name__ == "__main__":
    sys.exit(main())
