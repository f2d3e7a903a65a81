"""Bernoulli at the ends: logits of 100, probabilities of exactly 0 and 1, ties at 0."""

import jittor as jt
import numpy as np
import pytest

from zhusuan.distributions import Bernoulli

LOGITS = np.array([-100, -20, 0, 20, 100], dtype="float32")


@pytest.mark.parametrize("x", [0.0, 1.0, 0.3])
def test_logits_are_exact_and_have_the_gradient_x_minus_p(x):
    logits = jt.array(LOGITS)
    log_prob = Bernoulli(logits=logits).log_prob(x)
    gradient = jt.grad(log_prob.sum(), logits).numpy()
    l64 = LOGITS.astype(float)
    truth = -x * np.logaddexp(0, -l64) - (1 - x) * np.logaddexp(0, l64)
    # exp(-100) = 4e-44 is subnormal in float32, which fast-math makes 0.
    np.testing.assert_allclose(log_prob.numpy(), truth, rtol=1e-6, atol=1e-37)
    # x - p, in the form that keeps its digits at both ends.
    p, q = 1 / (1 + np.exp(-l64)), 1 / (1 + np.exp(l64))
    atol = 1e-7 if 0 < x < 1 else 1e-37
    np.testing.assert_allclose(gradient, x * q - (1 - x) * p, rtol=1e-6, atol=atol)


@pytest.mark.parametrize(
    ("p", "x", "value", "gradient"),
    [
        (0.0, 0.0, 0.0, -1.0),
        (0.0, 1.0, -np.inf, 0.0),
        (1.0, 1.0, 0.0, 1.0),
        (1.0, 0.0, -np.inf, 0.0),
        (1e-9, 0.0, np.log1p(-1e-9), -1.0),
        (0.25, 1.0, np.log(0.25), 4.0),
    ],
)
def test_probs_of_zero_and_one_give_the_truth_with_finite_gradients(p, x, value, gradient):
    probs = jt.array(np.float32([p, 0.5]))
    log_prob = Bernoulli(probs=probs).log_prob(x)
    np.testing.assert_allclose(log_prob.numpy()[0], value, rtol=1e-6)
    np.testing.assert_allclose(jt.grad(log_prob.sum(), probs).numpy()[0], gradient, rtol=1e-6)


def test_a_clamped_formula_is_caught():
    """The formula of the earlier ports, log(p + 1e-8), is off where it matters."""
    p = jt.array(np.float32([1e-9]))
    clamped = jt.log(p + 1e-8)
    assert abs(clamped.item() - np.log(1e-9)) > 1
    assert Bernoulli(probs=p).log_prob(1.0).item() == pytest.approx(np.log(1e-9), rel=1e-6)


def test_samples_are_never_wrong_at_certainty():
    drawn = Bernoulli(probs=np.array([0.0, 1.0])).sample(5000).numpy()
    assert drawn[:, 0].max() == 0
    assert drawn[:, 1].min() == 1
