"""Discrete draws: counts, indices and categories.

Counts come back in the dtype asked for; float32 holds them exactly up to 2^24.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jittor as jt
import numpy as np

from zhusuan._tensor import FLOAT_DTYPES, Var, as_var, shape_of
from zhusuan.random import source
from zhusuan.random.continuous import standard_gumbel
from zhusuan.random.filling import (
    COUNT_DTYPES,
    Draw,
    check,
    check_dtype,
    expand,
    fill,
    host,
)
from zhusuan.random.uploads import uploaded

# numpy refuses rates from which a count could leave int64.
_LARGEST_RATE = 9.2e18


def _fill_counts(
    name: str,
    draw: Draw,
    shape: Sequence[int],
    dtype: str,
    *parameters: np.ndarray,
    event_ndim: int = 0,
    parallel: bool = True,
) -> Var:
    def checked(generator: np.random.Generator, n: int, *here: np.ndarray) -> np.ndarray:
        counts = draw(generator, n, *here)
        if dtype == "int32" and counts.size:
            largest = counts.max()
            check(name, "a draw as int32", largest, largest < 2**31, "below 2^31 (use int64)")
        return counts

    return fill(checked, shape, dtype, *parameters, event_ndim=event_ndim, parallel=parallel)


def poisson(rate: Any, shape: Sequence[int], dtype: str = "float32") -> Var:
    """Draw Poisson counts (Hormann 1993 for rates from 10 on, as in NumPy).

    On CUDA drawn on the host and uploaded.

    :param rate: mean count, not negative; broadcasts to ``shape``.
    :param shape: shape of the result, at least one dim.
    :param dtype: ``'float32'``, ``'float64'``, ``'int32'`` or ``'int64'``.
    :return: Var of shape ``shape``, whole numbers.
    :raises ValueError: if ``rate`` is invalid or does not broadcast, or a draw overflows int32.
    """
    check_dtype("poisson", dtype, COUNT_DTYPES)
    rate = host(rate)
    check("poisson", "rate", rate, (rate >= 0) & (rate < _LARGEST_RATE), "in [0, 9.2e18)")
    return _fill_counts(
        "poisson",
        lambda generator, n, rate: generator.poisson(rate, n),
        shape,
        dtype,
        expand("poisson", "rate", rate, shape),
    )


def _trials(name: str, n: Any) -> np.ndarray:
    """Return numbers of trials as int64; floats must be whole."""
    n = host(n)
    whole = (n >= 0) & (n < 2**63) & (np.floor(n) == n)
    check(name, "n", n, whole, "a whole number from 0 on")
    return n.astype(np.int64)


def binomial(n: Any, p: Any, shape: Sequence[int], dtype: str = "float32") -> Var:
    """Draw the number of successes in ``n`` trials (Kachitvichyanukul and Schmeiser 1988, NumPy).

    NumPy computes with ``1 - p``, which costs a ``p`` below 1e-14 its digits. On CUDA drawn on
    the host and uploaded.

    :param n: number of trials, whole and not negative; broadcasts to ``shape``.
    :param p: probability of success, in [0, 1]; broadcasts to ``shape``.
    :param shape: shape of the result, at least one dim.
    :param dtype: ``'float32'``, ``'float64'``, ``'int32'`` or ``'int64'``.
    :return: Var of shape ``shape``, whole numbers.
    :raises ValueError: if a parameter is invalid or does not broadcast, or a draw overflows int32.
    """
    check_dtype("binomial", dtype, COUNT_DTYPES)
    n, p = _trials("binomial", n), host(p)
    check("binomial", "p", p, (p >= 0) & (p <= 1), "in [0, 1]")
    return _fill_counts(
        "binomial",
        lambda generator, size, n, p: generator.binomial(n, p, size),
        shape,
        dtype,
        expand("binomial", "n", n, shape),
        expand("binomial", "p", p, shape),
    )


def geometric(p: Any, shape: Sequence[int], dtype: str = "float32") -> Var:
    """Draw the number of trials up to and with the first success: 1, 2, ...

    Source: NumPy's sampler; on CUDA drawn on the host and uploaded.

    :param p: probability of success, in (0, 1]; broadcasts to ``shape``.
    :param shape: shape of the result, at least one dim.
    :param dtype: ``'float32'``, ``'float64'``, ``'int32'`` or ``'int64'``.
    :return: Var of shape ``shape``, whole numbers.
    :raises ValueError: if ``p`` is invalid or does not broadcast, or a draw overflows int32.
    """
    check_dtype("geometric", dtype, COUNT_DTYPES)
    p = host(p)
    check("geometric", "p", p, (p > 0) & (p <= 1), "in (0, 1]")
    return _fill_counts(
        "geometric",
        lambda generator, size, p: generator.geometric(p, size),
        shape,
        dtype,
        expand("geometric", "p", p, shape),
    )


def multinomial(n: Any, p: Any, shape: Sequence[int], dtype: str = "float32") -> Var:
    """Draw how often each category comes up in ``n`` trials.

    Source: NumPy's sampler, one binomial draw after the other. On CUDA drawn on the host and
    uploaded.

    :param n: number of trials, whole and not negative; broadcasts to ``shape[:-1]``.
    :param p: weights of the categories along the last dim, not negative and not all 0; they are
        normalised here, in float64. Broadcasts to ``shape``.
    :param shape: shape of the result; its last dim is the number of categories.
    :param dtype: ``'float32'``, ``'float64'``, ``'int32'`` or ``'int64'``.
    :return: Var of shape ``shape``, whole numbers that sum to ``n`` along the last dim.
    :raises ValueError: if a parameter is invalid or does not broadcast, or a draw overflows int32.
    """
    check_dtype("multinomial", dtype, COUNT_DTYPES)
    n, p = _trials("multinomial", n), np.atleast_1d(host(p))
    check("multinomial", "p", p, (p >= 0) & np.isfinite(p), "finite and not negative")
    total = p.sum(-1, keepdims=True)
    check("multinomial", "the sum of p", total, total > 0, "positive")
    shape = tuple(shape)
    return _fill_counts(
        "multinomial",
        lambda generator, size, n, p: generator.multinomial(n, p, size),
        shape,
        dtype,
        expand("multinomial", "n", n, shape[:-1]),
        expand("multinomial", "p", p / total, shape, event_ndim=1),
        event_ndim=1,
    )


def integers(high: Any, shape: Sequence[int], dtype: str = "int32") -> Var:
    """Draw whole numbers from 0 to ``high - 1``, all equally likely (Lemire 2019, as in NumPy).

    On CUDA drawn on the host and uploaded.

    :param high: whole and positive; broadcasts to ``shape``.
    :param shape: shape of the result, at least one dim.
    :param dtype: ``'float32'``, ``'float64'``, ``'int32'`` or ``'int64'``.
    :return: Var of shape ``shape``, whole numbers.
    :raises ValueError: if ``high`` is invalid or does not broadcast, or a draw overflows int32.
    """
    check_dtype("integers", dtype, COUNT_DTYPES)
    high = _trials("integers", high)
    check("integers", "high", high, high > 0, "positive")
    return _fill_counts(
        "integers",
        lambda generator, size, high: generator.integers(high, size=size),
        shape,
        dtype,
        expand("integers", "high", high, shape),
        parallel=False,
    )


def permutation(n: int, size: int | None = None, dtype: str = "int32") -> Var:
    """Draw ``size`` different indices below ``n`` in random order; by default all of them.

    Source: NumPy's sampler; on CUDA drawn on the host and uploaded.

    :param n: number of indices to draw from.
    :param size: how many, at most ``n``.
    :param dtype: ``'int32'`` or ``'int64'``.
    :return: shape [size].
    :raises ValueError: if ``size`` is negative or more than ``n``.
    """
    check_dtype("permutation", dtype, ("int32", "int64"))
    size = n if size is None else size
    check("permutation", "size", np.asarray(size), 0 <= size <= n, f"in [0, n = {n}]")
    return uploaded(lambda: source.generator().choice(n, size, replace=False).astype(dtype))


def categorical(logits: Any, lead_shape: Sequence[int] = (), dtype: str = "int32") -> Var:
    r"""Draw categories with :math:`P(k) \propto e^{l_k}`: the largest :math:`l_k - \log E_k` wins.

    :math:`E_k` are exponential (Gumbel 1954; Maddison, Tarlow and Minka 2014). Nothing is
    normalised or summed up, so tiny probabilities are not rounded off. On CUDA by the device's
    generator.

    :param logits: log-weights along the last dim, any constant apart; ``-inf`` excludes a
        category. They are not fetched, and so not checked: one of them has to be finite.
    :param lead_shape: dims put in front: independent draws for the same logits.
    :param dtype: dtype of the indices.
    :return: shape ``lead_shape + logits.shape[:-1]``, or [1] where that is ``()``.
    :raises ValueError: for another ``dtype``.
    :raises TypeError: if ``logits`` is not numeric.
    """
    check_dtype("categorical", dtype, COUNT_DTYPES)
    logits = as_var(logits, what="logits")
    if str(logits.dtype) not in FLOAT_DTYPES:
        logits = logits.cast("float32")
    shape = (*lead_shape, *shape_of(logits))
    noise = standard_gumbel(shape, str(logits.dtype))
    winner, _ = jt.argmax(logits.detach() + noise, len(shape) - 1)
    return winner.cast(dtype)
