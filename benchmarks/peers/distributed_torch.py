"""The same steps by torch's DistributedDataParallel over gloo, written by hand.

Arguments: data in the whole batch, blocks, steps in a block, and a file for the ranks to meet at.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
import torch.distributed as dist
from peers.train_torch import Bound
from peers.training import LEARNING_RATE, SIZES, batches
from torch.nn.parallel import DistributedDataParallel

WARM_UP = 20


def main() -> None:
    """Measure, and print the figures as JSON."""
    batch, n_blocks, n_steps = map(int, sys.argv[1:4])
    rank = int(os.environ.get("OMPI_COMM_WORLD_RANK", "0"))
    n_ranks = int(os.environ.get("OMPI_COMM_WORLD_SIZE", "1"))
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    torch.manual_seed(1 + rank)
    sizes = {**SIZES["vae"], "batch": batch}
    loss = Bound("vae", sizes)
    n_bytes = sum(p.numel() * p.element_size() for p in loss.parameters())
    if n_ranks > 1:
        dist.init_process_group("gloo", f"file://{sys.argv[4]}", rank=rank, world_size=n_ranks)
        loss = DistributedDataParallel(loss)
    optimizer = torch.optim.Adam(loss.parameters(), LEARNING_RATE, fused=True)
    data = batches("vae", sizes)
    rows = slice(batch * rank // n_ranks, batch * (rank + 1) // n_ranks)

    def run(n: int) -> list[float]:
        losses = []
        for _ in range(n):
            value = loss(torch.from_numpy(next(data)[rows]))
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            losses.append(value.detach())
        return [float(value) for value in losses]

    run(WARM_UP)
    seconds = []
    for _ in range(n_blocks):
        if n_ranks > 1:
            dist.barrier()
        start = time.perf_counter()
        losses = run(n_steps)
        seconds.append((time.perf_counter() - start) / n_steps)
    times = []
    numbers = torch.zeros(n_bytes // 4)
    for _ in range(20):
        if n_ranks > 1:
            dist.barrier()
        start = time.perf_counter()
        if n_ranks > 1:
            dist.all_reduce(numbers)
        times.append(time.perf_counter() - start)
    if rank == 0:
        print(json.dumps({
            "seconds": seconds, "loss": float(np.mean(losses)), "ranks": n_ranks,
            "bytes": n_bytes, "reduce": times,
        }))  # fmt: skip
    if n_ranks > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
