"""Gradients of float64 losses after a float32 loss of like form."""

import jittor as jt
import numpy as np

import zhusuan  # noqa: F401  (repairs jt.grad)


def _losses():
    xs = [jt.array(np.full(shape, 2.0), dtype="float64") for shape in ((2, 3), (3,))]
    terms = [(x * jt.array(np.full(x.shape, 2.5), dtype="float64")).sum() for x in xs]
    return xs, terms


def test_they_start_from_one():
    for first_in_float32 in (True, False, True, False):
        xs, (one, other) = _losses()
        total = (one.cast("float32") if first_in_float32 else one) + other
        for gradient in jt.grad(total, xs):
            assert (gradient.numpy() == 2.5).all()


def test_they_keep_the_digits_of_float64():
    x = jt.array(np.array([0.1, 0.3]), dtype="float64")
    gradient = jt.grad((x * x * x).sum(), x)
    assert str(gradient.dtype) == "float64"
    np.testing.assert_allclose(gradient.numpy(), 3 * np.array([0.1, 0.3]) ** 2, rtol=1e-15)
    second = jt.grad(gradient.sum(), x)
    np.testing.assert_allclose(second.numpy(), 6 * np.array([0.1, 0.3]), rtol=1e-15)
    # A loss beyond float32's range has gradients all the same.
    huge = jt.array(np.array([1e200]), dtype="float64")
    assert jt.grad((huge * 3.0).sum(), huge).item() == 3.0
