"""Sums of exponentials in log space, over dims."""

from __future__ import annotations

import math
from collections.abc import Sequence

import jittor as jt

from zhusuan._tensor import Var, constant, shape_of

# Jittor's max of nothing but -inf is the lowest finite number.
_LOWEST = -3e38


def log_sum_exp(x: Var, dim: int | Sequence[int] = -1, keepdims: bool = False) -> Var:
    r"""Return :math:`\log \sum_i e^{x_i}` over some dims.

    Neither overflows nor underflows; terms of :math:`-\infty` count for nothing, and their
    gradient is 0 also where all terms are.

    The largest term is taken out first (Blanchard, Higham and Higham 2021).

    :param x: Var of any shape.
    :param dim: dim or dims to sum over; they vanish unless ``keepdims``.
    :param keepdims: keep them with size 1.
    :return: Var of the shape of ``x`` without these dims; [1] if none is left.
    """
    dims = [dim] if isinstance(dim, int) else list(dim)
    dims = [d % len(x.shape) for d in dims]
    highest = x.detach().max(dims, keepdims=True)
    usable = (highest > _LOWEST) & (highest < -_LOWEST)
    highest = jt.ternary(usable, highest, jt.zeros_like(highest))
    total = jt.exp(x - highest).stop_fuse().sum(dims, keepdims=True)
    positive = total > 0
    log = jt.log(jt.ternary(positive, total, jt.ones_like(total))) + highest
    result = jt.ternary(positive, log, jt.full_like(log, -math.inf))
    if keepdims:
        return result
    kept = [n for d, n in enumerate(shape_of(result)) if d not in dims]
    return result.reshape(kept or [1])


def log_mean_exp(x: Var, dim: int | Sequence[int] = -1, keepdims: bool = False) -> Var:
    r"""Return :math:`\log \frac1n \sum_i e^{x_i}` over some dims; see :func:`log_sum_exp`.

    Source: Blanchard, Higham and Higham 2021.

    :param x: Var of any shape.
    :param dim: dim or dims to average over; they vanish unless ``keepdims``.
    :param keepdims: keep them with size 1.
    :return: Var of the shape of ``x`` without these dims; [1] if none is left.
    """
    total = log_sum_exp(x, dim, keepdims)
    dims = [dim] if isinstance(dim, int) else list(dim)
    count = math.prod(shape_of(x)[d] for d in dims)
    return total - constant(math.log(count), total)


def log_softmax(x: Var, dim: int = -1) -> Var:
    r"""Return :math:`x_i - \log \sum_j e^{x_j}`: logits to log-probabilities.

    Bishop 2006, eq. 4.62, in logarithms.

    :param x: Var of any shape; :math:`-\infty` stands for probability 0.
    :param dim: the dim of the categories.
    :return: Var of the shape of ``x``.
    """
    return x - log_sum_exp(x, dim, keepdims=True)
