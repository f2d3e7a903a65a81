"""What the library costs: one training step of the VAE beside the same step in plain Jittor.

Both train the net of ``vae_mnist.py`` (784-500-500-40, batch 64, Adam) on the same data with the
same estimator (one draw of z, no analytic KL). Blocks of steps alternate in one process; the
ratio of medians is what counts. Run: ``python benchmarks/vae_step.py``. The losses are kept and
fetched at the end of a block, as ``vae_mnist.py`` does; ``--blind`` never looks at them, and then
Jittor does not compute them.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples"))

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import jittor as jt
import numpy as np
from jittor import nn
from variational_autoencoders.vae_mnist import Generator, Variational

X_DIM, Z_DIM, BATCH = 784, 40, 64


class PlainVAE(nn.Module):
    """The model of the example with its ELBO, written by hand in plain Jittor."""

    def __init__(self) -> None:
        self.encoder = nn.Sequential(
            nn.Linear(X_DIM, 500), nn.Relu(), nn.Linear(500, 500), nn.Relu()
        )
        self.mean = nn.Linear(500, Z_DIM)
        self.logstd = nn.Linear(500, Z_DIM)
        self.decoder = nn.Sequential(
            nn.Linear(Z_DIM, 500), nn.Relu(), nn.Linear(500, 500), nn.Relu(), nn.Linear(500, X_DIM)
        )

    def execute(self, x):
        """Return the negative ELBO per image."""
        h = self.encoder(x)
        mean, logstd = self.mean(h), self.logstd(h)
        std = jt.exp(logstd)
        z = mean + std * jt.randn(mean.shape)
        logits = self.decoder(z)
        self._x_mean = jt.sigmoid(logits)
        half_log_2pi = 0.5 * math.log(2 * math.pi)
        log_q = (-0.5 * ((z - mean) / std) ** 2 - logstd - half_log_2pi).sum(1)
        log_pz = (-0.5 * z * z - half_log_2pi).sum(1)
        softplus = jt.maximum(logits, 0.0) + jt.log(1.0 + jt.exp(-jt.abs(logits)))
        log_px = (x * logits - softplus).sum(1)
        return -(log_px + log_pz - log_q).mean()


def make_step(kind: str):
    """Return a function that takes one training step on a batch and returns the loss."""
    if kind == "plain":
        net = PlainVAE()
        optimizer = jt.optim.Adam(net.parameters(), 1e-3)
        return lambda x: _step(optimizer, net(jt.array(x)))
    net = zs.variational.ELBO(Generator(X_DIM, Z_DIM, BATCH), Variational(X_DIM, Z_DIM, BATCH))
    optimizer = jt.optim.Adam(net.parameters(), 1e-3)
    if kind == "zhusuan":
        return lambda x: _step(optimizer, net({"x": jt.array(x)}))

    def unchecked(x):
        with zs.distributions.validation(False):
            return _step(optimizer, net({"x": jt.array(x)}))

    return unchecked


def _step(optimizer, loss):
    optimizer.step(loss)
    return loss.detach()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=40, help="steps in a block")
    parser.add_argument("--repeats", type=int, default=15, help="blocks of each kind")
    parser.add_argument("--blind", action="store_true", help="never look at the loss")
    args = parser.parse_args()

    kinds = ("plain", "zhusuan", "zhusuan, validation off")
    rng = np.random.default_rng(0)
    data = rng.random((args.steps, BATCH, X_DIM), dtype=np.float32)
    steps = {kind: make_step(kind) for kind in kinds}
    seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
    for repeat in range(args.repeats + 2):
        for kind in kinds:
            jt.sync_all(True)
            start = time.perf_counter()
            losses = [steps[kind](x) for x in data] if not args.blind else []
            if args.blind:
                for x in data:
                    steps[kind](x)
            jt.fetch_sync(losses)
            jt.sync_all(True)
            if repeat >= 2:  # the first two compile kernels and warm the caches
                seconds[kind].append((time.perf_counter() - start) / args.steps)

    base = statistics.median(seconds["plain"])
    print(f"{'VAE step':26}{'median ms':>10}{'min':>8}{'max':>8}{'ratio':>8}")
    for kind, values in seconds.items():
        median = statistics.median(values)
        print(
            f"{kind:26}{1e3 * median:10.2f}{1e3 * min(values):8.2f}{1e3 * max(values):8.2f}"
            f"{median / base:8.3f}"
        )
    pairs = [z / p for z, p in zip(seconds["zhusuan"], seconds["plain"])]
    print(f"zhusuan / plain, block by block: median {statistics.median(pairs):.3f}")


if __name__ == "__main__":
    main()
