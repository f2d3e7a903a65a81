"""The parts of warm-up, against formulas and numpy."""

import math

import numpy as np
import pytest

from zhusuan.mcmc import metric
from zhusuan.mcmc.adaptation import DualAveraging, Moments, window_ends


def test_dual_averaging_is_the_published_sums():
    rng = np.random.default_rng(0)
    rates, delta, gamma, t0, kappa = rng.random(50), 0.8, 0.05, 10.0, 0.75
    dual, log_averaged = DualAveraging.at(0.3), None
    mu = math.log(3.0)
    for t in range(1, 51):
        dual = dual.update(rates[t - 1], delta, gamma, t0, kappa)
        # Hoffman and Gelman (2014), eq. 6, with the sum written out: the recursion for H-bar gives
        # the sum over (t + t0).
        log_step = mu - math.sqrt(t) / gamma / (t + t0) * np.sum(delta - rates[:t])
        share = t**-kappa
        log_averaged = log_step if t == 1 else share * log_step + (1 - share) * log_averaged
        assert dual.log_step == pytest.approx(log_step)
        assert dual.log_averaged == pytest.approx(log_averaged)


@pytest.mark.parametrize(("t0", "gamma"), [(10.0, 0.05), (100.0, 0.05), (1.0, 0.05), (10.0, 0.5)])
def test_the_first_steps_are_no_longer_than_one_rejection_can_mend(t0, gamma):
    """After a step with nothing accepted the next is at most 2.4 times the one begun at."""
    dual = DualAveraging.at(0.3, gamma, t0)
    assert math.exp(dual.mu) <= 3.0 * (1 + 1e-12)
    after = dual.update(0.0, 0.8, gamma, t0, 0.75)
    assert math.exp(after.log_step) / 0.3 < 10.0 * math.exp(-0.8 / 0.05 / 11) * (1 + 1e-12)
    assert (t0, gamma) != (10.0, 0.05) or math.exp(dual.mu) == pytest.approx(3.0)


def test_dual_averaging_finds_the_step_with_the_rate():
    dual = DualAveraging.at(1.0)
    for _ in range(2000):
        dual = dual.update(math.exp(-math.exp(dual.log_step)), 0.8, 0.05, 10.0, 0.75)
    assert math.exp(-math.exp(dual.log_averaged)) == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize(
    ("n", "first", "ends"),
    [
        (1000, 75, (100, 150, 250, 450, 950)),  # Stan's reference manual
        (500, 75, (100, 150, 250, 450)),
        (150, 75, (100,)),
        (100, 15, (90,)),
        (10, 10, ()),
    ],
)
def test_windows_are_those_of_stan(n, first, ends):
    assert window_ends(n) == (first, ends)


@pytest.mark.parametrize("is_dense", [False, True])
def test_moments_are_those_of_all_chains(is_dense):
    rng = np.random.default_rng(1)
    draws = rng.normal(size=(40, 3, 2)) @ np.array([[1.0, 0.5], [0.0, 2.0]]) + [5.0, -3.0]
    moments = Moments.empty(2, is_dense)
    for row in draws:
        moments = moments.add(row)
    pooled = draws.reshape(-1, 2)
    covariance = np.cov(pooled.T)
    n = len(pooled)
    shrunk = n / (n + 5) * covariance + 5e-3 / (n + 5) * np.eye(2)
    expected = shrunk if is_dense else np.diagonal(shrunk)
    np.testing.assert_allclose(moments.mean, pooled.mean(0))
    np.testing.assert_allclose(moments.metric().inverse_mass, expected, rtol=1e-12)


def test_decaying_moments_weigh_draws():
    rng = np.random.default_rng(2)
    draws, moments = rng.normal(size=(30, 4, 2)), Moments.empty(2, False)
    for row in draws:
        moments = moments.add(row, 0.9)
    weights = np.repeat(0.9 ** np.arange(30)[::-1], 4)
    mean = np.average(draws.reshape(-1, 2), axis=0, weights=weights)
    square = np.average((draws.reshape(-1, 2) - mean) ** 2, axis=0, weights=weights)
    np.testing.assert_allclose(moments.mean, mean)
    np.testing.assert_allclose(moments.m2 / moments.n, square)


def test_momenta_have_the_inverse_covariance():
    covariance = np.array([[2.0, 0.9], [0.9, 0.5]])
    dense = metric.dense(covariance)
    momenta = dense.draw(200_000)
    # 5 standard errors of a variance of 200 000 draws are 1.6%.
    np.testing.assert_allclose(
        np.cov(momenta.T), np.linalg.inv(covariance), rtol=0.02, atol=0.02
    )
    diagonal = metric.Diagonal(np.array([4.0, 0.25]))
    np.testing.assert_allclose(diagonal.draw(200_000).var(0), [0.25, 4.0], rtol=0.02)
    for one in (dense, diagonal):
        inverse = np.atleast_2d(one.inverse_mass)
        inverse = np.diag(inverse[0]) if len(inverse) == 1 else inverse
        energy = 0.5 * np.einsum("ci,ij,cj->c", momenta[:9], inverse, momenta[:9])
        np.testing.assert_allclose(metric.kinetic_energy(one, momenta[:9]), energy)
