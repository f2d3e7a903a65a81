r"""Every public name has a complete docstring; what is missing is listed name by name.

**Public names** are what a package or module exports in ``__all__``; what an exported module
without ``__all__`` defines; what ``docs/api`` describes beside that; and the public methods,
properties and ``__call__`` of these classes, each counted where this library defines it.

**What is checked**

summary
    The first paragraph is a sentence: two words or more and a full stop, or the like.
parameters
    ``:param x:`` for every parameter of a function or method and, in the docstring of the class,
    of a constructor; for the fields of a named tuple or dataclass; and none for what isn't there.
attributes
    ``:ivar x:``, or ``:param x:`` where it is what came in, for every public attribute that a
    constructor assigns.
return
    ``:return:`` wherever the annotation says that something comes back; a property's summary says
    what it is.
raises
    ``:raises E:``, or a base of E, for every exception that the source raises with ``raise``, or
    that a helper raises which it calls, three calls deep: ``self._helper(...)``, or a function of
    the library, not public itself, that is handed one of the parameters. A class answers for its
    constructor.
shape
    What is an array or a Var, by its annotation or its description, has a shape: one in brackets,
    such as ``[n_chains, n_draws, ...]``, or the words shape, scalar, number, broadcast or dims.
units
    Log-probabilities, entropies, divergences and bounds are in nats, times in seconds, memory in
    bytes, angles in radians, and the description says so.
source
    Densities, transforms, objectives, samplers, diagnostics and special functions say where their
    formula is from: a section of DLMF, ``Source: ...``, or a citation such as "Neal 2011, eq. 5.2".
    A citation's author and year are in ``docs/refs.bib``, wherever it stands.
reference
    A page of ``docs/api`` describes it: by itself, or as a member of its class or of one that
    derives from it.

The contract is written once: a method that overrides another of this library adds what is its
own, and parameters, return, raises, shape and units may stand in the docstring of the method it
overrides; so may, for the constructor of a class, in that of its base. There is no list of
exceptions.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tests.docs.docstrings import gaps
from tests.docs.names import (
    Entry,
    Name,
    described_members,
    in_reference,
    public_modules,
    public_names,
)


@pytest.fixture(scope="module")
def reference() -> list[Entry]:
    return in_reference()


@pytest.fixture(scope="module")
def names(reference) -> list[Name]:
    return public_names(public_modules(), reference)


def test_every_public_name_has_a_complete_docstring(names, capsys):
    incomplete = {name.path: found for name in names if (found := gaps(name))}
    with capsys.disabled():
        print(f"\n{len(names)} public names, {len(incomplete)} without a complete docstring")
    listing = [f"{path}: {'; '.join(found)}" for path, found in incomplete.items()]
    assert not incomplete, f"{len(incomplete)} docstrings are incomplete:\n" + "\n".join(listing)


def test_the_reference_describes_every_public_name(names, reference):
    missing = [name.path for name in names if not any(entry.is_of(name) for entry in reference)]
    assert not missing, f"{len(missing)} names are not in docs/api:\n" + "\n".join(missing)


COMPLETE = '''
"""A module that has all it needs."""
import numpy as np

__all__ = ["Scaled", "scale"]


class Scaled:
    r"""A variable times a factor, :math:`y = a x` (Bishop 2006, eq. 2.2).

    :param a: a factor; an array of any shape.
    :param timeout: in seconds.
    :raises ValueError: if ``a`` is 0.
    :ivar made: when it was made.
    """

    def __init__(self, a: np.ndarray, timeout: float = 1.0) -> None:
        _check(a)
        self.a, self.timeout = a, timeout
        self.made = "today"

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """Return the log-density, in nats.

        :param x: shape [n].
        :return: one for each of them, shape [n].
        :raises TypeError: if it is no number.
        """
        try:
            _check(x)
        except ValueError as error:
            raise TypeError from error
        return x * self.a


class _Derived(Scaled):
    """Another of these (Bishop 2006)."""

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """Return the same."""
        return x


def scale(x: np.ndarray, **options: float) -> None:
    r"""Scale x in place, by :math:`x = 2 x`. Source: the definition.

    :param x: shape [n].
    :param options: see there.
    """


def _check(a: np.ndarray) -> None:
    if a == 0:
        raise ValueError
'''


def gaps_of(source: str, folder: Path) -> list[str]:
    """Return what is missing in a module of the library that reads like this."""
    path = folder / "sample.py"
    path.write_text(source, "utf-8")
    spec = importlib.util.spec_from_file_location("zhusuan.special.sample", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [gap for name in public_names([module], []) for gap in gaps(name)]


@pytest.mark.parametrize(
    ("old", "new", "gap"),
    [
        ("see there", "see there", None),
        ('["Scaled"', '["_Derived", "Scaled"', None),  # the contract of the base
        ("log-density, in nats.", "", "no summary sentence: 'Return the'"),
        ("    :param timeout: in seconds.\n", "", ":param timeout: is missing"),
        (":param timeout: in seconds.", ":param timeout:", ":param timeout: is missing"),
        (":param options:", ":param option:", ":param options: is missing"),
        (":param options:", ":param option:", ":param option: is no parameter"),
        ("    :ivar made: when it was made.\n", "", ":ivar made: is missing"),
        ("        :return: one for each of them, shape [n].\n", "", ":return: is missing"),
        ("    :raises ValueError: if ``a`` is 0.\n", "", ":raises ValueError: is missing"),
        ("        :raises TypeError: if it is no number.\n", "", ":raises TypeError: is missing"),
        ("an array of any shape", "an array", "no shape: :param a: a factor; an array."),
        ("one for each of them, shape [n]", "in [0.5, 1]", "no shape: :return: in [0.5, 1]."),
        ("log-density, in nats", "log-density", r"no unit, \bnats?\b"),
        ("in seconds", "as usual", r":param timeout: has no unit, \bseconds?\b"),
        ("Source: the definition.", "", "no source"),
        ("(Bishop 2006, eq. 2.2)", "", "no source"),
        ("(Bishop 2006, eq. 2.2)", "(Bishop 1066, eq. 2.2)", "no source"),
        ("eq. 2.2", "eq. 2.2; Neal 1906", "not in refs.bib: Neal 1906"),
    ],
)
def test_a_gap_is_found(old, new, gap, tmp_path):
    assert COMPLETE.count(old) == 1
    found = gaps_of(COMPLETE.replace(old, new), tmp_path)
    assert gap in found if gap else not found


def test_the_members_that_a_page_describes():
    assert described_members(["   :members:", "   :show-inheritance:"]) is None
    assert described_members(["   :members: a, b", "   :special-members: __call__"]) == {
        "a", "b", "__call__",
    }  # fmt: skip
    assert described_members(["", "   :members:"]) == set()
