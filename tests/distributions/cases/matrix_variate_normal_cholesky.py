"""Rows of the matrix variate normal distribution."""

from __future__ import annotations

import numpy as np
from scipy import stats

from tests.distributions.cases.case import Case
from tests.distributions.cases.looped import Looped
from tests.distributions.cases.multivariate_normal_cholesky import TRIL
from zhusuan import distributions as zd

_RNG = np.random.default_rng(3)


def _square(tril):
    tril = np.tril(tril)
    return tril @ np.swapaxes(tril, -1, -2)


def _reference(p):
    rows, columns = _square(p["u_tril"]), _square(p["v_tril"])
    covariance = np.einsum("...ij,...kl->...ikjl", rows, columns)
    log_det = np.linalg.slogdet(covariance.reshape(*covariance.shape[:-4], 6, 6))[1]
    entropy = np.broadcast_to(0.5 * log_det + 3 * (1 + np.log(2 * np.pi)), (2, 3))
    reference = Looped(
        stats.matrix_normal,
        (p["mean"], 2),
        (rows, 2),
        (columns, 2),
        value_ndims=2,
        mean=lambda d: d.mean,
        var=lambda d: np.outer(np.diag(d.rowcov), np.diag(d.colcov)),
    )
    reference.entropy = lambda: entropy  # SciPy 1.10 has none
    return reference


CASES = [
    Case(
        "matrix_variate_normal_cholesky",
        zd.MatrixVariateNormalCholesky,
        {
            "mean": _RNG.normal(size=(3, 2, 3)),
            "u_tril": np.array([[1.2, 0.0], [-0.7, 0.5]]),
            "v_tril": TRIL,
        },
        _reference,
        _RNG.normal(size=(2, 3, 2, 3)) * 2,
    ),
]
