"""A training that goes on from a checkpoint is the training that was never interrupted."""

import json
import subprocess
import sys
from pathlib import Path

import jittor as jt
import numpy as np
import pytest
from jittor import nn

import zhusuan as zs

BATCH, X, Z, SAVED, STEPS = 8, 6, 2, 3, 6
DATA = (np.random.default_rng(5).random((40, X)) < 0.4).astype("float32")


class Generator(zs.BayesianNet):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(Z, 5)
        self.out = nn.Linear(5, X)

    def execute(self, observed):
        self.observe(observed)
        z = self.sn("Normal", "z", mean=jt.zeros([BATCH, Z]), std=1.0, group_ndims=1)
        self.sn("Bernoulli", "x", logits=self.out(jt.tanh(self.fc(z))), group_ndims=1)
        return self


class Variational(zs.BayesianNet):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(X, Z)
        self.logstd = nn.Linear(X, Z)

    def execute(self, observed):
        self.observe(observed)
        x = self.observed["x"]
        self.sn("Normal", "z", mean=self.fc(x), logstd=self.logstd(x), group_ndims=1)
        return self


OPTIMIZERS = {
    "SGD": lambda p: jt.optim.SGD(p, 0.1, momentum=0.9, nesterov=True),
    "RMSprop": lambda p: jt.optim.RMSprop(p, 0.01),
    "Adam": lambda p: jt.optim.Adam(p, 0.01, betas=(0.8, 0.99)),
    "AdamW": lambda p: jt.optim.AdamW(p, 0.01, weight_decay=0.1),
    "Adan": lambda p: jt.optim.Adan(p, 0.01),
    "two groups": lambda p: jt.optim.Adam(
        [{"params": p[:3], "lr": 0.02}, {"params": p[3:], "betas": (0.7, 0.9)}], 0.01
    ),
}


class Training:
    """A model, its optimizer, and the order of its data."""

    def __init__(self, seed, name):
        zs.set_seed(seed)
        self.model = zs.variational.ELBO(Generator(), Variational())
        self.optimizer = OPTIMIZERS[name](self.model.parameters())
        self.order = np.random.default_rng(seed)
        self.losses = []

    def run(self, n):
        for _ in range(n):
            batch = DATA[self.order.integers(len(DATA), size=BATCH)]
            # numpy's and Python's states are part of it, too.
            batch = np.abs(batch - (np.random.random(batch.shape) < 0.1))
            loss = self.model({"x": jt.array(batch.astype("float32"))})
            self.optimizer.step(loss)
            self.losses.append(loss.item())
        return self

    def save(self, path):
        zs.save(path, self.model, self.optimizer, losses=self.losses, order=self.order)

    def load(self, path):
        extra = zs.load(path, self.model, self.optimizer)
        self.losses, self.order = extra["losses"], extra["order"]
        return self

    def everything(self):
        """Every number that the next step depends on, by name."""
        found = {name: var.numpy() for name, var in self.model.state_dict().items()}
        for g, group in enumerate(self.optimizer.param_groups):
            for key, values in group.items():
                if isinstance(values, list) and key not in ("params", "grads"):
                    found.update({f"{g}.{key}.{i}": v.numpy() for i, v in enumerate(values)})
        found["losses"] = np.array(self.losses)
        found["next"] = zs.random.get_state()["bit_generator"]["state"]["state"]
        return found


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert np.array_equal(one[name], other[name]), name


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_resumed_equals_uninterrupted_bit_for_bit(name, tmp_path):
    uninterrupted = Training(1, name).run(STEPS).everything()
    path = tmp_path / "half.npz"
    Training(1, name).run(SAVED).save(path)
    # New objects with other weights, after other draws; the optimizer has made steps of its own.
    resumed = Training(2, name).run(2).load(path)
    assert len(resumed.losses) == SAVED
    assert resumed.optimizer.n_step == SAVED
    assert_same(resumed.run(STEPS - SAVED).everything(), uninterrupted)
    assert resumed.optimizer.lr == Training(1, name).optimizer.lr
