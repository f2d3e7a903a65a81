"""The kernel for many Bernoulli variables, beside formulas in float64 and the usual way."""

import jittor as jt
import numpy as np
import pytest
from scipy import special as sp

from zhusuan.special import bernoulli_log_prob, many_bernoulli

RNG = np.random.default_rng(1)
# Repeated along the first dim, along two, not at all; more than a block of 8192.
SHAPES = [
    ((3, 4, 5), (4, 5)),
    ((3, 4, 5), (1, 1, 5)),
    ((3, 4, 5), (3, 4, 5)),
    ((2, 2, 9000), (9000,)),
]


@pytest.fixture(autouse=True)
def always(monkeypatch):
    monkeypatch.setattr(many_bernoulli, "_LARGE", 1)


def numbers(shape, of_x):
    logits = (6.0 * RNG.normal(size=shape)).astype(np.float32)
    logits.flat[:7] = [0.0, -0.0, 100.0, -100.0, 20.0, -20.0, 1e-8]
    return logits, RNG.random(of_x).astype(np.float32)


@pytest.mark.parametrize(("shape", "of_x"), SHAPES)
def test_values_and_derivatives_are_those_of_the_formulas(shape, of_x):
    logits, x = numbers(shape, of_x)
    a, b = jt.array(logits), jt.array(x)
    assert many_bernoulli.is_for(a, b)
    weight = RNG.normal(size=shape).astype(np.float32)
    found = bernoulli_log_prob(a, b)
    first = jt.grad((found * jt.array(weight)).sum(), [a, b])
    second = jt.grad((first[0] * jt.array(weight)).sum(), [a, b])
    at, y, w = (v.astype(float) for v in (logits, np.broadcast_to(x, shape), weight))

    def summed(array):  # as broadcasting's gradient is
        lead = array.ndim - len(of_x)
        dims = [*range(lead), *(lead + i for i, n in enumerate(of_x) if n != array.shape[lead + i])]
        return array.sum(tuple(dims)).reshape(of_x)

    value = y * sp.log_expit(at) + (1 - y) * sp.log_expit(-at)
    slope = y * sp.expit(-at) - (1 - y) * sp.expit(at)
    curve = -sp.expit(at) * sp.expit(-at)
    # float32 has 6e-8; a few operations each, and sums of up to 4 terms of either sign.
    np.testing.assert_allclose(found.numpy(), value, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(first[0].numpy(), w * slope, rtol=2e-6, atol=1e-7)
    np.testing.assert_allclose(first[1].numpy(), summed(w * at), rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(second[0].numpy(), w * w * curve, rtol=2e-6, atol=1e-7)
    np.testing.assert_allclose(second[1].numpy(), summed(w * w), rtol=1e-5, atol=1e-5)


def test_it_is_the_usual_way_where_nothing_is_recorded(monkeypatch):
    logits, x = numbers(*SHAPES[0])
    with jt.no_grad():
        many = bernoulli_log_prob(jt.array(logits), jt.array(x)).numpy()
        monkeypatch.setattr(many_bernoulli, "_LARGE", 10**9)
        usual = bernoulli_log_prob(jt.array(logits), jt.array(x)).numpy()
    np.testing.assert_allclose(many, usual, rtol=1e-6, atol=1e-7)


def test_values_outside_have_no_density_and_no_slope():
    logits = jt.array(np.full((2, 3), 0.3, np.float32))
    x = jt.array(np.array([-0.1, 1.0, 1.1], np.float32))
    found = bernoulli_log_prob(logits, x)
    to_logits = jt.grad(jt.ternary(found > -1e30, found, jt.zeros_like(found)).sum(), logits)
    np.testing.assert_array_equal(np.isinf(found.numpy()), [[True, False, True]] * 2)
    np.testing.assert_allclose(to_logits.numpy(), [[0, sp.expit(-0.3), 0]] * 2, rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "of_x"), [((3, 4, 5), (4, 1)), ((5,), (3, 5)), ((3, 4, 5), (3, 1, 5))]
)
def test_other_ways_of_broadcasting_are_left_to_jittor(shape, of_x):
    logits, x = RNG.normal(size=shape).astype(np.float32), RNG.random(of_x).astype(np.float32)
    assert not many_bernoulli.is_for(jt.array(logits), jt.array(x))
    found = bernoulli_log_prob(jt.array(logits), jt.array(x)).numpy()
    at, y = logits.astype(float), x.astype(float)
    wanted = y * sp.log_expit(at) + (1 - y) * sp.log_expit(-at)
    np.testing.assert_allclose(found, wanted, rtol=2e-6, atol=1e-7)


def test_steps_leave_nothing_behind():
    logits, x = numbers(*SHAPES[0])
    counts = []
    for _ in range(6):
        a = jt.array(logits)
        jt.grad(bernoulli_log_prob(a, jt.array(x)).sum(), a).sync()
        counts.append(jt.liveness_info()["lived_ops"])
    assert counts[-1] <= counts[2]
