r"""Variational auto-encoder with tanh nets on binarised MNIST, the one of an MXNet tutorial.

The parts stand by themselves, as in the tutorial (VITutorial, "How to implement a VAE"): a
:class:`Generator` scores and makes images, an :class:`InferenceNetwork` infers a distribution of
z, and a :class:`GaussianVAE` trains the two together, reconstructs images and makes new ones.
Each part may be replaced without touching the others. The nets have 500-200 tanh units towards a
100-dimensional z and 200-500 back; the deviation of z is a softplus. Adam at the tutorial's step
size, 3e-4, on the bound with its divergence from the prior in closed form.

Every pixel is 0 or 1, drawn once with its grey level as the probability. The tutorial downloads
files drawn in this way (Larochelle and Murray 2011); here the draws are this project's own, from
a fixed seed, so figures agree with those on the files only up to that draw.

Beside what vae_mnist.py leaves, the result folder holds

    reconstructions.png             8 test images (left), and 7 reconstructions of each,
                                    which differ since z is drawn anew
    generated.png                   64 images from the prior as 0 and 1, each pixel the likelier
    model.txt, inference.txt        both nets as graphical models
    model.png, inference.png        the same as pictures, where graphviz is installed

Expected with the defaults: a test loss (negative ELBO, nats per image) near 107.5 after 10 epochs,
and still falling by more than 1 an epoch (107.3 with seed 1, 107.6 with seed 2).

Run it with ``make vae VAE=examples/variational_autoencoders/vae_tanh_binarized.py`` or
``python examples/variational_autoencoders/vae_tanh_binarized.py``.
"""

from __future__ import annotations

import sys
from pathlib import Path

# The helpers that examples share lie beside their folders, wherever the script is run from.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import jittor as jt
import numpy as np
from common.images import save_grid
from common.vae_training import N_PICTURES, VAE, X_DIM, make_parser, run_script
from jittor import nn

N_INPUTS = 8  # test images that are reconstructed several times
N_RECONSTRUCTIONS = 7


class Generator(zs.BayesianNet):
    r"""The model :math:`p(z)\,p(x \mid z)`: standard normal z, independent Bernoulli pixels.

    :param z_dim: number of latent dimensions.
    """

    def __init__(self, z_dim: int) -> None:
        super().__init__()
        self.z_dim = z_dim
        self.fc1 = nn.Linear(z_dim, 200)
        self.fc2 = nn.Linear(200, 500)
        self.fc3 = nn.Linear(500, X_DIM)

    def execute(self, observed, n=1):
        """Describe one run; ``cache['x_mean']`` keeps the images without pixel noise.

        :param observed: name -> value.
        :param n: number of images made when neither z nor x is observed.
        """
        self.observe(observed)
        for name in ("z", "x"):
            if name in self.observed:
                n = self.observed[name].shape[0]
        z = self.sn("Normal", name="z", mean=jt.zeros([n, self.z_dim]), std=1.0, group_ndims=1)
        x_logits = self.fc3(jt.tanh(self.fc2(jt.tanh(self.fc1(z)))))
        self.cache["x_mean"] = zs.special.sigmoid(x_logits)
        self.sn("Bernoulli", name="x", logits=x_logits, group_ndims=1)
        return self


class InferenceNetwork(zs.BayesianNet):
    r"""The variational posterior :math:`q(z \mid x)`: a normal with diagonal covariance.

    Mean and deviation share the first layer, and have a second one each.

    :param z_dim: number of latent dimensions.
    """

    def __init__(self, z_dim: int) -> None:
        super().__init__()
        self.shared = nn.Linear(X_DIM, 500)
        self.mean1 = nn.Linear(500, 200)
        self.mean2 = nn.Linear(200, z_dim)
        self.std1 = nn.Linear(500, 200)
        self.std2 = nn.Linear(200, z_dim)

    def execute(self, observed):
        """Describe one run on ``observed['x']``."""
        self.observe(observed)
        h = jt.tanh(self.shared(self.observed["x"]))
        mean = self.mean2(jt.tanh(self.mean1(h)))
        std = zs.special.softplus(self.std2(jt.tanh(self.std1(h))))
        self.sn("Normal", name="z", mean=mean, std=std, group_ndims=1)
        return self


