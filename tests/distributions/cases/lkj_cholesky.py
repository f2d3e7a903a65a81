"""Rows of the LKJ distribution over Cholesky factors."""

from __future__ import annotations

import numpy as np
from scipy import stats
from scipy.special import betaln

from tests.distributions.cases.case import Case
from zhusuan import distributions as zd


class LKJ:
    """The density of the correlation matrix, taken to its factor by a change of variables.

    The density and its normaliser: Lewandowski, Kurowicka and Joe 2009, eq. 11 and 16.
    """

    def __init__(self, p, dim):
        self._dim = dim
        self._eta = np.broadcast_to(p["concentration"], (2, 3))

    def logpdf(self, x):
        d, eta = self._dim, self._eta
        k = np.arange(1, d).reshape(-1, 1, 1)
        shape = eta + (d - k - 1) / 2
        log_c = ((2 * eta - 2 + d - k) * (d - k) * np.log(2)).sum(0)
        log_c = log_c + ((d - k) * betaln(shape, shape)).sum(0)
        diagonal = np.log(np.einsum("...ii->...i", np.asarray(x, dtype=float)))
        # Entry (i, j) of C moves by L_jj with entry (i, j) of L; the diagonal of L is no
        # variable of its own, since rows have norm 1.
        log_volume = (np.arange(d - 1, -1, -1) * diagonal).sum(-1)
        return 2 * (eta - 1) * diagonal.sum(-1) - log_c + log_volume

    def _beta_means(self, f):
        """Expectations, by quadrature, over the sum of squares below the diagonal of each row."""
        d = self._dim
        means = np.zeros((2, 3, d))
        for i, j in np.ndindex(2, 3):
            for k in range(2, d + 1):
                y = stats.beta((k - 1) / 2, self._eta[i, j] + (d - k) / 2)
                means[i, j, k - 1] = y.expect(f)
        return means

    def mean(self):
        diagonal = self._beta_means(lambda y: np.sqrt(1 - y))
        diagonal[..., 0] = 1.0
        return diagonal[..., None] * np.eye(self._dim)

    def var(self):
        d = self._dim
        spread = self._beta_means(lambda y: y)
        rows = np.maximum(np.arange(d), 1)
        var = np.tril(np.ones((d, d)), -1) * (spread / rows)[..., None]
        first = self.mean()
        first[..., 0, 0] = 0.0
        second = self._beta_means(lambda y: 1 - y)
        return var + second[..., None] * np.eye(d) - first**2

    def entropy(self):
        # log p at a factor with the geometric means of the diagonal is the mean of log p.
        diagonal = np.exp(self._beta_means(lambda y: 0.5 * np.log1p(-y)))
        return -self.logpdf(diagonal[..., None] * np.eye(self._dim))


def _points(dim, seed):
    factors = np.tril(np.random.default_rng(seed).normal(size=(2, 3, dim, dim)))
    factors[..., np.arange(dim), np.arange(dim)] = 1.0
    return factors / np.linalg.norm(factors, axis=-1, keepdims=True)


def _case(name, dim, concentration, **more):
    return Case(
        name,
        zd.LKJCholesky,
        {"concentration": concentration},
        lambda p: LKJ(p, dim),
        _points(dim, dim),
        fixed={"dim": dim},
        outside=[2 * np.eye(dim), -np.eye(dim), np.ones((dim, dim)) / np.sqrt(dim)],
        **more,
    )


CASES = [
    _case(
        "lkj_cholesky",
        4,
        np.array([[0.6, 1.0, 1.5], [2.0, 5.0, 30.0]]),
        extremes=[
            ({"concentration": np.array([[1e-4, 1e-2, 0.1], [1e2, 1e3, 1e4]])}, _points(4, 1))
        ],
    ),
    _case("lkj_cholesky-2", 2, np.array([[0.7], [3.0]]) * np.ones((1, 3))),
]
