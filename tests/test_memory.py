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


def test_training_after_loading_from_another_net_in_flat_memory():
    source, model = (zs.variational.ELBO(Generator(), Variational()) for _ in range(2))
    model.load_state_dict(source.state_dict())
    optimizer = jt.optim.Adam(model.parameters(), 1e-3)
    x = jt.array(np.float32([[0, 1, 0], [1, 1, 0], [0, 0, 1], [1, 0, 1]]))
    live = []
    for _ in range(2):
        for _ in range(20):
            optimizer.step(model({"x": x}))
        jt.sync_all()
        live.append(jt.liveness_info()["lived_vars"])
    # Jittor alone would keep hundreds of Vars for 20 steps.
    assert live[1] <= live[0] + 10
