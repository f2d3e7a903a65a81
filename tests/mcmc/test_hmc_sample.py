"""HMC.sample, the call that ZhuSuan documents."""

import jittor as jt
import numpy as np
import pytest

import zhusuan as zs
from tests.mcmc.targets import judge
from zhusuan import mcmc


@zs.meta_bayesian_net()
def gaussian(std):
    """Two data axes; the first is the chains'."""
    bn = zs.BayesianNet()
    bn.normal("x", jt.zeros([20, 3]), std=std, group_ndims=1)
    return bn


def test_sample_reaches_the_posterior():
    std = np.array([0.5, 1.0, 3.0], np.float32)
    model = gaussian(jt.array(std))
    hmc = zs.HMC(0.01, 8, adapt_step_size=True, adapt_mass=True, t0=10)
    latent, draws = {"x": jt.zeros([20, 3])}, []
    for i in range(500):
        hmc.adapt_step_size = hmc.adapt_mass = i < 150
        latent, info = hmc.sample(model, {}, latent)
        draws.append(latent["x"].numpy())
    assert isinstance(info, mcmc.HMCInfo)
    assert info.samples is latent
    for name in ("acceptance_rate", "orig_hamiltonian", "hamiltonian", "orig_log_prob", "log_prob"):
        assert getattr(info, name).shape == (20,)
    assert info.init_momentum["x"].shape == (20, 3)
    assert 0.6 < info.acceptance_rate.mean() <= 1.0
    # The momentum belongs to the mass 1 / variance.
    kinetic = info.orig_hamiltonian + info.orig_log_prob
    assert 0.5 < kinetic.mean() < 3.0
    assert judge(np.stack(draws[150:], 1), np.zeros(3), std**2) == ""


@pytest.mark.parametrize("adapt_mass", [False, True])
def test_acceptance_is_near_its_target_from_the_first_steps_on(adapt_mass):
    """With ZhuSuan's settings; the mass is new after 10 transitions, and the step size with it."""
    std = np.array([0.01, 1.0, 10.0], np.float32)
    hmc = zs.HMC(0.1, 8, adapt_step_size=True, adapt_mass=adapt_mass)
    zs.set_seed(3)
    latent = {"x": np.random.default_rng(0).normal(size=(20, 3)) * std}
    rates, steps = [], []
    for _ in range(40):
        latent, info = hmc.sample(gaussian(jt.array(std)), {}, latent)
        rates.append(info.acceptance_rate.mean())
        steps.append(info.updated_step_size)
    # Dual averaging that began at ten times the step size found would have rejected all of steps
    # 1 to 6 and 11 to 16.
    for part in (rates[:10], rates[10:20], rates[20:]):
        assert np.mean(part) > 0.6
    # Scaled by its mass, the narrowest dim is as wide as the others.
    assert (steps[-1] > 0.3) == adapt_mass


def test_the_step_size_is_kept_unless_it_is_to_be_adapted():
    hmc = mcmc.HMC(0.2, 2)
    for _ in range(3):
        _, info = hmc.sample(gaussian(1.0), {}, {"x": np.ones((20, 3))})
        assert info.updated_step_size == 0.2


def test_errors_of_sample():
    hmc = mcmc.HMC(0.2, 2)
    with pytest.raises(ValueError, match="latent is empty"):
        hmc.sample(gaussian(1.0), {}, {})
    with pytest.raises(ValueError, match="log joint is not finite"):
        hmc.sample(gaussian(1.0), {}, {"x": np.full((20, 3), np.inf)})
