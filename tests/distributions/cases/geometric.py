"""Rows of the geometric distribution."""

from __future__ import annotations

import numpy as np
from scipy import stats
from scipy.special import expit, log_expit

from tests.distributions.cases.case import Case
from zhusuan import distributions as zd

_COUNTS = np.array([[0.0, 1.0, 30.0], [2.0, 0.0, 7.0]])


class _FromLogits:
    """SciPy counts trials instead of failures, and has no digits left at logits of 100."""

    def __init__(self, logits):
        self._logits = logits
        self._frozen = stats.geom(expit(logits), loc=-1)
        self.mean, self.var, self.ppf = self._frozen.mean, self._frozen.var, self._frozen.ppf
        self.cdf = self._frozen.cdf

    def logpmf(self, x):
        x = np.asarray(x)
        return log_expit(self._logits) + x * log_expit(-self._logits)

    def entropy(self):
        log_q = log_expit(-self._logits)
        return -log_expit(self._logits) - np.exp(-self._logits) * log_q


CASES = [
    Case(
        "geometric-logits",
        zd.Geometric,
        {"logits": np.array([[-3.0, 0.0, 2.0], [-0.5, 1.0, 4.0]])},
        lambda p: _FromLogits(p["logits"]),
        _COUNTS,
        discrete=True,
        extremes=[({"logits": np.array([[100.0, -100.0, -9.0], [30.0, -30.0, 60.0]])}, _COUNTS)],
        outside=[-1.0, 0.5],
    ),
    Case(
        "geometric-probs",
        zd.Geometric,
        {"probs": np.array([[0.05, 0.5, 0.95], [0.3, 0.6, 0.8]])},
        lambda p: stats.geom(p["probs"], loc=-1),
        _COUNTS,
        discrete=True,
        extremes=[
            (
                {"probs": np.array([[1e-4, 1e-30, 1.0], [1e-4, 0.9999, 1e-8]])},
                np.array([[0.0, 3.0, 0.0], [1e4, 20.0, 1e8]]),
            )
        ],
        outside=[-1.0, 0.5],
    ),
]
