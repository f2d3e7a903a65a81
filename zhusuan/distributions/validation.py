"""The switch for checking values: parameters when a distribution is made, observed values."""

from __future__ import annotations

_enabled = True


class validation:
    """Turn checks of values on or off; shapes, names and dtypes are always checked.

    Takes effect at once and stays, or lasts for a ``with`` block::

        zs.distributions.validation(False)
        with zs.distributions.validation(False):
            ...

    :param enabled: whether parameters and observations are checked for NaN and domain.
    """

    def __init__(self, enabled: bool) -> None:
        global _enabled
        self._previous = _enabled
        _enabled = bool(enabled)

    def __enter__(self) -> validation:
        return self

    def __exit__(self, *exc_info: object) -> None:
        global _enabled
        _enabled = self._previous


def validation_enabled() -> bool:
    """Return whether values are checked."""
    return _enabled
