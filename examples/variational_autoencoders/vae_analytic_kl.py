r"""Variational auto-encoder with the KL divergence in closed form, beside a lab in plain PyTorch.

The lab (SimplyDeep, lab 5, after the VAE among PyTorch's examples) trains relu nets, 784-400-20
and back, on real-valued pixels with Adam 1e-3, batch 128, for 10 epochs. Here the same nets are a
pair of Bayesian nets, and ``analytic_kl=True`` makes the lab's loss of them: the cross-entropy of
the pixels at one draw of z, and the exact divergence of q(z | x) from the prior (Kingma and
Welling 2014, appendix B)

.. math:: \mathrm{KL} = -\tfrac12 \sum_j (1 + \log\sigma_j^2 - \mu_j^2 - \sigma_j^2).

At the end a table shows the losses beside those that the lab printed, and ``lab.png`` draws
them; the other results are those of vae_mnist.py.

Expected with the defaults: a test loss of 105.7 nats per image after 10 epochs, where the lab
printed 105.86, and test losses within 0.4 of the lab's from epoch 3 on. Measured, after 10 epochs
and as the largest difference from epoch 3 on: 105.35 and 0.87 (in epoch 8; 0.52 elsewhere) with
seed 1, 105.70 and 0.33 with seed 2, 105.51 and 0.41 with seed 3, 105.54 and 0.32 with seed 4. The
lab's table is one run as well: the same nets in PyTorch 2.13 came to 105.62 and 105.73 with two
other seeds, 0.54 off the table at most.

Run it with ``make vae VAE=examples/variational_autoencoders/vae_analytic_kl.py`` or
``python examples/variational_autoencoders/vae_analytic_kl.py``.
"""

from __future__ import annotations

import sys
from pathlib import Path

# The helpers that examples share lie beside their folders, wherever the script is run from.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import jittor as jt
from common.images import save_curves
from common.vae_training import N_PICTURES, VAE, X_DIM, make_parser, run_script
from jittor import nn

HIDDEN = 400

# What the lab printed, in nats per image, epochs 1 to 10.
LAB = {
    "train": (
        163.7404, 121.0321, 114.4379, 111.5716, 109.8866,
        108.7726, 107.9123, 107.2864, 106.7973, 106.3198,
    ),
    "test": (
        126.4516, 115.5248, 111.8404, 109.7790, 108.5925,
        107.6448, 107.1523, 106.7127, 106.1275, 105.8612,
    ),
}  # fmt: skip


class Generator(zs.BayesianNet):
    r"""The model :math:`p(z)\,p(x \mid z)`: standard normal z, Bernoulli pixels.

    :param z_dim: number of latent dimensions.
    """

    def __init__(self, z_dim: int) -> None:
        super().__init__()
        self.z_dim = z_dim
        self.fc1 = nn.Linear(z_dim, HIDDEN)
        self.fc2 = nn.Linear(HIDDEN, X_DIM)

    def execute(self, observed):
        """Describe one run; ``cache['x_mean']`` keeps the images without pixel noise."""
        self.observe(observed)
        n = self.observed["z"].shape[0] if "z" in self.observed else N_PICTURES
        z = self.sn("Normal", name="z", mean=jt.zeros([n, self.z_dim]), std=1.0, group_ndims=1)
        x_logits = self.fc2(nn.relu(self.fc1(z)))
        self.cache["x_mean"] = zs.special.sigmoid(x_logits)
        self.sn("Bernoulli", name="x", logits=x_logits, group_ndims=1)
        return self


class Variational(zs.BayesianNet):
    r"""The variational posterior :math:`q(z \mid x)`: a normal with diagonal covariance.

    :param z_dim: number of latent dimensions.
    """

    def __init__(self, z_dim: int) -> None:
        super().__init__()
        self.fc = nn.Linear(X_DIM, HIDDEN)
        self.fc_mean = nn.Linear(HIDDEN, z_dim)
        self.fc_logvar = nn.Linear(HIDDEN, z_dim)

    def execute(self, observed):
        """Describe one run on ``observed['x']``."""
        self.observe(observed)
        h = nn.relu(self.fc(self.observed["x"]))
        # The lab's layer gives the logarithm of the variance, twice that of the deviation.
        logstd = 0.5 * self.fc_logvar(h)
        self.sn("Normal", name="z", mean=self.fc_mean(h), logstd=logstd, group_ndims=1)
        return self


def build(args) -> VAE:
    """Make both nets and the optimizer, and say what a step of training is."""
    generator, variational = Generator(args.z_dim), Variational(args.z_dim)
    # With group_ndims=1 in both nets the divergence is summed over the dims of z, in closed form.
    model = zs.variational.ELBO(generator, variational, analytic_kl=True)
    optimizer = jt.optim.Adam(model.parameters(), args.lr)

    def loss(x):
        return model({"x": x})

    def step(x):
        value = loss(x)
        optimizer.step(value)
        return value

    def reconstruct(x):
        return generator({"z": variational({"x": x})["z"]})["x_mean"]

    def sample():
        return generator()["x_mean"]

    return VAE(step, loss, reconstruct, sample, weights=model, finish=compare)


def compare(results, pictured, history) -> dict:
    """Print the losses beside the lab's, draw both, and return how far apart they are."""
    print("nats per image     train     lab's      test     lab's   test - lab's")
    differences = []
    for row, lab_train, lab_test in zip(history, LAB["train"], LAB["test"]):
        differences.append(row["test"] - lab_test)
        print(
            f"epoch {row['epoch']:3d}        {row['train']:8.2f}  {lab_train:8.2f}  "
            f"{row['test']:8.2f}  {lab_test:8.2f}   {differences[-1]:+12.2f}"
        )
    curves = {key: [row[key] for row in history] for key in LAB}
    curves.update({f"the lab's {key}": LAB[key] for key in LAB})
    save_curves(results.file("lab.png"), curves, "epoch", "negative ELBO (nats per image)")
    figures = {"lab": LAB, "test_minus_lab": differences}
    if len(differences) >= 3:
        # The first two epochs tell more of the initial weights than of the model.
        largest = max(abs(difference) for difference in differences[2:])
        figures["largest_difference_from_epoch_3"] = largest
        print(f"from epoch 3 on, the test losses are within {largest:.2f} nats of the lab's")
    return figures


def main(argv: list[str] | None = None) -> int:
    """Run the example; return the exit status."""
    parser = make_parser(
        "Train a variational auto-encoder on MNIST with the KL divergence in closed form.",
        "results/vae_analytic_kl",
        path_derivative=False,
    )
    parser.add_argument("--smoke", action="store_true", help="one tiny epoch, for CI")
    parser.set_defaults(batch_size=128, z_dim=20, seed=2)
    return run_script("vae_analytic_kl", build, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
