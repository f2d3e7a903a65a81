"""Rows of the gamma distribution."""

from __future__ import annotations

import numpy as np
from scipy import stats

from tests.distributions.cases.case import Case
from zhusuan import distributions as zd

CASES = [
    Case(
        "gamma",
        zd.Gamma,
        {"alpha": np.array([[0.5], [3.0]]), "beta": np.array([0.2, 1.0, 30.0])},
        lambda p: stats.gamma(p["alpha"], scale=1 / p["beta"]),
        np.array([[0.3, 0.01, 2.0], [20.0, 3.0, 0.1]]),
        extremes=[
            (
                {"alpha": np.array([[1e-4], [1e4]]), "beta": np.array([1e-4, 1.0, 1e4])},
                np.array([[1e-6, 1e-30, 3e-4], [1e8, 1.02e4, 0.99]]),
            )
        ],
        outside=[-1.0],
    ),
]
