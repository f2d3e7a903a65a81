"""Pictures of graphical models."""

from __future__ import annotations

import html
import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zhusuan.inspection.drawing import dot_source, text_drawing
from zhusuan.inspection.graph import DependencyGraph, dependency_graph

_DRAWN = ("svg", "png", "pdf")
_WRITTEN = ("dot", "txt")


class _GraphvizMissing(RuntimeError):
    """The Python package or the programs of graphviz are not installed."""


class Picture:
    """A drawn graphical model; see :func:`render`.

    A notebook shows it as a picture, or as text where graphviz is not installed; ``print`` shows
    the text.

    :param graph: the graph.
    :param title: a line above it; None for what the model is called, '' for none.
    :param show_distributions: name the families.
    :param show_shapes: write the shapes of the values.
    :ivar graph: the graph.
    :ivar dot: the picture in graphviz's language, for ``dot -Tsvg``.
    """

    def __init__(
        self,
        graph: DependencyGraph,
        title: str | None = None,
        show_distributions: bool = True,
        show_shapes: bool = True,
    ) -> None:
        options = (
            graph.title if title is None else title, bool(show_distributions), bool(show_shapes)
        )
        self.graph = graph
        self.dot = dot_source(graph, *options)
        self._text = text_drawing(graph, *options)

    def __str__(self) -> str:
        return self._text

    __repr__ = __str__

    def _repr_svg_(self) -> str | None:
        try:
            return _draw(self.dot, "svg").decode()
        except _GraphvizMissing:
            return None

    def _repr_html_(self) -> str:
        svg = self._repr_svg_()
        if svg is None:
            return f"<pre>{html.escape(self._text)}</pre>"
        # Without the XML declaration and the doctype, which have no place inside a page.
        return svg[svg.index("<svg") :]

    def save(self, path: str | os.PathLike[str], format: str | None = None) -> None:
        """Write the picture to a file.

        :param path: the file.
        :param format: ``'svg'``, ``'png'`` or ``'pdf'``, which need graphviz; ``'dot'`` for
            graphviz's language or ``'txt'`` for the text, which don't. By default what the name
            of the file ends in.
        :raises ValueError: for another format.
        :raises RuntimeError: if graphviz is not installed; the message says how to.
        """
        path = Path(path)
        kind = _check_format(path.suffix[1:].lower() if format is None else format, path)
        if kind in _WRITTEN:
            text = self.dot if kind == "dot" else self._text + "\n"
            path.write_text(text, encoding="utf-8")
        else:
            path.write_bytes(_draw(self.dot, kind))


def render(
    model: Any,
    observed: Mapping[str, Any] | None = None,
    path: str | os.PathLike[str] | None = None,
    *,
    format: str | None = None,
    title: str | None = None,
    show_distributions: bool = True,
    show_shapes: bool = True,
) -> Picture:
    """Draw a model as a graphical model.

    ::

        zs.render(generator, {"x": x})                 # in a notebook
        zs.render(generator, {"x": x}, "model.svg")    # to a file
        print(zs.render(generator, {"x": x}))          # as text

    Latent nodes are white, observed ones grey, and so is data that the model's code reads;
    cached (deterministic) values are dashed. A box is a plate: what is in it is there once for
    each of the number in its corner. :func:`~zhusuan.inspection.dependency_graph` says how the
    arrows and the plates are found; the model is run for it a few times.

    A picture needs graphviz: ``pip install zhusuan[render]`` and its programs
    (``apt-get install graphviz``). Without it there is text, unless a file is asked for.

    :param model: callable from a dict of observations to a
        :class:`~zhusuan.framework.bn.BayesianNet`.
    :param observed: name -> value of the observed nodes.
    :param path: write the picture to this file.
    :param format: format of the file, see :meth:`Picture.save`.
    :param title: a line above the picture; None for what the model is called, '' for none.
    :param show_distributions: write the distribution below a node's name.
    :param show_shapes: write the shape of the value there.
    :return: the picture.
    :raises TypeError: if it is no model.
    :raises ValueError: for a net that was built node by node, or an unknown format.
    :raises RuntimeError: if a file is asked for that needs graphviz, which is not installed.
    """
    if path is not None:
        _check_format(Path(path).suffix[1:].lower() if format is None else format, Path(path))
    picture = Picture(
        dependency_graph(model, observed), title, show_distributions, show_shapes
    )
    if path is not None:
        picture.save(path, format)
    return picture


def _check_format(format: str, path: Path) -> str:
    kind = {"gv": "dot"}.get(format, format)
    if kind not in _DRAWN + _WRITTEN:
        raise ValueError(
            f"can't write {str(path)!r} as {format!r}: the formats are "
            f"{', '.join(_DRAWN + _WRITTEN)}; give one as the ending of the name or as format="
        )
    return kind


def _draw(dot: str, format: str) -> bytes:
    try:
        graphviz = importlib.import_module("graphviz")
    except ImportError as error:
        raise _GraphvizMissing(
            "a picture needs the Python package graphviz: pip install zhusuan[render]"
        ) from error
    try:
        return graphviz.Source(dot).pipe(format=format)
    except graphviz.ExecutableNotFound as error:
        raise _GraphvizMissing(
            "a picture needs graphviz's program dot, which is not on the PATH: "
            "apt-get install graphviz (or brew install graphviz)"
        ) from error
