"""The Metropolis-adjusted Langevin algorithm."""

from __future__ import annotations

import numpy as np

from zhusuan.mcmc.adaptation import Adaptation
from zhusuan.mcmc.hamiltonian import DIVERGENT, HamiltonianKernel, Moved
from zhusuan.mcmc.integrators import PhasePoint
from zhusuan.mcmc.metric import Metric, kinetic_energy
from zhusuan.mcmc.spreading import uniforms


class MALA(HamiltonianKernel):
    r"""The Metropolis-adjusted Langevin algorithm (Roberts and Tweedie 1996).

    With the step size :math:`\epsilon` and the scale :math:`\Sigma`, which the warm-up learns as
    the posterior's covariance, a step along the gradient with noise is proposed,

    .. math:: q' \sim Q(q' \mid q) = N\!\left(q + \tfrac{\epsilon^2}{2} \Sigma \nabla\log p(q),\;
              \epsilon^2 \Sigma\right),

    and accepted with the probability
    :math:`\min(1, \frac{p(q') Q(q \mid q')}{p(q) Q(q' \mid q)})`. It takes one gradient a step, and
    the rate of acceptance at which it moves best, in many dims, is 0.574 (Roberts and Rosenthal
    1998).

    It is :class:`~zhusuan.mcmc.HMC` with one leapfrog step: the momentum of its info is the noise,
    :math:`\Sigma^{-1/2} \xi`.

    :param step_size: :math:`\epsilon`; where it is adapted, the first one to try.
    :param target_acceptance_rate: what the step size is adapted to, in (0, 1).
    :param metric: what :math:`\Sigma` is: ``'diagonal'``, ``'dense'``, or ``'unit'`` for 1.
    :param adapt_step_size: whether the warm-up adapts the step size.
    :param adapt_mass: whether it adapts :math:`\Sigma`.
    :param gamma: see :class:`~zhusuan.mcmc.adaptation.DualAveraging`.
    :param t0: see there.
    :param kappa: see there.
    :raises TypeError: for a setting of the wrong kind.
    :raises ValueError: for one that is out of range.
    """

    _draws_uniforms = True

    def __init__(
        self,
        step_size: float = 1.0,
        target_acceptance_rate: float = 0.574,
        metric: str = "diagonal",
        *,
        adapt_step_size: bool = True,
        adapt_mass: bool = True,
        gamma: float = 0.05,
        t0: float = 10.0,
        kappa: float = 0.75,
    ) -> None:
        adaptation = Adaptation(
            target_acceptance_rate, gamma, t0, kappa, bool(adapt_step_size), bool(adapt_mass)
        )
        super().__init__(step_size, adaptation, metric)

    def _transition(self, start: PhasePoint, metric: Metric, step_size: float) -> Moved:
        # With noise = step * velocity(momentum), the momentum is N(0, 1 / Sigma), as Q wants it.
        drift = 0.5 * step_size * start.gradient
        position = start.position + step_size * metric.velocity(start.momentum + drift)
        log_prob, gradient = self.target.log_prob_and_grad(position)
        # The noise that leads back, from q' to q, is that of this momentum with its sign changed.
        back = start.momentum + drift + 0.5 * step_size * gradient
        log_ratio = log_prob - start.log_prob
        log_ratio = log_ratio + log_proposal_ratio(metric, start.momentum, back)
        log_ratio = np.where(np.isfinite(log_ratio), log_ratio, -np.inf)
        rate = np.exp(np.minimum(log_ratio, 0.0))
        accepted = uniforms(len(rate)) < rate
        column = accepted[:, None]
        energies = (
            kinetic_energy(metric, back) - log_prob,
            kinetic_energy(metric, start.momentum) - start.log_prob,
        )
        return Moved(
            np.where(column, position, start.position),
            np.where(accepted, log_prob, start.log_prob),
            np.where(column, gradient, start.gradient),
            np.where(accepted, *energies),
            rate,
            log_ratio < -DIVERGENT,
            np.ones(len(rate), int),
        )


def log_proposal_ratio(metric: Metric, there: np.ndarray, back: np.ndarray) -> np.ndarray:
    r"""Return :math:`\log Q(q \mid q') - \log Q(q' \mid q)`, shape [n_chains].

    :param metric: :math:`\Sigma`.
    :param there: the momentum that led from q to q', shape [n_chains, D].
    :param back: the one that would lead back.
    """
    return kinetic_energy(metric, there) - kinetic_energy(metric, back)
