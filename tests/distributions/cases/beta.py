"""Rows of the beta distribution."""

from __future__ import annotations

import numpy as np
from scipy import stats

from tests.distributions.cases.case import Case
from zhusuan import distributions as zd

CASES = [
    Case(
        "beta",
        zd.Beta,
        {"alpha": np.array([[0.5], [3.0]]), "beta": np.array([0.7, 1.0, 20.0])},
        lambda p: stats.beta(p["alpha"], p["beta"]),
        np.array([[0.3, 0.01, 0.2], [0.9, 0.5, 1e-3]]),
        extremes=[
            (
                {"alpha": np.array([[1e-4], [1e4]]), "beta": np.array([1e-4, 1.0, 1e4])},
                np.array([[1e-6, 1e-30, 3e-4], [0.9999, 0.01, 0.497]]),
            )
        ],
        outside=[-0.1, 1.1],
    ),
]
