"""Rows of the categorical distribution over one-hot vectors."""

from __future__ import annotations

import numpy as np
from scipy.special import entr, log_softmax

from tests.distributions.cases.case import Case
from tests.distributions.cases.categorical import LOGITS, log_normalized
from zhusuan import distributions as zd

_VECTORS = np.eye(4)[[[0, 2, 1], [3, 1, 0]]]


class _Reference:
    def __init__(self, p):
        self._log_probs = log_normalized(p)
        self._probs = np.exp(self._log_probs)

    def logpmf(self, x):
        with np.errstate(invalid="ignore"):
            return np.where(np.asarray(x) == 0, 0.0, x * self._log_probs).sum(-1)

    def mean(self):
        return self._probs

    def var(self):
        return self._probs * (1 - self._probs)

    def entropy(self):
        return entr(self._probs).sum(-1)


CASES = [
    Case(
        "onehot-categorical-logits",
        zd.OnehotCategorical,
        {"logits": LOGITS},
        _Reference,
        _VECTORS,
        discrete=True,
        extremes=[
            ({"logits": LOGITS * 100}, _VECTORS),
            ({"logits": np.where(LOGITS < -1.0, -np.inf, LOGITS)}, _VECTORS),
        ],
        outside=[np.zeros(4), np.array([1.0, 1.0, 0.0, 0.0]), np.array([2.0, -1.0, 0.0, 0.0])],
    ),
    Case(
        "onehot-categorical-probs",
        zd.OnehotCategorical,
        {"probs": np.exp(log_softmax(LOGITS, -1))},
        _Reference,
        _VECTORS,
        discrete=True,
        extremes=[
            ({"probs": np.broadcast_to([0.5, 0.4999, 0.0, 1e-4], (2, 3, 4))}, _VECTORS),
        ],
        outside=[np.zeros(4), np.array([1.0, 1.0, 0.0, 0.0])],
    ),
]
