"""The design page and its picture say who imports whom, and imports point downwards."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


def load(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


rooms = load(DOCS / "pictures" / "rooms.py")
IMPORTS = rooms.imports()


def test_every_room_is_on_the_page_and_in_the_picture():
    page = (DOCS / "design.rst").read_text("utf-8")
    assert re.findall(r"^``zhusuan/(\w+)``", page, re.MULTILINE) == list(rooms.ROOMS)
    assert sorted(IMPORTS) == sorted(rooms.ROOMS)
    picture = (DOCS / "_static" / "images" / "rooms.svg").read_text("utf-8")
    assert sorted(re.findall(r"<title>(\w+)</title>", picture)) == sorted(["rooms", *rooms.ROOMS])


@pytest.mark.parametrize("name", rooms.ROOMS)
def test_imports_point_downwards(name):
    order = list(rooms.ROOMS)
    upwards = {
        other for other in IMPORTS[name]
        if order.index(other) < order.index(name) and (name, other) not in rooms.UPWARDS
    }  # fmt: skip
    assert not upwards, f"zhusuan/{name} imports {sorted(upwards)}, which are above it"


def test_the_exceptions_are_still_there():
    assert all(b in IMPORTS[a] for a, b in rooms.UPWARDS)


def test_the_picture_has_the_arrows_of_the_sources():
    """If it fails: python docs/pictures/rooms.py docs/_static/images/rooms.svg."""
    picture = (DOCS / "_static" / "images" / "rooms.svg").read_text("utf-8")
    drawn = set(re.findall(r"<title>(\w+)&#45;&gt;(\w+)</title>", picture))
    edges = {a: {b for b in bs if (a, b) not in rooms.UPWARDS} for a, bs in IMPORTS.items()}
    expected = {(a, b) for a, targets in rooms.necessary(edges).items() for b in targets}
    assert drawn == expected | set(rooms.UPWARDS)


def test_only_necessary_arrows_stay():
    edges = {"a": {"b", "c", "d"}, "b": {"c"}, "c": {"d"}, "d": set(), "e": {"d"}}
    assert rooms.necessary(edges) == {
        "a": {"b"}, "b": {"c"}, "c": {"d"}, "d": set(), "e": {"d"}
    }  # fmt: skip
