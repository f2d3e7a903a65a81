"""A constant, a shape or a number of particles never costs a compilation.

A dim of size 1 does where others have more: Jittor compiles broadcasting of its own into a kernel.
"""

from pathlib import Path

import jittor as jt
import numpy as np
import pytest

import zhusuan as zs


def n_kernels():
    return len(list(Path(jt.flags.cache_path, "jit").glob("*.so")))


class Model(zs.BayesianNet):
    def __init__(self, prior_std, std, multiplier):
        super().__init__()
        self._numbers = prior_std, std, multiplier

    def execute(self, observed):
        self.observe(observed)
        prior_std, std, multiplier = self._numbers
        z = self.sn("Normal", "z", mean=0.0, std=prior_std, group_ndims=1)
        self.sn("Normal", "y", mean=z, std=std, group_ndims=1, multiplier=multiplier)
        self.sn("Bernoulli", "x", logits=z, group_ndims=1, multiplier=multiplier)
        return self


class Guide(zs.BayesianNet):
    def __init__(self, shape, n_samples):
        super().__init__()
        self.m, self.l = jt.zeros(shape), jt.zeros(shape)
        self._n = n_samples

    def execute(self, observed):
        self.observe(observed)
        self.sn("Normal", "z", mean=self.m, logstd=self.l, group_ndims=1, n_samples=self._n)
        return self


def train(prior_std=1.5, std=0.7, multiplier=3.0, shape=(4, 2), n_samples=5, y=0.3):
    model = zs.variational.ELBO(Model(prior_std, std, multiplier), Guide(shape, n_samples))
    optimizer = jt.optim.Adam(model.parameters(), 1e-2)
    for _ in range(2):
        observed = {"y": np.full(shape, y), "x": np.full(shape, float(y > 0))}
        loss = model(observed)
        optimizer.step(loss)
        loss.item()


@pytest.mark.parametrize(
    "change",
    [
        {"prior_std": 1.0},
        {"prior_std": 2.0},
        {"std": 1.0},
        {"std": 2},
        {"multiplier": 1},
        {"multiplier": 2.0},
        {"y": 0.0},
        {"y": 1.0},
        {"shape": (7, 3)},
        {"n_samples": 2},
        {"n_samples": 50},
    ],
    ids=str,
)
def test_no_new_kernel(change):
    train()
    before = n_kernels()
    train(**change)
    assert n_kernels() == before
