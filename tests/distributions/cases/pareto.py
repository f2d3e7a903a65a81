"""Rows of the Pareto distribution."""

from __future__ import annotations

import numpy as np
from scipy import stats

from tests.distributions.cases.case import Case
from zhusuan import distributions as zd


class _Pareto:
    """SciPy takes the log of the density, which underflows."""

    def __init__(self, scale, alpha):
        self.scale, self.alpha = scale, alpha
        self._frozen = stats.pareto(alpha, scale=scale)
        self.mean, self.var, self.std, self.stats = (
            self._frozen.mean, self._frozen.var, self._frozen.std, self._frozen.stats
        )
        self.cdf, self.ppf, self.entropy = (
            self._frozen.cdf, self._frozen.ppf, self._frozen.entropy
        )

    def logpdf(self, x):
        log_density = np.log(self.alpha / self.scale) - (self.alpha + 1) * np.log(x / self.scale)
        return np.where(x >= self.scale, log_density, -np.inf)


CASES = [
    Case(
        "pareto",
        zd.Pareto,
        {"scale": np.array([[0.2], [5.0]]), "alpha": np.array([8.0, 20.0, 100.0])},
        lambda p: _Pareto(p["scale"], p["alpha"]),
        np.array([[0.3, 0.21, 0.201], [20.0, 6.0, 5.5]]),
        extremes=[
            (
                {"scale": np.array([[1e-4], [1e4]]), "alpha": np.array([1e-4, 1.0, 1e4])},
                np.array([[1e30, 1e-3, 1.0001e-4], [1.5e4, 1e20, 1e5]]),
            )
        ],
        outside=[-1.0, 0.0, 0.1],
    ),
]
