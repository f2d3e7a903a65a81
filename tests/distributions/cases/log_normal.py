"""Rows of the log-normal distribution."""

from __future__ import annotations

import numpy as np
from scipy import stats

from tests.distributions.cases.case import Case
from zhusuan import distributions as zd

_POINTS = np.array([[0.1, 3.0, 1.5], [30.0, 0.01, 0.5]])


CASES = [
    Case(
        "log-normal-std",
        zd.LogNormal,
        {"mean": np.array([[0.5], [-1.0]]), "std": np.array([0.2, 0.5, 0.05])},
        lambda p: stats.lognorm(p["std"], scale=np.exp(p["mean"])),
        _POINTS,
        extremes=[
            (
                {"mean": np.array([[0.0], [80.0]]), "std": np.array([1e-4, 1.0, 1e4])},
                np.array([[1.0001, 1e-30, 1e30], [5.5e34, 1e38, 1e-30]]),
            )
        ],
        outside=[-1.0, 0.0],
    ),
    Case(
        "log-normal-logstd",
        zd.LogNormal,
        {"mean": np.array([[0.5], [-1.0]]), "logstd": np.array([-1.5, -0.7, -3.0])},
        lambda p: stats.lognorm(np.exp(p["logstd"]), scale=np.exp(p["mean"])),
        _POINTS,
        extremes=[
            (
                {"mean": np.array([[0.0], [1.0]]), "logstd": np.array([-8.0, 40.0, 100.0])},
                np.array([[1.0001, 1e-30, 1e30], [2.718, 1e38, 1e-30]]),
            )
        ],
        outside=[-1.0, 0.0],
    ),
]
