"""Looking at models: the shapes of their nodes, where NaN comes from, pictures of them."""

from zhusuan.inspection.graph import DependencyGraph, GraphNode, dependency_graph
from zhusuan.inspection.numerics import NumericalIssue, NumericsReport, check_numerics
from zhusuan.inspection.plates import Plate
from zhusuan.inspection.render import Picture, render
from zhusuan.inspection.shapes import ShapeRow, ShapeTable, trace_shapes

__all__ = [
    "DependencyGraph",
    "GraphNode",
    "NumericalIssue",
    "NumericsReport",
    "Picture",
    "Plate",
    "ShapeRow",
    "ShapeTable",
    "check_numerics",
    "dependency_graph",
    "render",
    "trace_shapes",
]
