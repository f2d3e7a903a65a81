"""Rows of the ExpConcrete distribution."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln, log_softmax, logsumexp

from tests.distributions.cases.case import Case
from zhusuan import distributions as zd

TEMPERATURE = np.array([[0.3], [1.5]])
LOGITS = np.array([[0.0, 1.0, -2.0, 0.5], [3.0, 0.2, 0.1, -1.0], [0.0, 0.0, 0.0, 0.0]])
WEIGHTS = log_softmax(np.random.default_rng(0).normal(size=(2, 3, 4)), -1)
EXTREMES = {
    "temperature": np.array([[0.01], [1e4]]),
    "logits": np.array([[100.0, 0.0, -100.0, 50.0], [0.0, 0.0, 0.0, 0.0], [1.0, 2.0, 3.0, 4.0]]),
}


class ExpConcrete:
    """Maddison, Mnih and Teh 2017, eq. 26."""

    def __init__(self, p):
        self._temperature, self._logits = p["temperature"], p["logits"]

    def logpdf(self, y):
        y = np.asarray(y, dtype=float)
        n = y.shape[-1]
        scores = self._logits - self._temperature[..., None] * y
        log_n = gammaln(n) + (n - 1) * np.log(self._temperature)
        return log_n + scores.sum(-1) - n * logsumexp(scores, -1)


def _tails():
    y = np.zeros((2, 3, 4))
    y[0] = [0.0, -8000.0, -20000.0, -300.0]
    y[1] = np.log(0.25) + np.array([1e-4, -1e-4, 2e-4, -2e-4])
    return log_softmax(y, -1)


CASES = [
    Case(
        "exp_concrete",
        zd.ExpConcrete,
        {"temperature": TEMPERATURE, "logits": LOGITS},
        ExpConcrete,
        WEIGHTS,
        extremes=[(EXTREMES, _tails())],
        outside=[np.zeros(4)],
    ),
    Case(
        "exp_concrete-number",
        zd.ExpConcrete,
        {"logits": LOGITS * np.ones((2, 1, 1))},
        lambda p: ExpConcrete({"temperature": np.array([[0.5]]), **p}),
        WEIGHTS,
        fixed={"temperature": 0.5},
    ),
]
