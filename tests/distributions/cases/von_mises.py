"""Rows of the von Mises distribution."""

from __future__ import annotations

import numpy as np
from scipy.special import i0e, i1e

from tests.distributions.cases.case import Case
from tests.distributions.cases.reference import Numeric
from zhusuan import distributions as zd


class _VonMises(Numeric):
    """With circular mean and variance; SciPy's are those of a line."""

    def __init__(self, loc, concentration):
        self._loc, self._kappa = loc, concentration
        super().__init__(self._log_density, -np.pi, np.pi)

    def _log_density(self, x):
        return self._kappa * (np.cos(x - self._loc) - 1) - np.log(2 * np.pi * i0e(self._kappa))

    def mean(self):
        return np.broadcast_to((self._loc + np.pi) % (2 * np.pi) - np.pi, (2, 3))

    def var(self):
        return np.broadcast_to(1 - i1e(self._kappa) / i0e(self._kappa), (2, 3))


_ANGLES = np.array([[-3.0, -1.0, 0.1], [0.5, 2.0, 3.1]])

# Samples turn around the circle with loc, the cdf's derivative is that of a line from -pi to pi:
# the two agree where no mass crosses its ends. So loc is 0 in the case of low concentrations.
CASES = [
    Case(
        "von-mises",
        zd.VonMises,
        {"loc": np.array([[0.5], [-1.0]]), "concentration": np.array([25.0, 50.0, 300.0])},
        lambda p: _VonMises(p["loc"], p["concentration"]),
        np.array([[0.3, 0.7, 0.55], [-0.5, -1.0, -1.1]]),
        extremes=[
            (
                {"loc": np.array([[0.0], [7.0]]), "concentration": np.array([1e-4, 1.0, 1e4])},
                _ANGLES,
            )
        ],
        outside=[-3.2, 6.0],
        # Ours is circular.
        skip=["variance"],
    ),
    Case(
        "von-mises-broad",
        zd.VonMises,
        {"concentration": np.array([[0.1, 1.0, 3.0], [0.5, 2.0, 8.0]])},
        lambda p: _VonMises(0.0, p["concentration"]),
        _ANGLES,
        fixed={"loc": 0.0},
        outside=[-3.2, 6.0],
        # The variance is circular. The kit moves loc too; the path derivative to the
        # concentration is compared with the reference.
        skip=["variance", "reparameterisation"],
    ),
]
