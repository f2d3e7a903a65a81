"""Kinds of values that the options of a script may have, for ``argparse``."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def positive(kind: type) -> Callable[[str], float]:
    """Return the ``type`` of an option whose value must be above 0.

    :param kind: ``int`` or ``float``.
    """

    def convert(text: str) -> float:
        value = kind(text)
        if not value > 0:
            raise argparse.ArgumentTypeError(f"must be positive, got {text}")
        return value

    convert.__name__ = f"positive {kind.__name__}"  # argparse names it in its messages
    return convert
