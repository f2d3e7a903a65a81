"""What people see of a net: its modules, and the nodes of its last run.

Looking changes nothing. No code of the model is run and nothing is drawn; the log-densities that
a notebook shows are computed without gradients and given up; and observations that are looked at
here do not count as read by the model.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import jittor as jt
import numpy as np

from zhusuan import random
from zhusuan._html import folded, paragraph, shape_text, table, warning
from zhusuan._tensor import Shape, shape_of
from zhusuan.distributions.display import described, holds_module, reason
from zhusuan.framework.alignment import check_aligned

if TYPE_CHECKING:
    from zhusuan.framework.bn import BayesianNet
    from zhusuan.framework.run import Run
    from zhusuan.framework.stochastic_tensor import StochasticTensor

# Rows that are shown of a long table.
_SHOWN = 50
# Elements of a node whose log-density is not computed for show.
_LARGE = 10_000_000


def net_text(net: BayesianNet, modules: str) -> str:
    """Return a net as text.

    :param net: the net.
    :param modules: the modules in it, as Jittor writes them.
    """
    run = net._run
    title = f" of {run.title!r}" if run.title else ""
    lines = [f"{modules}{title}"]
    for name, node in run.nodes.items():
        state = "observed" if node.is_observed() else "drawn"
        lines.append(f"{name} ~ {described(node.dist)}  {shape_text(node.shape)} {state}")
    lines += [f"{name} =  {_shape_in(value)}" for name, value in run.cache.items()]
    return "\n".join(lines)


def net_html(net: BayesianNet, modules: str) -> str:
    """Return a net as HTML.

    :param net: the net.
    :param modules: the modules in it, as Jittor writes them.
    """
    run = net._run
    densities = {name: _density(node) for name, node in _first(run.nodes)}
    rows = [*_data_rows(run), *_node_rows(run, densities), *_cache_rows(run)]
    head = ("node", "distribution", "shape", "", "log-density")
    if rows:
        first_node = len(rows) - len(densities) - len(run.cache)
        wrong = {first_node + i for i, found in enumerate(densities.values()) if found.problem}
        nodes = table(head, rows, net.title, wrong)
    else:
        nodes = paragraph([f"{net.title}: no run yet; call it with a dict of observations"])
    left_out = len(run.nodes) - len(densities)
    more = [f"... and {left_out} more nodes, see .nodes"] if left_out else []
    total, problem = _total(run, densities)
    return (
        nodes
        + paragraph([*more, *total])
        + (warning(problem) if problem else "")
        + (folded("modules", modules) if "\n" in modules else "")
    )


def node_html(node: StochasticTensor) -> str:
    """Return a node as HTML.

    :param node: the node.
    """
    title = "" if node.bn is None else f" of {node.bn.title}"
    found = _density(node)
    facts = [
        f"node {node.name!r}{title}, {'observed' if node.is_observed() else 'drawn'}",
        f"shape {shape_text(node.shape)}, dtype {node.dtype}",
        *([f"log-density: {found.text}"] if found.text else []),
    ]
    problem = warning(found.problem) if found.problem else ""
    return paragraph(facts) + problem + node.dist._repr_html_()


class _Density(NamedTuple):
    """The log-probability of a node as it is shown.

    :param values: None where there is none.
    :param problem: why, if something is wrong.
    """

    values: np.ndarray | None = None
    problem: str = ""

    @property
    def text(self) -> str:
        return "" if self.values is None else _figure(self.values)


def _density(node: StochasticTensor) -> _Density:
    # A module may change as it is used: ActNorm takes its parameters from the first batch.
    if holds_module(node.dist) or node.tensor.numel() > _LARGE:
        return _Density()
    try:
        # Under no_grad no parameter that is derived from others is kept. A family may draw, to
        # estimate its density: not from the stream in use.
        with random.stream(0), jt.no_grad():
            return _Density(node.log_prob().numpy())
    except NotImplementedError:
        return _Density()
    except Exception as error:  # what is wrong with a model is to be seen, not raised, here
        return _Density(problem=f"node {node.name!r}: {reason(error)}")


def _total(run: Run, densities: dict[str, _Density]) -> tuple[list[str], str]:
    """Return a line about the log joint, and what is wrong."""
    for found in densities.values():
        if found.problem:
            return [], found.problem
    if run.joint is not None:
        return ["The log joint is the model's own function, not the sum of these."], ""
    terms = {name: found.values for name, found in densities.items() if found.values is not None}
    if not terms or len(terms) < len(run.nodes):
        return [], ""
    try:
        check_aligned(run.nodes, {name: term.shape for name, term in terms.items()})
    except ValueError as error:
        return [], str(error)
    joint = np.sum(np.broadcast_arrays(*terms.values()), 0, dtype=np.float64)
    return [f"log joint: {_figure(joint)}"], ""


def _figure(values: np.ndarray) -> str:
    if values.size == 1:
        return f"{float(values.ravel()[0]):.6g}"
    if not values.size:
        return shape_text(values.shape)
    return f"{shape_text(values.shape)}, mean {float(values.mean(dtype=np.float64)):.6g}"


def _first(named: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    return itertools.islice(named.items(), _SHOWN)


def _data_rows(run: Run) -> Iterator[tuple[str, ...]]:
    # Not through the mapping, which notes what was read.
    for name, value in run.observed._values.items():
        if name not in run.nodes:
            state = "not read" if name in run.observed.unread else "data"
            yield name, "", shape_text(shape_of(value)), state, ""


def _node_rows(run: Run, densities: dict[str, _Density]) -> Iterator[tuple[str, ...]]:
    for name, found in densities.items():
        node = run.nodes[name]
        state = "observed" if node.is_observed() else "drawn"
        density = "error" if found.problem else found.text
        yield name, described(node.dist), shape_text(node.shape), state, density


def _cache_rows(run: Run) -> Iterator[tuple[str, ...]]:
    for name, value in run.cache.items():
        yield name, "", _shape_in(value), "deterministic", ""


def _shape_in(value: Any) -> str:
    """Return the shape of a cached value, or what it is if it has none."""
    shape: Shape | None = getattr(value, "shape", None)
    return type(value).__name__ if shape is None else shape_text(tuple(shape))
