"""Small models that the tests of this folder look at."""

from __future__ import annotations

import jittor as jt
import numpy as np
from jittor import nn

import zhusuan as zs

X = np.array([[1, 0, 1], [0, 0, 1], [1, 1, 0], [0, 1, 0]], dtype="float32")


class Generator(zs.BayesianNet):
    """z [4, 2] standard normal, x [4, 3] Bernoulli, in the class style of the tutorials."""

    def __init__(self, std=1.0, group_z=1):
        super().__init__()
        self.fc = nn.Linear(2, 3)
        self._std, self._group_z = std, group_z

    def execute(self, observed):
        self.observe(observed)
        z = self.sn(
            "Normal", name="z", mean=jt.zeros([4, 2]), std=self._std, group_ndims=self._group_z
        )
        logits = self.fc(z)
        self.cache["x_mean"] = jt.sigmoid(logits)
        self.sn("Bernoulli", name="x", logits=logits, group_ndims=1, multiplier=2.5)
        return self


class Variational(zs.BayesianNet):
    """q(z | x), z [n_samples, 4, 2] normal."""

    def __init__(self, n_samples=None):
        super().__init__()
        self.fc = nn.Linear(3, 2)
        self._n_samples = n_samples

    def execute(self, observed):
        self.observe(observed)
        mean = self.fc(self.observed["x"])
        self.sn("Normal", name="z", mean=mean, std=0.5, group_ndims=1, n_samples=self._n_samples)
        return self


@zs.meta_bayesian_net(scope="schools", reuse_variables=True)
def schools(n_schools, n_pupils):
    """Two levels: mu, tau -> theta [J], data (a deterministic value is on the way) [J, n]."""
    bn = zs.BayesianNet()
    mu = bn.normal("mu", 0.0, std=10.0)
    tau = bn.gamma("tau", 1.0, 1.0)
    theta = bn.normal("theta", mu, std=tau * jt.ones([n_schools]))
    rows = bn.deterministic("rows", theta.reshape([n_schools, 1]) * jt.ones([1, n_pupils]))
    bn.normal("score", rows, std=2.0)
    return bn
