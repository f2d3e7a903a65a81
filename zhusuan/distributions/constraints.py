"""What a parameter or a sample may be: declared once by a family, checked by validation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Constraint:
    """A set of allowed values.

    :param name: how messages and docs call it.
    :param lower: greatest lower bound of the allowed values.
    :param upper: least upper bound of the allowed values.
    :param open_lower: True when ``lower`` itself is not allowed.
    :param open_upper: True when ``upper`` itself is not allowed.
    :param integer: True when only whole numbers are allowed.
    """

    name: str
    lower: float = -math.inf
    upper: float = math.inf
    open_lower: bool = True
    open_upper: bool = True
    integer: bool = False

    def violation(self, values: np.ndarray) -> str | None:
        """Say what is wrong with ``values``, or return None when all of them are allowed.

        NaN is never allowed. Two passes over the data and no temporary array: this runs at
        every step of a training loop.

        :param values: array of any shape.
        """
        if values.size == 0:
            return None
        low, high = float(values.min()), float(values.max())
        if math.isnan(low) or math.isnan(high):
            return f"{int(np.isnan(values).sum())} of {values.size} values are NaN"
        if low < self.lower or (self.open_lower and low == self.lower):
            return f"the smallest value is {low:g}"
        if high > self.upper or (self.open_upper and high == self.upper):
            return f"the largest value is {high:g}"
        if self.integer and not bool((values == np.floor(values)).all()):
            return "not all values are whole numbers"
        return None


real = Constraint("finite")
positive = Constraint("positive and finite", lower=0.0)
not_nan = Constraint("a number", open_lower=False, open_upper=False)
unit_interval = Constraint("in [0, 1]", 0.0, 1.0, open_lower=False, open_upper=False)
boolean = Constraint("0 or 1", 0.0, 1.0, open_lower=False, open_upper=False, integer=True)
