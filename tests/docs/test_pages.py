"""What Sphinx lets pass and a reader stumbles over."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
BORDER = re.compile(r" *=+( +=+)+ *")
PAGES = sorted(path for path in DOCS.rglob("*.rst") if "_build" not in path.parts)
MATH = re.compile(r"^( *)\.\. math::(.*\n(?:(?:\1 +.*)?\n)*)", re.MULTILINE)


def misaligned(text: str) -> list[str]:
    r"""Return the formulas with an ``&`` but no ``\\``: MathJax shows an error in their place."""
    parts = (part for _, body in MATH.findall(text) for part in re.split(r"\n\s*\n", body))
    return [
        part.strip() for part in parts
        if "&" in part and r"\\" not in part and r"\begin" not in part
    ]  # fmt: skip


def test_misaligned_formulas_are_found():
    bad = "text\n\n.. math::\n\n   a &= b\n   = c\n\nmore\n"
    assert misaligned(bad) == ["a &= b\n   = c"]
    assert misaligned(bad.replace("b\n", "b \\\\\n")) == []
    assert misaligned(bad.replace("&", "")) == []


def lonely_cells(text: str) -> list[str]:
    """Return what is alone in the first column of a simple table.

    A line that goes on there is a row of its own to docutils; only other columns may go on.
    """
    found: list[str] = []
    columns: list[int] = []
    for line in text.splitlines():
        if BORDER.fullmatch(line):
            columns = columns or [match.start() for match in re.finditer("=+", line)]
        elif not line.strip():
            columns = []
        elif columns and line[columns[0] : columns[1]].strip() and not line[columns[1] :].strip():
            found.append(line.strip())
    return found


def test_lonely_cells_are_found():
    border = "====  ====\n"
    table = f"{border}a     b\n{border}one   two\nmore\nx     y\n      z\n{border}\ntext\n"
    assert lonely_cells(table) == ["more"]
    assert lonely_cells(table.replace("more", "m     n")) == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_a_page_shows_as_it_is_meant(path):
    text = path.read_text("utf-8")
    assert not misaligned(text)
    assert not lonely_cells(text)
    # The theme has a table of contents at the side, and an error in the place of another one.
    assert ".. contents::" not in text


def test_formulas_of_docstrings_are_aligned():
    sources = [path.read_text("utf-8") for path in sorted((ROOT / "zhusuan").rglob("*.py"))]
    assert [formula for text in sources for formula in misaligned(text)] == []


TEXTS = [*PAGES, ROOT / "README.rst", ROOT / "CONTRIBUTING.rst"]
TEXT = "\n".join(path.read_text("utf-8") for path in TEXTS)
# A file that docs/extending.rst tells how to write.
TO_BE_WRITTEN = {"zhusuan/distributions/lomax.py"}


def test_files_that_pages_name_are_there():
    folders = "benchmarks|docs|examples|notebooks|tests|zhusuan"
    named = set(re.findall(rf"``((?:{folders})/[\w./-]+)``", TEXT)) - TO_BE_WRITTEN
    assert len(named) > 40
    # A room may be named without its suffix, and docs/_build is what make docs writes.
    missing = [
        name for name in named
        if not (ROOT / name).exists() and not (ROOT / f"{name}.py").exists()
        and not name.startswith("docs/_build")
    ]  # fmt: skip
    assert not missing


def test_commands_that_pages_name_are_there():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"(?:``|\$ )make ([a-z-]+)", TEXT))
    assert {"vae", "test", "docs"} <= targets
    missing = [name for name in targets if not re.search(rf"^{name}:", makefile, re.MULTILINE)]
    assert not missing


def test_extras_that_pages_name_are_there():
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    _, _, extras = project.partition("[project.optional-dependencies]")
    known = set(re.findall(r"^(\w+) = \[", extras.partition("\n[")[0], re.MULTILINE))
    named = {
        name for group in re.findall(r"pip install[^\n`]*?\[([\w,]+)\]", TEXT)
        for name in group.split(",")
    }  # fmt: skip
    page = (DOCS / "installation.rst").read_text("utf-8")
    listed = page[page.index("comes as extras") : page.index("The Makefile\n")]
    named |= set(re.findall(r"^``(\w+)``  ", listed, re.MULTILINE))
    assert {"examples", "arviz", "docs"} <= named
    assert named <= known, f"{named - known} are no extras of pyproject.toml"
