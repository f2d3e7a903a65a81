"""Products of batches of small matrices, beside numpy's."""

import jittor as jt
import numpy as np
import pytest

from zhusuan.framework.bayesian.products import (
    FIRST_TRANSPOSED,
    PLAIN,
    SECOND_TRANSPOSED,
    product,
)

# Batches of both operands, rows, terms, columns: 16 columns (8 in float64) and 4 rows make a tile,
# so there are tiles that are full, begun and missing; the last is shared among threads.
SHAPES = [
    (3, 3, 4, 2, 16),
    (2, 2, 1, 1, 1),
    (1, 3, 5, 7, 17),
    (3, 1, 9, 4, 33),
    (64, 64, 96, 20, 48),
]
MODES = [PLAIN, SECOND_TRANSPOSED, FIRST_TRANSPOSED]


def swap(a):
    return a.transpose(0, 2, 1)


def operands(shape, mode, dtype="float32"):
    of_a, of_b, rows, terms, columns = shape
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(of_a, rows, terms)), rng.normal(size=(of_b, terms, columns))
    a, b = swap(a) if mode == FIRST_TRANSPOSED else a, swap(b) if mode == SECOND_TRANSPOSED else b
    return a.astype(dtype), b.astype(dtype)


def expected(a, b, mode):
    a, b = a.astype(float), b.astype(float)
    return (swap(a) if mode == FIRST_TRANSPOSED else a) @ (
        swap(b) if mode == SECOND_TRANSPOSED else b
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_product_and_its_gradients_are_those_of_numpy(shape, mode):
    a, b = operands(shape, mode)
    x, y = jt.array(a), jt.array(b)
    found = product(x, y, mode)
    wanted = expected(a, b, mode)
    # Up to 20 terms of size 1, in float32: errors of 1e-6.
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-5, atol=1e-5)
    g = np.random.default_rng(2).normal(size=wanted.shape)
    # Both in the order in which the operands are kept; a batch of one is summed over.
    first = expected(g, b if mode == SECOND_TRANSPOSED else swap(b), PLAIN)
    second = expected(a if mode == FIRST_TRANSPOSED else swap(a), g, PLAIN)
    if mode == FIRST_TRANSPOSED:
        first = swap(first)
    if mode == SECOND_TRANSPOSED:
        second = swap(second)
    to_x, to_y = jt.grad((found * jt.array(g.astype(np.float32))).sum(), [x, y])
    for gradient, wanted_gradient, operand in ((to_x, first, a), (to_y, second, b)):
        if operand.shape[0] == 1:
            wanted_gradient = wanted_gradient.sum(0, keepdims=True)
        np.testing.assert_allclose(gradient.numpy(), wanted_gradient, rtol=1e-4, atol=1e-4)


def test_float64_is_summed_in_float64():
    a, b = operands(SHAPES[0], PLAIN, "float64")
    with jt.flag_scope(auto_convert_64_to_32=0):
        x, y = jt.array(a), jt.array(b)
    np.testing.assert_allclose(product(x, y).numpy(), a @ b, rtol=1e-13, atol=1e-13)


def test_operands_of_two_dtypes_are_left_to_jittor():
    a, b = operands(SHAPES[0], PLAIN)
    with jt.flag_scope(auto_convert_64_to_32=0):
        y = jt.array(b.astype(np.float64))
    np.testing.assert_allclose(product(jt.array(a), y).numpy(), a @ b, rtol=1e-5, atol=1e-6)


def test_a_wrong_mode_is_seen():
    """What the table above would show if gradients took the wrong matrix transposed."""
    a, b = operands((2, 2, 3, 3, 3), PLAIN)
    assert not np.allclose(product(jt.array(a), jt.array(b), 1).numpy(), a @ b, atol=1e-2)


def test_second_derivatives():
    a, b = operands((3, 3, 4, 2, 5), PLAIN)
    left, right = jt.array(a), jt.array(b)
    to_left, to_right = jt.grad(product(left, right).sqr().sum(), [left, right])
    found = jt.grad(to_left.sqr().sum() + to_right.sum(), [left, right])
    # f = |ab|^2, f_a = 2abb', f_b = 2a'ab; g = |f_a|^2 + sum(f_b)
    a, b = a.astype(float), b.astype(float)
    at, bt, one = a.transpose(0, 2, 1), b.transpose(0, 2, 1), np.ones_like(b)
    bbt, f_a = b @ bt, 2 * a @ b @ bt
    wanted_a = 4 * f_a @ bbt + 2 * a @ (b @ one.transpose(0, 2, 1) + one @ bt)
    wanted_b = 4 * (at @ f_a + f_a.transpose(0, 2, 1) @ a) @ b + 2 * at @ a @ one
    np.testing.assert_allclose(found[0].numpy(), wanted_a, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found[1].numpy(), wanted_b, rtol=1e-4, atol=1e-4)
