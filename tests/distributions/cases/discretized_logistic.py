"""Rows of the discretized logistic distribution."""

from __future__ import annotations

import numpy as np
from scipy.special import log_expit

from tests.distributions.cases.case import Case
from tests.distributions.cases.reference import Summed
from zhusuan import distributions as zd


class _DiscretizedLogistic:
    """The numbers of the grid points are those of a :class:`Summed`."""

    def __init__(self, loc, scale, low, high, n_bins):
        self._loc, self._scale = loc, scale
        self._low, self._step, self._n = low, (high - low) / (n_bins - 1), n_bins
        self._index = Summed(self._log_mass, 0, n_bins - 1)
        self.entropy = self._index.entropy

    def _log_mass(self, k):
        centre = self._low + k * self._step
        above = (centre + self._step / 2 - self._loc) / self._scale
        below = (centre - self._step / 2 - self._loc) / self._scale
        inside = log_expit(above) + log_expit(-below) + np.log(-np.expm1(below - above))
        ends = [log_expit(above), log_expit(-below)]
        return np.select([k == 0, k == self._n - 1], ends, inside)

    def _number(self, x):
        return np.round((np.asarray(x) - self._low) / self._step)

    def logpmf(self, x):
        return self._index.logpmf(self._number(x))

    def cdf(self, x):
        return self._index.cdf(self._number(x))

    def ppf(self, u):
        return self._low + self._step * self._index.ppf(u)

    def mean(self):
        return self._low + self._step * self._index.mean()

    def var(self):
        return self._step**2 * self._index.var()


_PIXELS = np.array([[0.0, 128.0, 255.0], [3.0, 250.0, 77.0]])
_LEVELS = np.array([[-2.0, -1.0, 1.0], [2.0, 0.0, -1.0]])

# Grids of whole numbers, since samples of all discrete families are asked for as int32.
CASES = [
    Case(
        "discretized-logistic",
        zd.DiscretizedLogistic,
        {"loc": np.array([[100.0], [300.0]]), "scale": np.array([8.0, 25.0, 255.0])},
        lambda p: _DiscretizedLogistic(p["loc"], p["scale"], 0.0, 255.0, 256),
        _PIXELS,
        discrete=True,
        fixed={"low": 0.0, "high": 255.0},
        extremes=[
            ({"loc": np.array([[0.0], [128.0]]), "scale": np.array([0.02, 2.0, 1e6])}, _PIXELS)
        ],
        outside=[-1.0, 0.5, 256.0],
        # A finite difference of the bounds moves the grid away from the points; in the other
        # case it stays within the tolerance.
        skip=["gradients of log_prob"],
    ),
    Case(
        "discretized-logistic-levels",
        zd.DiscretizedLogistic,
        {"loc": np.array([[-1.6], [3.2]]), "scale": np.array([0.3, 1.0, 2.0])},
        lambda p: _DiscretizedLogistic(p["loc"], p["scale"], -2.0, 2.0, 5),
        _LEVELS,
        discrete=True,
        fixed={"low": -2.0, "high": 2.0, "n_bins": 5},
        outside=[-3.0, 0.5, 3.0],
    ),
]
