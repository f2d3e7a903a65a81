"""Rows of the bag of categoricals."""

from __future__ import annotations

import numpy as np
from scipy.special import log_softmax

from tests.distributions.cases.case import Case
from tests.distributions.cases.categorical import LOGITS, log_normalized
from zhusuan import distributions as zd

_COUNTS = np.array(
    [
        [[1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 4.0, 0.0], [0.0, 0.0, 1.0, 3.0]],
        [[0.0, 1.0, 2.0, 6.0], [1.0, 5.0, 2.0, 1.0], [3.0, 3.0, 3.0, 0.0]],
    ]
)

# There are no samples.
_SKIP = ("reproducible samples",)


class _Reference:
    def __init__(self, log_probs):
        self._log_probs = log_probs

    def logpmf(self, x):
        with np.errstate(invalid="ignore"):
            return np.where(np.asarray(x) == 0, 0.0, x * self._log_probs).sum(-1)


CASES = [
    Case(
        "unnormalized-multinomial-logits",
        zd.UnnormalizedMultinomial,
        {"logits": LOGITS},
        lambda p: _Reference(log_normalized(p)),
        _COUNTS,
        discrete=True,
        extremes=[
            ({"logits": LOGITS * 100}, _COUNTS),
            ({"logits": np.where(LOGITS < -2.5, -np.inf, LOGITS)}, _COUNTS),
        ],
        outside=[np.array([-1.0, 5.0, 0.0, 0.0])],
        skip=_SKIP,
    ),
    Case(
        "unnormalized-multinomial-probs",
        zd.UnnormalizedMultinomial,
        {"probs": np.exp(log_softmax(LOGITS, -1))},
        lambda p: _Reference(log_normalized(p)),
        _COUNTS,
        discrete=True,
        outside=[np.array([-1.0, 5.0, 0.0, 0.0])],
        skip=_SKIP,
    ),
    Case(
        "unnormalized-multinomial-log-probs",
        zd.UnnormalizedMultinomial,
        {"logits": LOGITS},
        lambda p: _Reference(p["logits"]),
        _COUNTS,
        discrete=True,
        fixed={"normalize_logits": False},
        outside=[np.array([-1.0, 5.0, 0.0, 0.0])],
        skip=_SKIP,
    ),
]
