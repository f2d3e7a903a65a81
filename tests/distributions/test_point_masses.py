"""Delta and Empirical, which have no density."""

import jittor as jt
import numpy as np
import pytest
from scipy import stats

import zhusuan as zs
from zhusuan import distributions as zd

DRAWS = np.array([[0.0, 5.0], [1.0, 5.0], [3.0, 7.0], [1.0, 9.0]], np.float32)
LOG_WEIGHTS = np.log([0.1, 0.2, 0.3, 0.4])


def test_delta_is_its_point_with_its_gradient():
    value, log_density = jt.array([1.0, 2.0, 3.0]), jt.array([0.5, 0.0, -1.0])
    d = zd.Delta(value, log_density)
    assert (d.batch_shape, d.value_shape) == ((3,), ())
    sample = d.sample(2)
    np.testing.assert_array_equal(sample.numpy(), [[1, 2, 3]] * 2)
    log_prob = d.log_prob([1.0, 2.5, 3.0])
    np.testing.assert_array_equal(log_prob.numpy(), [0.5, -np.inf, -1.0])
    np.testing.assert_array_equal(jt.grad(sample.sum(), value).numpy(), [2, 2, 2])
    finite = jt.ternary(log_prob > -1e30, log_prob, jt.zeros_like(log_prob)).sum()
    np.testing.assert_array_equal(jt.grad(finite, log_density).numpy(), [1, 0, 1])
    np.testing.assert_array_equal(d.mean.numpy(), d.mode.numpy())
    assert (d.variance.numpy() == 0).all()
    np.testing.assert_array_equal(d.cdf([0.9, 2.0, 3.1]).numpy(), [0, 1, 1])
    np.testing.assert_array_equal(d.icdf([0.0, 0.5, 1.0]).numpy(), [1, 2, 3])
    assert np.isnan(d.icdf(1.5).numpy()).all()


def test_delta_of_vectors():
    d = zd.Delta(np.arange(6.0).reshape(2, 3), value_ndims=1)
    assert (d.batch_shape, d.value_shape) == ((2,), (3,))
    given = np.stack([np.arange(6.0).reshape(2, 3), np.ones((2, 3))])
    np.testing.assert_array_equal(d.log_prob(given).numpy(), [[0, 0], [-np.inf, -np.inf]])
    assert d.sample(4).shape == [4, 2, 3]
    with pytest.raises(ValueError, match="value_ndims must be between 0 and the 2 dims"):
        zd.Delta(np.ones((2, 3)), value_ndims=3)


def test_empirical_of_numbers():
    d = zd.Empirical(DRAWS, LOG_WEIGHTS)
    assert (d.batch_shape, d.value_shape) == ((2,), ())
    np.testing.assert_allclose(d.prob([1.0, 5.0]).numpy(), [0.6, 0.3], rtol=1e-6)
    assert np.isneginf(d.log_prob([2.0, 6.0]).numpy()).all()
    weights = np.exp(LOG_WEIGHTS)
    mean = weights @ DRAWS
    np.testing.assert_allclose(d.mean.numpy(), mean, rtol=1e-6)
    np.testing.assert_allclose(d.variance.numpy(), weights @ (DRAWS - mean) ** 2, rtol=1e-5)
    np.testing.assert_allclose(d.cdf([[1.0, 7.0], [-1.0, 99.0]]).numpy(), [[0.7, 0.6], [0, 1]],
                               rtol=1e-6)
    zs.set_seed(0)
    drawn = d.sample(4000).numpy()
    counts = [(drawn[:, 0] == v).sum() for v in (0, 1, 3)]
    # The seed is fixed; right draws are below 1e-3 once in 1000 seeds.
    assert stats.chisquare(counts, 4000 * np.array([0.1, 0.6, 0.3])).pvalue > 1e-3
    # Each member of the batch is drawn for itself.
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 5 / np.sqrt(4000)


def test_empirical_of_vectors_draws_whole_ones():
    d = zd.Empirical(DRAWS, value_ndims=1)
    assert (d.batch_shape, d.value_shape) == ((), (2,))
    rows = {tuple(row) for row in DRAWS.tolist()}
    assert {tuple(row) for row in d.sample(50).numpy().tolist()} == rows
    np.testing.assert_allclose(
        d.prob([[1.0, 5.0], [1.0, 7.0]]).numpy(), [0.25, 0.0], rtol=1e-6
    )


@pytest.mark.parametrize(
    ("call", "pieces"),
    [
        (lambda: zd.Empirical(DRAWS, value_ndims=2), ["value_ndims", "[4, 2]", "2"]),
        (lambda: zd.Empirical(DRAWS, np.zeros(3)), ["log_weights", "[4]", "[3]"]),
        (lambda: zd.Empirical(DRAWS, [0.0, 0.0, np.inf, 0.0]), ["log_weights", "inf"]),
        (lambda: zd.Empirical(DRAWS).log_prob(np.zeros(3)), ["[3]", "[2]"]),
    ],
)
def test_wrong_use_of_empirical_is_explained(call, pieces):
    with pytest.raises(ValueError, match="Empirical") as caught:
        call()
    assert [piece for piece in pieces if piece not in str(caught.value)] == []
