"""Rows of the negative binomial distribution."""

from __future__ import annotations

import numpy as np
from scipy import stats
from scipy.special import betaln, log_expit

from tests.distributions.cases.case import Case
from tests.distributions.cases.reference import Summed
from zhusuan import distributions as zd

_COUNTS = np.array([[0.0, 1.0, 9.0], [2.0, 40.0, 7.0]])


def _from_logits(r, logits):
    """SciPy takes the probability of a failure, which has no digits left at logits of -100."""

    def log_mass(x):
        choices = -np.log(x + r) - betaln(r, x + 1.0)
        return choices + x * log_expit(logits) + r * log_expit(-logits)

    return Summed(log_mass, n_max=20_000)


CASES = [
    Case(
        "negative-binomial-logits",
        zd.NegativeBinomial,
        {
            "total_count": np.array([[0.5], [6.0]]),
            "logits": np.array([-1.5, 1.0, 0.0]),
        },
        lambda p: _from_logits(p["total_count"], p["logits"]),
        _COUNTS,
        discrete=True,
        extremes=[
            (
                {
                    "total_count": np.array([[1e-4], [1e4]]),
                    "logits": np.array([100.0, -100.0, -4.0]),
                },
                np.array([[3.0, 0.0, 1.0], [1e6, 0.0, 190.0]]),
            )
        ],
        outside=[-1.0, 0.5],
    ),
    Case(
        "negative-binomial-probs",
        zd.NegativeBinomial,
        {
            "total_count": np.array([[0.5], [6.0]]),
            "probs": np.array([0.05, 0.5, 0.8]),
        },
        lambda p: stats.nbinom(p["total_count"], 1.0 - p["probs"]),
        _COUNTS,
        discrete=True,
        outside=[-1.0, 0.5],
    ),
]
