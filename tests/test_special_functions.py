"""Special functions through Jittor: float32 over its whole range, gradients, second gradients.

The C++ itself is tested to double precision in tests/kernels.
"""

import jittor as jt
import numpy as np
import pytest
from scipy import special as sp

from zhusuan import special
from zhusuan.formula import Formula

TINY, HUGE = 1e-30, 1e30

# name, truth, one array of points for each input (they are zipped)
FUNCTIONS = [
    ("lgamma", sp.gammaln, [[TINY, 1e-4, 0.3, 1.0, 1.5, 2.0, 7.0, 1e4, HUGE]]),
    ("digamma", sp.psi, [[1e-4, 0.3, 1.0, 1.4616, 2.0, 7.0, 1e4, HUGE, -0.5]]),
    ("betaln", sp.betaln, [[1e-4, 0.3, 1.0, 2.0, 1e4, 1e4, 3.0, 5.0, 7.0],
                           [1e-4, 0.3, 1.0, 5.0, 1e4, 1e-4, 8.0, 0.1, 1e6]]),
    ("log_binomial", lambda n, k: -sp.betaln(1 + n - k, 1 + k) - np.log(n + 1),
     [[1.0, 5.0, 50.0, 1e4, 1e6, 10.0, 3.0, 7.5, 20.0],
      [0.0, 2.0, 25.0, 3.0, 5e5, 10.0, 1.0, 2.5, 4.0]]),
    ("igamma", sp.gammainc, [[1e-4, 0.3, 1.0, 2.0, 1e4, 1e4, 3.0, 50.0, 7.0],
                             [1e-30, 0.3, 1e-3, 5.0, 9.9e3, 1.01e4, 8.0, 20.0, 0.0]]),
    ("igammac", sp.gammaincc, [[1e-4, 0.3, 1.0, 2.0, 1e4, 1e4, 3.0, 50.0, 7.0],
                               [1e-30, 0.3, 1e-3, 5.0, 9.9e3, 1.01e4, 60.0, 90.0, 0.0]]),
    ("igammainv", sp.gammaincinv, [[0.05, 0.3, 1.0, 2.0, 1e4, 1e4, 3.0, 50.0, 7.0],
                                   [0.3, 0.01, 1e-3, 0.99, 0.3, 0.999, 0.5, 1e-6, 0.0]]),
    ("betainc", sp.betainc, [[1e-2, 0.3, 1.0, 2.0, 1e4, 1e4, 3.0, 5.0, 7.0],
                             [1e-2, 0.3, 1.0, 5.0, 1e4, 1e2, 8.0, 0.1, 1e3],
                             [1e-9, 0.3, 0.99, 0.1, 0.501, 0.99, 0.0, 0.7, 4e-3]]),
    ("betaincinv", sp.betaincinv, [[0.05, 0.3, 1.0, 2.0, 1e4, 1e4, 3.0, 5.0, 7.0],
                                   [0.05, 0.3, 1.0, 5.0, 1e4, 1e2, 8.0, 0.5, 1e3],
                                   [0.3, 0.3, 0.99, 0.1, 0.501, 0.99, 0.0, 0.7, 4e-3]]),
    ("expm1", np.expm1, [[-90.0, -1.0, -1e-6, 0.0, 1e-30, 1e-6, 1.0, 40.0, 88.0]]),
    ("log1mexp", lambda x: sp.log1p(-np.exp(-np.abs(x))) if x > 1 else np.log(-np.expm1(-x)),
     [[1e-30, 1e-6, 0.1, 0.69, 0.7, 1.0, 5.0, 20.0, 80.0]]),
    ("log_add_exp", np.logaddexp, [[-100.0, 0.0, 1e4, -np.inf, 3.0, -1.0, 0.0, 80.0, 5.0],
                                   [-100.0, 1.0, -1e4, 2.0, 3.0, -np.inf, -50.0, 90.0, 4.0]]),
    ("logit", sp.logit, [[1e-30, 1e-6, 0.1, 0.4999, 0.5, 0.6, 0.9, 0.999, 0.0]]),
    ("erfinv", sp.erfinv, [[-0.999999, -0.9, -1e-6, 0.0, 1e-30, 0.3, 0.7, 0.99, 1.0]]),
    ("erfcx", sp.erfcx, [[-5.0, -1.0, -1e-6, 0.0, 0.1, 1.0, 10.0, 1e4, HUGE]]),
    ("ndtr", sp.ndtr, [[-12.0, -5.0, -1.0, -1e-6, 0.0, 1.0, 5.0, 12.0, np.inf]]),
    ("log_ndtr", sp.log_ndtr, [[-1e4, -40.0, -5.0, -1.0, 0.0, 1.0, 5.0, 12.0, -np.inf]]),
    ("ndtri", sp.ndtri, [[1e-30, 1e-6, 0.1, 0.4999, 0.5, 0.6, 0.9, 0.999, 0.0]]),
    ("i0e", sp.i0e, [[0.0, 1e-6, 0.5, 1.0, 3.0, -7.0, 20.0, 1e4, HUGE]]),
    ("i1e", sp.i1e, [[0.0, 1e-6, 0.5, 1.0, 3.0, -7.0, 20.0, 1e4, HUGE]]),
]
functions = pytest.mark.parametrize(
    ("name", "truth", "points"), FUNCTIONS, ids=[row[0] for row in FUNCTIONS]
)
# Values of order one, where a finite difference says something.
ORDINARY = {
    "erfinv": [[-0.7, 0.0, 0.2, 0.9]], "logit": [[0.1, 0.4, 0.5, 0.9]],
    "ndtri": [[0.1, 0.4, 0.5, 0.9]], "log_binomial": [[5.0, 7.5, 9.0, 30.0], [2.0, 2.5, 4.0, 8.0]],
    "igammainv": [[0.5, 1.5, 3.0, 8.0], [0.2, 0.4, 0.6, 0.8]],
    "betainc": [[0.5, 1.5, 3.0, 8.0], [2.0, 0.7, 1.0, 4.0], [0.2, 0.4, 0.6, 0.8]],
    "betaincinv": [[0.5, 1.5, 3.0, 8.0], [2.0, 0.7, 1.0, 4.0], [0.2, 0.4, 0.6, 0.8]],
}
DEFAULT = [[0.5, 1.5, 3.0, 8.0], [2.0, 0.7, 1.0, 4.0]]


