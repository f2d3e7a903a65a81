"""Rows of the binomial distribution."""

from __future__ import annotations

import numpy as np
from scipy import stats
from scipy.special import betaln, log_expit

from tests.distributions.cases.case import Case
from tests.distributions.cases.reference import Summed
from zhusuan import distributions as zd

_N = np.array([[1.0, 5.0, 40.0], [12.0, 300.0, 7.0]])
_COUNTS = np.array([[1.0, 2.0, 38.0], [0.0, 150.0, 7.0]])


def _from_logits(n, logits):
    """SciPy takes probabilities only, which have no digits left at logits of 100."""

    def log_mass(x):
        choices = -np.log1p(n) - betaln(n - x + 1, x + 1)
        return choices + x * log_expit(logits) + (n - x) * log_expit(-logits)

    def inside(x):
        x = np.broadcast_to(x, np.broadcast_shapes(np.shape(x), np.shape(n)))
        return np.where(x <= n, log_mass(np.minimum(x, n)), -np.inf)

    return Summed(inside, 0, n)


CASES = [
    Case(
        "binomial-logits",
        zd.Binomial,
        {"logits": np.array([[-2.0], [0.5]])},
        lambda p: _from_logits(_N, p["logits"] * np.ones((2, 3))),
        _COUNTS,
        discrete=True,
        fixed={"n_experiments": _N},
        extremes=[
            ({"logits": np.array([[100.0], [-100.0]])}, _COUNTS),
            ({"logits": np.array([[-20.0], [30.0]])}, np.zeros((2, 3))),
        ],
        outside=[-1.0, 0.5, 1000.0],
    ),
    Case(
        "binomial-probs",
        zd.Binomial,
        {"probs": np.array([[0.05, 0.5, 0.95], [0.3, 0.6, 0.999]])},
        lambda p: stats.binom(12, p["probs"]),
        np.array([[0.0, 7.0, 12.0], [3.0, 12.0, 10.0]]),
        discrete=True,
        fixed={"n_experiments": 12},
        extremes=[
            (
                {"probs": np.array([[1e-4, 1e-30, 0.0], [1.0, 0.9999, 1e-8]])},
                np.array([[0.0, 12.0, 0.0], [12.0, 0.0, 1.0]]),
            )
        ],
        outside=[-1.0, 0.5, 13.0],
    ),
]
