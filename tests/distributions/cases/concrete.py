"""Rows of the Concrete distribution."""

from __future__ import annotations

import numpy as np

from tests.distributions.cases.case import Case
from tests.distributions.cases.exp_concrete import (
    EXTREMES,
    LOGITS,
    TEMPERATURE,
    WEIGHTS,
    ExpConcrete,
)
from zhusuan import distributions as zd


class Concrete:
    """The exponential of an ExpConcrete variable: a change of variables."""

    def __init__(self, p):
        self._log = ExpConcrete(p)

    def logpdf(self, x):
        y = np.log(np.asarray(x, dtype=float))
        return self._log.logpdf(y) - y.sum(-1)


def _tails():
    x = np.empty((2, 3, 4))
    x[0] = [1.0, 1e-30, 1e-37, 1e-10]
    x[1] = [0.2501, 0.2499, 0.2502, 0.2498]
    return np.float32(x).astype(float)


CASES = [
    Case(
        "concrete",
        zd.Concrete,
        {"temperature": TEMPERATURE, "logits": LOGITS},
        Concrete,
        np.exp(WEIGHTS),
        extremes=[(EXTREMES, _tails())],
        outside=[np.array([0.5, 0.5, 0.5, 0.5]), np.array([-0.1, 0.5, 0.5, 0.1])],
    ),
]
