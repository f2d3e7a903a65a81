"""Trains and saves after every few steps until somebody stops it: argv = checkpoint, pids, mode.

Mode ``resume`` goes on from the checkpoint for ten steps instead; the others make rank 1 fail.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
from jittor import nn

from zhusuan.distributed import all_gather, batch_part, rank

checkpoint, pids, mode = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
zs.set_seed(1)
net = nn.Linear(400, 400)
optimizer = zs.optim.Adam(net.parameters(), 1e-3)
step = zs.variational.TrainStep(lambda observed: (net(observed["x"]) ** 2).mean(), optimizer)
order = np.random.default_rng(1)
n_steps = 0
if mode == "resume":
    stored = zs.load(checkpoint, net, optimizer)
    order, n_steps = stored["order"], stored["n_steps"]
    assert optimizer.n_step == n_steps > 0
    drawn = all_gather(zs.random.standard_normal([2]).numpy())
    assert len(np.unique(drawn)) == drawn.size  # each rank has its own numbers
last = n_steps + 10
while mode != "resume" or n_steps < last:
    x = order.normal(size=(8, 400)).astype(np.float32)
    with batch_part(x) as part:
        loss = step({"x": part})
    n_steps += 1
    if n_steps % 5 == 0:
        zs.save(checkpoint, net, optimizer, order=order, n_steps=n_steps)
    if n_steps == 20:
        (pids / str(rank())).write_text(str(os.getpid()))
        if rank() == 1 and mode == "raise":
            raise ValueError("rank 1 has had enough")
        if rank() == 1 and mode == "exit":
            sys.exit(3)
        if rank() == 1 and mode == "end":
            sys.exit(0)
same = all_gather(np.concatenate([var.numpy().ravel() for var in net.parameters()]))
assert (same == same[0]).all()
print(f"rank {rank()} went on from {last - 10}; loss {loss:.6f}", flush=True)
