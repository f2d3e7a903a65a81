"""The families by name: ``sn('Normal', ...)`` finds them in the package's list of exports."""

from __future__ import annotations

import difflib

from zhusuan import distributions
from zhusuan.distributions.base import Distribution


def families() -> dict[str, type[Distribution]]:
    """Return the exported families, aliases included: name -> class."""
    exported = {name: getattr(distributions, name) for name in distributions.__all__}
    return {
        name: value
        for name, value in exported.items()
        if _is_family(value)
    }


def _is_family(value: object) -> bool:
    is_distribution = isinstance(value, type) and issubclass(value, Distribution)
    return is_distribution and value is not Distribution


def family(name: str) -> type[Distribution]:
    """Return the family called ``name``.

    :param name: name of a distribution class, such as ``'Normal'``.
    :raises ValueError: if there is none, listing those there are.
    """
    if name in distributions.__all__:
        found = getattr(distributions, name)
        if _is_family(found):
            return found
    known = families()
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise ValueError(f"no distribution is called {name!r}{hint} Known: {', '.join(sorted(known))}")
