"""What all samplers share: parameters on the host, checks, and arrays filled by several threads."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jittor as jt
import numpy as np

from zhusuan._tensor import FLOAT_DTYPES, Var, host_view
from zhusuan.random import source
from zhusuan.random.uploads import uploaded

Draw = Callable[..., np.ndarray]
"""``draw(generator, n, *parameters)`` returns n draws; a parameter is a 0-d array or has n rows."""

COUNT_DTYPES = (*FLOAT_DTYPES, "int32", "int64")

# How many draws are made at a time: their temporaries stay in the cache.
BLOCK = 16_384

# Fixed, so that a seed gives the same draws on every machine. Starting the lanes costs 0.2 ms,
# which 2e5 normals win back twice.
LANES = 4
PARALLEL_FROM = 200_000

_pool: ThreadPoolExecutor | None = None


def _forget_pool() -> None:
    global _pool
    _pool = None


# Threads do not survive a fork: the child would wait for them forever.
os.register_at_fork(after_in_child=_forget_pool)


def _lanes_pool() -> ThreadPoolExecutor:
    """Return the threads, started at first use; starting them anew costs 0.4 ms each time."""
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(LANES, thread_name_prefix="zhusuan-random")
    return _pool


def on_device() -> bool:
    """Whether the device's own generator draws."""
    return bool(jt.flags.use_cuda)


def fill(
    draw: Draw,
    shape: Sequence[int],
    dtype: str,
    *parameters: np.ndarray,
    event_ndim: int = 0,
    parallel: bool = True,
) -> Var:
    """Return a Var of independent draws.

    From ``PARALLEL_FROM`` elements on, each of ``LANES`` threads fills its part from a child
    stream; numpy's generators release the GIL. The children's common key is drawn from the
    stream in use, whose saved state therefore determines them.

    :param draw: makes the draws; what it returns is cast to ``dtype``.
    :param shape: shape of the result.
    :param dtype: dtype of the result.
    :param parameters: from :func:`expand`.
    :param event_ndim: how many trailing dims of ``shape`` belong to one draw.
    :param parallel: False where a draw is so cheap that threads gain nothing.
    """
    shape = tuple(shape)
    size = math.prod(shape)
    event = shape[len(shape) - event_ndim :]

    def make() -> np.ndarray:
        if size <= BLOCK:
            n = math.prod(shape[:-event_ndim]) if event_ndim else size
            drawn = draw(source.generator(), n, *parameters).reshape(shape)
            return drawn.astype(dtype, copy=False)
        out = np.empty((size // math.prod(event), *event), dtype)
        if size < PARALLEL_FROM or not parallel:
            _fill_blocks(draw, source.generator(), out, parameters)
        else:
            _fill_lanes(draw, out, parameters)
        return out.reshape(shape)

    return uploaded(make)


def _fill_blocks(
    draw: Draw, generator: np.random.Generator, out: np.ndarray, parameters: Sequence[np.ndarray]
) -> None:
    step = max(1, BLOCK * len(out) // max(out.size, 1))
    for start in range(0, len(out), step):
        here = out[start : start + step]
        rows = slice(start, start + len(here))
        here[...] = draw(generator, len(here), *(p[rows] if p.ndim else p for p in parameters))


def _fill_lanes(draw: Draw, out: np.ndarray, parameters: Sequence[np.ndarray]) -> None:
    def fill_lane(lane: int, sequence: np.random.SeedSequence) -> None:
        rows = slice(len(out) * lane // LANES, len(out) * (lane + 1) // LANES)
        generator = np.random.Generator(np.random.PCG64DXSM(sequence))
        _fill_blocks(draw, generator, out[rows], [p[rows] if p.ndim else p for p in parameters])

    key = source.generator().integers(0, 2**64, size=2, dtype=np.uint64)
    sequences = np.random.SeedSequence(key.tolist()).spawn(LANES)
    # list() waits for all of them and raises what one of them raised.
    list(_lanes_pool().map(fill_lane, range(LANES), sequences))


def host(value: Any) -> np.ndarray:
    """Return a number, array or Var as a float64 array; a pending Var is computed."""
    return np.asarray(host_view(value) if isinstance(value, jt.Var) else value, "float64")


def expand(
    name: str, what: str, value: np.ndarray, shape: Sequence[int], event_ndim: int = 0
) -> np.ndarray:
    """Return ``value`` with one row per draw, or as a 0-d array when all draws share one number.

    numpy's samplers are faster when told so.

    :param name: name of the sampler, for the error message.
    :param what: name of the parameter.
    :param value: broadcasts to ``shape``.
    :param shape: shape of the result of the sampler.
    :param event_ndim: how many trailing dims of ``shape`` belong to one draw.
    :raises ValueError: if it does not broadcast.
    """
    shape = tuple(shape)
    try:
        full = np.broadcast_to(value, shape)
    except ValueError:
        raise ValueError(
            f"{name}: {what} of shape {value.shape} does not broadcast to {shape}"
        ) from None
    if value.size == 1 and not event_ndim:
        return value.reshape(())
    n_batch_dims = len(shape) - event_ndim
    n, event = math.prod(shape[:n_batch_dims]), shape[n_batch_dims:]
    if value.shape == event:
        return np.broadcast_to(value, (n, *event))  # a view, where reshape would copy
    return full.reshape(n, *event)


def check(name: str, what: str, value: np.ndarray, valid: np.ndarray | bool, domain: str) -> None:
    """Raise if any element of a parameter is invalid.

    :param valid: where ``value`` is valid; must be False for NaN.
    :param domain: what the parameter must be, in words.
    :raises ValueError: naming the sampler, the parameter and the first offending value.
    """
    if not np.all(valid):
        offending = np.broadcast_to(value, np.shape(valid))[~np.asarray(valid)].ravel()[0]
        raise ValueError(f"{name}: {what} must be {domain}, got {offending}")


def check_dtype(name: str, dtype: str, allowed: Sequence[str] = FLOAT_DTYPES) -> None:
    """Raise unless ``dtype`` is one of ``allowed``.

    :raises ValueError: naming the sampler and the dtype.
    """
    if dtype not in allowed:
        raise ValueError(f"{name}: dtype must be one of {', '.join(allowed)}, got {dtype!r}")
