"""The gallery has every example, its picture, and figures that its script states."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
PICTURES = ROOT / "docs" / "_static" / "images" / "gallery"
SCRIPTS = sorted(
    path.relative_to(EXAMPLES).as_posix()
    for path in EXAMPLES.glob("*/*.py")
    if '"--smoke"' in path.read_text("utf-8")
)
PAGE = (ROOT / "docs" / "gallery.rst").read_text("utf-8")
CARD = re.compile(r"^\.\. example:: (\S+)\n((?:(?:   .*)?\n)*)", re.MULTILINE)
CARDS = dict(CARD.findall(PAGE))
FIGURE = re.compile(r"(?<![\w.])\d+\.\d+(?![\w.]*\w)(?P<percent>\s%)?")


def load(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def stated(figure: str, percent: bool, docstring: str) -> bool:
    """Say whether a docstring has a figure, or, of a percentage, the share that it is of one."""
    if re.search(rf"(?<![\d.]){re.escape(figure)}(?!\d)", docstring):
        return True
    shares = [float(found) for found in re.findall(r"\d+\.\d+", docstring)]
    # Rounded to the digit that is shown.
    return percent and any(abs(100.0 * share - float(figure)) < 0.0501 for share in shares)


def test_every_example_is_there_once():
    assert sorted(name for name, _ in CARD.findall(PAGE)) == SCRIPTS


@pytest.mark.parametrize("script", SCRIPTS)
def test_an_example_has_a_small_picture_and_says_what_it_shows(script):
    path = PICTURES / f"{Path(script).stem}.png"
    assert path.stat().st_size <= 60_000
    with Image.open(path) as picture:
        picture.verify()
    assert re.search(r"^   :alt: \S.*", CARDS[script], re.MULTILINE)


def test_no_picture_is_left_over():
    names = {Path(script).stem for script in SCRIPTS}
    assert {path.stem for path in PICTURES.iterdir()} == names
    assert set(load(ROOT / "docs" / "pictures" / "gallery.py").PICTURES) == names


@pytest.mark.parametrize("script", SCRIPTS)
def test_its_figures_are_those_of_the_script(script):
    docstring = ast.get_docstring(ast.parse((EXAMPLES / script).read_text("utf-8")))
    figures = [(m[0].split()[0], m["percent"] is not None) for m in FIGURE.finditer(CARDS[script])]
    missing = [figure for figure, percent in figures if not stated(figure, percent, docstring)]
    assert not missing, f"{missing} are not in the docstring of {script}"


def test_most_examples_have_a_figure():
    assert sum(bool(FIGURE.search(text)) for text in CARDS.values()) >= len(SCRIPTS) - 2


@pytest.mark.parametrize(
    ("figure", "percent", "docstring", "expected"),
    [
        ("0.83", False, "gains of 0.83 to 0.99 nats", True),
        ("0.83", False, "10.83 and 0.835", False),
        ("86.7", True, "an accuracy of 0.8668", True),
        ("86.7", False, "an accuracy of 0.8668", False),
        ("86.8", True, "an accuracy of 0.8668", False),
    ],
)
def test_a_figure_is_recognised(figure, percent, docstring, expected):
    assert stated(figure, percent, docstring) is expected
