"""Training steps of the VAE under ``mpirun``: rank 0 prints seconds a step, block by block.

Arguments: data in the whole batch, blocks, steps in a block.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import numpy as np
from peers import train_zhusuan
from peers.training import SIZES, batches

from zhusuan.distributed import all_reduce, barrier, batch_part, is_main, world_size

WARM_UP = 20


def main() -> None:
    """Measure, and print the figures as JSON."""
    batch, n_blocks, n_steps = map(int, sys.argv[1:])
    sizes = {**SIZES["vae"], "batch": batch}
    zs.set_seed(1)
    made = train_zhusuan.objective("vae", sizes)
    step = zs.variational.TrainStep(made, train_zhusuan.fast_optimizer(made))
    data = batches("vae", sizes)

    def run(n: int) -> list[float]:
        losses = []
        for _ in range(n):
            with batch_part(next(data)) as part:
                losses.append(step({"x": part}))
        return losses

    run(WARM_UP)
    seconds = []
    for _ in range(n_blocks):
        barrier()
        start = time.perf_counter()
        losses = run(n_steps)
        seconds.append((time.perf_counter() - start) / n_steps)
    numbers = np.zeros(sum(var.numel() for var in made.parameters()), np.float32)
    times = []
    for _ in range(20):
        barrier()
        start = time.perf_counter()
        all_reduce(numbers)
        times.append(time.perf_counter() - start)
    if is_main():
        print(json.dumps({
            "seconds": seconds, "loss": float(np.mean(losses)), "ranks": world_size(),
            "replayed": step.n_replayed, "bytes": numbers.nbytes, "reduce": times,
        }))  # fmt: skip


if __name__ == "__main__":
    main()
