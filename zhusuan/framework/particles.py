"""Layers that take one batch dim, applied to values with particle dims in front."""

from __future__ import annotations

import math
from collections.abc import Callable

from zhusuan._tensor import Var, shape_of


def map_particles(module: Callable[[Var], Var], x: Var, value_ndims: int) -> Var:
    """Apply a layer to all members of the leading dims of ``x`` at once.

    ``nn.Linear`` works on any number of leading dims by itself. Convolutions, pooling and batch
    normalisation take exactly one, so the particles and the data are merged into one dim before
    the layer and parted after it::

        h = zs.map_particles(self.conv, x, value_ndims=3)  # [k, n, c, h, w] -> [k, n, c', h', w']

    :param module: a layer, or any function of a Var whose dim 0 is a batch.
    :param x: Var of shape ``leading + value``; without leading dims, a batch of one is made.
    :param value_ndims: how many trailing dims one member has: 3 for images (channels, height,
        width), 1 for vectors.
    :return: Var of shape ``leading + the layer's value``.
    :raises ValueError: if ``x`` has fewer than ``value_ndims`` dims, or the layer changes the
        size of the batch.
    """
    shape = shape_of(x)
    if not 0 <= value_ndims <= len(shape):
        raise ValueError(
            f"map_particles: value_ndims={value_ndims} is not between 0 and the {len(shape)} "
            f"dims of x {list(shape)}"
        )
    cut = len(shape) - value_ndims
    leading, value = shape[:cut], shape[cut:]
    size = math.prod(leading)
    result = module(x.reshape([size, *value]))
    if result.shape[0] != size:
        raise ValueError(
            f"map_particles: the layer was given a batch of {size} (from {list(shape)}) and "
            f"returned shape {list(result.shape)}"
        )
    return result.reshape([*leading, *shape_of(result)[1:]] or [1])
