"""The nets that every library trains: sizes, first weights and data, as numpy arrays.

All libraries start from the same weights and see the same batches, so that their losses agree but
for the noise of the latents. Weights are uniform by the number of inputs, ``[n_out, n_in]``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

Weights = dict[str, np.ndarray]

LEARNING_RATE = 1e-3
X_DIM = 784
EPOCH_IMAGES = 6000
"""A tenth of MNIST's, as an epoch takes seconds in all libraries."""

# case -> sizes; "particles" 1 without an axis of particles.
SIZES: dict[str, dict[str, int]] = {
    "vae": {"hidden": 500, "latent": 40, "batch": 64, "particles": 1},
    "epoch": {"hidden": 500, "latent": 40, "batch": 64, "particles": 1},
    "iwae": {"hidden": 200, "latent": 50, "batch": 20, "particles": 50},
    "conv": {"latent": 32, "batch": 64},
    "bnn": {"particles": 512, "batch": 114},
    "hmc": {"chains": 64, "leapfrogs": 10},
}
# Boston housing's size; the noise is known.
BNN_DATA, BNN_FEATURES, BNN_HIDDEN, BNN_STD, BNN_SCALE = 455, 13, 50, 0.3, 0.05
HMC_STEP = 0.05


def dense(rng: np.random.Generator, name: str, n_in: int, n_out: int) -> Weights:
    """Return the weight and bias of a layer."""
    bound = 1 / np.sqrt(n_in)
    return {
        f"{name}.weight": rng.uniform(-bound, bound, (n_out, n_in)).astype("float32"),
        f"{name}.bias": rng.uniform(-bound, bound, n_out).astype("float32"),
    }


def kernels(rng: np.random.Generator, name: str, n_in: int, n_out: int, turned: bool) -> Weights:
    """Return the weight and bias of a 4x4 convolution; ``[n_in, n_out, 4, 4]`` if transposed."""
    bound = 1 / np.sqrt(16 * n_in)
    shape = (n_in, n_out, 4, 4) if turned else (n_out, n_in, 4, 4)
    return {
        f"{name}.weight": rng.uniform(-bound, bound, shape).astype("float32"),
        f"{name}.bias": rng.uniform(-bound, bound, n_out).astype("float32"),
    }


def first_weights(case: str, sizes: dict[str, int]) -> Weights:
    """Return the weights that training starts from, by name."""
    rng = np.random.default_rng(1)
    if case == "bnn":
        return dense(rng, "l1", BNN_FEATURES, BNN_HIDDEN) | dense(rng, "l2", BNN_HIDDEN, 1)
    z = sizes["latent"]
    if case == "conv":
        return (
            kernels(rng, "enc1", 1, 32, False) | kernels(rng, "enc2", 32, 64, False)
            | dense(rng, "enc3", 3136, 256) | dense(rng, "mean", 256, z)
            | dense(rng, "logstd", 256, z) | dense(rng, "dec1", z, 3136)
            | kernels(rng, "dec2", 64, 32, True) | kernels(rng, "dec3", 32, 1, True)
        )  # fmt: skip
    h = sizes["hidden"]
    return (
        dense(rng, "enc1", X_DIM, h) | dense(rng, "enc2", h, h) | dense(rng, "mean", h, z)
        | dense(rng, "logstd", h, z) | dense(rng, "dec1", z, h) | dense(rng, "dec2", h, h)
        | dense(rng, "dec3", h, X_DIM)
    )  # fmt: skip


def images(n: int) -> np.ndarray:
    """Return binary images: ten prototypes with pixels flipped, so that there is much to learn."""
    rng = np.random.default_rng(2)
    prototypes = rng.random((10, X_DIM), dtype=np.float32) < 0.2
    flips = rng.random((n, X_DIM), dtype=np.float32) < 0.05
    return (prototypes[rng.integers(0, 10, n)] ^ flips).astype("float32")


def regression() -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and targets of the Bayesian net."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((BNN_DATA, BNN_FEATURES)).astype("float32")
    y = np.sin(x @ rng.standard_normal(BNN_FEATURES) / 2) + BNN_STD * rng.standard_normal(BNN_DATA)
    return x, y.astype("float32")


def batches(case: str, sizes: dict[str, int]) -> Iterator[Any]:
    """Return batches without end: arrays of images, or pairs of inputs and targets."""
    rng = np.random.default_rng(4)
    size = sizes["batch"]
    x, y = regression() if case == "bnn" else (images(max(2000, size)), None)
    while True:
        rows = rng.integers(0, len(x), size)
        yield x[rows] if y is None else (x[rows], y[rows])
