"""Rows of the inverse-gamma distribution."""

from __future__ import annotations

import numpy as np
from scipy import stats

from tests.distributions.cases.case import Case
from zhusuan import distributions as zd

CASES = [
    Case(
        "inverse-gamma",
        zd.InverseGamma,
        {"alpha": np.array([[7.0], [30.0]]), "beta": np.array([0.2, 1.0, 30.0])},
        lambda p: stats.invgamma(p["alpha"], scale=p["beta"]),
        np.array([[0.02, 0.3, 50.0], [0.005, 0.1, 1.0]]),
        extremes=[
            (
                {"alpha": np.array([[1e-4], [1e4]]), "beta": np.array([1e-4, 1.0, 1e4])},
                np.array([[1e6, 1e30, 3e-2], [1e-8, 1e-4, 1.01]]),
            ),
            (
                {"alpha": np.array([[0.3], [1.5]]), "beta": np.array([0.5, 1.0, 2.0])},
                np.array([[1e-3, 1e20, 1.0], [1e-2, 1e10, 5.0]]),
            ),
        ],
        outside=[-1.0, 0.0],
    ),
]
