"""Masks of couplings: which entries stay as they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jittor as jt
import numpy as np

from zhusuan._tensor import Shape, Var

SPLIT_TYPES = ("ChessBoard", "Channel")


def get_coupling_mask(
    n_dim: int | Sequence[int], n_channel: int, n_mask: int, split_type: str = "ChessBoard"
) -> list[Var]:
    """Return masks for couplings that follow each other: 1 stays, 0 is changed.

    Each mask is the opposite of the one before, so that two couplings change everything.
    ``'ChessBoard'`` changes the places whose indices sum to an even number, in all channels
    (Dinh, Sohl-Dickstein and Bengio 2017, fig. 3, left); for vectors these are the entries 0, 2,
    4, ... ``'Channel'`` changes the first half of the channels (fig. 3, right), or of the
    entries of a vector; the smaller half, of an odd number.

    :param n_dim: entries of a vector, or height and width of images.
    :param n_channel: channels; 1 for vectors.
    :param n_mask: how many masks.
    :param split_type: ``'ChessBoard'`` or ``'Channel'``.
    :return: Vars of zeros and ones, of shape [n_dim] for vectors, [n_channel, n_dim] for vectors
        with several channels, [n_channel, height, width] for images.
    :raises ValueError: for another split type, sizes below 1, or one that can't be split.
    """
    sizes = (n_dim,) if isinstance(n_dim, (int, np.integer)) else tuple(n_dim)
    if min(*sizes, n_channel) < 1 or n_mask < 0:
        raise ValueError(
            "get_coupling_mask: sizes must be at least 1, got "
            f"n_dim={n_dim}, n_channel={n_channel}, n_mask={n_mask}"
        )
    is_vector = len(sizes) == 1 and n_channel == 1
    shape = sizes if is_vector else (n_channel, *sizes)
    if split_type == "ChessBoard":
        mask = np.indices(sizes).sum(0) % 2
        too_small = math.prod(sizes) < 2
    elif split_type == "Channel":
        places = np.arange(shape[0]) >= shape[0] // 2
        mask = places.reshape([-1] + [1] * (len(shape) - 1))
        too_small = shape[0] < 2
    else:
        raise ValueError(
            f"get_coupling_mask: split_type must be one of {SPLIT_TYPES}, got {split_type!r}"
        )
    if too_small:
        raise ValueError(
            f"get_coupling_mask: events of shape {list(shape)} cannot be split by {split_type!r}"
        )
    both = [np.broadcast_to(mask, shape), np.broadcast_to(1 - mask, shape)]
    return [_constant(both[i % 2]) for i in range(n_mask)]


def checked_mask(name: str, mask: Any, shape: Shape | None) -> np.ndarray:
    """Return a mask as an array of zeros and ones; raise ValueError if it is none.

    :param name: name of the transform, for messages.
    :param mask: Var, array, or None for every other entry of a vector.
    :param shape: shape that events must have, if that is known.
    """
    if mask is None:
        if shape is None:
            raise ValueError(f"{name}: give a mask: get_coupling_mask makes one")
        mask = np.arange(shape[0]) % 2
    array = mask.numpy() if isinstance(mask, jt.Var) else np.asarray(mask)
    if array.ndim < 1 or (shape is not None and array.shape != shape):
        wanted = "at least 1 dim" if shape is None else f"shape {list(shape)}"
        raise ValueError(f"{name}: the mask must have {wanted}, got shape {list(array.shape)}")
    if not np.isin(array, (0, 1)).all():
        raise ValueError(f"{name}: the mask must hold zeros and ones alone")
    if array.min() == array.max():
        raise ValueError(f"{name}: the mask must have both zeros and ones, all are {array.min():g}")
    return array.astype("float32")


def _constant(array: np.ndarray) -> Var:
    var = jt.array(np.ascontiguousarray(array, dtype="float32")).stop_grad()
    var.sync()
    return var
