r"""The mass of the Hamiltonian samplers: the metric in which they measure momentum.

A metric is told by its *inverse* mass matrix :math:`\Sigma = M^{-1}`, an estimate of the covariance
of the posterior: momentum is :math:`p \sim N(0, \Sigma^{-1})`, and velocity :math:`\Sigma p`.
"""

from __future__ import annotations

from typing import NamedTuple, Union

import numpy as np

from zhusuan.random.source import generator


class Diagonal(NamedTuple):
    """A diagonal mass matrix.

    :param inverse_mass: variances, shape [D].
    """

    inverse_mass: np.ndarray

    def draw(self, n_chains: int) -> np.ndarray:
        """Draw momenta, shape [n_chains, D].

        :param n_chains: number of chains.
        :return: momenta, float64 of shape [n_chains, D].
        """
        noise = generator().standard_normal((n_chains, len(self.inverse_mass)))
        return noise / np.sqrt(self.inverse_mass)

    def velocity(self, momentum: np.ndarray) -> np.ndarray:
        """Return the velocity.

        :param momentum: shape [..., D].
        :return: shape [..., D].
        """
        return momentum * self.inverse_mass


class Dense(NamedTuple):
    """A mass matrix with all its entries.

    :param inverse_mass: covariance, shape [D, D].
    :param whitening: inverse of its lower Cholesky factor, shape [D, D].
    """

    inverse_mass: np.ndarray
    whitening: np.ndarray

    def draw(self, n_chains: int) -> np.ndarray:
        r"""Draw momenta, shape [n_chains, D].

        With :math:`\Sigma = L L^\top`, :math:`L^{-\top} \epsilon` has covariance
        :math:`\Sigma^{-1}`.

        :param n_chains: number of chains.
        :return: momenta, float64 of shape [n_chains, D].
        """
        return generator().standard_normal((n_chains, len(self.inverse_mass))) @ self.whitening

    def velocity(self, momentum: np.ndarray) -> np.ndarray:
        """Return the velocity.

        :param momentum: shape [..., D].
        :return: shape [..., D].
        """
        return momentum @ self.inverse_mass


Metric = Union[Diagonal, Dense]


def unit(dim: int) -> Diagonal:
    """Return the unit metric.

    :param dim: D.
    """
    return Diagonal(np.ones(dim))


def dense(covariance: np.ndarray) -> Dense:
    """Return the metric of a covariance.

    :param covariance: shape [D, D], positive definite.
    """
    return Dense(covariance, np.linalg.inv(np.linalg.cholesky(covariance)))


def kinetic_energy(metric: Metric, momentum: np.ndarray) -> np.ndarray:
    r"""Return :math:`p^\top M^{-1} p / 2`, shape [n_chains].

    :param metric: the mass.
    :param momentum: shape [n_chains, D].
    """
    return 0.5 * np.einsum("cd,cd->c", momentum, metric.velocity(momentum))
