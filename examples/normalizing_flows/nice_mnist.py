r"""NICE on MNIST: images as a volume-preserving function of independent noise.

The flow of Dinh, Krueger and Bengio (2015): four additive couplings, each a fully connected
network that shifts every other pixel by a function of the pixels between, and a scaling at the
end; the latents are standard logistic. The pixels, whole numbers from 0 to 255, get uniform noise
and are divided by 256, so that they have a density. The log-likelihood is exact: no bound and no
sampling. The script leaves in the result folder:

    sample.png              64 images made from the prior
    log_likelihood.png      the log-likelihood of training and validation images, epoch by epoch
    metrics.json            the figures
    nice_mnist.npz          the weights, for zs.load

Run it with ``python examples/normalizing_flows/nice_mnist.py``. Expected with the defaults
(seed 1, 12 epochs, some 20 s of one core each): 1847.8 +- 4.4 nats per test image, 1841.5 on the
validation images (1397.3 after the first epoch, 1834.6 after the eleventh: it still rises). The
paper has 1980.50 after 1500 epochs of networks with five layers of 1000 units, where this has
three of 300. Two things differ: the scaling starts at the deviations of the pixels, and the last
layers of the networks start small. These settings were the first that were tried.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

# The helpers that examples share lie beside their folders, wherever the script is run from.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import jittor as jt
import numpy as np
from common.flow_training import Levels, cut, fit, log_likelihoods, make_parser, summary
from common.images import save_grid
from common.mnist import DataError, load_mnist
from common.options import positive
from common.results import ResultDir, ResultError

from zhusuan.distributions import Logistic
from zhusuan.flows import Flow
from zhusuan.transforms import Sequential
from zhusuan.transforms.invertible import AdditiveCoupling, Scaling, get_coupling_mask

X_DIM = 784
N_LEVELS = 256
N_PICTURES = 64
PUBLISHED, PUBLISHED_EPOCHS = 1980.50, 1500  # Dinh et al. 2015, on test images


class NICE(zs.BayesianNet):
    """The model p(x): a logistic distribution, seen through couplings and a scaling.

    :param n_couplings: number of couplings.
    :param mid_dim: units of each hidden layer of their networks.
    :param hidden: number of those layers.
    """

    def __init__(self, n_couplings: int, mid_dim: int, hidden: int) -> None:
        super().__init__()
        masks = get_coupling_mask(X_DIM, 1, n_couplings)
        couplings = [AdditiveCoupling(X_DIM, mid_dim, hidden, mask) for mask in masks]
        self.to_latent = Sequential([*couplings, Scaling(X_DIM)])
        latent = Logistic(jt.zeros([X_DIM]), jt.ones([X_DIM]), group_ndims=1)
        self._density = Flow(latent, self.to_latent.inv)

    def execute(self, observed):
        """Describe one run: images of pixels in [0, 1], shape [n, 784]."""
        self.observe(observed)
        self.sn(self._density, name="x", n_samples=N_PICTURES)
        return self

    def start_at(self, std: np.ndarray) -> None:
        """Let the scaling bring each pixel to the deviation of the latents.

        It would get there by itself, but dark pixels need factors of a thousand: many epochs.

        :param std: deviations of the pixels of training images, [784].
        """
        log_scale = np.log(np.pi / np.sqrt(3.0) / std).astype("float32")
        self.to_latent.parts[-1].log_scale.assign(jt.array(log_scale))


def run(args: argparse.Namespace, results: ResultDir) -> None:
    """Train, evaluate and write the results."""
    zs.set_seed(args.seed)
    if args.smoke:
        args.epochs, args.mid_dim = 1, 50
    data = Levels(*cut(load_mnist(args.data_dir), args.smoke), N_LEVELS)
    model = NICE(args.couplings, args.mid_dim, args.hidden)
    # Noise of 1/256 has a variance too: pixels that are always dark have that one.
    variances = (data.train / N_LEVELS).var(0) + 1.0 / 12.0 / N_LEVELS**2
    model.start_at(np.sqrt(variances))
    history = fit("nice_mnist", model, data, results, args)
    test = summary(log_likelihoods(model, data.test, N_LEVELS), X_DIM, N_LEVELS)
    figures = {
        "arguments": vars(args),
        "unit": "log-likelihood of dequantised images with pixels in [0, 1], nats per image",
        "test": {**test, "images": len(data.test)},
        "published": {"test": PUBLISHED, "epochs": PUBLISHED_EPOCHS},
        "history": history,
    }
    results.write_json("metrics.json", figures)
    with jt.no_grad():
        sample = model({})["x"].numpy()
    # The density spills over the ends of [0, 1].
    save_grid(results.file("sample.png"), np.clip(sample, 0.0, 1.0))
    print(
        f"test {test['mean']:.2f} +- {test['standard_error']:.2f} nats per image after "
        f"{args.epochs} epochs; the paper has {PUBLISHED:.2f} after {PUBLISHED_EPOCHS}; results "
        f"are in {results.path}"
    )


def main(argv: list[str] | None = None) -> int:
    """Run the example; return the exit status."""
    parser = make_parser("Train NICE on MNIST.", "results/nice_mnist", epochs=12)
    parser.add_argument("--couplings", type=positive(int), default=4)
    parser.add_argument("--mid-dim", type=positive(int), default=300, help="the paper has 1000")
    parser.add_argument("--hidden", type=positive(int), default=3, help="the paper has 5")
    parser.add_argument("--smoke", action="store_true", help="one tiny epoch, for CI")
    args = parser.parse_args(argv)
    try:
        run(args, ResultDir(args.result_dir))
    except (DataError, ResultError) as error:
        print(f"nice_mnist.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
