"""The range of floats into which samples of heavy-tailed families are clipped.

Where a draw leaves the range of its dtype, an infinity or a 0 would have the log-density NaN or
be outside the support, and one such draw spoils the gradient of a whole batch. The ends of the
range are inputs of the formulas that make the samples: these return an end as a constant, whose
gradient is 0 and not the product of 0 and an infinity.
"""

from __future__ import annotations

import numpy as np

from zhusuan._tensor import Var, scalar


def positive_range(sample_dtype: str, dtype: str) -> tuple[Var, Var]:
    """Return the smallest normal and the largest finite number of the samples, as Vars.

    The smallest *normal* number: Jittor's kernels flush smaller ones to 0.

    :param sample_dtype: dtype that the samples are cast to in the end.
    :param dtype: dtype in which they are computed, ``'float32'`` or ``'float64'``.
    """
    info = _coarser(sample_dtype, dtype)
    return scalar(float(info.tiny), dtype), scalar(float(info.max), dtype)


def unit_range(sample_dtype: str, dtype: str) -> tuple[Var, Var]:
    """Return the smallest normal number and the largest one below 1, as :func:`positive_range`.

    :param sample_dtype: dtype that the samples are cast to in the end.
    :param dtype: dtype in which they are computed, ``'float32'`` or ``'float64'``.
    """
    info = _coarser(sample_dtype, dtype)
    return scalar(float(info.tiny), dtype), scalar(1.0 - float(info.epsneg), dtype)


def _coarser(sample_dtype: str, dtype: str) -> np.finfo:
    return np.finfo("float32" if sample_dtype == "float32" else dtype)
