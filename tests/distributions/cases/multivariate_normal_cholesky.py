"""Rows of the multivariate normal distribution given a Cholesky factor."""

from __future__ import annotations

import numpy as np
from scipy import stats

from tests.distributions.cases.case import Case
from tests.distributions.cases.looped import Looped
from zhusuan import distributions as zd

TRIL = np.array(
    [
        [[[1.0, 0.0, 0.0], [0.5, 0.8, 0.0], [-0.3, 0.2, 0.6]]],
        [[[2.0, 0.0, 0.0], [-1.0, 1.5, 0.0], [0.7, -0.4, 0.3]]],
    ]
)
MEAN = np.array([[0.0, 1.0, -2.0], [0.5, 0.5, 0.5], [3.0, -1.0, 0.1]])
POINTS = np.random.default_rng(1).normal(size=(2, 3, 3)) * 2
# Standard deviations from 1e-4 to 1e4 and a correlation of 1 - 5e-9.
_SCALED = np.diag([1e-4, 1.0, 1e4]) @ np.array([[1, 0, 0], [1, 1e-4, 0], [0.5, 0.5, 0.7]])


def normal_reference(mean, covariance):
    """SciPy's distribution for a batch of means and covariances."""
    return Looped(
        lambda m, c: stats.multivariate_normal(m, c, allow_singular=False),
        (mean, 1),
        (covariance, 2),
        value_ndims=1,
        mean=lambda d: d.mean,
        var=lambda d: np.diag(d.cov),
        entropy=lambda d: d.entropy(),
    )


class _ByFactor:
    """Float64 beyond what SciPy takes for positive definite."""

    def __init__(self, mean, tril):
        self._mean, self._tril = mean, tril

    def logpdf(self, x):
        white = np.linalg.solve(self._tril, (x - self._mean)[..., None])[..., 0]
        log_det = np.log(np.einsum("...ii->...i", self._tril)).sum(-1)
        return stats.norm.logpdf(white).sum(-1) - log_det


def _reference(p):
    tril = np.tril(p["cov_tril"])
    if np.einsum("...ii->...i", tril).min() < 1e-3:
        return _ByFactor(p["mean"], tril)
    return normal_reference(p["mean"], tril @ np.swapaxes(tril, -1, -2))


CASES = [
    Case(
        "multivariate_normal_cholesky",
        zd.MultivariateNormalCholesky,
        {"mean": MEAN, "cov_tril": TRIL},
        _reference,
        POINTS,
        extremes=[
            (
                {"mean": MEAN, "cov_tril": np.float32(_SCALED) * np.ones((2, 1, 1, 1))},
                MEAN + np.array([1e-4, 2.0, -1e4]) * np.ones((2, 1, 1)),
            )
        ],
    ),
]
