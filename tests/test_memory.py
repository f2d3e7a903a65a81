"""A long training loop runs in flat memory: nothing of a step outlives it."""

import gc
import resource
from pathlib import Path

import jittor as jt
import numpy as np

import zhusuan as zs
from tests.framework.models import Generator, Variational


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def test_20000_steps_in_flat_memory():
    """20,000 steps take about half a minute."""
    model = zs.variational.ELBO(Generator(), Variational())
    optimizer = jt.optim.Adam(model.parameters(), 1e-3)
    x = jt.array(np.float32([[0, 1, 0], [1, 1, 0], [0, 0, 1], [1, 0, 1]]))

    def train(steps):
        for _ in range(steps):
            optimizer.step(model({"x": x}))
        gc.collect()
        return resident_mib(), jt.liveness_info()["lived_vars"]

    warm, warm_vars = train(1000)
    end, end_vars = train(19_000)
    # One leaked Var a step is 19,000 Vars and, at about 500 bytes each, 9 MiB.
    assert end_vars <= warm_vars + 10
    assert end - warm < 4, f"resident memory grew from {warm:.1f} to {end:.1f} MiB"
