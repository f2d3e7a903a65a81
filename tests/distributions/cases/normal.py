"""Rows of the normal distribution."""

from __future__ import annotations

import numpy as np
from scipy import stats

from tests.distributions.cases.case import Case
from zhusuan import distributions as zd

_REALS = np.array([[-8.0, -0.3, 0.0], [0.7, 2.5, 30.0]])

CASES = [
    Case(
        "normal-std",
        zd.Normal,
        {"mean": np.array([[0.5], [-1.0]]), "std": np.array([0.2, 1.0, 30.0])},
        lambda p: stats.norm(p["mean"], p["std"]),
        _REALS,
        extremes=[
            (
                {"mean": np.array([[0.0], [1e4]]), "std": np.array([1e-4, 1.0, 1e4])},
                np.array([[1e-3, 40.0, -3e4], [1e4, 9990.0, 0.0]]),
            )
        ],
    ),
    Case(
        "normal-logstd",
        zd.Normal,
        {"mean": np.array([[0.5], [-1.0]]), "logstd": np.array([-1.5, 0.0, 3.0])},
        lambda p: stats.norm(p["mean"], np.exp(p["logstd"])),
        _REALS,
    ),
]