@functions
def test_float32_is_right_to_its_last_digits(name, truth, points):
    arguments = [np.float32(p) for p in points]
    value = getattr(special, name)(*(jt.array(a) for a in arguments)).numpy()
    with np.errstate(all="ignore"):
        expected = np.vectorize(truth)(*(a.astype(float) for a in arguments))
    # Half a unit in the last place of float32 is 6e-8; results below its range come out as 0.
    np.testing.assert_allclose(value, expected.astype(np.float32), rtol=3e-7, atol=1e-37)


@functions
def test_gradients_of_first_and_second_order(name, truth, points):
    rows = ORDINARY.get(name, DEFAULT)[: len(points)]
    inputs = [jt.array(np.array(row), dtype="float64") for row in rows]
    function = getattr(special, name)
    first = jt.grad(function(*inputs).sum(), inputs)
    second = [jt.grad(g.sum(), inputs) for g in first]
    step = 1e-5

    def shifted(i, sign):
        moved = [np.array(row) for row in rows]
        moved[i] += sign * step
        return moved

    for i in range(len(rows)):
        above, below = (
            np.vectorize(truth)(*shifted(i, sign)).astype(float) for sign in (1, -1)
        )
        # Central differences: step^2 from the third derivative and 1e-15 / step from rounding.
        np.testing.assert_allclose(
            first[i].numpy(), (above - below) / (2 * step), rtol=1e-6, atol=1e-8
        )
        ends = [[jt.array(row, dtype="float64") for row in shifted(i, s)] for s in (1, -1)]
        slopes = [[g.numpy() for g in jt.grad(function(*end).sum(), end)] for end in ends]
        for j in range(len(rows)):
            numeric = (slopes[0][j] - slopes[1][j]) / (2 * step)
            np.testing.assert_allclose(second[j][i].numpy(), numeric, rtol=1e-5, atol=1e-8)


