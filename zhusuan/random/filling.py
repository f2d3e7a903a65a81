"""What all samplers share: parameters on the host, checks, and arrays filled by several threads."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jittor as jt
import numpy as np

from zhusuan._tensor import FLOAT_DTYPES, Var, host_view
from zhusuan.random import source

Draw = Callable[..., np.ndarray]
"""``draw(generator, n, *parameters)`` returns n draws; a parameter is a 0-d array or has n rows."""

COUNT_DTYPES = (*FLOAT_DTYPES, "int32", "int64")

# Fixed, so that a seed gives the same draws on every machine. At 2e5 normals the threads cost
# a tenth of what they save.
LANES = 4
PARALLEL_FROM = 200_000


def upload(drawn: np.ndarray) -> Var:
    """Return ``drawn`` as a Var of the same dtype.

    ``jt.array`` with a dtype copies twice; without one it narrows 64 bits unless told not to.
    """
    if drawn.dtype.itemsize < 8:
        return jt.ops.array(drawn)
    with jt.flag_scope(auto_convert_64_to_32=0):
        return jt.ops.array(drawn)


def fill(
    draw: Draw,
    shape: Sequence[int],
    dtype: str,
    *parameters: np.ndarray,
    event_ndim: int = 0,
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
    """
    shape = tuple(shape)
    n_batch_dims = len(shape) - event_ndim
    n = math.prod(shape[:n_batch_dims])
    if math.prod(shape) < PARALLEL_FROM:
        drawn = draw(source.generator(), n, *parameters)
        return upload(np.ascontiguousarray(drawn.reshape(shape), dtype))

    drawn = np.empty((n, *shape[n_batch_dims:]), dtype)

    def fill_lane(lane: int, sequence: np.random.SeedSequence) -> None:
        rows = slice(n * lane // LANES, n * (lane + 1) // LANES)
        child = np.random.Generator(np.random.PCG64DXSM(sequence))
        here = [p[rows] if p.ndim else p for p in parameters]
        drawn[rows] = draw(child, rows.stop - rows.start, *here)

    key = source.generator().integers(0, 2**64, size=2, dtype=np.uint64)
    sequences = np.random.SeedSequence(key.tolist()).spawn(LANES)
    # A pool kept for later would not survive a fork; starting one costs 0.1 ms.
    with ThreadPoolExecutor(LANES) as pool:
        list(pool.map(fill_lane, range(LANES), sequences))
    return upload(drawn.reshape(shape))


def host(value: Any, dtype: str = "float64") -> np.ndarray:
    """Return a number, array or Var as a numpy array; a pending Var is computed."""
    return np.asarray(host_view(value) if isinstance(value, jt.Var) else value, dtype)


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
