r"""Sigmoid belief network on MNIST, trained by adaptive importance sampling.

That is reweighted wake-sleep (Bornschein and Bengio 2015) with the wake phases alone: the
particles are weighted draws from the posterior over the units; the generator learns from them as
from data, and the recognition network, from which they are drawn, learns to draw them as the
posterior would. The network, 200-200-200 units, is that of common/sbn.py.

Run it with ``python examples/sigmoid_belief_nets/sbn_adaptive_is.py``; common/sbn.py says what it
leaves in the result folder. Expected with the defaults (8 epochs of dynamically binarised images,
batch 24, k = 10, seed 1): a bound that rises from -126.0 nats per test image after the first epoch
to -113.3 after the last, and -110.0 with 100 particles in place of 10; sbn_vimco.py comes to
-112.3 and -109.1.
"""

from __future__ import annotations

import sys
from pathlib import Path

# The helpers that examples share lie beside their folders, wherever the script is run from.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
from common.sbn import make_sbn_parser, run_sbn


def make_step(generator, recognition, optimizer):
    """Say what a step of training is: a loss for each net, which the other does not see."""
    model = zs.variational.ReweightedWakeSleep(generator, recognition, axis=0)

    def step(x):
        generator_loss = model.wake_theta({"x": x})
        optimizer.step(generator_loss + model.wake_phi({"x": x}))
        return generator_loss

    return step


def main(argv: list[str] | None = None) -> int:
    """Run the example; return the exit status."""
    parser = make_sbn_parser(
        "Train a sigmoid belief network by adaptive importance sampling.",
        "results/sbn_adaptive_is",
    )
    parser.add_argument("--smoke", action="store_true", help="one tiny epoch, for CI")
    return run_sbn("sbn_adaptive_is", make_step, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
