"""Rows of the Dirichlet distribution."""

from __future__ import annotations

import numpy as np
from scipy import stats

from tests.distributions.cases.case import Case
from tests.distributions.cases.looped import Looped
from zhusuan import distributions as zd

_POINTS = np.array(
    [
        [[0.2, 0.3, 0.1, 0.4], [0.97, 0.01, 0.01, 0.01], [0.25, 0.25, 0.25, 0.25]],
        [[1e-6, 0.5, 0.3, 0.199999], [0.7, 0.1, 0.1, 0.1], [0.05, 0.15, 0.35, 0.45]],
    ]
)
# Sums of exactly 1 where 1e-8 more would count.
_TAILS = np.array(
    [
        [[1e-30, 1e-20, 1e-10, 1.0], [0.25, 0.25, 0.25, 0.25], [1e-37, 0.5, 0.25, 0.25]],
        np.array([[1025, 1023, 1026, 1022], [768, 768, 1280, 1280], [512, 512, 1024, 2048]]) / 4096,
    ]
)


class _Dirichlet:
    """SciPy's, for any weights: it wants sums of 1 beyond float32, and none that is unbounded."""

    def __init__(self, alpha):
        self._alpha, self._frozen = alpha, stats.dirichlet(alpha)
        self.mean, self.var, self.entropy = (getattr(self._frozen, n) for n in _MOMENTS)

    def logpdf(self, x):
        if (x[self._alpha < 1] == 0).any():
            return np.inf
        return self._frozen.logpdf(x / x.sum())


_MOMENTS = ("mean", "var", "entropy")


def _reference(p):
    return Looped(
        _Dirichlet,
        (p["alpha"], 1),
        value_ndims=1,
        mean=lambda d: d.mean(),
        var=lambda d: d.var(),
        entropy=lambda d: d.entropy(),
    )


CASES = [
    Case(
        "dirichlet",
        zd.Dirichlet,
        {"alpha": np.array([[[0.5, 3.0, 1.0, 7.0]], [[2.0, 0.7, 20.0, 1.5]]])
         * np.array([[[1.0], [0.5], [2.0]]])},
        _reference,
        _POINTS,
        extremes=[
            (
                {"alpha": np.array([[[1e-4, 1e-3, 0.05, 1.0]] * 3, [[1e4, 1e4, 1e4, 1e4]] * 3])},
                _TAILS,
            )
        ],
        outside=[np.array([0.5, 0.5, 0.5, 0.5]), np.array([-0.1, 0.5, 0.5, 0.1])],
    ),
    Case(
        "dirichlet-2",
        zd.Dirichlet,
        {"alpha": np.array([[[4.0, 2.0]], [[0.3, 0.6]]]) * np.ones((2, 3, 1))},
        _reference,
        _POINTS[..., :2] / _POINTS[..., :2].sum(-1, keepdims=True),
    ),
]
