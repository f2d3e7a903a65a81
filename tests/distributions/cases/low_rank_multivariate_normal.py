"""Rows of the multivariate normal distribution of low rank."""

from __future__ import annotations

import numpy as np

from tests.distributions.cases.case import Case
from tests.distributions.cases.multivariate_normal_cholesky import MEAN, POINTS, normal_reference
from zhusuan import distributions as zd

_FACTOR = np.random.default_rng(2).normal(size=(2, 1, 3, 2))


def _reference(p):
    factor = p["cov_factor"]
    diagonal = p["cov_diag"][..., None] * np.eye(3)
    return normal_reference(p["mean"], factor @ np.swapaxes(factor, -1, -2) + diagonal)


CASES = [
    Case(
        "low_rank_multivariate_normal",
        zd.LowRankMultivariateNormal,
        {"mean": MEAN, "cov_factor": _FACTOR, "cov_diag": np.array([0.5, 1.0, 0.1])},
        _reference,
        POINTS,
        # The two terms of Woodbury's identity agree in their first six digits.
        extremes=[
            (
                {
                    "mean": MEAN,
                    "cov_factor": _FACTOR * 10,
                    "cov_diag": np.array([1e-4, 2e-4, 1e-4]),
                },
                POINTS,
            )
        ],
    ),
]
