"""Rows of the Weibull distribution."""

from __future__ import annotations

import numpy as np
from scipy import stats

from tests.distributions.cases.case import Case
from zhusuan import distributions as zd

CASES = [
    Case(
        "weibull",
        zd.Weibull,
        {"scale": np.array([[0.2], [5.0]]), "concentration": np.array([0.8, 1.0, 6.0])},
        lambda p: stats.weibull_min(p["concentration"], scale=p["scale"]),
        np.array([[0.3, 0.01, 0.25], [20.0, 3.0, 2.0]]),
        extremes=[
            (
                {
                    "scale": np.array([[1e-4], [1e4]]),
                    "concentration": np.array([1e-4, 1.0, 1e4]),
                },
                np.array([[1e30, 1e-3, 1.0001e-4], [1e-30, 1e6, 9.99e3]]),
            )
        ],
        outside=[-1.0],
    ),
]
