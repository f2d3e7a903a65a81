r"""Sigmoid belief network on MNIST, trained with VIMCO (Mnih and Rezende 2016).

All latent variables are binary, so no gradient goes through their draws: the score function takes
its place, and each of the k particles is compared with the others. The network, 200-200-200 units,
is that of common/sbn.py.

Run it with ``python examples/sigmoid_belief_nets/sbn_vimco.py``; common/sbn.py says what it leaves
in the result folder. Expected with the defaults (8 epochs of dynamically binarised images, batch
24, k = 10, seed 1): a bound that rises from -127.4 nats per test image after the first epoch to
-112.3 after the last, and -109.1 with 100 particles in place of 10. The paper's figure for k = 10,
when training has converged, is -92.6.
"""

from __future__ import annotations

import sys
from pathlib import Path

# The helpers that examples share lie beside their folders, wherever the script is run from.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
from common.sbn import make_sbn_parser, run_sbn


def make_step(generator, recognition, optimizer):
    """Say what a step of training is: the multi-sample bound, by VIMCO."""
    model = zs.variational.ImportanceWeightedObjective(
        generator, recognition, axis=0, estimator="vimco"
    )

    def step(x):
        loss = model({"x": x})
        optimizer.step(loss)
        return loss

    return step


def main(argv: list[str] | None = None) -> int:
    """Run the example; return the exit status."""
    parser = make_sbn_parser("Train a sigmoid belief network by VIMCO.", "results/sbn_vimco")
    parser.add_argument("--smoke", action="store_true", help="one tiny epoch, for CI")
    return run_sbn("sbn_vimco", make_step, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
