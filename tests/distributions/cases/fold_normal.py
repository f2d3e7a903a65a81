"""Rows of the folded normal distribution."""

from __future__ import annotations

import numpy as np
from scipy import stats

from tests.distributions.cases.case import Case
from zhusuan import distributions as zd

_POINTS = np.array([[0.01, 0.7, 40.0], [0.9, 4.0, 0.5]])


class _Folded:
    """SciPy takes the log of the density, which underflows, and integrates the entropy."""

    def __init__(self, loc, std):
        self.loc, self.scale = np.broadcast_arrays(loc, std)
        self._frozen = stats.foldnorm(np.abs(self.loc) / self.scale, scale=self.scale)
        self.mean, self.var, self.std, self.stats = (
            self._frozen.mean, self._frozen.var, self._frozen.std, self._frozen.stats
        )
        self.cdf, self.ppf = self._frozen.cdf, self._frozen.ppf

    def logpdf(self, x):
        sides = [stats.norm(centre, self.scale).logpdf(x) for centre in (self.loc, -self.loc)]
        return np.where(np.asarray(x) >= 0, np.logaddexp(*sides), -np.inf)


CASES = [
    Case(
        "fold-normal-std",
        zd.FoldNormal,
        {"mean": np.array([[0.5], [-1.0]]), "std": np.array([0.2, 1.0, 30.0])},
        lambda p: _Folded(p["mean"], p["std"]),
        _POINTS,
        extremes=[
            (
                {"mean": np.array([[0.0], [-1e4]]), "std": np.array([1e-4, 1.0, 1e4])},
                np.array([[1e-3, 40.0, 3e4], [1e4, 9990.0, 0.0]]),
            )
        ],
        outside=[-1.0],
    ),
    Case(
        "fold-normal-logstd",
        zd.FoldNormal,
        {"mean": np.array([[0.5], [-1.0]]), "logstd": np.array([-1.5, 0.0, 3.0])},
        lambda p: _Folded(p["mean"], np.exp(p["logstd"])),
        _POINTS,
        extremes=[
            (
                {"mean": np.array([[0.5], [-1.0]]), "logstd": np.array([-8.0, 40.0, 80.0])},
                np.array([[0.5001, 1e20, 1e30], [1.001, 0.0, 1e30]]),
            )
        ],
        outside=[-1.0],
    ),
]
