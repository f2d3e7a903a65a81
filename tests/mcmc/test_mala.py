"""MALA on targets with a known answer, in numpy; and wrong samplers, which must be seen."""

import numpy as np
import pytest
from scipy import stats

import zhusuan as zs
from tests.mcmc.targets import NumpyTarget, gaussian, judge
from zhusuan import mcmc
from zhusuan.mcmc import mala
from zhusuan.mcmc.integrators import PhasePoint
from zhusuan.mcmc.metric import Diagonal, dense, unit

MEAN = np.array([1.0, -2.0, 0.5])
COVARIANCE = np.array([[1.0, 0.8, 0.0], [0.8, 1.0, 0.3], [0.0, 0.3, 4.0]])
# E x^2 for the density exp(-x^4 / 4): 2 Gamma(3/4) / Gamma(1/4).
QUARTIC_VARIANCE = 0.6759782400671


def quartic():
    return NumpyTarget(lambda x: (-0.25 * (x**4).sum(1), -(x**3)), 3)


def run(kernel, target, n_warmup=300, n_draws=2500):
    return mcmc.run(
        kernel, target, n_chains=16, n_warmup=n_warmup, n_draws=n_draws, seed=1, progress=False
    )


@pytest.mark.parametrize("metric", ["diagonal", "dense", "unit"])
def test_moments_of_a_correlated_gaussian(metric):
    trace = run(mcmc.MALA(metric=metric), gaussian(MEAN, COVARIANCE))
    assert judge(trace.samples["x"], MEAN, np.diagonal(COVARIANCE)) == ""
    np.testing.assert_allclose(
        np.cov(trace.samples["x"].reshape(-1, 3).T), COVARIANCE, atol=0.15
    )
    # With a mass, the step size is learnt in the last 50 steps of the warm-up; else in all 300.
    error = 0.05 if metric == "unit" else 0.2
    assert trace.stats["acceptance_rate"].mean() == pytest.approx(0.574, abs=error)
    assert (trace.stats["n_leapfrogs"] == 1).all()
    assert not trace.stats["divergent"].any()


def test_moments_of_light_tails():
    trace = run(mcmc.MALA(), quartic())
    assert judge(trace.samples["x"], np.zeros(3), QUARTIC_VARIANCE) == ""


def no_ratio(metric, there, back):
    return np.zeros(len(there))


def test_a_missing_ratio_of_proposals_is_seen(monkeypatch):
    def make():
        return mcmc.MALA(0.8, adapt_step_size=False, metric="unit")

    right = run(make(), quartic())
    assert judge(right.samples["x"], np.zeros(3), QUARTIC_VARIANCE) == ""
    monkeypatch.setattr(mala, "log_proposal_ratio", no_ratio)
    wrong = run(make(), quartic())
    assert judge(wrong.samples["x"], np.zeros(3), QUARTIC_VARIANCE) != ""


METRICS = [unit(3), Diagonal(np.array([0.5, 1.0, 2.0])), dense(COVARIANCE)]


@pytest.mark.parametrize("metric", METRICS, ids=["unit", "diagonal", "dense"])
def test_rate_of_acceptance_is_that_of_the_densities(metric):
    """The formula of Metropolis and Hastings, with the densities of SciPy."""
    target, step = quartic(), 0.6
    q, p = np.random.default_rng(0).normal(size=(2, 6, 3))
    kernel = mcmc.MALA(step).bind(target)
    with zs.random.stream(1):
        moved = kernel._transition(
            PhasePoint(q, p, *target.log_prob_and_grad(q)), metric, step
        )
    sigma = np.array(metric.inverse_mass)
    sigma = np.diag(sigma) if sigma.ndim == 1 else sigma
    n_moved = 0
    for i in range(6):
        ends = q[i], q[i] + step**2 / 2 * sigma @ -(q[i] ** 3) + step * sigma @ p[i]
        log_p = [-0.25 * (x**4).sum() for x in ends]
        log_q = [
            stats.multivariate_normal(
                x + step**2 / 2 * sigma @ -(x**3), step**2 * sigma
            ).logpdf(other)
            for x, other in (ends, ends[::-1])
        ]
        rate = min(1.0, np.exp(log_p[1] + log_q[1] - log_p[0] - log_q[0]))
        assert moved.acceptance_rate[i] == pytest.approx(rate)
        accepted = not np.array_equal(moved.position[i], q[i])
        n_moved += accepted
        np.testing.assert_allclose(moved.position[i], ends[int(accepted)])
        assert moved.log_prob[i] == pytest.approx(log_p[int(accepted)])
    assert n_moved


def test_it_is_hmc_of_one_step():
    target = gaussian(MEAN, COVARIANCE)
    one = run(mcmc.MALA(0.5, adapt_step_size=False, adapt_mass=False), target, 0, 50)
    other = run(mcmc.HMC(0.5, 1, adapt_step_size=False), target, 0, 50)
    np.testing.assert_allclose(one.samples["x"], other.samples["x"], rtol=1e-5, atol=1e-6)
    for name in ("acceptance_rate", "log_prob", "energy"):
        np.testing.assert_allclose(one.stats[name], other.stats[name], rtol=1e-6)


def test_far_proposals_are_rejected():
    """A step size at which the density is nowhere finite: nothing moves, all are divergent."""
    target = NumpyTarget(lambda x: (-np.exp(x).sum(1), -np.exp(x)), 2)
    trace = run(mcmc.MALA(1e3, adapt_step_size=False, metric="unit"), target, 0, 20)
    assert (trace.samples["x"] == trace.samples["x"][:, :1]).all()
    assert trace.stats["divergent"].mean() > 0.9
    assert np.isfinite(trace.samples["x"]).all()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"step_size": -1.0}, ValueError, "MALA: step_size must be positive"),
        ({"target_acceptance_rate": 1.0}, ValueError, r"must be in \(0, 1\), got 1.0"),
        ({"metric": "flat"}, ValueError, "MALA: metric must be one of"),
        ({"gamma": "a"}, TypeError, "gamma must be a number"),
    ],
)
def test_wrong_settings_are_named(options, error, message):
    with pytest.raises(error, match=message):
        mcmc.MALA(**options)
