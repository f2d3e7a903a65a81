r"""Variational auto-encoder with softplus nets in function style, the net of Pyro's VAE tutorial.

Model and guide are two functions: ``model`` draws z, decodes it and scores the pixels, ``guide``
guesses z from the image. A layer of 400 softplus units on each side of a 50-dimensional z, batch
256, Adam 1e-3, and the bound with its divergence sampled, which is what Pyro's Trace_ELBO is.
Images of one batch are independent: what Pyro writes as a plate with ``to_event(1)`` inside is
here a leading dim with ``group_ndims=1``, one log-probability per image.

Expected with the defaults: a test loss (negative ELBO, nats per image, real-valued pixels) near
108.5 after 10 epochs (108.9 with seed 1, 108.2 with seed 2), and still falling by 0.8 an epoch.

Run it with ``make vae VAE=examples/variational_autoencoders/vae_softplus.py`` or
``python examples/variational_autoencoders/vae_softplus.py``; results as those of vae_mnist.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

# The helpers that examples share lie beside their folders, wherever the script is run from.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import jittor as jt
from common.vae_training import N_PICTURES, VAE, X_DIM, make_parser, run_script
from jittor import nn

HIDDEN = 400


@zs.meta_bayesian_net(scope="decoder", reuse_variables=True)
def model(z_dim, n=N_PICTURES):
    r"""Build the model :math:`p(z)\,p(x \mid z)`: standard normal z, Bernoulli pixels.

    :param z_dim: number of latent dimensions.
    :param n: number of images made when z is not observed.
    """
    bn = zs.BayesianNet()
    if "z" in bn.observed:
        n = bn.observed["z"].shape[0]
    z = bn.normal("z", jt.zeros([n, z_dim]), std=1.0, group_ndims=1)
    h = zs.special.softplus(zs.get_module("fc1", nn.Linear, z_dim, HIDDEN)(z))
    x_logits = zs.get_module("fc2", nn.Linear, HIDDEN, X_DIM)(h)
    bn.deterministic("x_mean", zs.special.sigmoid(x_logits))
    # Pyro's tutorial gives the mean to its Bernoulli; the logits lose no digits near 0 and 1.
    bn.bernoulli("x", x_logits, group_ndims=1)
    return bn


@zs.reuse_variables(scope="encoder")
def guide(x, z_dim):
    r"""Build the guide :math:`q(z \mid x)`: a normal with diagonal covariance.

    :param x: images, shape ``[n, 784]``.
    :param z_dim: number of latent dimensions.
    """
    bn = zs.BayesianNet()
    h = zs.special.softplus(zs.get_module("fc", nn.Linear, X_DIM, HIDDEN)(x))
    z_mean = zs.get_module("mean", nn.Linear, HIDDEN, z_dim)(h)
    z_logstd = zs.get_module("logstd", nn.Linear, HIDDEN, z_dim)(h)
    bn.normal("z", z_mean, logstd=z_logstd, group_ndims=1)
    return bn


def build(args) -> VAE:
    """Make the networks and the optimizer, and say what a step of training is."""
    decode = model(args.z_dim)
    # The optimizer wants all networks, and those of the guide are made by its first call.
    guide(jt.zeros([1, X_DIM]), args.z_dim)
    optimizer = jt.optim.Adam(decode.parameters() + guide.parameters(), args.lr)

    def loss(x):
        q = guide(x, args.z_dim)
        return jt.mean(zs.variational.elbo(decode, {"x": x}, variational=q).sgvb())

    def step(x):
        cost = loss(x)
        optimizer.step(cost)
        return cost

    def reconstruct(x):
        return decode.observe(z=guide(x, args.z_dim)["z"])["x_mean"]

    def sample():
        return decode.observe()["x_mean"]

    return VAE(step, loss, reconstruct, sample, weights=nn.ModuleList([decode, guide]))


def main(argv: list[str] | None = None) -> int:
    """Run the example; return the exit status."""
    parser = make_parser(
        "Train a variational auto-encoder of softplus nets on MNIST, in function style.",
        "results/vae_softplus",
        path_derivative=False,
    )
    parser.add_argument("--smoke", action="store_true", help="one tiny epoch, for CI")
    parser.set_defaults(batch_size=256, z_dim=50)
    return run_script("vae_softplus", build, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
