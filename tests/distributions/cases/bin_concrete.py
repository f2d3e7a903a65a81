"""Rows of the binary Concrete distribution."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, log_expit, logit

from tests.distributions.cases.case import Case
from tests.distributions.cases.reference import Numeric
from zhusuan import distributions as zd


class _BinConcrete(Numeric):
    def __init__(self, temperature, logits):
        self._temperature, self._logits = temperature, logits
        super().__init__(self._log_density, 0.0, 1.0)

    def _log_density(self, x):
        d = self._logits - self._temperature * (np.log(x) - np.log1p(-x))
        logistic = log_expit(d) + log_expit(-d)
        return np.log(self._temperature) + logistic - np.log(x) - np.log1p(-x)

    def cdf(self, x):
        return expit(self._temperature * logit(x) - self._logits)

    def ppf(self, u):
        return expit((self._logits + logit(u)) / self._temperature)


_NEAR_THE_ENDS = np.array([[1e-6, 0.3, 0.5], [0.7, 0.9999, 1e-30]])

CASES = [
    Case(
        "bin-concrete",
        zd.BinConcrete,
        {"temperature": np.array([[0.8], [2.0]]), "logits": np.array([-2.0, 0.0, 1.0])},
        lambda p: _BinConcrete(p["temperature"], p["logits"]),
        np.array([[1e-3, 0.3, 0.5], [0.7, 0.99, 0.1]]),
        extremes=[
            (
                {"temperature": np.array([[1e-4], [10.0]]),
                 "logits": np.array([-100.0, 0.0, 100.0])},
                _NEAR_THE_ENDS,
            )
        ],
        outside=[-0.5, 0.0, 1.0, 2.0],
    ),
]
