"""Rows of the Poisson distribution."""

from __future__ import annotations

import numpy as np
from scipy import stats

from tests.distributions.cases.case import Case
from zhusuan import distributions as zd

CASES = [
    Case(
        "poisson",
        zd.Poisson,
        {"rate": np.array([[0.3, 4.0, 60.0], [1e-2, 1.0, 150.0]])},
        lambda p: stats.poisson(p["rate"]),
        np.array([[0.0, 6.0, 45.0], [1.0, 0.0, 170.0]]),
        discrete=True,
        extremes=[
            (
                {"rate": np.array([[1e-4, 1e-4, 1e4], [1e4, 1e7, 20.0]])},
                np.array([[0.0, 3.0, 9.7e3], [0.0, 10_002_000.0, 400.0]]),
            )
        ],
        outside=[-1.0, 0.5],
    ),
]
