"""NUTS with a mistake in its C++, for tests that must see it."""

import functools

from zhusuan.mcmc import nuts
from zhusuan.runtime.native import functions

SECOND_KICK = ("p[i] += half * gradient[i]", "p[i] -= half * gradient[i]")
FIRST_KICK = ("p[i] += 0.5 * step[c] * gradient[i]", "p[i] -= 0.5 * step[c] * gradient[i]")
KINETIC_ENERGY = (" = 0.5 * dot(", " = 0.0 * dot(")


def break_nuts(monkeypatch, folder, *replacements):
    """Let NUTS run from a copy of its header in which texts are replaced.

    :param folder: where the copy is written.
    :param replacements: pairs of what stands there and what comes in its place.
    """
    text = nuts._HEADER.read_text()
    for before, after in replacements:
        assert before in text
        text = text.replace(before, after)
    # Names of its own, so that the linker keeps the two apart.
    text = text.replace("nuts", "broken_nuts")
    header = folder / "broken_nuts.h"
    header.write_text(text)
    library = functools.cache(lambda: functions(header, "zhusuan_broken_nuts_", nuts._SIGNATURES))
    monkeypatch.setattr(nuts, "_library", library)
