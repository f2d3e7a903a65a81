"""Rows of the Student's t distribution."""

from __future__ import annotations

import numpy as np
from scipy import stats

from tests.distributions.cases.case import Case
from zhusuan import distributions as zd

CASES = [
    Case(
        "student-t",
        zd.StudentT,
        {
            "df": np.array([[7.0], [30.0]]),
            "loc": np.array([0.5, -1.0, 0.1]),
            "scale": np.array([[0.2, 1.0, 30.0]]),
        },
        lambda p: stats.t(p["df"], p["loc"], p["scale"]),
        np.array([[0.6, 3.0, -40.0], [-0.5, -1.5, 100.0]]),
        extremes=[
            (
                {
                    "df": np.array([[1e-4], [1e4]]),
                    "loc": np.array([0.0, 1e4, -1.0]),
                    "scale": np.array([[1e-4, 1.0, 1e4]]),
                },
                np.array([[1e-3, -1e30, 40.0], [2e-3, 1.003e4, -3e5]]),
            ),
            (
                {
                    "df": np.array([[0.3], [1.5]]),
                    "loc": np.zeros(3),
                    "scale": np.array([[1.0, 2.0, 3.0]]),
                },
                np.array([[1e-3, 1e20, -1.0], [1e-20, 1e10, -5.0]]),
            ),
        ],
    ),
]
