"""Linear algebra against numpy in float64; derivatives against finite differences."""

# ruff: noqa: E741 -- l is the name of a triangular factor everywhere

import gc
import re

import jittor as jt
import numpy as np
import pytest

from zhusuan import linalg


def t(a):
    return np.swapaxes(a, -1, -2)


def covariance(w, d):
    return w @ t(w) + d[..., None] * np.eye(d.shape[-1])


def solved(a, b):
    """``numpy.linalg.solve`` with the same rule for any number of dims."""
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return np.linalg.solve(a, np.broadcast_to(b, batch + b.shape[-2:]))


def solved_vector(a, b):
    return solved(a, b[..., None])[..., 0]


def mahalanobis(w, d, x):
    return np.sum(x * solved_vector(covariance(w, d), x), -1)


def capacitance(w, d):
    return np.eye(w.shape[-1]) + t(w) @ (w / d[..., None])


def sum_log_diagonal(a):
    return np.log(np.abs(np.einsum("...ii->...i", a))).sum(-1)


# Kinds of operands. Those of which only a triangle is read have something else in the other.
RNG = np.random.default_rng(5)


def matrix(batch, n):
    return RNG.normal(size=(*batch, n, n)) / np.sqrt(n) + 2 * np.eye(n)


def positive(batch, n):
    m = matrix(batch, n)
    return m @ t(m) + 0.1 * np.eye(n)


def columns(batch, n):
    return RNG.normal(size=(*batch, n, 2))


def vector(batch, n):
    return RNG.normal(size=(*batch, n))


def scales(batch, n):
    return RNG.uniform(0.5, 2, size=(*batch, n))


# name: function, truth, kinds of the operands
CASES = {
    # Gradients are those with respect to a symmetric matrix, so that is what it is made.
    "cholesky": (
        lambda a: linalg.cholesky(linalg.symmetrise(a)),
        lambda a: np.linalg.cholesky((a + t(a)) / 2),
        [positive],
    ),
    "solve": (
        linalg.solve_triangular,
        lambda l, b: solved(np.tril(l), b),
        [matrix, columns],
    ),
    "solve_transposed": (
        lambda l, b: linalg.solve_triangular(l, b, transpose=True),
        lambda l, b: solved(t(np.tril(l)), b),
        [matrix, columns],
    ),
    "solve_upper": (
        lambda l, b: linalg.solve_triangular(l, b, lower=False),
        lambda l, b: solved(np.triu(l), b),
        [matrix, columns],
    ),
    "solve_upper_transposed": (
        lambda l, b: linalg.solve_triangular(l, b, transpose=True, lower=False),
        lambda l, b: solved(t(np.triu(l)), b),
        [matrix, columns],
    ),
    "solve_vector": (
        linalg.solve_triangular_vector,
        lambda l, b: solved_vector(np.tril(l), b),
        [matrix, vector],
    ),
    "solve_vector_transposed": (
        lambda l, b: linalg.solve_triangular_vector(l, b, transpose=True),
        lambda l, b: solved_vector(t(np.tril(l)), b),
        [matrix, vector],
    ),
    "cholesky_solve": (
        lambda l, b: linalg.cholesky_solve(b, l),
        lambda l, b: solved(np.tril(l) @ t(np.tril(l)), b),
        [matrix, columns],
    ),
    "inverse": (linalg.inverse_triangular, lambda l: np.linalg.inv(np.tril(l)), [matrix]),
    "inverse_upper": (
        lambda l: linalg.inverse_triangular(l, lower=False),
        lambda l: np.linalg.inv(np.triu(l)),
        [matrix],
    ),
    "log_det_triangular": (linalg.log_det_triangular, sum_log_diagonal, [matrix]),
    "log_det_cholesky": (linalg.log_det_cholesky, lambda l: 2 * sum_log_diagonal(l), [matrix]),
    "diagonal": (linalg.diagonal, lambda a: np.einsum("...ii->...i", a), [matrix]),
    "make_diagonal": (linalg.make_diagonal, lambda v: v[..., None] * np.eye(v.shape[-1]), [vector]),
    "tril": (linalg.tril, np.tril, [matrix]),
    "tril_below": (lambda a: linalg.tril(a, -1), lambda a: np.tril(a, -1), [matrix]),
    "tril_above": (lambda a: linalg.tril(a, 1), lambda a: np.tril(a, 1), [columns]),
    "symmetrise": (linalg.symmetrise, lambda a: (a + t(a)) / 2, [matrix]),
    "matmul": (linalg.matmul, np.matmul, [matrix, columns]),
    "matvec": (linalg.matvec, lambda a, x: np.einsum("...ij,...j->...i", a, x), [matrix, vector]),
    "outer": (linalg.outer, lambda x, y: x[..., None] * y[..., None, :], [vector, scales]),
    "l_lt": (linalg.l_lt, lambda l: np.tril(l) @ t(np.tril(l)), [matrix]),
    "capacitance": (
        linalg.low_rank_capacitance_cholesky,
        lambda w, d: np.linalg.cholesky(capacitance(w, d)),
        [columns, scales],
    ),
    "low_rank_log_det": (
        linalg.low_rank_log_det,
        lambda w, d: np.linalg.slogdet(covariance(w, d))[1],
        [columns, scales],
    ),
    "low_rank_mahalanobis": (linalg.low_rank_mahalanobis, mahalanobis, [columns, scales, vector]),
}

