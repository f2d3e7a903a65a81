"""Targets in numpy, and what the tests judge draws by."""

import numpy as np

from zhusuan.mcmc import Target


class NumpyTarget(Target):
    """A target with a gradient written by hand: nothing is compiled."""

    def __init__(self, log_prob_and_grad, dim):
        super().__init__([])
        self._both, self._dim = log_prob_and_grad, dim
        self.n_gradients = 0

    @property
    def dim(self):
        return self._dim

    def log_prob_and_grad(self, position):
        self.n_gradients += 1
        return self._both(position)

    def to_support(self, position):
        return {"x": position}

    def blame(self, position):
        return "a target in numpy"

    def _log_density(self, values):
        raise NotImplementedError

    def _terms(self, values):
        raise NotImplementedError


def gaussian(mean, covariance):
    """Return a Gaussian target."""
    precision = np.linalg.inv(covariance)

    def both(position):
        away = position - mean
        gradient = -away @ precision
        return 0.5 * (away * gradient).sum(1), gradient

    return NumpyTarget(both, len(mean))


def mcse(draws, n_batches=20):
    """Return the standard error of the mean of draws [n_chains, n_draws, ...], by batch means."""
    n = draws.shape[1] // n_batches * n_batches
    batches = draws[:, :n].reshape(draws.shape[0] * n_batches, -1, *draws.shape[2:]).mean(1)
    return batches.std(0, ddof=1) / np.sqrt(len(batches))


def judge(draws, mean, variance, n_errors=4):
    """Return what is wrong with the moments of draws, '' if nothing is.

    Means within 4 standard errors, which one number fails by chance once in 16 000; variances
    within 10%. Both are printed: pytest -rP shows them.
    """
    away = np.abs(draws.mean((0, 1)) - mean) / mcse(draws)
    ratio = draws.var((0, 1)) / variance
    print(
        f"means off by up to {np.max(away):.2f} MCSE, variances {np.min(ratio):.3f} to "
        f"{np.max(ratio):.3f} of the true ones, {away.size} numbers"
    )
    if (away > n_errors).any():
        return f"means are {np.max(away):.1f} standard errors away"
    if (np.abs(ratio - 1) > 0.1).any():
        return f"variances are {ratio} of the true ones"
    return ""
