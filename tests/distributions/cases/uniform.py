"""Rows of the uniform distribution."""

from __future__ import annotations

import numpy as np
from scipy import stats

from tests.distributions.cases.case import Case
from zhusuan import distributions as zd

CASES = [
    Case(
        "uniform",
        zd.Uniform,
        {"minval": np.array([[-1.0], [-2.0]]), "maxval": np.array([0.5, 1.0, 5.0])},
        lambda p: stats.uniform(p["minval"], p["maxval"] - p["minval"]),
        np.array([[-0.9, 0.5, 2.0], [-0.2, -1.5, 3.0]]),
        extremes=[
            (
                {"minval": np.array([[0.0], [-1e-4]]), "maxval": np.array([1e-4, 1.0, 1e30])},
                # The lower bound belongs to the support.
                np.array([[0.0, 0.99, 1e29], [-1e-4, 0.0, 9e29]]),
            )
        ],
        outside=[-2.1, 5.0, 1e30],
    ),
]
