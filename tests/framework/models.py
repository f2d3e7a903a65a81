"""Small nets that the tests of the framework and the objectives share."""

from __future__ import annotations

import jittor as jt
from jittor import nn

import zhusuan as zs

REDUCE = {"reduce_mean_dims": [0], "reduce_sum_dims": [1]}


class Generator(zs.BayesianNet):
    """z [4, 2] standard normal, x [4, 3] Bernoulli."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 3)

    def execute(self, observed):
        self.observe(observed)
        z = self.sn("Normal", name="z", mean=jt.zeros([4, 2]), std=1.0, **REDUCE)
        logits = self.fc(z)
        self.cache["x_mean"] = jt.sigmoid(logits)
        self.sn("Bernoulli", name="x", logits=logits, **REDUCE)
        return self


class Variational(zs.BayesianNet):
    """q(z | x) [4, 2], normal."""

    def __init__(self, name="z", **options):
        super().__init__()
        self.fc_mean = nn.Linear(3, 2)
        self.fc_logstd = nn.Linear(3, 2)
        self._name, self._options = name, options

    def execute(self, observed):
        self.observe(observed)
        x = self.observed["x"]
        self.sn(
            "Normal",
            name=self._name,
            mean=self.fc_mean(x),
            logstd=self.fc_logstd(x),
            **{**REDUCE, **self._options},
        )
        return self
