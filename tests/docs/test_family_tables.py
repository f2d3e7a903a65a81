"""The tables of families and divergences say what the code does."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import jittor as jt
import numpy as np
import pytest

pytest.importorskip("sphinx")  # the helper makes directives

from tests.distributions.cases import CASES  # noqa: E402
from zhusuan import distributions as zd  # noqa: E402
from zhusuan import kernels  # noqa: E402
from zhusuan.distributions.families import families  # noqa: E402

DOCS = Path(__file__).resolve().parents[2] / "docs"


def load(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


tables = load(DOCS / "_ext" / "family_tables.py")


def examples() -> dict[str, list[zd.Distribution]]:
    """Return for each family some distributions, one for each row of the tests' table."""
    found: dict[str, list[zd.Distribution]] = {
        "Delta": [zd.Delta(2.0), zd.Delta(np.zeros([2, 3]), value_ndims=1)],
        "Empirical": [zd.Empirical(np.ones([5, 2])), zd.Empirical(np.ones([5, 2]), value_ndims=1)],
        "Mixture": [
            zd.Mixture(zd.Dirichlet(np.ones([2, 3])), probs=[0.5, 0.5]),
            zd.Mixture(zd.Concrete(0.5, np.ones([2, 3])), probs=[0.5, 0.5]),
        ],
    }
    for case in CASES:
        found.setdefault(case.family.__name__, []).append(case.build())
    return found


EXAMPLES = examples()


def has(d: zd.Distribution, column: str) -> bool:
    if column == tables.GRADIENT:
        return d.is_reparameterizable
    try:
        if column == "entropy":
            d.entropy()
        elif column in ("cdf", "icdf"):
            getattr(d, column)(jt.full(list(d.batch_shape + d.value_shape) or [1], 0.5))
        else:
            getattr(d, column)
    except NotImplementedError:
        return False
    return True


def test_every_family_is_in_one_group():
    grouped = [name for names in tables.GROUPS.values() for name in names]
    assert sorted(grouped) == sorted({family.__name__ for family in families().values()})


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_the_marks_are_what_the_family_does(name):
    family = families()[name]
    for column, mark in tables.traits(family).items():
        found = {has(d, column) for d in EXAMPLES[name]}
        assert found == {"yes": {True}, "no": {False}, "some": {True, False}}[mark], column


@pytest.mark.parametrize("group", tables.GROUPS)
def test_a_group_has_a_page_with_all_names_of_its_families(group):
    page = (DOCS / "api" / "families" / f"{group}.rst").read_text("utf-8").splitlines()
    for name in tables.GROUPS[group]:
        assert f".. autoclass:: zhusuan.distributions.{name}" in page
        for other in tables.aliases()[name]:
            assert f".. data:: {other}" in page


def test_alternatives_are_those_that_the_families_announce():
    for name, family in families().items():
        shown = tables.parameters(family)
        for a, b in tables.ALTERNATIVES:
            announced = f"``{a}`` and ``{b}``" in " ".join(family.__doc__.split())
            assert (f"``{a}`` or ``{b}``" in shown) == announced, name


def test_the_functions_listed_for_formulas_exist():
    page = (DOCS / "api" / "formula.rst").read_text("utf-8")
    table = page[page.index("Elementary functions") : page.index("``std::isnan``")]
    headers = "".join(path.read_text("utf-8") for path in kernels.FOLDER.glob("*.h"))
    words = [w.split("(")[0] for w in table.split("``")[1::2]]
    assert len(words) > 60
    for word in words:
        assert f" {word}(" in headers or f" {word} =" in headers, word
