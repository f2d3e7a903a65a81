"""Rows of the multivariate normal distribution given a covariance or a precision."""

from __future__ import annotations

import numpy as np

from tests.distributions.cases.case import Case
from tests.distributions.cases.multivariate_normal_cholesky import (
    MEAN,
    POINTS,
    TRIL,
    normal_reference,
)
from zhusuan import distributions as zd

_MATRIX = TRIL @ np.swapaxes(TRIL, -1, -2)


def _symmetric(a):
    # The library reads both triangles: finite differences move one entry at a time.
    return (a + np.swapaxes(a, -1, -2)) / 2


CASES = [
    Case(
        "multivariate_normal-covariance",
        zd.MultivariateNormal,
        {"mean": MEAN, "covariance": _MATRIX},
        lambda p: normal_reference(p["mean"], _symmetric(p["covariance"])),
        POINTS,
    ),
    Case(
        "multivariate_normal-precision",
        zd.MultivariateNormal,
        {"mean": MEAN, "precision": _MATRIX},
        lambda p: normal_reference(p["mean"], np.linalg.inv(_symmetric(p["precision"]))),
        POINTS,
    ),
]
