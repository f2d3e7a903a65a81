"""Every Python block of the README and of the documentation runs, page by page."""

from __future__ import annotations

import doctest
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import jittor as jt
import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.rst"
EXAMPLES = ROOT / "examples"

DIRECTIVE = re.compile(r"\.\. (?P<name>[\w:-]+)::(?P<argument>.*)")
CODE_DIRECTIVES = ("code", "code-block", "sourcecode")


class Block(NamedTuple):
    """A piece of Python on a page.

    :param line: number of its first line.
    :param source: its lines without their indentation.
    """

    line: int
    source: str

    @property
    def is_doctest(self) -> bool:
        return self.source.startswith(">>> ")


def blocks(text: str, peers: bool = False) -> Iterator[Block]:
    """Find ``code-block:: python``, literal blocks after ``::``, and doctests, in order.

    Those with ``:class: peer`` are code of another library, which pages on migration show.

    :param text: the page.
    :param peers: find these, and not what runs here.
    """
    lines = text.splitlines()
    i = 0
    while i < len(lines):
        line, indent = lines[i], _indent(lines[i])
        directive = DIRECTIVE.match(line.strip())
        if directive and directive["name"] in CODE_DIRECTIVES:
            start, end = _indented(lines, i + 1, indent)
            options = []
            while start < end and re.match(r":[\w-]+:", lines[start].strip()):
                options.append(lines[start].strip())
                start += 1
            of_peer = ":class: peer" in options
            if directive["argument"].strip() == "python" and of_peer == peers:
                yield _block(lines, start, end)
            i = end
        elif line.startswith("..") and not directive:
            _, i = _indented(lines, i + 1, indent)  # a comment
        elif line.rstrip().endswith("::") and not directive:
            start, i = _indented(lines, i + 1, indent)
            if not peers:
                yield _block(lines, start, i)
        elif line.lstrip().startswith(">>> "):
            end = i
            while end < len(lines) and lines[end].strip():
                end += 1
            if not peers:
                yield _block(lines, i, end)
            i = end
        else:
            i += 1


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _indented(lines: list[str], start: int, outer: int) -> tuple[int, int]:
    """Return where the block that is indented by more than ``outer`` begins and ends."""
    end = start
    while end < len(lines) and (not lines[end].strip() or _indent(lines[end]) > outer):
        end += 1
    while start < end and not lines[start].strip():
        start += 1
    return start, end


def _block(lines: list[str], start: int, end: int) -> Block:
    while end > start and not lines[end - 1].strip():
        end -= 1
    while start < end and not lines[start].strip():
        start += 1
    cut = min((_indent(line) for line in lines[start:end] if line.strip()), default=0)
    return Block(start + 1, "\n".join(line[cut:] for line in lines[start:end]) + "\n")


def run(block: Block, path: Path, namespace: dict) -> None:
    """Run one block; whatever goes wrong is an AssertionError that says where."""
    if not block.is_doctest:
        try:
            # Blank lines in front, so that a traceback shows the line of the page.
            padded = "\n" * (block.line - 1) + block.source
            exec(compile(padded, str(path), "exec", dont_inherit=True), namespace)
        except Exception as error:
            at = error.__traceback__
            while at.tb_next is not None and at.tb_next.tb_frame.f_code.co_filename == str(path):
                at = at.tb_next
            line = at.tb_lineno if at.tb_frame.f_code.co_filename == str(path) else block.line
            raise AssertionError(f"{path}:{line}: {type(error).__name__}: {error}") from error
        return
    test = doctest.DocTestParser().get_doctest(
        block.source, namespace, path.name, str(path), block.line - 1
    )
    report: list[str] = []
    doctest.DocTestRunner(verbose=False).run(test, out=report.append, clear_globs=False)
    namespace.update(test.globs)
    assert not report, f"{path}:{block.line}: doctest\n" + "".join(report)


