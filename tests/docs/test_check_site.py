"""The check of the built pages finds what it is for."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

PATH = Path(__file__).resolve().parents[2] / "docs" / "check_site.py"
SPEC = importlib.util.spec_from_file_location("check_site", PATH)
check_site = importlib.util.module_from_spec(SPEC)
sys.modules["check_site"] = check_site
SPEC.loader.exec_module(check_site)

GOOD = """<html><head><link rel="stylesheet" href="_static/style.css?v=1"/>
<link rel="canonical" href="https://docs.example.org/"/></head><body>
<h1 id="top">A</h1><a href="#top">up</a> <a href="sub/b.html#caf%C3%A9">b</a>
<img src="_static/a%20b.png" alt="a picture"/> <img src="data:image/png;base64,AA" alt="one"/>
<a href="https://arxiv.org/abs/1705.09783">paper</a> <a href="mailto:me@example.org">me</a>
</body></html>"""


@pytest.fixture
def site(tmp_path):
    (tmp_path / "_static").mkdir()
    (tmp_path / "sub").mkdir()
    (tmp_path / "_static" / "a b.png").write_bytes(b"")
    (tmp_path / "_static" / "style.css").write_text('a { background: url("a%20b.png") }\n')
    (tmp_path / "index.html").write_text(GOOD, "utf-8")
    (tmp_path / "sub" / "b.html").write_text('<p id="café"><a href="../index.html">x</a>', "utf-8")
    return tmp_path


def test_a_good_site_passes(site, capsys):
    assert check_site.check(site) == []
    assert check_site.main(site) == 0
    assert "all links" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('<a href="gone.html">', "index.html:1: gone.html leads to no file"),
        ('\n<a href="sub/b.html#tea">', "index.html:2: sub/b.html#tea leads to no anchor of sub"),
        ('<a href="#nowhere">', "leads to no anchor of index.html"),
        ('<a href="sub/">', "leads to no file"),
        ('<img src="_static/none.png" alt="x">', "leads to no file"),
        ('<img src="_static/a%20b.png">', "has no alternative text"),
        ('<script src="https://cdn.jsdelivr.net/m.js"></script>', "fetched from a network"),
        ('<link rel="stylesheet" href="//fonts.example.org/f.css">', "fetched from a network"),
        ('<a href="https://arxiv,org/abs">', "names no host"),
        ('<a href="http:///abs">', "names no host"),
        ('<a href="htps://arxiv.org">', "neither http nor https"),
        ('<a href="https://arxiv.org:x/">', "could not be cast"),
        ('<a href="https://arxiv.org/abs/1705 .09783">', "characters that no address may have"),
    ],
)
def test_what_is_wrong_is_found(site, text, message, capsys):
    (site / "index.html").write_text(text, "utf-8")
    (found,) = check_site.check(site)
    assert message in found
    assert check_site.main(site) == 1
    assert message in capsys.readouterr().out


def test_styles_are_looked_at(site):
    (site / "_static" / "style.css").write_text(
        "@import 'https://fonts.example.org/f.css';\na { background: url(none.svg) }\n"
    )
    one, two = check_site.check(site)
    assert "style.css:1" in one
    assert "from a network" in one
    assert "style.css:2: none.svg leads to no file" in two


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="has none"):
        check_site.check(tmp_path)
