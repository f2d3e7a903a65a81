r"""The variational auto-encoder of vae_mnist.py in function style, as ZhuSuan on TensorFlow has it.

The model and the posterior are functions that build a net, layer by layer, and are called anew
for every batch; docs/tutorials/vae_functional.rst tells how. Model, training, options and results
are those of vae_mnist.py; so are, for each seed, the first losses, until differences in rounding
have grown.

Expected with the defaults: a test loss near 102.5 nats per image after 10 epochs (102.7 with
seed 1, where vae_mnist.py came to 102.4).

Run it with ``make vae VAE=examples/variational_autoencoders/vae_functional.py`` or
``python examples/variational_autoencoders/vae_functional.py``.
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


@zs.meta_bayesian_net(scope="gen", reuse_variables=True)
def build_gen(x_dim, z_dim, n, n_particles=1):
    r"""Build the model :math:`p(z)\,p(x \mid z)`: standard normal z, Bernoulli pixels.

    :param x_dim: number of pixels.
    :param z_dim: number of latent dimensions.
    :param n: number of images made when z is not observed.
    :param n_particles: number of z for each of them.
    """
    bn = zs.BayesianNet()
    if "z" in bn.observed:
        # A batch has as many images as it has, the last one of an epoch fewer than the others.
        n = bn.observed["z"].shape[-2]
    z = bn.normal("z", jt.zeros([n, z_dim]), std=1.0, group_ndims=1, n_samples=n_particles)
    h = nn.relu(zs.get_module("fc1", nn.Linear, z_dim, 500)(z))
    h = nn.relu(zs.get_module("fc2", nn.Linear, 500, 500)(h))
    x_logits = zs.get_module("fc3", nn.Linear, 500, x_dim)(h)
    bn.deterministic("x_mean", zs.special.sigmoid(x_logits))
    bn.bernoulli("x", x_logits, group_ndims=1)
    return bn


@zs.reuse_variables(scope="q_net")
def build_q_net(x, z_dim, n_z_per_x, path_derivative=False):
    r"""Build the posterior :math:`q(z \mid x)`: a normal with diagonal covariance.

    :param x: images, shape ``[n, x_dim]``.
    :param z_dim: number of latent dimensions.
    :param n_z_per_x: number of z for each image.
    :param path_derivative: drop the part of the gradient that is zero on average but noisy
        ("sticking the landing", Roeder et al. 2017).
    """
    bn = zs.BayesianNet()
    h = nn.relu(zs.get_module("fc1", nn.Linear, int(x.shape[-1]), 500)(x))
    h = nn.relu(zs.get_module("fc2", nn.Linear, 500, 500)(h))
    z_mean = zs.get_module("mean", nn.Linear, 500, z_dim)(h)
    z_logstd = zs.get_module("logstd", nn.Linear, 500, z_dim)(h)
    bn.normal(
        "z",
        z_mean,
        logstd=z_logstd,
        group_ndims=1,
        n_samples=n_z_per_x,
        use_path_derivative=path_derivative,
    )
    return bn


def build(args) -> VAE:
    """Make the networks and the optimizer, and say what a step of training is."""
    n_particles = 1
    model = build_gen(X_DIM, args.z_dim, N_PICTURES, n_particles)

    def posterior(x):
        return build_q_net(x, args.z_dim, n_particles, args.path_derivative)

    def loss(x):
        lower_bound = zs.variational.elbo(model, {"x": x}, variational=posterior(x), axis=0)
        return jt.mean(lower_bound.sgvb())

    # The optimizer wants all networks, and those of build_q_net are made by its first call. In this
    # order, and with draws from a stream of their own, a seed gives what it gives vae_mnist.py.
    parameters = model.parameters()
    with zs.random.stream(0):
        posterior(jt.zeros([1, X_DIM]))
    parameters += build_q_net.parameters()
    optimizer = jt.optim.Adam(parameters, args.lr)

    def step(x):
        cost = loss(x)
        optimizer.step(cost)
        return cost

    def reconstruct(x):
        return model.observe(z=posterior(x)["z"])["x_mean"].reshape([-1, X_DIM])

    def sample():
        return model.observe()["x_mean"].reshape([-1, X_DIM])

    return VAE(step, loss, reconstruct, sample, weights=nn.ModuleList([model, build_q_net]))


def main(argv: list[str] | None = None) -> int:
    """Run the example; return the exit status."""
    parser = make_parser(
        "Train a variational auto-encoder on MNIST, in function style.", "results/vae_functional"
    )
    parser.add_argument("--smoke", action="store_true", help="one tiny epoch, for CI")
    return run_script("vae_functional", build, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
