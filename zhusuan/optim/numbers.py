"""What counts as a number among the options of an optimizer."""

from __future__ import annotations

from typing import Any

import numpy as np


def are_numbers(*values: Any) -> bool:
    """Say whether all are real numbers that Python holds, and not Vars."""
    return all(isinstance(value, (float, int, np.floating, np.integer)) for value in values)
