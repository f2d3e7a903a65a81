"""Rows of the Cauchy distribution."""

from __future__ import annotations

import numpy as np
from scipy import stats

from tests.distributions.cases.case import Case
from zhusuan import distributions as zd

CASES = [
    Case(
        "cauchy",
        zd.Cauchy,
        {"loc": np.array([[0.5], [-1.0]]), "scale": np.array([0.2, 1.0, 30.0])},
        lambda p: stats.cauchy(p["loc"], p["scale"]),
        np.array([[-8.0, -0.3, 0.0], [0.7, 2.5, 30.0]]),
        extremes=[
            (
                {"loc": np.array([[0.0], [1e4]]), "scale": np.array([1e-4, 1.0, 1e4])},
                np.array([[1e-3, 40.0, -3e4], [1e4, 9990.0, 0.0]]),
            )
        ],
    ),
]
