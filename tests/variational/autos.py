"""Models and helpers that the tests of the automatic families share."""

import jittor as jt
import numpy as np

import zhusuan as zs

Y = np.float32([28, 8, -3, 7, -1, 1, 18, 12])
SIGMA = np.float32([15, 10, 16, 11, 9, 11, 10, 18])


class Schools(zs.BayesianNet):
    """Eight schools, non-centred (Rubin 1981; Gelman et al. 2013, sec. 5.5)."""

    def execute(self, observed):
        self.observe(observed)
        mu = self.sn("Normal", "mu", mean=0.0, std=5.0, group_ndims=1)
        tau = self.sn("HalfCauchy", "tau", scale=5.0, group_ndims=1)
        eta = self.sn("Normal", "eta", mean=np.zeros(8), std=1.0, group_ndims=1)
        self.sn("Normal", "y", mean=mu + tau * eta, std=SIGMA, group_ndims=1)
        return self


class Correlated(zs.BayesianNet):
    """a ~ N(m, A) and b | a ~ N(a W, C): a normal of known covariance over two nodes.

    :param n_a: entries of a.
    :param n_b: entries of b.
    """

    def __init__(self, n_a, n_b, seed=0):
        super().__init__()
        rng = np.random.default_rng(seed)
        self._m = rng.normal(size=n_a)
        self._a, self._c = _covariance(rng, n_a), _covariance(rng, n_b)
        self._w = rng.normal(size=(n_a, n_b)) / np.sqrt(n_a)
        self._w_var = jt.array(np.float32(self._w)).stop_grad()

    def execute(self, observed):
        self.observe(observed)
        m, a_cov, c_cov = (np.float32(v) for v in (self._m, self._a, self._c))
        a = self.sn("MultivariateNormal", "a", mean=m, covariance=a_cov)
        mean = zs.linalg.matvec(self._w_var.transpose(0, 1), a)
        self.sn("MultivariateNormal", "b", mean=mean, covariance=c_cov)
        return self

    @property
    def moments(self):
        """Mean and covariance of a and b together, float64."""
        cross = self._a @ self._w
        below = self._c + self._w.T @ cross
        covariance = np.block([[self._a, cross], [cross.T, below]])
        return np.concatenate([self._m, self._m @ self._w]), covariance


def _covariance(rng, n):
    """Return a covariance with scales from 0.5 to 2 and correlations of all sizes."""
    factor = rng.normal(size=(n, n))
    raw = factor @ factor.T + 0.5 * n * np.eye(n)
    scale = np.exp(rng.uniform(np.log(0.5), np.log(2.0), n)) / np.sqrt(np.diagonal(raw))
    return raw * np.outer(scale, scale)


class Vector(zs.BayesianNet):
    """z, a normal vector of given moments, without data."""

    def __init__(self, mean, covariance):
        super().__init__()
        self._moments = np.float32(mean), np.float32(covariance)

    def execute(self, observed):
        self.observe(observed)
        mean, covariance = self._moments
        self.sn("MultivariateNormal", "z", mean=mean, covariance=covariance)
        return self


class Supports(zs.BayesianNet):
    """Independent nodes on all kinds of supports; nothing is observed, so the evidence is 1."""

    def __init__(self):
        super().__init__()
        self._low = jt.array(np.float32([-1.0, 2.0])).stop_grad()

    def execute(self, observed):
        self.observe(observed)
        self.sn("Normal", "real", mean=np.zeros(2), std=2.0, group_ndims=1)
        self.sn("Gamma", "positive", alpha=3.0 * np.ones(2), beta=2.0, group_ndims=1)
        self.sn("Beta", "unit", alpha=2.0 * np.ones(2), beta=5.0, group_ndims=1)
        self.sn("Uniform", "between", minval=self._low, maxval=self._low + 3.0, group_ndims=1)
        self.sn("Dirichlet", "simplex", alpha=np.float32([2.0, 3.0, 4.0]))
        return self


def fit(objective, observed, steps, lr):
    """Minimise an objective with a step size that falls to nothing; return the losses.

    :param objective: the loss.
    :param observed: the data.
    :param steps: how many.
    :param lr: first step size of Adam.
    """
    optimizer = jt.optim.Adam(objective.parameters(), lr)
    losses = []
    for i in range(steps):
        optimizer.lr = lr * 0.5 * (1.0 + np.cos(np.pi * i / steps)) + 1e-6
        loss = objective(observed)
        optimizer.step(loss)
        losses.append(loss.item())
    return np.array(losses)
