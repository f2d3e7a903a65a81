"""The data of benchmarks/mcmc.py, the same for all libraries; NumPy only."""

from __future__ import annotations

import numpy as np

TARGETS = ("logistic", "schools", "gaussian")

# Rubin 1981, the coaching of eight schools.
EFFECTS = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
ERRORS = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])


def logistic_data() -> tuple[np.ndarray, np.ndarray]:
    """Return features ``[1000, 20]`` and labels ``[1000]`` of a logistic regression."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(1000, 20))
    y = rng.random(1000) < 1.0 / (1.0 + np.exp(-x @ rng.normal(size=20)))
    return x.astype(np.float32), y.astype(np.float32)


def gaussian_factor() -> np.ndarray:
    """Return the Cholesky factor ``[100, 100]`` of a covariance.

    Neighbours are correlated by 0.9, and standard deviations go from 0.1 to 10.
    """
    i = np.arange(100)
    scales = np.logspace(-1.0, 1.0, 100)
    covariance = 0.9 ** np.abs(i[:, None] - i) * scales[:, None] * scales
    return np.linalg.cholesky(covariance).astype(np.float32)
