"""Rows of the Bernoulli distribution."""

from __future__ import annotations

import numpy as np
from scipy import stats
from scipy.special import expit

from tests.distributions.cases.case import Case
from zhusuan import distributions as zd

_BITS = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0]])


class _FromLogits:
    """SciPy takes probabilities only, which have no digits left at logits of 100."""

    def __init__(self, logits):
        self.logits = logits
        self._frozen = stats.bernoulli(expit(logits))
        self.mean, self.var, self.entropy = (
            self._frozen.mean, self._frozen.var, self._frozen.entropy
        )
        self.cdf, self.ppf = self._frozen.cdf, self._frozen.ppf

    def logpmf(self, x):
        x = np.asarray(x)
        return -x * np.logaddexp(0, -self.logits) - (1 - x) * np.logaddexp(0, self.logits)


CASES = [
    Case(
        "bernoulli-logits",
        zd.Bernoulli,
        {"logits": np.array([[-5.0, 0.0, 2.0], [-0.5, 1.0, 9.0]])},
        lambda p: _FromLogits(p["logits"]),
        _BITS,
        discrete=True,
        extremes=[({"logits": np.array([[100.0, -100.0, 1e-6], [30.0, -30.0, 1e4]])}, _BITS)],
        outside=[-1.0, 2.0],
    ),
    Case(
        "bernoulli-probs",
        zd.Bernoulli,
        {"probs": np.array([[0.01, 0.5, 0.9], [0.3, 0.7, 0.999]])},
        lambda p: stats.bernoulli(p["probs"]),
        _BITS,
        discrete=True,
        outside=[-1.0, 2.0],
    ),
]
