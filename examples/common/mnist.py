"""MNIST as NumPy arrays: the arrays that ``jittor.dataset.MNIST`` reads, minus the waiting.

Jittor's loader turns every image into a picture and back, one at a time. Here a whole epoch is
cut from one array::

    data = load_mnist(binarize="dynamic")
    rng = np.random.default_rng(seed)
    for x in batches(data.x_train, 128, rng, binarize=True):
        loss = model({"x": jt.array(x)})
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np

from common.mnist_files import DataError, read_from_folder, read_from_known_places

__all__ = ["MNIST", "STATIC_SEED", "DataError", "batches", "load_mnist", "n_batches"]

Binarize = Literal["none", "static", "dynamic"]

STATIC_SEED = 20170623  # arbitrary, and never to change: results are compared across runs


class MNIST(NamedTuple):
    """The data set.

    :param x_train: ``float32 [60000, 784]``, pixels in [0, 1], row by row.
    :param t_train: ``int32 [60000]``, the digits.
    :param x_test: ``float32 [10000, 784]``.
    :param t_test: ``int32 [10000]``.
    """

    x_train: np.ndarray
    t_train: np.ndarray
    x_test: np.ndarray
    t_test: np.ndarray


def load_mnist(
    data_dir: str | os.PathLike[str] | None = None,
    binarize: Binarize = "none",
    seed: int = STATIC_SEED,
) -> MNIST:
    """Load MNIST.

    With ``data_dir`` the files come from that folder and nowhere else, and the folder is only
    read: four files by their usual names, compressed (``.gz``) or not. Without it they come from
    Jittor's data folder, from the package ``jittor_offline`` or, when neither has them, from the
    network.

    :param data_dir: the folder that holds the files, or None to search.
    :param binarize: ``"none"``: pixels are byte / 255. ``"static"``: every pixel is drawn once
        from the Bernoulli distribution with that mean. ``"dynamic"``: the test pixels are those
        of ``"static"``; the training pixels stay real, for :func:`batches` to draw anew each time
        with ``binarize=True``.
    :param seed: the seed of the static draws. It is not the seed of a run: left alone, every run
        sees the same binary images and the results can be compared.
    :returns: the four arrays.
    :raises ValueError: when ``binarize`` is not one of the three words.
    :raises DataError: when the data cannot be had, or a file is not the genuine one.
    """
    if binarize not in get_args(Binarize):
        raise ValueError(f"load_mnist: binarize must be one of {get_args(Binarize)}: {binarize!r}")
    if data_dir is None:
        arrays = read_from_known_places()
    else:
        arrays = read_from_folder(Path(data_dir).expanduser())
    x_train, t_train, x_test, t_test = arrays
    data = MNIST(
        _pixels(x_train), t_train.astype(np.int32), _pixels(x_test), t_test.astype(np.int32)
    )
    # Two streams, so that the test images do not depend on whether the training ones are drawn.
    if binarize == "static":
        data = data._replace(x_train=_bernoulli(data.x_train, np.random.default_rng([seed, 0])))
    if binarize != "none":
        data = data._replace(x_test=_bernoulli(data.x_test, np.random.default_rng([seed, 1])))
    return data


def n_batches(n: int, batch_size: int, drop_last: bool = False) -> int:
    """Count the batches of one epoch.

    :param n: the number of rows.
    :param batch_size: the number of rows of a batch.
    :param drop_last: whether a smaller last batch is left out.
    :returns: how many batches :func:`batches` yields.
    :raises ValueError: when ``n`` is negative or ``batch_size`` is less than 1.
    """
    if n < 0:
        raise ValueError(f"n_batches: n must not be negative: {n}")
    if batch_size < 1:
        raise ValueError(f"n_batches: batch_size must be at least 1: {batch_size}")
    return n // batch_size if drop_last else -(-n // batch_size)


def batches(
    x: np.ndarray,
    batch_size: int,
    rng: np.random.Generator | None = None,
    shuffle: bool = True,
    drop_last: bool = False,
    binarize: bool = False,
) -> Iterator[np.ndarray]:
    """Go once through the rows of an array, in batches.

    Every batch is an array of its own: writing to it leaves ``x`` as it is.

    :param x: ``[n, ...]``, one row per datum.
    :param batch_size: the number of rows of a batch.
    :param rng: what the order (drawn at the call) and the binary pixels (drawn batch by batch)
        come from; needed when one of them is asked for.
    :param shuffle: whether the rows come in random order.
    :param drop_last: whether a last batch of fewer rows is left out.
    :param binarize: whether each value is replaced by a draw from the Bernoulli distribution
        with that mean.
    :returns: an iterator over C-contiguous ``float32 [batch_size, ...]``.
    :raises TypeError: when ``rng`` is needed and is not a ``numpy.random.Generator``.
    :raises ValueError: when ``batch_size`` is less than 1, or when ``binarize`` is set and ``x``
        has values outside [0, 1].
    """
    # A plain function around the generator, so that mistakes show at the call.
    if (shuffle or binarize) and not isinstance(rng, np.random.Generator):
        raise TypeError(f"batches: rng must be a numpy.random.Generator: {type(rng).__name__}")
    count = n_batches(len(x), batch_size, drop_last)
    if binarize and len(x) and not (x.min() >= 0 and x.max() <= 1):  # also false for NaN
        raise ValueError(f"batches: binarize needs values in [0, 1]: found {x.min()} to {x.max()}")
    order = np.arange(len(x)) if rng is None or not shuffle else rng.permutation(len(x))
    rows = [order[i * batch_size : (i + 1) * batch_size] for i in range(count)]
    return _generate(x, rows, rng if binarize else None)


def _generate(
    x: np.ndarray, rows: list[np.ndarray], binarize_rng: np.random.Generator | None
) -> Iterator[np.ndarray]:
    for chosen in rows:
        batch = np.ascontiguousarray(x[chosen], dtype=np.float32)  # indexing by a list copies
        yield batch if binarize_rng is None else _bernoulli(batch, binarize_rng)


def _pixels(images: np.ndarray) -> np.ndarray:
    return np.divide(images.reshape(len(images), -1), np.float32(255), dtype=np.float32)


def _bernoulli(mean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    # The uniform draws lie in [0, 1), so a mean of 1 always gives 1, and a mean of 0 never does.
    return (rng.random(mean.shape, dtype=np.float32) < mean).astype(np.float32)
