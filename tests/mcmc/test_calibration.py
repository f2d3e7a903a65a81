"""Calibration of the kernels on simulated data, and the mistakes that it must see."""

from typing import NamedTuple

import pytest

from tests.mcmc.calibration import Counts, Regression, geweke, rank_truths
from tests.mcmc.mistakes import FIRST_KICK, KINETIC_ENERGY, SECOND_KICK, break_nuts
from zhusuan import mcmc
from zhusuan.framework.latents import Latent
from zhusuan.mcmc import hamiltonian, hmc
from zhusuan.mcmc.integrators import PhasePoint

MODELS = {"regression": Regression, "counts": Counts}


class Case(NamedTuple):
    """A kernel, and how far apart its draws are kept.

    The mass is fixed: learnt from all data sets together it would be the spread
    between them more than that of one posterior.
    """

    kernel: mcmc.Kernel
    thin: int


CASES = {
    # Few and small steps: a longer trajectory in the regression's posterior, a Gaussian, comes back
    # to where it was, and draws are far from independent however they are thinned.
    "hmc": Case(mcmc.HMC(0.3, 2, target_acceptance_rate=0.9, metric="unit"), 8),
    "nuts": Case(mcmc.NUTS(metric="unit"), 3),
    "chees": Case(mcmc.ChEES(metric="unit"), 4),
}
# For mistakes, with which a trajectory may never turn.
SHORT = {
    **CASES,
    "nuts": Case(mcmc.NUTS(metric="unit", max_treedepth=4), 3),
    "chees": Case(mcmc.ChEES(metric="unit", max_leapfrogs=16), 4),
}
# With what the warm-up learns of masses, poor as it is here.
ADAPTED = {
    "hmc": Case(mcmc.HMC(0.3, 2, target_acceptance_rate=0.9), 16),
    "nuts": Case(mcmc.NUTS(), 6),
    "nuts dense": Case(mcmc.NUTS(metric="dense"), 6),
    "chees": Case(mcmc.ChEES(), 8),
}
FIXED = mcmc.HMC(0.1, 6, adapt_step_size=False)

# A right kernel falls below this for one seed in 1000; the seeds are fixed.
SURE = 1e-3
# Mistakes must be beyond doubt.
WRONG = 1e-6
# Of neighbouring draws, beyond which ranks are too often the first or the last.
CLOSE = 0.15


@pytest.mark.parametrize("model", list(MODELS))
@pytest.mark.parametrize("name", list(CASES))
def test_truths_rank_uniformly(name, model):
    kernel, thin = CASES[name]
    found = rank_truths(kernel, MODELS[model](), seed=1, n_warmup=60, thin=thin)
    assert found.autocorrelation < CLOSE
    assert found.p_value > SURE


@pytest.mark.parametrize("model", list(MODELS))
def test_joint_distribution_is_kept(model):
    assert geweke(FIXED, MODELS[model](), seed=2) > SURE


@pytest.mark.slow
@pytest.mark.parametrize("model", list(MODELS))
@pytest.mark.parametrize("name", list(CASES))
def test_truths_rank_uniformly_at_length(name, model):
    kernel, thin = CASES[name]
    found = rank_truths(
        kernel, MODELS[model](), seed=3, n_sets=2000, n_warmup=150, n_draws=31, thin=2 * thin
    )
    assert found.autocorrelation < CLOSE
    assert found.p_value > SURE


@pytest.mark.slow
@pytest.mark.parametrize("model", list(MODELS))
@pytest.mark.parametrize("name", list(ADAPTED))
def test_truths_rank_uniformly_with_masses_that_were_learnt(name, model):
    kernel, thin = ADAPTED[name]
    found = rank_truths(kernel, MODELS[model](), seed=3, n_sets=640, n_warmup=150, thin=thin)
    assert found.autocorrelation < CLOSE
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


def wrong_leapfrog(step, *in_nuts):
    """Return what puts this step in the place of the leapfrog's."""

    def breaks(monkeypatch, folder):
        for module in (hamiltonian, hmc):
            monkeypatch.setattr(module, "leapfrog", step)
        break_nuts(monkeypatch, folder, *in_nuts)

    return breaks


def no_jacobian(monkeypatch, folder):
    monkeypatch.setattr(Latent, "from_free_and_log_det", lambda self, u: (self.from_free(u), None))


def no_kinetic_energy(monkeypatch, folder):
    for module in (hamiltonian, hmc):
        monkeypatch.setattr(module, "energy", lambda metric, point: -point.log_prob)
    break_nuts(monkeypatch, folder, KINETIC_ENERGY)


MISTAKES = {
    "second kick": wrong_leapfrog(second_kick_wrong, SECOND_KICK),
    "both kicks": wrong_leapfrog(both_kicks_wrong, FIRST_KICK, SECOND_KICK),
    "jacobian": no_jacobian,
    "kinetic energy": no_kinetic_energy,
}


def ranks_with(mistake, name, model, monkeypatch, folder, n_sets=320):
    MISTAKES[mistake](monkeypatch, folder)
    kernel, thin = SHORT[name]
    return rank_truths(kernel, MODELS[model](), seed=1, n_sets=n_sets, n_warmup=60, thin=thin)


@pytest.mark.parametrize("mistake", list(MISTAKES))
def test_ranks_see_a_mistake(mistake, monkeypatch, tmp_path):
    assert ranks_with(mistake, "hmc", "counts", monkeypatch, tmp_path).p_value < WRONG


@pytest.mark.slow
@pytest.mark.parametrize("model", list(MODELS))
@pytest.mark.parametrize("mistake", list(MISTAKES))
@pytest.mark.parametrize("name", list(CASES))
def test_ranks_see_a_mistake_in_any(name, mistake, model, monkeypatch, tmp_path):
    found = ranks_with(mistake, name, model, monkeypatch, tmp_path, n_sets=960)
    if (model, mistake) == ("regression", "jacobian"):
        assert found.p_value > SURE  # its latents are real: there is no Jacobian to be missing
    else:
        assert found.p_value < WRONG


@pytest.mark.parametrize("mistake", list(MISTAKES))
def test_the_joint_distribution_shows_a_mistake(mistake, monkeypatch, tmp_path):
    MISTAKES[mistake](monkeypatch, tmp_path)
    found = geweke(FIXED, Counts(), seed=2, n_steps=30)
    if mistake == "both kicks":
        # Such a trajectory can still be gone back and keeps volume, and it is accepted by the
        # right energy: a poor proposal, but the distribution is kept. The ranks see that the
        # chains hardly move.
        assert found > SURE
    else:
        assert found < WRONG
