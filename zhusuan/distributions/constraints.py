"""What a parameter or a sample may be: declared once by a family, checked by validation."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import jittor as jt
import numpy as np

from zhusuan._tensor import host_view


class Constraint(ABC):
    """A set of allowed values.

    :ivar name: how messages and docs call it, as in "must be positive and finite".
    :ivar event_ndims: how many trailing dims make up one value (1 for a simplex).
    """

    name: str
    event_ndims: int = 0

    @abstractmethod
    def violation(self, values: np.ndarray) -> str | None:
        """Say what is wrong with ``values``, or return None when all of them are allowed.

        NaN is never allowed.

        :param values: array whose last ``event_ndims`` dims are one value.
        :return: a text such as "the smallest value is -1", or None.
        """

    def __repr__(self) -> str:
        return f"<{self.name}>"


@dataclass(frozen=True, repr=False)
class Interval(Constraint):
    """Numbers between two bounds.

    :param name: how messages and docs call it.
    :param lower: greatest lower bound of the allowed values; a Var that broadcasts where it
        depends on the parameters.
    :param upper: least upper bound of the allowed values; likewise.
    :param open_lower: True when ``lower`` itself is not allowed.
    :param open_upper: True when ``upper`` itself is not allowed.
    :param integer: True when only whole numbers are allowed.
    """

    name: str
    lower: Any = -math.inf
    upper: Any = math.inf
    open_lower: bool = True
    open_upper: bool = True
    integer: bool = False

    def violation(self, values: np.ndarray) -> str | None:
        """Say what is wrong with ``values``, or return None when all of them are allowed.

        Two passes over the data and no temporary array where the bounds are numbers: this runs
        at every step of a training loop.

        :param values: array of any shape.
        :return: a text such as "the smallest value is -1", or None.
        """
        if values.size == 0:
            return None
        if isinstance(self.lower, jt.Var) or isinstance(self.upper, jt.Var):
            return self._violation_of_arrays(values)
        low, high = float(values.min()), float(values.max())
        if math.isnan(low) or math.isnan(high):
            return _count_nan(values)
        if low < self.lower or (self.open_lower and low == self.lower):
            return f"the smallest value is {low:g}"
        if high > self.upper or (self.open_upper and high == self.upper):
            return f"the largest value is {high:g}"
        return self._not_whole(values)

    def _violation_of_arrays(self, values: np.ndarray) -> str | None:
        if np.isnan(values).any():
            return _count_nan(values)
        lower, upper = (
            host_view(bound) if isinstance(bound, jt.Var) else np.asarray(bound)
            for bound in (self.lower, self.upper)
        )
        below = values <= lower if self.open_lower else values < lower
        above = values >= upper if self.open_upper else values > upper
        for wrong, bound, side in ((below, lower, "lower"), (above, upper, "upper")):
            if wrong.any():
                first = np.unravel_index(int(wrong.argmax()), wrong.shape)
                value = np.broadcast_to(values, wrong.shape)[first]
                limit = np.broadcast_to(bound, wrong.shape)[first]
                return f"a value is {value:g} where the {side} bound is {limit:g}"
        return self._not_whole(values)

    def _not_whole(self, values: np.ndarray) -> str | None:
        if self.integer and not bool((values == np.floor(values)).all()):
            return "not all values are whole numbers"
        return None


def _count_nan(values: np.ndarray) -> str:
    return f"{int(np.isnan(values).sum())} of {values.size} values are NaN"


class _Structured(Constraint):
    """A constraint on vectors or matrices, said by a test of each and a tolerance."""

    # Sums of float32 numbers; a thousand roundings.
    tolerance = 1e-4

    def violation(self, values: np.ndarray) -> str | None:
        if values.size == 0:
            return None
        if not np.isfinite(values).all():
            return f"{int((~np.isfinite(values)).sum())} of {values.size} values are not finite"
        return self._violation(values)

    def _violation(self, values: np.ndarray) -> str | None:
        raise NotImplementedError


class _Simplex(_Structured):
    name = "on the simplex (>= 0, with sum 1 over the last dim)"
    event_ndims = 1

    def _violation(self, values: np.ndarray) -> str | None:
        if values.min() < 0:
            return f"the smallest value is {values.min():g}"
        sums = values.sum(-1)
        worst = sums.flat[int(np.abs(sums - 1).argmax())]
        return f"a sum is {worst:g}" if abs(worst - 1) > self.tolerance else None


class _LogSimplex(Constraint):
    name = "the logarithm of a point on the simplex (logsumexp 0 over the last dim)"
    event_ndims = 1

    def violation(self, values: np.ndarray) -> str | None:
        if np.isnan(values).any():
            return _count_nan(values)
        with np.errstate(over="ignore"):
            sums = np.exp(values).sum(-1)
        worst = sums.flat[int(np.abs(sums - 1).argmax())]
        return f"a sum of exponentials is {worst:g}" if abs(worst - 1) > 1e-4 else None


class _OneHot(_Structured):
    name = "one-hot over the last dim"
    event_ndims = 1

    def _violation(self, values: np.ndarray) -> str | None:
        if not np.isin(values, (0, 1)).all():
            return "not all values are 0 or 1"
        if (values.sum(-1) != 1).any():
            return "not every vector has exactly one 1"
        return None


class _LowerCholesky(_Structured):
    name = "lower-triangular with a positive diagonal"
    event_ndims = 2

    def _violation(self, values: np.ndarray) -> str | None:
        n, m = values.shape[-2:]
        if n != m:
            return f"its last dims are {n} x {m}"
        if np.triu(values, 1).any():
            return "an element above the diagonal is not 0"
        diagonal = np.diagonal(values, axis1=-2, axis2=-1)
        if diagonal.min() <= 0:
            return f"the smallest diagonal element is {diagonal.min():g}"
        return None


class _CorrelationCholesky(_LowerCholesky):
    name = "the Cholesky factor of a correlation matrix (rows of norm 1)"

    def _violation(self, values: np.ndarray) -> str | None:
        norms = np.sqrt(np.square(values).sum(-1))
        worst = norms.flat[int(np.abs(norms - 1).argmax())]
        norm = f"a row has norm {worst:g}" if abs(worst - 1) > self.tolerance else None
        return super()._violation(values) or norm


class _PositiveDefinite(_Structured):
    name = "symmetric and positive definite"
    event_ndims = 2

    def _violation(self, values: np.ndarray) -> str | None:
        n, m = values.shape[-2:]
        if n != m:
            return f"its last dims are {n} x {m}"
        skew = np.abs(values - np.swapaxes(values, -1, -2)).max()
        if skew > self.tolerance * np.abs(values).max():
            return f"it differs from its transpose by {skew:g}"
        smallest = np.linalg.eigvalsh(values.astype(np.float64)).min()
        return f"the smallest eigenvalue is {smallest:g}" if smallest <= 0 else None


@dataclass(frozen=True, repr=False)
class Counts(Constraint):
    """Vectors of whole numbers >= 0 with a given sum over the last dim.

    :param total: the sum: a Var that broadcasts with the batch, or None for any.
    """

    total: Any = None
    event_ndims = 1

    @property
    def name(self) -> str:  # type: ignore[override]
        """How messages and docs call it."""
        rest = "" if self.total is None else " with the right sum over the last dim"
        return "whole numbers >= 0" + rest

    def violation(self, values: np.ndarray) -> str | None:
        """Say what is wrong with ``values``, or return None when all of them are allowed.

        :param values: array whose last dim holds the counts of one value.
        """
        wrong = nonnegative_integer.violation(values)
        if wrong is not None or self.total is None:
            return wrong
        total = host_view(self.total)
        off = values.sum(-1) != total
        if not off.any():
            return None
        first = np.unravel_index(int(off.argmax()), off.shape)
        got = np.broadcast_to(values.sum(-1), off.shape)[first]
        return f"a sum is {got:g}, not {np.broadcast_to(total, off.shape)[first]:g}"


real = Interval("finite")
positive = Interval("positive and finite", lower=0.0)
nonnegative = Interval("non-negative and finite", lower=0.0, open_lower=False)
not_nan = Interval("a number", open_lower=False, open_upper=False)
unit_interval = Interval("in [0, 1]", 0.0, 1.0, open_lower=False, open_upper=False)
open_unit_interval = Interval("in (0, 1)", 0.0, 1.0)
boolean = Interval("0 or 1", 0.0, 1.0, open_lower=False, open_upper=False, integer=True)
nonnegative_integer = Interval(
    "a whole number >= 0", lower=0.0, open_lower=False, integer=True
)
positive_integer = Interval("a whole number >= 1", lower=1.0, open_lower=False, integer=True)
angle = Interval("an angle in [-pi, pi]", -3.1415928, 3.1415928, False, False)
simplex = _Simplex()
log_simplex = _LogSimplex()
one_hot = _OneHot()
lower_cholesky = _LowerCholesky()
correlation_cholesky = _CorrelationCholesky()
positive_definite = _PositiveDefinite()
log_weight = Interval("finite or -inf", open_lower=False)
