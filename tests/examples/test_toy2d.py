"""The truths that toy2d_intractable.py compares with: densities, the integral, the best fit."""

import importlib.util
import math
from pathlib import Path

import jittor as jt
import numpy as np
import pytest
from scipy import stats

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def toy():
    path = ROOT / "examples" / "toy_examples" / "toy2d_intractable.py"
    spec = importlib.util.spec_from_file_location("toy2d_intractable", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_formula_is_that_of_the_model(toy):
    z = np.random.default_rng(0).normal(0, 1, (2, 5, 1)).astype("float32")
    net = toy.funnel(5)({"z1": jt.array(z[0]), "z2": jt.array(z[1])})
    expected = stats.norm(0, 1.35).logpdf(z[1]) + stats.norm(0, np.exp(z[1])).logpdf(z[0])
    np.testing.assert_allclose(toy.log_p(z[0], z[1]), expected, rtol=1e-6)
    np.testing.assert_allclose(net.log_joint().numpy(), expected[:, 0], rtol=1e-5)


def test_the_density_integrates_to_one(toy):
    # What lies outside of the grid, and the rule's error, are below 1e-4.
    assert toy.log_evidence() == pytest.approx(0.0, abs=1e-4)


def test_quadrature_finds_the_divergence_of_the_best_fit(toy):
    best = toy.best_fit()
    assert toy.divergence(best) == pytest.approx(math.log(1.35 / best.std[1]), abs=1e-5)


def test_no_other_fit_is_better(toy):
    best = toy.best_fit()
    at = np.array([*best.mean, *best.std])
    for i in range(4):
        for step in (-0.03, 0.03):
            moved = at.copy()
            moved[i] += step
            other = toy.Fit(tuple(moved[:2]), tuple(moved[2:]))
            assert toy.divergence(other) > toy.divergence(best) + 1e-4
