"""Gaussian process regression without approximations, for few data, in NumPy."""

from __future__ import annotations

import math

import numpy as np


class ExactGP:
    r"""The posterior of a process with squared exponential kernel, given noisy values.

    (Rasmussen and Williams 2006, algorithm 2.1.) The kernel is :math:`k(a, b) = s^2
    \exp(-\tfrac12 \sum_d (a_d - b_d)^2 / \ell_d^2)`.

    :param scale: :math:`s`, ``[1]``.
    :param lengthscale: :math:`\ell`, ``[d]``.
    :param noise: standard deviation of the noise, ``[1]``.
    :param x: inputs, ``[n, d]``.
    :param y: targets, ``[n]``.
    """

    def __init__(
        self,
        scale: np.ndarray,
        lengthscale: np.ndarray,
        noise: np.ndarray,
        x: np.ndarray,
        y: np.ndarray,
    ) -> None:
        self._scale, self._lengthscale = scale, lengthscale
        self._x, self._y = x.astype(np.float64), y.astype(np.float64)
        covariance = self._covariance(self._x, self._x) + noise**2 * np.eye(len(x))
        self._lower = np.linalg.cholesky(covariance)
        self._white = np.linalg.solve(self._lower, self._y)

    @property
    def log_evidence(self) -> float:
        """The log marginal likelihood of the targets, in nats (eq. 2.30)."""
        log_det = np.log(np.diag(self._lower)).sum()
        constant = 0.5 * len(self._y) * math.log(2.0 * math.pi)
        return float(-0.5 * (self._white**2).sum() - log_det - constant)

    def predict(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and variance of the process, without noise, at inputs ``[n, d]``."""
        a = np.linalg.solve(self._lower, self._covariance(self._x, x))
        return a.T @ self._white, self._scale**2 - (a**2).sum(0)

    def _covariance(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        apart = (a[:, None] - b[None]) / self._lengthscale
        return self._scale**2 * np.exp(-0.5 * (apart**2).sum(-1))
