"""Rows of the half-Cauchy distribution."""

from __future__ import annotations

import numpy as np
from scipy import stats

from tests.distributions.cases.case import Case
from zhusuan import distributions as zd

CASES = [
    Case(
        "half-cauchy",
        zd.HalfCauchy,
        {"scale": np.array([[0.2, 1.0, 30.0], [0.01, 2.5, 7.0]])},
        lambda p: stats.halfcauchy(scale=p["scale"]),
        np.array([[0.3, 1e-3, 9.0], [0.05, 7.0, 2.0]]),
        extremes=[
            (
                {"scale": np.array([[1e-4, 1e4, 1.0], [1e4, 1e-4, 1.0]])},
                np.array([[1e8, 1e-5, 0.0], [3e5, 1e-9, 1e30]]),
            )
        ],
        outside=[-1.0],
    ),
]
