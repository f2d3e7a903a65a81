"""Rows of the chi-squared distribution."""

from __future__ import annotations

import numpy as np
from scipy import stats

from tests.distributions.cases.case import Case
from zhusuan import distributions as zd

CASES = [
    Case(
        "chi2",
        zd.Chi2,
        {"df": np.array([[0.5, 2.0, 3.5], [1.0, 10.0, 100.0]])},
        lambda p: stats.chi2(p["df"]),
        np.array([[0.3, 1e-3, 9.0], [20.0, 7.0, 120.0]]),
        extremes=[
            (
                {"df": np.array([[1e-4, 2.0, 1e4], [1e4, 1e-3, 5.0]])},
                np.array([[1e-30, 80.0, 1.02e4], [9.9e3, 1e3, 1e-20]]),
            )
        ],
        outside=[-1.0],
    ),
]
