"""A dependency graph as the source of a picture, and as text."""

from __future__ import annotations

import html
from collections.abc import Iterator

from zhusuan.inspection.graph import DependencyGraph, GraphNode
from zhusuan.inspection.plates import Plate, Plates

_FONT = 'fontname="Arial"'
_STYLES = {
    "latent": 'style="filled" fillcolor="white"',
    "observed": 'style="filled" fillcolor="#d0d3d8"',
    "data": 'style="filled" fillcolor="#d0d3d8"',
    "deterministic": 'style="filled,dashed" fillcolor="white"',
}


class _Box:
    """A plate with what is in it; the outermost box is the page.

    :param plate: the plate, None for the page.
    """

    def __init__(self, plate: Plate | None = None) -> None:
        self.plate = plate
        self.nodes: list[GraphNode] = []
        self.boxes: dict[Plate, _Box] = {}

    def at(self, plates: Plates) -> _Box:
        """Return the box inside this one for these plates, outermost first."""
        if not plates:
            return self
        return self.boxes.setdefault(plates[0], _Box(plates[0])).at(plates[1:])


def _page(graph: DependencyGraph) -> _Box:
    page = _Box()
    for node in graph.nodes.values():
        page.at(node.plates).nodes.append(node)
    return page


# -- graphviz


def dot_source(
    graph: DependencyGraph, title: str, show_distributions: bool, show_shapes: bool
) -> str:
    """Return the graph in graphviz's language.

    :param graph: the graph.
    :param title: a line above the picture; '' for none.
    :param show_distributions: write the family below a node's name.
    :param show_shapes: write the shape of the value there.
    """
    numbers = {name: i for i, name in enumerate(graph.nodes)}

    def label(node: GraphNode) -> str:
        words = []
        if show_distributions:
            words.append({"data": "data", "deterministic": ""}.get(node.kind, node.distribution))
        if show_shapes and node.shape is not None:
            words.append(str(list(node.shape)))
        small = html.escape(" ".join(word for word in words if word))
        lines = [html.escape(node.name)]
        if small:
            lines.append(f'<font point-size="10" color="#555b66">{small}</font>')
        # A table, since lines apart by <br/> touch.
        rows = "".join(f"<tr><td>{line}</td></tr>" for line in lines)
        return f'<<table border="0" cellspacing="0" cellpadding="1">{rows}</table>>'

    def inside(box: _Box, indent: str, path: str) -> Iterator[str]:
        for node in box.nodes:
            yield f"{indent}n{numbers[node.name]} [label={label(node)} {_STYLES[node.kind]}];"
        for i, (plate, inner) in enumerate(box.boxes.items()):
            yield f"{indent}subgraph cluster{path}_{i} {{"
            yield (
                f'{indent}  label="{plate.size}" labelloc="b" labeljust="r" style="rounded" '
                f'color="#8a909c" fontcolor="#555b66" fontsize=11 margin=12 {_FONT};'
            )
            yield from inside(inner, indent + "  ", f"{path}_{i}")
            yield f"{indent}}}"

    # The empty line keeps the title off the nodes below it.
    space = '<br/><font point-size="8"> </font>'
    heading = f"label=<{html.escape(title)}{space}> labelloc=t fontsize=14 " if title else ""
    lines = [
        "digraph {",
        f"  graph [{heading}rankdir=TB nodesep=0.4 ranksep=0.45 pad=0.15 {_FONT}];",
        '  node [shape=ellipse height=0.7 width=0.9 margin="0.02,0.02" color="#2b303a" '
        f"fontsize=14 {_FONT}];",
        '  edge [color="#2b303a" arrowsize=0.7];',
        *inside(_page(graph), "  ", ""),
    ]
    for node in graph.nodes.values():
        # A dashed node is a function of its parents: nothing random happens on the way to it.
        dashed = " [style=dashed]" if node.kind == "deterministic" else ""
        for parent in node.parents:
            lines.append(f"  n{numbers[parent]} -> n{numbers[node.name]}{dashed};")
    return "\n".join([*lines, "}"]) + "\n"


# -- text


def text_drawing(
    graph: DependencyGraph, title: str, show_distributions: bool, show_shapes: bool
) -> str:
    """Return the graph as lines of text, indented by plates.

    :param graph: the graph.
    :param title: the first line; '' for none.
    :param show_distributions: name the families.
    :param show_shapes: write the shapes of the values.
    """

    def line(node: GraphNode) -> str:
        above = ", ".join(node.parents)
        if node.kind == "data":
            text = node.name
        elif node.kind == "deterministic":
            text = f"{node.name} = f({above})"
        else:
            family = f" {node.distribution}" if show_distributions else ""
            text = f"{node.name} ~{family or ' p'}" + (f" | {above}" if above else "")
        if show_shapes and node.shape is not None:
            text += f"  {list(node.shape)}"
        note = {"observed": "  (observed)", "data": "  (data)"}.get(node.kind, "")
        return text + note

    def inside(box: _Box, indent: str) -> Iterator[str]:
        for node in box.nodes:
            yield indent + line(node)
        for plate, inner in box.boxes.items():
            yield f"{indent}plate of {plate.size}:"
            yield from inside(inner, indent + "  ")

    lines = inside(_page(graph), "  " if title else "")
    return "\n".join([title, *lines] if title else lines)
