r"""Variational auto-encoder on MNIST (Kingma and Welling 2014), as docs/tutorials/vae.rst tells it.

Trains the documented model (784-500-500-40, Bernoulli likelihood, Adam 1e-3, batch 64), shows
its progress, and leaves in the result folder:

    origin.png, reconstruction.png, sample.png    64 test images, their reconstructions, and
                                                  images made from the prior
    epochs/                                       the last two after every epoch
    loss.png, metrics.json                        the losses as a curve and as figures
    vae_mnist.npz                                 the weights, for zs.load

Run it with ``make vae`` or ``python examples/variational_autoencoders/vae_mnist.py``. Expected
with the defaults: a test loss (negative ELBO, nats per image, real-valued pixels) near 102.5
after 10 epochs (103.2, 101.7 and 102.5 with seeds 1, 2 and 3), and near 105.5 with
``--no-path-derivative`` (106.1, 105.4, 105.7 and 105.0 with seeds 1 to 4).
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

# The helpers that examples share lie beside their folders, wherever the script is run from.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import jittor as jt
import numpy as np
from common.images import save_curves, save_grid
from common.mnist import MNIST, DataError, batches, load_mnist, n_batches
from common.results import ResultDir
from jittor import nn
from tqdm import tqdm

X_DIM = 784
N_PICTURES = 64


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


def train_epoch(model, optimizer, data: MNIST, args, rng, epoch: int) -> float:
    """Train for one epoch and return the mean loss per image."""
    total, count, pending = 0.0, 0, []
    dynamic = args.binarize == "dynamic"
    bar = tqdm(
        batches(data.x_train, args.batch_size, rng, binarize=dynamic),
        total=n_batches(len(data.x_train), args.batch_size),
        desc=f"epoch {epoch}/{args.epochs}",
        disable=None,
        leave=False,
    )
    for step, x in enumerate(bar, start=1):
        loss = model({"x": jt.array(x)})
        optimizer.step(loss)
        pending.append((loss.detach(), len(x)))
        if step % 50 == 0 or step == bar.total:
            # One fetch for many losses: a fetch at each step would wait for each step.
            losses = [float(value[0]) for value in jt.fetch_sync([v for v, _ in pending])]
            sizes = [size for _, size in pending]
            total += float(np.dot(losses, sizes))
            count += sum(sizes)
            pending = []
            if not np.isfinite(total):
                raise FloatingPointError(
                    f"the loss is not finite in epoch {epoch}, step {step}: try a lower --lr"
                )
            bar.set_postfix(loss=f"{np.mean(losses):.2f}")
    return total / count


def evaluate(model, x_test: np.ndarray, batch_size: int) -> float:
    """Return the negative ELBO per image over the whole test set, its last batch included."""
    total = 0.0
    with jt.no_grad():
        for x in batches(x_test, batch_size, shuffle=False):
            total += float(model({"x": jt.array(x)}).item()) * len(x)
    return total / len(x_test)


def write_pictures(folder: Path, suffix: str, model, x: np.ndarray) -> None:
    """Write reconstructions of ``x`` and images made from the prior as grids."""
    generator, variational = model.generator, model.variational
    with jt.no_grad():
        z = variational({"x": jt.array(x)}).nodes["z"].tensor
        reconstruction = generator({"z": z}).cache["x_mean"].numpy()
        generator.batch_size, batch_size = N_PICTURES, generator.batch_size
        sample = generator({}).cache["x_mean"].numpy()
        generator.batch_size = batch_size
    save_grid(folder / f"reconstruction{suffix}.png", reconstruction)
    save_grid(folder / f"sample{suffix}.png", sample)


def prepare(args: argparse.Namespace) -> tuple[MNIST, ResultDir]:
    """Choose the device, seed, and find the data and the result folder."""
    if args.cuda or (args.cuda is None and jt.has_cuda):
        zs.runtime.use_cuda(True)
    zs.set_seed(args.seed)
    data = load_mnist(args.data_dir, binarize=args.binarize)
    if args.smoke:
        args.epochs = 1
        data = data._replace(x_train=data.x_train[:640], x_test=data.x_test[:200])
    return data, ResultDir(args.result_dir)


def run(args: argparse.Namespace, data: MNIST, results: ResultDir) -> dict:
    """Train, evaluate and write the results; return the figures."""
    rng = np.random.default_rng(args.seed)
    generator = Generator(X_DIM, args.z_dim, args.batch_size)
    variational = Variational(X_DIM, args.z_dim, args.batch_size, args.path_derivative)
    model = zs.variational.ELBO(generator, variational)
    optimizer = jt.optim.Adam(model.parameters(), args.lr)

    pictured = data.x_test[:N_PICTURES]
    save_grid(results.path / "origin.png", pictured)
    history: list[dict] = []
    figures = {
        "arguments": {**vars(args), "cuda": bool(jt.flags.use_cuda)},
        "unit": "negative ELBO in nats per image",
        "interrupted": False,
        "history": history,
    }
    try:
        for epoch in range(1, args.epochs + 1):
            start = time.perf_counter()
            train_loss = train_epoch(model, optimizer, data, args, rng, epoch)
            seconds = time.perf_counter() - start
            test_loss = evaluate(model, data.x_test, args.batch_size)
            history.append(
                {"epoch": epoch, "train": train_loss, "test": test_loss, "seconds": seconds}
            )
            print(
                f"epoch {epoch}/{args.epochs}: train {train_loss:.2f}, test {test_loss:.2f} "
                f"nats per image, {seconds:.1f} s",
                flush=True,
            )
            write_pictures(results.path / "epochs", f"-{epoch:03d}", model, pictured)
    except KeyboardInterrupt:
        figures["interrupted"] = True
        print(f"\ninterrupted: keeping what was learned, in {results.path}", flush=True)

    zs.save(results.path / "vae_mnist.npz", model, epochs=len(history))
    write_pictures(results.path, "", model, pictured)
    if history:
        curves = {name: [row[name] for row in history] for name in ("train", "test")}
        save_curves(results.path / "loss.png", curves, "epoch", "negative ELBO (nats per image)")
    results.write_json("metrics.json", figures)
    print(f"results are in {results.path}")
    return figures


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the command-line arguments."""
    parser = argparse.ArgumentParser(
        description="Train a variational auto-encoder on MNIST.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--epochs", type=_positive(int), default=10)
    parser.add_argument("--batch-size", type=_positive(int), default=64)
    parser.add_argument("--z-dim", type=_positive(int), default=40)
    parser.add_argument("--lr", type=_positive(float), default=1e-3, help="Adam's step size")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--result-dir", default="results/vae_mnist")
    parser.add_argument("--data-dir", help="folder with MNIST's four IDX files")
    parser.add_argument(
        "--binarize",
        choices=("none", "static", "dynamic"),
        default="none",
        help="pixels as grey levels, as 0/1 drawn once, or drawn anew for each batch",
    )
    parser.add_argument(
        "--cuda",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="use the GPU; without the option, when there is one",
    )
    parser.add_argument(
        "--path-derivative",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="the low-variance gradient of Roeder et al. 2017",
    )
    parser.add_argument("--smoke", action="store_true", help="one tiny epoch, for CI")
    return parser.parse_args(argv)


def _positive(kind: type):
    def convert(text: str):
        value = kind(text)
        if not value > 0:
            raise argparse.ArgumentTypeError(f"must be positive, got {text}")
        return value

    convert.__name__ = f"positive {kind.__name__}"
    return convert


def main(argv: list[str] | None = None) -> int:
    """Run the example; return the exit status: 130 after Ctrl-C, as shells have it."""
    args = parse(argv)
    try:
        data, results = prepare(args)
    except (DataError, OSError, RuntimeError) as error:
        print(f"vae_mnist.py: {error}", file=sys.stderr)
        return 1
    figures = run(args, data, results)
    return 130 if figures["interrupted"] else 0


if __name__ == "__main__":
    sys.exit(main())
