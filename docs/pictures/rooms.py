"""Draws the rooms of the library and who imports whom, for :doc:`/design`.

    python docs/pictures/rooms.py docs/_static/images/rooms.svg

What is drawn is what the sources import, less the arrows that follow from others. It needs
graphviz: ``pip install -e '.[render]'`` and ``apt-get install graphviz fonts-liberation``.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import graphviz

LIBRARY = Path(__file__).resolve().parents[2] / "zhusuan"

# Room -> what it is for, in the order of docs/design.rst: what is above may import what is below.
ROOMS = {
    "evaluation": "how likely are held-out data",
    "mcmc": "Markov chains",
    "variational": "bounds, guides, training",
    "inspection": "looking into a model",
    "flows": "distributions through a map",
    "framework": "nets and their nodes",
    "testing": "a kit that checks families",
    "transforms": "invertible maps",
    "distributions": "one file for each family",
    "checkpoint": "saving and loading",
    "diagnostics": "what draws are worth",
    "optim": "steps on all cores",
    "special": "functions Jittor lacks",
    "linalg": "batches of matrices",
    "formula": "functions in C++",
    "random": "the one source",
    "kernels": "C++ to include",
    "distributed": "several processes",
    "_html": "tables for notebooks",
    "_tensor": "Vars and shapes",
    "runtime": "makes import jittor work",
}

# Arrows that point upwards, and why.
UPWARDS = {
    ("inspection", "variational"): "an objective can be looked into, both nets and their loss",
}

HUES = {  # what the rooms are about
    "#dbe7f5": ("evaluation", "mcmc", "variational", "inspection"),
    "#e3efdc": ("flows", "framework", "transforms", "distributions", "testing"),
    "#f6ecd6": ("special", "linalg", "formula", "random", "kernels", "_tensor", "runtime"),
    "#eeeeee": ("checkpoint", "diagnostics", "optim", "distributed", "_html"),
}


def room(path: Path) -> str:
    """Return the name of the room that a file of the library is in.

    :param path: of a Python file below :data:`LIBRARY`.
    """
    first = path.relative_to(LIBRARY).parts[0]
    return first[: -len(".py")] if first.endswith(".py") else first


def imports() -> dict[str, set[str]]:
    """Return for each room those that its files import."""
    found: dict[str, set[str]] = {}
    for path in sorted(LIBRARY.rglob("*.py")):
        here = room(path)
        if here in ("__init__", "_version"):
            continue  # the door, which leads to all of them
        names = found.setdefault(here, set())
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
                if node.module == "zhusuan":
                    modules = [f"zhusuan.{alias.name}" for alias in node.names]
            else:
                continue
            names.update(m.split(".")[1] for m in modules if m.startswith("zhusuan."))
        names.discard(here)
    for path in LIBRARY.iterdir():
        if path.is_dir() and any(path.glob("*.h")):  # a room of C++ alone
            found.setdefault(path.name, set())
    return found


def reachable(start: str, edges: dict[str, set[str]]) -> set[str]:
    """Return the rooms that can be come to from one of them.

    :param start: the room to begin at; in the result only if there is a way back.
    :param edges: for each room, those it leads to.
    """
    seen: set[str] = set()
    ahead = [start]
    while ahead:
        for other in edges.get(ahead.pop(), ()):
            if other not in seen:
                seen.add(other)
                ahead.append(other)
    return seen


def necessary(edges: dict[str, set[str]]) -> dict[str, set[str]]:
    """Leave out arrows that others imply; there must be no circle.

    :param edges: for each room, those it leads to.
    """
    return {
        a: {b for b in targets
            if not any(b in reachable(c, edges) for c in targets if c != b)}
        for a, targets in edges.items()
    }  # fmt: skip


def main(path: Path) -> None:
    """Draw the picture.

    :param path: of the SVG file.
    """
    edges = imports()
    for a, b in UPWARDS:
        edges[a].discard(b)
    graph = graphviz.Digraph("rooms", format="svg")
    graph.attr(rankdir="TB", nodesep="0.25", ranksep="0.45", fontname="Liberation Sans",
               bgcolor="transparent")
    graph.attr("node", shape="box", style="rounded,filled", color="#7a8794", penwidth="0.8",
               fontname="Liberation Sans", fontsize="12", margin="0.12,0.06")
    graph.attr("edge", color="#7a8794", arrowsize="0.6", penwidth="0.8")
    fill = {name: colour for colour, names in HUES.items() for name in names}
    for name in ROOMS:
        label = f'<<b>{name}</b><br/><font point-size="9.5">{ROOMS[name]}</font>>'
        graph.node(name, label, fillcolor=fill[name])
    for a, targets in sorted(necessary(edges).items()):
        for b in sorted(targets):
            graph.edge(a, b)
    for a, b in UPWARDS:
        graph.edge(a, b, style="dashed", constraint="false")
    path.write_bytes(graph.pipe())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