class GaussianVAE:
    """A generator and an inference network, trained together.

    :param generator: the model, with nodes z and x.
    :param inference: the posterior of z given x, a normal.
    :param lr: Adam's step size.
    """

    def __init__(self, generator: Generator, inference: InferenceNetwork, lr: float) -> None:
        self.generator, self.inference = generator, inference
        self.objective = zs.variational.ELBO(generator, inference, analytic_kl=True)
        self.optimizer = jt.optim.Adam(self.objective.parameters(), lr)

    def loss(self, x: jt.Var) -> jt.Var:
        """Return the negative bound in nats per image, shape [1].

        :param x: images, shape ``[n, 784]``.
        """
        return self.objective({"x": x})

    def step(self, x: jt.Var) -> jt.Var:
        """Train both nets on a batch and return its loss.

        :param x: images, shape ``[n, 784]``.
        """
        value = self.loss(x)
        self.optimizer.step(value)
        return value

    def reconstruct(self, x: jt.Var) -> jt.Var:
        """Return the images as the generator paints them from one draw of z each.

        :param x: images, shape ``[n, 784]``.
        """
        return self.generator({"z": self.inference({"x": x})["z"]})["x_mean"]

    def reconstructions(self, x: jt.Var, n: int) -> np.ndarray:
        """Return ``n`` reconstructions of each image, shape ``[n, number of images, 784]``.

        :param x: images.
        :param n: number of draws of z for each.
        """
        draws = zs.predict(self.generator, {"x": x}, n, posterior=self.inference, names=["x_mean"])
        return draws["x_mean"]

    def generate(self, n: int) -> jt.Var:
        """Return ``n`` images made from the prior, shape ``[n, 784]``.

        :param n: number of images.
        """
        return self.generator({}, n=n)["x_mean"]


def build(args) -> VAE:
    """Make the parts, put them together and say what is shown at the end."""
    vae = GaussianVAE(Generator(args.z_dim), InferenceNetwork(args.z_dim), args.lr)

    def finish(results, pictured, history):
        x = pictured[:N_INPUTS]
        again = vae.reconstructions(jt.array(x), N_RECONSTRUCTIONS)
        rows = np.concatenate([x[None], again]).transpose(1, 0, 2)
        save_grid(results.file("reconstructions.png"), rows.reshape(-1, X_DIM), n_rows=N_INPUTS)
        with jt.no_grad():
            generated = vae.generate(N_PICTURES).numpy()
        save_grid(results.file("generated.png"), generated > 0.5)
        draw(results, "model", vae.generator, {"x": x})
        draw(results, "inference", vae.inference, {"x": x})
        return {
            # Share of the pixels whose likelier value is not that of the image.
            "wrong_pixels": float(np.mean((again > 0.5) != (x > 0.5))),
            # How far apart reconstructions of one image are: what z leaves open.
            "spread_of_reconstructions": float(np.mean(again.std(axis=0))),
        }

    return VAE(
        vae.step,
        vae.loss,
        vae.reconstruct,
        sample=lambda: vae.generate(N_PICTURES),
        weights=vae.objective,
        finish=finish,
    )


def draw(results, name, net, observed) -> None:
    """Draw a net as a graphical model, as text and, where graphviz is installed, as a picture."""
    picture = zs.render(net, observed)
    print(picture)
    picture.save(results.file(f"{name}.txt"))
    try:
        picture.save(results.file(f"{name}.png"))
    except RuntimeError as error:
        print(f"no {name}.png: {error}")


def main(argv: list[str] | None = None) -> int:
    """Run the example; return the exit status."""
    parser = make_parser(
        "Train a variational auto-encoder of tanh nets on binarised MNIST.",
        "results/vae_tanh_binarized",
        path_derivative=False,
    )
    parser.add_argument("--smoke", action="store_true", help="one tiny epoch, for CI")
    parser.set_defaults(lr=3e-4, z_dim=100, binarize="static")
    return run_script("vae_tanh_binarized", build, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
