"""The sparse Gaussian process of svgp.py against the exact one and Titsias' bound."""

import importlib.util
from pathlib import Path

import jittor as jt
import numpy as np
import pytest
from scipy import stats

import zhusuan as zs

ROOT = Path(__file__).resolve().parents[2]
N = 15

rng = np.random.default_rng(0)
X = np.float32(rng.uniform(-2, 2, (N, 2)))
Y = np.float32(np.sin(2 * X[:, 0]) + X[:, 1] + 0.3 * rng.standard_normal(N))


@pytest.fixture(scope="module")
def svgp():
    path = ROOT / "examples" / "gaussian_process" / "svgp.py"
    spec = importlib.util.spec_from_file_location("svgp", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def best_posterior(svgp, z):
    """Nets with q(v) set to the optimum given the inducing points; A, the noise, and k - q."""
    gp = svgp.SparseGP(z)
    gp.log_lengthscale.assign(np.float32([-0.1, 0.4]))
    gp.log_s.assign(np.float32([0.2]))
    model, posterior = svgp.Model(gp, N), svgp.Posterior(gp, N)
    a, std = (v.numpy().astype(float) for v in gp.conditional(jt.array(X)))
    noise = float(np.exp(2 * model.log_noise.item()))
    # Bishop 2006, eq. 3.50 and 3.51, with the prior N(0, 1) of v.
    covariance = np.linalg.inv(np.eye(len(z)) + a.T @ a / noise)
    lower = np.linalg.cholesky(covariance)
    posterior.mean.assign(np.float32(covariance @ a.T @ Y / noise))
    posterior.log_diagonal.assign(np.float32(np.log(np.diag(lower))))
    posterior.below.assign(np.float32(lower))
    return model, posterior, a, noise, std


def test_the_kernel_is_the_documented_one(svgp):
    gp = svgp.SparseGP(X[:4])
    gp.log_lengthscale.assign(np.float32([-0.1, 0.4]))
    gp.log_s.assign(np.float32([0.2]))
    apart = (X[:4, None] - X[None]) / np.exp([-0.1, 0.4])
    expected = np.exp(0.4) * np.exp(-0.5 * (apart**2).sum(-1))
    found = gp.covariance(gp.z, jt.array(X)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_with_the_data_as_inducing_points_the_bound_is_the_evidence(svgp, monkeypatch):
    """Every draw says so: nothing is left to chance where q is the posterior."""
    # The script's own jitter leaves f a deviation of 0.004 given v, and the bound one of 0.05.
    monkeypatch.setattr(svgp, "JITTER", 1e-9)
    model, posterior, *_ = best_posterior(svgp, X)
    evidence = svgp.exact_process(model, X, Y).log_evidence
    bound = zs.variational.elbo(model, {"x": X, "y": Y}, variational=posterior)
    print(evidence, bound.numpy())
    # What is left of the jitter makes 5e-4; the rest is float32, at terms near 100.
    np.testing.assert_allclose(bound.numpy(), np.full(10, evidence), atol=5e-3)
    # A bound that leaves a part of the likelihood out is elsewhere.
    posterior.mean.assign(posterior.mean * 0.9)
    worse = zs.variational.elbo(model, {"x": X, "y": Y}, variational=posterior)
    assert worse.numpy().mean() < evidence - 0.05


def test_the_exact_process_agrees_with_scipy(svgp):
    model, _, *_ = best_posterior(svgp, X)
    exact = svgp.exact_process(model, X, Y)
    apart = (X[:, None].astype(float) - X[None]) / np.exp([-0.1, 0.4])
    k = np.exp(0.4) * np.exp(-0.5 * (apart**2).sum(-1))
    expected = stats.multivariate_normal(np.zeros(N), k + 0.09 * np.eye(N)).logpdf(Y)
    assert exact.log_evidence == pytest.approx(expected, rel=1e-5)
    mean, variance = exact.predict(X)
    # Rasmussen and Williams 2006, eq. 2.23 and 2.24.
    gain = k @ np.linalg.inv(k + 0.09 * np.eye(N))
    np.testing.assert_allclose(mean, gain @ Y, atol=1e-4)
    np.testing.assert_allclose(variance, np.diag(k - gain @ k), atol=1e-4)


def test_fewer_points_give_titsias_bound(svgp):
    model, posterior, a, noise, std = best_posterior(svgp, X[:5])
    marginal = stats.multivariate_normal(np.zeros(N), a @ a.T + noise * np.eye(N))
    # Titsias 2009, eq. 9.
    titsias = marginal.logpdf(Y) - (std**2).sum() / (2 * noise)
    found = [svgp.lower_bound(model, posterior, X, Y) for _ in range(3)]
    exact = svgp.exact_process(model, X, Y).log_evidence
    print(titsias, found, exact)
    assert titsias < exact - 1.0
    # 3000 draws of a bound with a standard deviation near 10.
    assert np.mean(found) == pytest.approx(titsias, abs=0.6)


def test_the_prediction_is_that_of_the_exact_process(svgp):
    model, posterior, *_ = best_posterior(svgp, X)
    inputs = np.float32(np.random.default_rng(1).uniform(-2, 2, (N, 2)))
    ours = posterior.predict(inputs)
    theirs = svgp.exact_process(model, X, Y).predict(inputs)
    for mine, exact in zip(ours, theirs):
        np.testing.assert_allclose(mine, exact, atol=3e-3)
