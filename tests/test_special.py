"""Special functions against SciPy in float64, at ties, tails and ends of domains."""

import jittor as jt
import numpy as np
import pytest
import scipy.special as sp

from zhusuan import special

X = np.array([-1e4, -100, -30.5, -17, -1, -1e-3, 0, 1e-3, 1, 17, 30.5, 100, 1e4], dtype="float32")

# name, function, truth, derivative. Tolerance 1e-6 relative is eight float32 roundings.
ELEMENTWISE = [
    ("softplus", special.softplus, lambda x: np.logaddexp(0, x), sp.expit),
    ("log_sigmoid", special.log_sigmoid, sp.log_expit, lambda x: sp.expit(-x)),
    ("sigmoid", special.sigmoid, sp.expit, lambda x: sp.expit(x) * sp.expit(-x)),
]


@pytest.mark.parametrize(("name", "function", "truth", "derivative"), ELEMENTWISE)
def test_elementwise_value_and_gradient(name, function, truth, derivative):
    x = jt.array(X)
    y = function(x)
    gradient = jt.grad(y.sum(), x)
    # Below 1e-37 float32 has only subnormal numbers, which fast-math flushes to 0.
    np.testing.assert_allclose(y.numpy(), truth(X.astype(float)), rtol=1e-6, atol=1e-37)
    np.testing.assert_allclose(gradient.numpy(), derivative(X.astype(float)), rtol=2e-6, atol=1e-37)


def test_softplus_has_the_second_derivative_of_the_truth():
    x = jt.array(np.array([-3, -1, 0, 1, 3], dtype="float32"))
    first = jt.grad(special.softplus(x).sum(), x)
    second = jt.grad(first.sum(), x).numpy()
    s = sp.expit(x.numpy().astype(float))
    np.testing.assert_allclose(second, s * (1 - s), rtol=1e-5)


def test_jittors_own_functions_fail_the_same_checks():
    """The reason for this module; when one of these passes, it has been mended upstream."""
    x = jt.array([0.0, -100.0])
    plain = jt.maximum(x, 0.0) + jt.log(1.0 + jt.exp(-jt.abs(x)))
    assert jt.grad(plain.sum(), x).numpy()[0] != pytest.approx(0.5)
    assert jt.sigmoid(x).numpy()[1] > 1e-20


def test_log1p_is_precise_everywhere():
    y = [-1 + 1e-6, -0.999, -0.5, -0.4999, -1e-7, 0, 1e-20, 1e-7, 1e-3, 0.4999, 0.5, 1, 1e3, 1e30]
    y = np.float32(y)
    truth = np.log1p(y.astype(float))
    var = jt.array(y)
    value = special.log1p(var)
    np.testing.assert_allclose(value.numpy(), truth, rtol=3e-7)
    slope = jt.grad(value.sum(), var).numpy()
    np.testing.assert_allclose(slope, 1 / (1 + y.astype(float)), rtol=1e-6)
    inside = (y > -0.5) & (y <= 1)
    quick = special.log1p_unit(jt.array(y[inside])).numpy()
    np.testing.assert_allclose(quick, truth[inside], rtol=5e-7)


@pytest.mark.parametrize(
    ("function", "y", "truth"),
    [
        (special.xlogy, [0.0, 1e-30, 0.5, 1.0], sp.xlogy),
        (special.xlog1py, [-1.0, -0.5, -1e-9, 0.0], sp.xlog1py),
    ],
    ids=["xlogy", "xlog1py"],
)
def test_x_times_log_at_every_corner(function, y, truth):
    x, y = (a.astype("float32") for a in np.meshgrid([0.0, 0.3, 1.0], y))
    xv, yv = jt.array(x), jt.array(y)
    value = function(xv, yv)
    np.testing.assert_allclose(value.numpy(), truth(x.astype(float), y.astype(float)), rtol=1e-6)
    gx, gy = (g.numpy() for g in jt.grad(value.sum(), [xv, yv]))
    finite = np.isfinite(value.numpy())
    assert np.isfinite(gx[finite]).all()
    assert np.isfinite(gy).all()
