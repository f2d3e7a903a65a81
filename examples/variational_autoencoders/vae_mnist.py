r"""Variational auto-encoder on MNIST (Kingma and Welling 2014), as docs/tutorials/vae.rst tells it.

Trains the documented model (784-500-500-40, Bernoulli likelihood, Adam 1e-3, batch 64), shows
its progress, and leaves in the result folder:

    origin.png, reconstruction.png, sample.png    64 test images, their reconstructions, and
                                                  images made from the prior
    epochs/                                       the last two after every epoch
    loss.png, metrics.json                        the losses as a curve and as figures
    vae_mnist.npz                                 the weights, for zs.load, and what --resume
                                                  goes on from, after every epoch

Run it with ``make vae`` or ``python examples/variational_autoencoders/vae_mnist.py``; ``make mpi``
or ``mpirun -np 2 python examples/variational_autoencoders/vae_mnist.py`` trains it with two
processes, each on half of every batch. Expected
with the defaults: a test loss (negative ELBO, nats per image, real-valued pixels) near 102.5
after 10 epochs (102.4 with seed 1; 101.7 to 103.2 over three seeds), and near 105.5 with
``--no-path-derivative`` (106.1, 105.4, 105.7 and 105.0 with seeds 1 to 4).
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


class Generator(zs.BayesianNet):
    r"""The model :math:`p(z)\,p(x \mid z)`: standard normal z, Bernoulli pixels.

    :param x_dim: number of pixels.
    :param z_dim: number of latent dimensions.
    :param batch_size: number of images made when z is not observed.
    """

    def __init__(self, x_dim: int, z_dim: int, batch_size: int) -> None:
        super().__init__()
        self.x_dim = x_dim
        self.z_dim = z_dim
        self.batch_size = batch_size

        self.fc1 = nn.Linear(z_dim, 500)
        self.act1 = nn.Relu()
        self.fc2 = nn.Linear(500, 500)
        self.act2 = nn.Relu()
        self.fc2_ = nn.Linear(500, x_dim)
        self.act2_ = nn.Sigmoid()

    def execute(self, observed):
        """Describe one run; ``cache['x_mean']`` keeps the images without pixel noise."""
        self.observe(observed)
        # The last batch of an epoch may be smaller than batch_size.
        n = self.observed["z"].shape[0] if "z" in self.observed else self.batch_size
        z = self.sn(
            "Normal",
            name="z",
            mean=jt.zeros([n, self.z_dim]),
            std=jt.ones([n, self.z_dim]),
            reparameterize=False,
            reduce_mean_dims=[0],
            reduce_sum_dims=[1],
        )
        x_logits = self.fc2_(self.act2(self.fc2(self.act1(self.fc1(z)))))
        self.cache["x_mean"] = self.act2_(x_logits)
        self.sn(
            "Bernoulli",
            name="x",
            logits=x_logits,
            reduce_mean_dims=[0],
            reduce_sum_dims=[1],
        )
        return self


class Variational(zs.BayesianNet):
    r"""The variational posterior :math:`q(z \mid x)`: a normal with diagonal covariance.

    :param x_dim: number of pixels.
    :param z_dim: number of latent dimensions.
    :param batch_size: kept for symmetry with the generator; the batch is that of the data.
    :param path_derivative: drop the part of the gradient that is zero on average but noisy
        ("sticking the landing", Roeder et al. 2017).
    """

    def __init__(
        self, x_dim: int, z_dim: int, batch_size: int, path_derivative: bool = False
    ) -> None:
        super().__init__()
        self.x_dim = x_dim
        self.z_dim = z_dim
        self.batch_size = batch_size
        self.path_derivative = path_derivative

        self.fc1 = nn.Linear(x_dim, 500)
        self.act1 = nn.Relu()
        self.fc2 = nn.Linear(500, 500)
        self.act2 = nn.Relu()
        self.fc3 = nn.Linear(500, z_dim)
        self.fc4 = nn.Linear(500, z_dim)

    def execute(self, observed):
        """Describe one run on ``observed['x']``."""
        self.observe(observed)
        x = self.observed["x"]
        z_logits = self.act2(self.fc2(self.act1(self.fc1(x))))
        self.sn(
            "Normal",
            name="z",
            mean=self.fc3(z_logits),
            logstd=self.fc4(z_logits),
            reparameterize=True,
            use_path_derivative=self.path_derivative,
            reduce_mean_dims=[0],
            reduce_sum_dims=[1],
        )
        return self


def build(args) -> VAE:
    """Make both nets and the optimizer, and say what a step of training is."""
    generator = Generator(X_DIM, args.z_dim, args.batch_size)
    variational = Variational(X_DIM, args.z_dim, args.batch_size, args.path_derivative)
    model = zs.variational.ELBO(generator, variational)
    optimizer = zs.optim.Adam(model.parameters(), args.lr)

    def loss(x):
        return model({"x": x})

    # optimizer.step(loss(x)), whose kernels are recorded once and then run without a new graph.
    train_step = zs.variational.TrainStep(model, optimizer)

    def step(x):
        return train_step({"x": x})

    def reconstruct(x):
        z = variational({"x": x}).nodes["z"].tensor
        return generator({"z": z}).cache["x_mean"]

    def sample():
        generator.batch_size = N_PICTURES  # training takes the size from its data
        return generator({}).cache["x_mean"]

    return VAE(step, loss, reconstruct, sample, weights=model, optimizer=optimizer)


def main(argv: list[str] | None = None) -> int:
    """Run the example; return the exit status."""
    parser = make_parser(
        "Train a variational auto-encoder on MNIST.", "results/vae_mnist", resume=True
    )
    parser.add_argument("--smoke", action="store_true", help="one tiny epoch, for CI")
    return run_script("vae_mnist", build, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