def test_polygamma_takes_its_order_as_a_number():
    x = jt.array([0.5, 1.0, 30.0])
    for n in (1, 2):
        np.testing.assert_allclose(
            special.polygamma(n, x).numpy(), sp.polygamma(n, x.numpy()), rtol=3e-7
        )


def test_outside_the_domain_is_nan_and_nan_stays_nan():
    for name, arguments in [
        ("igamma", (-1.0, 1.0)), ("betainc", (1.0, 1.0, 1.5)), ("erfinv", (1.5,)),
        ("ndtri", (-0.1,)), ("lgamma", (np.nan,)), ("log_ndtr", (np.nan,)),
    ]:
        value = getattr(special, name)(*(np.float32([a]) for a in arguments))
        assert np.isnan(value.numpy()).all(), name


def test_inputs_broadcast_and_gradients_are_summed_back():
    a, x = jt.array([[0.5], [3.0]]), jt.array([0.1, 1.0, 4.0])
    value = special.igamma(a, x)
    np.testing.assert_allclose(value.numpy(), sp.gammainc(a.numpy(), x.numpy()), rtol=1e-6)
    for var in jt.grad(value.sum(), [a, x]):
        assert np.isfinite(var.numpy()).all()
    with pytest.raises(ValueError, match=r"a \[2\], x \[3\]"):
        special.igamma(jt.ones([2]), jt.ones([3]))


def test_log_sum_exp_over_dims():
    x = np.random.default_rng(0).normal(size=(4, 3, 2)).astype(np.float32) * 50
    x[0] = -np.inf
    var = jt.array(x)
    for dim in (-1, 0, [0, 2], [0, 1, 2]):
        axes = tuple(dim) if isinstance(dim, list) else dim
        with np.errstate(divide="ignore", invalid="ignore"):
            truth = sp.logsumexp(x.astype(float), axis=axes)
        np.testing.assert_allclose(
            special.log_sum_exp(var, dim).numpy(), np.reshape(truth, truth.shape or (1,)), rtol=1e-6
        )
        count = np.prod([x.shape[d] for d in np.atleast_1d(dim)])
        np.testing.assert_allclose(
            special.log_mean_exp(var, dim, keepdims=True).numpy().reshape(-1),
            (truth - np.log(count)).reshape(-1),
            rtol=1e-6,
        )
    total = special.log_sum_exp(var, -1)
    gradient = jt.grad(jt.ternary(total > -1e30, total, jt.zeros_like(total)).sum(), var).numpy()
    np.testing.assert_allclose(gradient, np.where(np.isinf(x), 0, sp.softmax(x, -1)), atol=1e-6)


def test_a_formula_of_the_users_own():
    square = Formula("x, n", "return pow(x, value(n));", constants="n")
    x, n = jt.array([1.0, 2.0, 3.0]), jt.array([3.0])
    y = square(x, n)
    np.testing.assert_allclose(y.numpy(), [1, 8, 27])
    first, none = jt.grad(y.sum(), [x, n])
    np.testing.assert_allclose(first.numpy(), [3, 12, 27])
    assert none.numpy() == 0
    second = jt.grad(first.sum(), x)
    third = jt.grad(second.sum(), x)
    np.testing.assert_allclose(second.numpy(), [6, 12, 18])
    np.testing.assert_allclose(third.numpy(), [6, 6, 6])


def test_pending_arrays_of_one_element_keep_their_values():
    # Jittor hands out their memory before it is filled, from the second dtype on.
    add = Formula("x, y", "return x + 2.0 * y;")
    for dtype in ("float32", "float64"):
        x, y = jt.array([5.0], dtype=dtype), jt.array([6.0], dtype=dtype)
        assert add(x, y).item() == 17.0
        assert x.item() == 5.0
        assert y.item() == 6.0
