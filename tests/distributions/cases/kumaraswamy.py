"""Rows of the Kumaraswamy distribution, which SciPy lacks."""

from __future__ import annotations

import numpy as np
from scipy import special

from tests.distributions.cases.case import Case
from tests.distributions.cases.reference import Numeric
from zhusuan import distributions as zd


class _Kumaraswamy(Numeric):
    def __init__(self, alpha, beta):
        self.alpha, self.beta = np.broadcast_arrays(alpha, beta)
        super().__init__(self._log_density, 0.0, 1.0)

    def _log_density(self, x):
        a, b = self.alpha, self.beta
        return np.log(a * b) + special.xlogy(a - 1, x) + special.xlog1py(b - 1, -(x**a))

    def cdf(self, x):
        return -np.expm1(self.beta * np.log1p(-(np.asarray(x, float) ** self.alpha)))

    def ppf(self, p):
        return (-np.expm1(np.log1p(-p) / self.beta)) ** (1 / self.alpha)


CASES = [
    Case(
        "kumaraswamy",
        zd.Kumaraswamy,
        {"alpha": np.array([[1.5], [3.0]]), "beta": np.array([0.8, 1.0, 5.0])},
        lambda p: _Kumaraswamy(p["alpha"], p["beta"]),
        np.array([[0.3, 0.01, 0.25], [0.9, 0.5, 0.6]]),
        extremes=[
            (
                {"alpha": np.array([[1e-4], [1e4]]), "beta": np.array([1e-4, 1.0, 1e4])},
                np.array([[1e-30, 0.5, 1e-3], [0.9999, 0.99, 0.999]]),
            )
        ],
        outside=[-0.1, 1.1],
    ),
]
