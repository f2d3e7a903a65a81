"""The truths that the MCMC examples compare with, and what their pictures count."""

import importlib.util
import math
from pathlib import Path

import jittor as jt
import numpy as np
import pytest
from common.mcmc_plots import ranks, save_chains
from PIL import Image
from scipy import integrate, stats

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / "mcmc" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def schools():
    return load("eight_schools")


@pytest.fixture(scope="module")
def logistic():
    return load("logistic_regression")


def test_the_integrals_of_eight_schools(schools):
    """Given tau, mu is conjugate, so that adaptive quadrature over tau finds the moments."""

    def moments_given(tau):
        variance = schools.SIGMA.astype(float) ** 2 + tau**2
        precision = (1 / variance).sum() + 1 / 25
        mean = (schools.Y / variance).sum() / precision
        log_p = -0.5 * (np.log(variance) + schools.Y**2 / variance).sum()
        log_p += 0.5 * precision * mean**2 - 0.5 * math.log(precision)
        weight = math.exp(log_p + 30.0) / (1 + (tau / 5) ** 2)
        return weight, mean, mean**2 + 1 / precision

    def integral(function, end=np.inf):
        return integrate.quad(lambda tau: function(tau, *moments_given(tau)), 0, end, limit=200)[0]

    total = integral(lambda tau, w, m, s: w)
    truth = {
        "mu": [integral(lambda tau, w, m, s: w * m), integral(lambda tau, w, m, s: w * s)],
        "tau": [integral(lambda tau, w, m, s: w * tau), integral(lambda tau, w, m, s: w * tau**2)],
    }
    found = schools.exact()
    for name, (first, second) in truth.items():
        mean = first / total
        # The tail of tau beyond the grid weighs less than 1e-4 in its variance.
        expected = (mean, math.sqrt(second / total - mean**2))
        assert found.moments[name] == pytest.approx(expected, rel=1e-3)
        # The reference figures come from draws.
        assert schools.REFERENCE[name] == pytest.approx(expected, abs=0.04)
    below = integral(lambda tau, w, m, s: w, 0.5) / total
    # The points next to 0.5 are 1 % apart.
    assert found.below_half == pytest.approx(below, rel=0.01)
    area = (0.5 * (found.tau_density[1:] + found.tau_density[:-1]) * np.diff(found.tau)).sum()
    assert area == pytest.approx(1.0, abs=1e-3)


def test_both_models_of_eight_schools_are_one(schools):
    rng = np.random.default_rng(0)
    mu, tau = rng.normal(size=(3, 1)), rng.gamma(2.0, size=(3, 1))
    theta = mu + tau * rng.normal(size=(3, 8))
    expected = (
        stats.norm(0, 5).logpdf(mu)[:, 0]
        + stats.halfcauchy(scale=5).logpdf(tau)[:, 0]
        + stats.norm(mu, tau).logpdf(theta).sum(1)
        + stats.norm(theta, schools.SIGMA).logpdf(schools.Y).sum(1)
    )
    given = {"mu": mu, "tau": tau, "y": schools.Y}
    centred = schools.Centred()(as_vars({**given, "theta": theta})).log_joint().numpy()
    eta = (theta - mu) / tau
    other = schools.NonCentred()(as_vars({**given, "eta": eta})).log_joint().numpy()
    np.testing.assert_allclose(centred, expected, rtol=1e-5)
    # The density of eta has the volume of theta = mu + tau eta in it, eight times.
    np.testing.assert_allclose(other, expected + 8 * np.log(tau[:, 0]), rtol=1e-5)


def as_vars(arrays):
    return {name: jt.array(np.float32(array)) for name, array in arrays.items()}


def test_the_model_and_the_mode_of_logistic_regression(logistic):
    data = logistic.make_data(50, 3, seed=0)
    weights = np.random.default_rng(1).normal(size=(2, 4))
    std = np.array([1.0, 1.0, 1.0, 2.0])

    def log_joint(weights):
        p = logistic.probabilities(weights, data.x_train)
        return stats.norm(0, std).logpdf(weights).sum(1) + stats.bernoulli(p).logpmf(
            data.y_train
        ).sum(1)

    model = logistic.LogisticRegression(data.x_train)
    given = {"w": np.float32(weights[:, :3]), "b": np.float32(weights[:, 3:]), "y": data.y_train}
    found = model({name: jt.array(value) for name, value in given.items()}).log_joint().numpy()
    np.testing.assert_allclose(found, log_joint(weights), rtol=1e-5)

    mode = logistic.laplace(data.x_train, data.y_train)
    step = 1e-4
    moves = step * np.eye(4)
    up, down = log_joint(mode.mean + moves), log_joint(mode.mean - moves)
    np.testing.assert_allclose((up - down) / (2 * step), 0.0, atol=1e-6)
    crossed = np.array([[log_joint((mode.mean + a + b)[None])[0] for b in moves] for a in moves])
    # Second differences: of order `step` wrong.
    one = log_joint(mode.mean[None])[0]
    hessian = (crossed - up[:, None] - up[None] + one) / step**2
    np.testing.assert_allclose(mode.std, np.sqrt(np.diag(np.linalg.inv(-hessian))), rtol=1e-3)


def test_the_score_of_predictions(logistic):
    found = logistic.score(np.array([0.9, 0.2, 0.6]), np.array([1, 0, 0]))
    assert found["accuracy"] == pytest.approx(2 / 3)
    expected = (math.log(0.9) + math.log(0.8) + math.log(0.4)) / 3
    assert found["log_probability"] == pytest.approx(expected)


def test_ranks_are_those_of_scipy():
    draws = np.random.default_rng(0).normal(size=(3, 40))
    expected = stats.rankdata(draws).reshape(3, 40) - 1
    np.testing.assert_array_equal(ranks(draws), expected)


def test_chains_are_drawn(tmp_path):
    draws = {"a": np.zeros([2, 5]), "b": np.arange(10.0).reshape(2, 5)}
    save_chains(tmp_path / "chains.png", draws, np.ones([2, 5], bool), "title")
    with Image.open(tmp_path / "chains.png") as picture:
        picture.verify()
    with pytest.raises(ValueError, match=r"'a' must be \[n_chains, n_draws\], got \[5\]"):
        save_chains(tmp_path / "no.png", {"a": np.zeros(5)})
    with pytest.raises(ValueError, match="empty"):
        save_chains(tmp_path / "no.png", {})
