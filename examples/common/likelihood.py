"""The log-likelihood of many images, estimated batch by batch."""

from __future__ import annotations

from typing import Any

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import jittor as jt
import numpy as np
from tqdm import tqdm

from common.mnist import batches, n_batches


def log_likelihoods(
    generator: Any,
    proposal: Any,
    x: np.ndarray,
    n_samples: int,
    batch_size: int,
    axis: int | None = 0,
) -> np.ndarray:
    """Estimate the log-likelihood of each image by importance sampling, on average too low.

    Under ``mpirun`` each process takes its part of the images.

    :param generator: the model.
    :param proposal: the posterior that is drawn from.
    :param x: images, ``[n, 784]``.
    :param n_samples: number of samples for each image.
    :param batch_size: images that are in memory at once.
    :param axis: dim of the particles that one run of ``proposal`` draws, None for a single draw.
    :returns: nats, ``[n]``.
    """
    part = zs.distributed.shard(x)
    bar = tqdm(
        batches(part, batch_size, shuffle=False), "log-likelihood",
        n_batches(len(part), batch_size), leave=False,
        disable=None if zs.distributed.is_main() else True,
    )  # fmt: skip
    found = [
        zs.is_loglikelihood(
            generator, {"x": jt.array(rows)}, axis=axis, proposal=proposal, n_samples=n_samples,
            progress=False,
        ).numpy()
        for rows in bar
    ]  # fmt: skip
    return zs.distributed.gather_rows(np.concatenate([np.zeros(0, np.float32), *found]))
