"""Rows of the truncated normal distribution."""

from __future__ import annotations

import numpy as np
from scipy import stats

from tests.distributions.cases.case import Case
from tests.distributions.cases.reference import Numeric
from zhusuan import distributions as zd


class _TruncatedNormal(Numeric):
    """SciPy's density; its moments and quantiles have no digits left at 100 sigma."""

    def __init__(self, mean, std, low, high):
        a, b = (low - mean) / std, (high - mean) / std
        super().__init__(stats.truncnorm(a, b, mean, std).logpdf, low, high)


CASES = [
    Case(
        "truncated-normal",
        zd.TruncatedNormal,
        {
            "mean": np.array([[0.5], [-1.0]]),
            "std": np.array([0.2, 1.0, 30.0]),
            "low": np.array([[0.0], [-2.0]]),
            "high": np.array([[1.0, 3.0, 2.0], [-0.6, 9.0, 50.0]]),
        },
        lambda p: _TruncatedNormal(p["mean"], p["std"], p["low"], p["high"]),
        np.array([[0.3, 2.9, 1.0], [-1.9, 0.0, 20.0]]),
        extremes=[
            (
                {
                    "mean": np.array([[-1e4], [20.0]]),
                    "std": np.array([1.0, 10.0, 1e4]),
                    "low": np.array([[0.0], [-np.inf]]),
                    "high": np.array([[1.0, np.inf, 1e-4], [0.0, 1e-3, 10.0]]),
                },
                np.array([[1e-4, 0.01, 1e-5], [-0.05, -30.0, -2e4]]),
            )
        ],
        outside=[-3.0, 60.0],
    ),
    Case(
        "truncated-normal-lower-tail",
        zd.TruncatedNormal,
        {
            "mean": np.array([[40.0], [15.0]]),
            "logstd": np.array([0.0, 0.5, 1.0]),
            "high": np.array([[1.0, 3.0, 2.0], [-0.6, -9.0, 5.0]]),
        },
        lambda p: _TruncatedNormal(p["mean"], np.exp(p["logstd"]), -np.inf, p["high"]),
        np.array([[0.9, 2.9, 1.0], [-0.9, -9.1, 4.0]]),
        outside=[6.0],
    ),
    Case(
        "truncated-normal-upper-tail",
        zd.TruncatedNormal,
        {
            "mean": np.array([[-100.0], [-12.0]]),
            "std": np.array([1.0, 2.0, 5.0]),
            "low": np.array([0.0, 0.5, 1.0]),
        },
        lambda p: _TruncatedNormal(p["mean"], p["std"], p["low"], np.inf),
        np.array([[0.01, 0.52, 1.1], [0.1, 0.8, 2.0]]),
        outside=[-0.1],
    ),
]
