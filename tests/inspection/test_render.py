"""zs.render: the picture, and what there is without graphviz."""

from __future__ import annotations

import importlib
import shutil
import xml.etree.ElementTree as ET

import jittor as jt
import numpy as np
import pytest

import zhusuan as zs
from tests.inspection.nets import Generator, Variational, X, schools
from zhusuan.inspection import Picture, dependency_graph, render

HAS_GRAPHVIZ = shutil.which("dot") and importlib.util.find_spec("graphviz")
needs_graphviz = pytest.mark.skipif(not HAS_GRAPHVIZ, reason="graphviz is not installed")


def _schools():
    return schools(4, 5), {"score": np.zeros([4, 5])}


def test_text():
    assert str(render(*_schools())).splitlines() == [
        "schools",
        "  mu ~ Normal  [1]",
        "  tau ~ Gamma  [1]",
        "  plate of 4:",
        "    theta ~ Normal | mu, tau  [4]",
        "    plate of 5:",
        "      rows = f(theta)  [4, 5]",
        "      score ~ Normal | rows  [4, 5]  (observed)",
    ]
    text = str(render(Variational(), {"x": X}, title="", show_shapes=False))
    assert text.splitlines() == ["plate of 4:", "  x  (data)", "  z ~ Normal | x"]
    text = str(render(Generator(), title="p", show_shapes=False, show_distributions=False))
    assert text.splitlines()[:3] == ["p", "  plate of 4:", "    z ~ p"]
    assert repr(render(Generator())) == str(render(Generator()))


def test_dot():
    dot = render(*_schools()).dot
    lines = [line.strip() for line in dot.splitlines()]
    assert lines[0] == "digraph {"
    assert "schools" in lines[1]
    for edge in ("n0 -> n2;", "n1 -> n2;", "n2 -> n3 [style=dashed];", "n3 -> n4;"):
        assert edge in lines
    boxes = [i for i, line in enumerate(lines) if line.startswith("subgraph")]
    assert [lines[i + 1].split()[0] for i in boxes] == ['label="4"', 'label="5"']
    score = next(line for line in lines if ">score<" in line)
    assert "Normal [4, 5]" in score
    assert 'fillcolor="#d0d3d8"' in score
    rows = next(line for line in lines if ">rows<" in line)
    assert "dashed" in rows
    assert dot.count("{") == dot.count("}")
    assert "digraph" in dot.splitlines()[0]


def test_crossing_plates_are_drawn_apart():
    @zs.meta_bayesian_net()
    def model():
        bn = zs.BayesianNet()
        a = bn.normal("users", jt.zeros([6]), std=1.0)
        b = bn.normal("films", jt.zeros([5]), std=1.0)
        bn.normal("stars", a.reshape([6, 1]) + b, std=1.0)
        return bn

    text = str(render(model(), show_shapes=False)).splitlines()
    assert text == [
        "model",
        "  plate of 6:",
        "    users ~ Normal",
        "    plate of 5:",
        "      stars ~ Normal | users, films",
        "  plate of 5:",
        "    films ~ Normal",
    ]


def test_strange_names():
    @zs.meta_bayesian_net()
    def model():
        bn = zs.BayesianNet()
        bn.normal('a "<b>" & \\c', 0.0, std=1.0)
        return bn

    picture = render(model(), title="1 < 2")
    assert "a &quot;&lt;b&gt;&quot; &amp; \\c" in picture.dot
    if HAS_GRAPHVIZ:
        svg = picture._repr_svg_()
        assert 'a "<b>" & \\c' in "".join(ET.fromstring(svg).itertext()).replace("\xa0", " ")


def test_written_without_graphviz(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    picture = render(*_schools(), tmp_path / "model.dot")
    assert (tmp_path / "model.dot").read_text() == picture.dot
    picture.save(tmp_path / "model.gv")
    assert (tmp_path / "model.gv").read_text() == picture.dot
    picture.save(str(tmp_path / "model.txt"))
    assert (tmp_path / "model.txt").read_text() == f"{picture}\n"
    picture.save(tmp_path / "model", format="txt")
    assert (tmp_path / "model").read_text() == f"{picture}\n"


def _without_package(monkeypatch):
    import_module = importlib.import_module

    def refuse(name, *args):
        if name == "graphviz":
            raise ImportError(name)
        return import_module(name, *args)

    monkeypatch.setattr(importlib, "import_module", refuse)


def test_without_the_package(monkeypatch, tmp_path):
    picture = render(Generator(), {"x": X})
    _without_package(monkeypatch)
    assert picture._repr_svg_() is None
    html = picture._repr_html_()
    assert html.startswith("<pre>Generator\n  plate of 4:")
    with pytest.raises(RuntimeError, match=r"pip install zhusuan\[render\]"):
        picture.save(tmp_path / "model.svg")
    assert not (tmp_path / "model.svg").exists()


def test_without_the_program(monkeypatch, tmp_path):
    pytest.importorskip("graphviz")
    monkeypatch.setenv("PATH", str(tmp_path))
    picture = Picture(dependency_graph(Generator(), {"x": X}))
    assert picture._repr_svg_() is None
    with pytest.raises(RuntimeError, match="apt-get install graphviz"):
        render(Generator(), {"x": X}, tmp_path / "model.png")


@needs_graphviz
def test_svg(tmp_path):
    picture = render(*_schools(), tmp_path / "model.svg")
    svg = (tmp_path / "model.svg").read_text()
    root = ET.fromstring(svg)
    space = "{http://www.w3.org/2000/svg}"
    groups = [group.get("class") for group in root.iter(f"{space}g")]
    assert (groups.count("node"), groups.count("edge"), groups.count("cluster")) == (5, 4, 2)
    texts = [text.text for text in root.iter(f"{space}text")]
    assert {"schools", "mu", "tau", "theta", "rows", "score"} <= set(texts)
    assert picture._repr_svg_() == svg
    assert picture._repr_html_().startswith("<svg")


@needs_graphviz
@pytest.mark.parametrize(("kind", "magic"), [("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_other_formats(kind, magic, tmp_path):
    picture = render(Generator(), {"x": X})
    picture.save(tmp_path / f"model.{kind}")
    picture.save(tmp_path / "model", kind)
    for path in tmp_path.iterdir():
        assert path.read_bytes().startswith(magic)


@pytest.mark.parametrize("path", ["model.jpeg", "model"])
def test_an_unknown_format(path, tmp_path):
    def model(observed):
        raise AssertionError("the format is checked before the model is run")

    with pytest.raises(ValueError, match="the formats are svg, png, pdf, dot, txt"):
        render(model, None, tmp_path / path)
