"""Rows of the multinomial distribution."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln, log_softmax

from tests.distributions.cases.case import Case
from tests.distributions.cases.categorical import LOGITS, log_normalized
from zhusuan import distributions as zd

_N = np.array([[4.0], [9.0]])
_COUNTS = np.array(
    [
        [[1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 4.0, 0.0], [0.0, 0.0, 1.0, 3.0]],
        [[0.0, 1.0, 2.0, 6.0], [1.0, 5.0, 2.0, 1.0], [3.0, 3.0, 3.0, 0.0]],
    ]
)


class _Reference:
    """SciPy's takes one vector of probabilities only."""

    def __init__(self, log_probs, n=None):
        self._log_probs, self._n = log_probs, n
        if n is not None:
            self.mean, self.var = self._mean, self._var

    def logpmf(self, x):
        x = np.asarray(x, dtype=float)
        with np.errstate(invalid="ignore"):
            terms = np.where(x == 0, 0.0, x * self._log_probs - gammaln(x + 1))
        return gammaln(x.sum(-1) + 1) + terms.sum(-1)

    def _mean(self):
        return self._n[..., None] * np.exp(self._log_probs)

    def _var(self):
        return self._mean() * (1 - np.exp(self._log_probs))


CASES = [
    Case(
        "multinomial-logits",
        zd.Multinomial,
        {"logits": LOGITS},
        lambda p: _Reference(log_normalized(p), _N),
        _COUNTS,
        discrete=True,
        fixed={"n_experiments": _N},
        extremes=[
            ({"logits": LOGITS * 100}, _COUNTS),
            ({"logits": np.where(LOGITS < -2.5, -np.inf, LOGITS)}, _COUNTS),
        ],
        outside=[
            np.array([1.0, 1.0, 1.0, 0.0]),
            np.array([0.5, 0.5, 2.0, 1.0]),
            np.array([-1.0, 5.0, 0.0, 0.0]),
        ],
    ),
    Case(
        "multinomial-probs",
        zd.Multinomial,
        {"probs": np.exp(log_softmax(LOGITS, -1))},
        lambda p: _Reference(log_normalized(p), np.full((2, 3), 6.0)),
        np.broadcast_to([2.0, 1.0, 3.0, 0.0], (2, 3, 4)),
        discrete=True,
        fixed={"n_experiments": 6},
        outside=[np.array([1.0, 1.0, 1.0, 0.0])],
    ),
]
