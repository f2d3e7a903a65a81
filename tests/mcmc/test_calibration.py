"""Calibration of the kernels on simulated data, and the mistakes that it must see."""

import numpy as np
import pytest

from tests.mcmc.calibration import Counts, Ranks, Regression, geweke, rank_truths
from zhusuan import mcmc
from zhusuan.framework.latents import Latent
from zhusuan.mcmc import hamiltonian, hmc, nuts
from zhusuan.mcmc.integrators import PhasePoint

MODELS = {"regression": Regression, "counts": Counts}

# Few steps for HMC: over longer trajectories the regression's posterior, a Gaussian, comes back to
# where it was, and draws are far from independent however they are thinned. The mass is fixed,
# since that of all data sets pooled would be their spread more than that of one posterior.
KERNELS = {
    "hmc": mcmc.HMC(0.3, 3, adapt_mass=False),
    "nuts": mcmc.NUTS(metric="unit"),
}
FIXED = mcmc.HMC(0.2, 6, adapt_step_size=False)

# A right kernel fails below this once in 1000 seeds, and the seeds are fixed.
SURE = 1e-3
# Every mistake must be beyond all doubt.
WRONG = 1e-6


@pytest.mark.parametrize(("name", "model"), [("hmc", "counts"), ("nuts", "regression")])
def test_truths_rank_uniformly(name, model):
    found = rank_truths(KERNELS[name], MODELS[model](), seed=1, thin=6)
    assert found.autocorrelation < 0.15
    assert found.p_value > SURE


@pytest.mark.parametrize("model", list(MODELS))
def test_joint_distribution_is_kept(model):
    assert geweke(FIXED, MODELS[model](), seed=2) > SURE


@pytest.mark.slow
@pytest.mark.parametrize("model", list(MODELS))
@pytest.mark.parametrize("name", list(KERNELS))
def test_truths_rank_uniformly_at_length(name, model):
    found = rank_truths(
        KERNELS[name], MODELS[model](), seed=3, n_sets=2000, n_warmup=200, n_draws=31, thin=8
    )
    # 63 per bin: a mean rank that is off by 2% of the range would be seen.
    assert found.autocorrelation < 0.15
    assert found.p_value > SURE


@pytest.mark.slow
@pytest.mark.parametrize("model", list(MODELS))
def test_joint_distribution_is_kept_at_length(model):
    assert geweke(FIXED, MODELS[model](), seed=4, n_chains=4000, n_steps=100) > SURE


# -- mistakes


def second_kick_wrong(log_prob_and_grad, metric, point, step):
    """A leapfrog step with a wrong sign at its end: it can't be gone back."""
    half = 0.5 * step
    momentum = point.momentum + half * point.gradient
    position = point.position + step * metric.velocity(momentum)
    log_prob, gradient = log_prob_and_grad(position)
    return PhasePoint(position, momentum - half * gradient, log_prob, gradient)


def both_kicks_wrong(log_prob_and_grad, metric, point, step):
    """A leapfrog step against the gradient."""
    half = 0.5 * step
    momentum = point.momentum - half * point.gradient
    position = point.position + step * metric.velocity(momentum)
    log_prob, gradient = log_prob_and_grad(position)
    return PhasePoint(position, momentum - half * gradient, log_prob, gradient)


def wrong_leapfrog(step):
    def breaks(monkeypatch):
        for module in (hamiltonian, hmc, nuts):
            monkeypatch.setattr(module, "leapfrog", step)

    return breaks


def no_jacobian(monkeypatch):
    monkeypatch.setattr(Latent, "from_free_and_log_det", lambda self, u: (self.from_free(u), None))


def no_kinetic_energy(monkeypatch):
    for module in (hamiltonian, hmc):
        monkeypatch.setattr(module, "energy", lambda metric, point: -point.log_prob)
    dot = nuts._dot
    # Under the unit metric a velocity is its momentum: this is the square that makes the energy.
    monkeypatch.setattr(
        nuts, "_dot", lambda a, b: np.zeros(len(a)) if np.array_equal(a, b) else dot(a, b)
    )


MISTAKES = {
    "second kick": wrong_leapfrog(second_kick_wrong),
    "both kicks": wrong_leapfrog(both_kicks_wrong),
    "jacobian": no_jacobian,
    "kinetic energy": no_kinetic_energy,
}