PAGE = """
A paragraph with a literal block::

    x = 1

.. a comment::

    never = run

.. code-block:: python
   :caption: as an option

   def f():

       return x / 0

.. code-block:: console

   $ nor this

.. code-block:: python
   :class: peer
   :caption: elsewhere

   nor = this

.. note::

   >>> x + 1
   2

.. math:: z
"""


def test_blocks_are_found_with_their_lines():
    assert list(blocks(PAGE)) == [
        Block(4, "x = 1\n"),
        Block(13, "def f():\n\n    return x / 0\n"),
        Block(29, ">>> x + 1\n2\n"),
    ]
    assert list(blocks(PAGE, peers=True)) == [Block(25, "nor = this\n")]


@pytest.mark.parametrize(
    ("last", "message"),
    [
        (Block(30, "y = 2\n\nf()\n"), r"page.rst:15: ZeroDivisionError"),
        (Block(30, "y = (\n"), r"page.rst:30: SyntaxError"),
        (Block(30, ">>> x\n2\n"), r"page.rst:30: doctest(.|\n)*line 30(.|\n)*Got:\n +1"),
    ],
)
def test_a_failing_block_is_named(last, message):
    namespace = {}
    for block in blocks(PAGE):
        run(block, Path("page.rst"), namespace)
    with pytest.raises(AssertionError, match=message):
        run(last, Path("page.rst"), namespace)


PAGES = [README, *sorted(path for path in DOCS.rglob("*.rst") if "_build" not in path.parts)]
WITH_CODE = [path for path in PAGES if any(True for _ in blocks(path.read_text("utf-8")))]


@pytest.mark.parametrize("path", WITH_CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_blocks_of_a_page_run(path, tmp_path, monkeypatch, record_property):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    use_cuda = jt.flags.use_cuda
    namespace = {"__name__": "a_page_of_the_documentation"}
    try:
        for number, block in enumerate(blocks(path.read_text("utf-8")), 1):
            run(block, path, namespace)
            record_property("executed blocks", number)  # conftest.py adds them up
    finally:
        jt.flags.use_cuda = use_cuda


def test_the_readmes_example_fits_on_a_screen():
    example = next(blocks(README.read_text("utf-8")))
    assert len(example.source.splitlines()) <= 25


def documented() -> Iterator[object]:
    """Find the objects that the pages of the reference describe."""
    for path in sorted((DOCS / "api").rglob("*.rst")):
        current = ""
        for line in path.read_text("utf-8").splitlines():
            directive = DIRECTIVE.match(line)
            if directive is None:
                continue
            name = directive["argument"].strip().split("(")[0]
            if directive["name"] in ("module", "currentmodule", "automodule"):
                current = name
                yield importlib.import_module(name)
            elif directive["name"] == "data":
                yield getattr(importlib.import_module(current), name)
            elif directive["name"] in ("autoclass", "autodata", "autofunction"):
                module, _, attribute = name.rpartition(".")
                yield getattr(importlib.import_module(module), attribute)


PACKAGES = [
    "zhusuan",
    "zhusuan.diagnostics",
    "zhusuan.distributions",
    "zhusuan.evaluation",
    "zhusuan.flows",
    "zhusuan.framework",
    "zhusuan.inspection",
    "zhusuan.linalg",
    "zhusuan.mcmc",
    "zhusuan.random",
    "zhusuan.runtime",
    "zhusuan.special",
    "zhusuan.testing",
    "zhusuan.transforms",
    "zhusuan.optim",
    "zhusuan.variational",
    "zhusuan.variational.auto",
]


@pytest.mark.parametrize("name", PACKAGES)
def test_the_reference_has_every_public_name(name):
    package = importlib.import_module(name)
    known = {id(value) for value in documented()}
    missing = [public for public in package.__all__ if id(getattr(package, public)) not in known]
    assert not missing, f"docs/api has no entry for {missing} of {name}"