BATCHES = [((), ()), ((2,), ()), ((), (2,)), ((2, 1), (3,)), ((2, 3), (2, 3))]
DTYPES = [("float64", 1e-10), ("float32", 2e-5)]


def operands(kinds, batches, n, dtype="float64"):
    arrays = [kind(batches[min(i, 1)], n).astype(dtype) for i, kind in enumerate(kinds)]
    return arrays, [jt.array(a, dtype=dtype) for a in arrays]


def at_least_1d(a):
    return a.reshape(a.shape or (1,))


@pytest.mark.parametrize(("dtype", "tolerance"), DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_values(name, dtype, tolerance):
    function, truth, kinds = CASES[name]
    for n in (1, 3, 40):
        for batches in BATCHES:
            arrays, variables = operands(kinds, batches, n, dtype)
            expected = at_least_1d(np.asarray(truth(*(a.astype(float) for a in arrays))))
            value = function(*variables)
            assert tuple(value.shape) == expected.shape, (n, batches)
            assert str(value.dtype) == dtype
            scale = np.abs(expected).max()
            np.testing.assert_allclose(
                value.numpy(),
                expected,
                rtol=tolerance,
                atol=tolerance * scale,
                err_msg=str(batches),
            )


def differences(scalar, arrays, step=1e-5):
    """The gradient of a function of arrays by central differences, entry by entry."""
    gradients = []
    for i, array in enumerate(arrays):
        gradient = np.empty_like(array)
        for index in np.ndindex(array.shape):
            moved = [a.copy() for a in arrays]
            moved[i][index] += step
            above = scalar(*moved)
            moved[i][index] -= 2 * step
            gradient[index] = (above - scalar(*moved)) / (2 * step)
        gradients.append(gradient)
    return gradients


@pytest.mark.parametrize("name", CASES)
def test_gradients(name):
    function, truth, kinds = CASES[name]
    for batches in BATCHES:
        arrays, variables = operands(kinds, batches, 3)
        value = function(*variables)
        weights = RNG.normal(size=tuple(value.shape))
        loss = (value * jt.array(weights, dtype="float64")).sum()
        gradients = jt.grad(loss, variables)
        expected = differences(lambda *a, w=weights: np.sum(w * truth(*a)), arrays)
        for gradient, wanted in zip(gradients, expected):
            np.testing.assert_allclose(
                gradient.numpy(), wanted, rtol=1e-6, atol=1e-7, err_msg=str(batches)
            )


LINEAR = {"diagonal", "make_diagonal", "tril", "tril_below", "tril_above", "symmetrise"}


@pytest.mark.parametrize("name", sorted(set(CASES) - LINEAR))
def test_second_derivatives(name):
    """Of sums of cubes, so that the gradient flows through upstream gradients as well."""
    function, _, kinds = CASES[name]

    def slopes(variables):
        value = function(*variables)
        return jt.grad((value * value * value).sum(), variables)

    for batches in [((), (2,)), ((2,), ())]:
        arrays, variables = operands(kinds, batches, 3)
        directions = [RNG.normal(size=a.shape) for a in arrays]
        slope, *rest = (
            (g * jt.array(d, dtype="float64")).sum() for g, d in zip(slopes(variables), directions)
        )
        for term in rest:  # and not sum(...), since 0 + a scalar of float64 is float32 in Jittor
            slope = slope + term
        second = jt.grad(slope, variables)

        def first(*moved, directions=directions):
            gradients = slopes([jt.array(a, dtype="float64") for a in moved])
            return sum(np.sum(g.numpy() * d) for g, d in zip(gradients, directions))

        for gradient, wanted in zip(second, differences(first, arrays)):
            scale = np.abs(wanted).max()
            np.testing.assert_allclose(gradient.numpy(), wanted, rtol=1e-5, atol=1e-6 * scale)


@pytest.mark.parametrize("n", [1, 5, 40, 150])
def test_panels_and_remainders_of_large_systems(n):
    """Wide right-hand sides, every remainder of the unrolled loops, several threads."""
    a, b = positive((2,), n), RNG.normal(size=(2, n, 131))
    l = np.linalg.cholesky(a)
    factor = linalg.cholesky(jt.array(a, dtype="float64"))
    rhs = jt.array(b, dtype="float64")
    np.testing.assert_allclose(factor.numpy(), l, atol=1e-12 * np.abs(l).max())
    np.testing.assert_allclose(linalg.solve_triangular(factor, rhs).numpy(), solved(l, b))
    transposed = linalg.solve_triangular(factor, rhs, transpose=True)
    np.testing.assert_allclose(transposed.numpy(), solved(t(l), b), rtol=1e-6)
    np.testing.assert_allclose(linalg.l_lt(factor).numpy(), a, atol=1e-12 * np.abs(a).max())


def test_gradient_of_a_large_log_density():
    """-1/2 (x^T A^-1 x + log det A): the gradient is 1/2 (A^-1 x x^T A^-1 - A^-1)."""
    a, x = positive((), 150), vector((), 150)
    matrix_var = jt.array(a, dtype="float64")
    factor = linalg.cholesky(matrix_var)
    z = linalg.solve_triangular_vector(factor, jt.array(x, dtype="float64"))
    gradient = jt.grad(-0.5 * ((z * z).sum() + linalg.log_det_cholesky(factor)), matrix_var)
    inverse = np.linalg.inv(a)
    expected = 0.5 * (np.outer(inverse @ x, inverse @ x) - inverse)
    np.testing.assert_allclose(gradient.numpy(), expected, atol=1e-9 * np.abs(expected).max())


def test_ill_conditioned_matrices_lose_no_more_than_they_must():
    """The Hilbert matrix of size 8 has condition 1.5e10: its factor is exact, entries rational."""
    n = 8
    i = np.arange(1, n + 1)
    hilbert = 1 / (i[:, None] + i - 1.0)
    factor = linalg.cholesky(jt.array(hilbert, dtype="float64"))
    np.testing.assert_allclose(linalg.l_lt(factor).numpy(), hilbert, rtol=1e-15)
    np.testing.assert_allclose(factor.numpy(), np.linalg.cholesky(hilbert), rtol=1e-6, atol=1e-12)
    # float32 operands are not rounded on the way: as good as float64 on the same numbers.
    rounded = (hilbert + 1e-6 * np.eye(n)).astype("float32")
    single = linalg.cholesky(jt.array(rounded)).numpy()
    exact = np.linalg.cholesky(rounded.astype(float))
    np.testing.assert_allclose(single, exact, rtol=1e-6, atol=1e-9)


def test_low_rank_distance_keeps_its_digits_along_a_long_axis():
    """Two terms of 1e8 whose difference is 1."""
    w, d = 1e4 * np.ones((3, 1)), np.ones(3)
    args = [jt.array(a.astype("float32")) for a in (w, d, w[:, 0])]
    exact = 3e8 / (1 + 3e8)
    assert linalg.low_rank_mahalanobis(*args).item() == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize("bad", [-1.0, 0.0, np.nan, np.inf])
def test_members_that_are_not_positive_definite_become_nan_alone(bad):
    a = positive((3,), 5)
    a[1, 2, 2] = bad
    factor = linalg.cholesky(jt.array(a, dtype="float64"))
    value = factor.numpy()
    np.testing.assert_allclose(value[[0, 2]], np.linalg.cholesky(a[[0, 2]]))
    assert np.isnan(value[1][np.tril_indices(5)]).all()
    assert np.isnan(linalg.log_det_cholesky(factor).numpy()).tolist() == [False, True, False]


def test_what_is_in_the_other_triangle_does_not_matter():
    a, b = positive((2,), 5), columns((2,), 5)
    l = np.linalg.cholesky(a)
    above = np.triu_indices(5, 1)
    spoilt_a, spoilt_l = a.copy(), l.copy()
    spoilt_a[:, above[0], above[1]] = spoilt_l[:, above[0], above[1]] = np.nan
    spoilt_a, spoilt_l, rhs = (jt.array(x, dtype="float64") for x in (spoilt_a, spoilt_l, b))
    np.testing.assert_allclose(linalg.cholesky(spoilt_a).numpy(), l)
    np.testing.assert_allclose(linalg.l_lt(spoilt_l).numpy(), a)
    x = linalg.cholesky_solve(rhs, spoilt_l)
    np.testing.assert_allclose(x.numpy(), solved(a, b))
    gradient = jt.grad(x.sum(), spoilt_l).numpy()
    assert np.isfinite(gradient).all()
    assert (gradient[:, above[0], above[1]] == 0).all()


@pytest.mark.parametrize(
    ("left", "right"),
    [((4,), (2, 4, 5)), ((4,), (4, 5)), ((4,), (4,)), ((2, 3, 4), (4,)), ((3, 4), (2, 4, 5))],
)
def test_matmul_of_vectors_has_the_shape_that_numpy_gives(left, right):
    a, b = RNG.normal(size=left), RNG.normal(size=right)
    expected = at_least_1d(np.asarray(a @ b))
    value = linalg.matmul(jt.array(a, dtype="float64"), jt.array(b, dtype="float64"))
    assert tuple(value.shape) == expected.shape
    np.testing.assert_allclose(value.numpy(), expected, atol=1e-12)


def test_jittors_own_matmul_fails_the_same_check():
    """The reason for this one; when it passes, it has been mended upstream."""
    assert tuple(jt.matmul(jt.ones((4,)), jt.ones((2, 4, 5))).shape) != (2, 5)


def test_arrays_and_lists_take_the_dtype_of_the_vars():
    l = jt.array([[2.0, 0.0], [1.0, 4.0]], dtype="float64")
    value = linalg.solve_triangular_vector(l, [2.0, 4.2])
    assert str(value.dtype) == "float64"
    np.testing.assert_allclose(value.numpy(), [1.0, 0.8], rtol=1e-15)
    assert str(linalg.diagonal(np.eye(2)).dtype) == "float32"
    mixed = linalg.matvec(l, jt.array([1.0, 1.0]))
    assert str(mixed.dtype) == "float64"


def test_gradients_of_a_single_matrix_have_all_their_digits():
    """Jittor makes float32 of float64 Vars of shape [1] when a number stands before them."""
    a = positive((), 3)
    variable = jt.array(a, dtype="float64")
    loss = linalg.log_det_cholesky(linalg.cholesky(variable))
    assert loss.item() == pytest.approx(np.linalg.slogdet(a)[1], rel=1e-14)
    np.testing.assert_allclose(jt.grad(loss, variable).numpy(), np.linalg.inv(a), rtol=1e-12)
    one = jt.array([[3.0]], dtype="float64")
    assert jt.grad(linalg.cholesky(one), one).item() == pytest.approx(0.5 / 3**0.5, rel=1e-14)


def test_empty_batches_give_empty_results_and_zero_gradients():
    l, b = jt.zeros((0, 3, 3)), zeros(3, 2)
    x = linalg.solve_triangular(l, b)
    assert x.numpy().shape == (0, 3, 2)
    assert (jt.grad(x.sum(), b).numpy() == 0).all()
    assert linalg.log_det_cholesky(linalg.cholesky(l)).numpy().shape == (0,)


def zeros(*shape):
    return jt.zeros(shape)


ERRORS = [
    (lambda: linalg.cholesky(zeros(3, 2)), "cholesky: a of shape [3, 2] must be (..., n, n)"),
    (lambda: linalg.cholesky(zeros(3)), "cholesky: a of shape [3] must be (..., n, n)"),
    (
        lambda: linalg.solve_triangular(zeros(3, 2), zeros(3, 1)),
        "solve_triangular: l of shape [3, 2] must be (..., n, n)",
    ),
    (
        lambda: linalg.solve_triangular(zeros(3, 3), zeros(2, 4)),
        "solve_triangular: b of shape [2, 4] must be (..., 3, k) to go with l of shape [3, 3]",
    ),
    (
        lambda: linalg.solve_triangular(zeros(2, 3, 3), zeros(4, 3, 1)),
        "solve_triangular: the leading dims of l of shape [2, 3, 3] and b of shape [4, 3, 1] "
        "do not broadcast",
    ),
    (
        lambda: linalg.solve_triangular_vector(zeros(3, 3), zeros(4)),
        "solve_triangular_vector: b of shape [4] must be (..., 3) to go with l of shape [3, 3]",
    ),
    (
        lambda: linalg.cholesky_solve(zeros(3), zeros(3, 3)),
        "cholesky_solve: b of shape [3] must be (..., 3, k)",
    ),
    (
        lambda: linalg.matmul(zeros(2, 3), zeros(2, 3)),
        "matmul: b of shape [2, 3] must be (..., 3, k) to go with a of shape [2, 3]",
    ),
    (
        lambda: linalg.matvec(zeros(2, 3), zeros(2)),
        "matvec: x of shape [2] must be (..., 3) to go with a of shape [2, 3]",
    ),
    (
        lambda: linalg.low_rank_mahalanobis(zeros(4, 2), zeros(4), zeros(3)),
        "low_rank_mahalanobis: x of shape [3] must be (..., 4) to go with w of shape [4, 2]",
    ),
    (
        lambda: linalg.low_rank_log_det(zeros(4, 2), zeros(2)),
        "low_rank_log_det: d of shape [2] must be (..., 4) to go with w of shape [4, 2]",
    ),
]


@pytest.mark.parametrize(("call", "message"), ERRORS)
def test_wrong_shapes_are_named(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: linalg.cholesky(zeros(2, 2).int32()),
            "cholesky: a of shape [2, 2] must be float32 or float64, not int32",
        ),
        (lambda: linalg.tril("abc"), "tril: a must be a number, an array of numbers or a jt.Var"),
    ],
    ids=["int32", "str"],
)
def test_wrong_dtypes_are_named(call, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        call()


def test_results_and_their_gradients_are_let_go():
    """A function that kept its result would be kept by it."""
    a = jt.array(positive((2,), 3), dtype="float64")
    b = jt.array(columns((2,), 3), dtype="float64")

    def step():
        x = linalg.cholesky_solve(b, linalg.cholesky(a))
        x.sync()
        first = jt.grad((x * x).sum(), a)
        jt.grad((first * first).sum(), a).sync()

    counts = []
    for _ in range(3):
        step()
        gc.collect()
        counts.append(jt.liveness_info()["lived_vars"])
    assert counts[0] == counts[1] == counts[2]
