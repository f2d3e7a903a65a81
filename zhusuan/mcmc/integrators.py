"""The leapfrog method: steps that keep volume, and energy up to the square of the step."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from zhusuan.mcmc.metric import Metric, kinetic_energy

ValueAndGrad = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


class PhasePoint(NamedTuple):
    """Where chains are and where they are going.

    :param position: shape [n_chains, D].
    :param momentum: shape [n_chains, D].
    :param log_prob: log-density of the position in nats, shape [n_chains].
    :param gradient: of the log-density, shape [n_chains, D].
    """

    position: np.ndarray
    momentum: np.ndarray
    log_prob: np.ndarray
    gradient: np.ndarray


def leapfrog(
    log_prob_and_grad: ValueAndGrad, metric: Metric, point: PhasePoint, step: float | np.ndarray
) -> PhasePoint:
    r"""Return the point one leapfrog step later.

    .. math::

        p' = p + \tfrac\epsilon2 \nabla\log\pi(q), \quad q^* = q + \epsilon M^{-1} p', \quad
        p^* = p' + \tfrac\epsilon2 \nabla\log\pi(q^*)

    (Neal 2011, eq. 2.28-2.30.) With :math:`-\epsilon` it goes back the way it came.

    :param log_prob_and_grad: the target.
    :param metric: the mass.
    :param point: where to begin.
    :param step: :math:`\epsilon`, a number or an array of shape [n_chains, 1].
    :return: position, momentum, log-density and gradient there.
    """
    half = 0.5 * step
    momentum = point.momentum + half * point.gradient
    position = point.position + step * metric.velocity(momentum)
    log_prob, gradient = log_prob_and_grad(position)
    return PhasePoint(position, momentum + half * gradient, log_prob, gradient)


def energy(metric: Metric, point: PhasePoint) -> np.ndarray:
    r"""Return the Hamiltonian, :math:`-\log\pi(q) + p^\top M^{-1} p / 2`; infinite where it is NaN.

    :param metric: the mass.
    :param point: of the chains.
    :return: shape [n_chains], in nats.
    """
    total = kinetic_energy(metric, point.momentum) - point.log_prob
    return np.where(np.isnan(total), np.inf, total)
