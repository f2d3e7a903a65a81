"""What the examples of flows compute themselves: small images, the baseline, bits per pixel."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy import special, stats

import zhusuan as zs
from zhusuan import transforms as zt

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "normalizing_flows"


@pytest.fixture(scope="module")
def maf():
    spec = importlib.util.spec_from_file_location("maf_mnist", EXAMPLES / "maf_mnist.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_small_images_are_sums_of_four_pixels(maf):
    image = np.random.default_rng(0).integers(0, 256, (28, 28)).astype("float32")
    (small,) = maf.shrink(image.reshape(1, -1)).reshape(-1, 14, 14)
    assert small[3, 5] == image[6, 10] + image[6, 11] + image[7, 10] + image[7, 11]
    assert small.sum() == image.sum()


def test_the_baseline_is_a_normal_distribution_of_logits(maf):
    levels = np.random.default_rng(1).integers(0, maf.N_LEVELS, (400, maf.X_DIM))
    baseline = maf.Gaussian(levels.astype("float32"))
    zs.set_seed(2)
    x = zt.dequantize(levels[:5], maf.N_LEVELS).numpy().astype(float)
    zs.set_seed(2)  # the same noise
    got = baseline.log_prob(levels[:5].astype("float32"))
    p = maf.ALPHA + (1 - 2 * maf.ALPHA) * x
    density = stats.multivariate_normal(baseline.mean, baseline.cov).logpdf(special.logit(p))
    volume = np.log(1 - 2 * maf.ALPHA) - np.log(p) - np.log1p(-p)
    # 196 terms of float32 each.
    np.testing.assert_allclose(got, density + volume.sum(1), rtol=1e-5, atol=1e-2)


def test_uniform_pixels_take_all_bits(maf):
    """A density of 1 on [0, 1] is log2(n) bits; one of 2 is a bit less."""
    flat = maf.summary(np.zeros(10), 196, 1021)
    assert flat["bits_per_pixel"] == pytest.approx(np.log2(1021))
    dense = maf.summary(np.full(10, 196 * np.log(2.0)), 196, 1021)
    assert dense["bits_per_pixel"] == pytest.approx(np.log2(1021) - 1.0)
    assert dense["standard_error"] == pytest.approx(0.0, abs=1e-9)
