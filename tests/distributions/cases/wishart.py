"""Rows of the Wishart distribution."""

from __future__ import annotations

import numpy as np
from scipy import stats

from tests.distributions.cases.case import Case
from tests.distributions.cases.looped import Looped
from tests.distributions.cases.multivariate_normal_cholesky import TRIL
from zhusuan import distributions as zd

_FACTORS = np.random.default_rng(4).normal(size=(2, 3, 3, 5))
_POINTS = np.float32(_FACTORS @ np.swapaxes(_FACTORS, -1, -2)).astype(float)


def _reference(p):
    tril = np.tril(p["scale_tril"])
    return Looped(
        stats.wishart,
        (p["df"], 0),
        (tril @ np.swapaxes(tril, -1, -2), 2),
        value_ndims=2,
        of_value=lambda x: (x + x.T) / 2,
        mean=lambda d: d.mean(),
        var=lambda d: d.var(),
        entropy=lambda d: d.entropy(),
    )


CASES = [
    Case(
        "wishart",
        zd.Wishart,
        {"df": np.array([3.5, 5.0, 30.0]), "scale_tril": TRIL},
        _reference,
        _POINTS,
        extremes=[
            ({"df": np.array([2.001, 100.0, 1e4]), "scale_tril": TRIL}, _POINTS),
            ({"df": np.array([2.001, 100.0, 1e4]), "scale_tril": TRIL * 100}, _POINTS * 1e4),
        ],
        outside=[-np.eye(3), np.diag([1.0, 1.0, 0.0]), np.ones((3, 3)) + np.diag([1.0, -1.0, 1.0])],
    ),
]
