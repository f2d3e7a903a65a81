"""The table of families that the tests go through: one row, all properties.

Every module in this folder has a list ``CASES``; they are all gathered here.
"""

from __future__ import annotations

import importlib
import pkgutil

from tests.distributions.cases.case import Case

CASES: list[Case] = [
    case
    for module in pkgutil.iter_modules(__path__)
    for case in getattr(importlib.import_module(f"{__name__}.{module.name}"), "CASES", [])
]

__all__ = ["CASES", "Case"]
