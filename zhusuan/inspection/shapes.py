"""The shapes of a model's nodes as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from zhusuan._html import paragraph, shape_text, table
from zhusuan._tensor import Shape, broadcast_shapes, shape_of
from zhusuan.framework.alignment import check_aligned
from zhusuan.framework.stochastic_tensor import StochasticTensor
from zhusuan.inspection.tracing import Traced, in_order, shape_in, trace
from zhusuan.variational.auto.joint import JointPart


class ShapeRow(NamedTuple):
    """One line of a :class:`ShapeTable`.

    :param name: name of the node or value.
    :param kind: ``'latent'``, ``'observed'``, ``'deterministic'``, or ``'data'`` for observations
        that code reads and that are no node.
    :param distribution: name of the family, '' where there is none.
    :param batch: ``batch_shape`` of the distribution, None where there is none.
    :param value: shape of the value, None for what is no array.
    :param log_prob: shape of the log-probability after all reductions, None where there is none.
    :param reduced: what is done to the log-probability, such as ``'group 1'``, ``'mean [0]'``,
        ``'n_data 506'``.
    :param scale: factor of each datum's log-probability, the node's ``multiplier`` times
        ``n_data`` / size of the minibatch; None where there is none.
    :param problem: what is wrong with the node, '' for nothing.
    """

    name: str
    kind: str
    distribution: str = ""
    batch: Shape | None = None
    value: Shape | None = None
    log_prob: Shape | None = None
    reduced: str = ""
    scale: float | None = None
    problem: str = ""


@dataclass(frozen=True, repr=False)
class ShapeTable:
    """What :func:`trace_shapes` found; ``print`` and notebooks show it as a table.

    :param title: what the model is called.
    :param rows: the nodes and values, in the order of the run.
    :param log_joint: shape of the sum of the log-probabilities, None if they don't align.
    :param notes: what is wrong, sentence by sentence.
    :param error: what stopped the run, or None.
    """

    title: str
    rows: tuple[ShapeRow, ...]
    log_joint: Shape | None
    notes: tuple[str, ...] = ()
    error: Exception | None = None

    def __iter__(self) -> Iterator[ShapeRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str) -> ShapeRow:
        """Return the row of a node."""
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(f"no row {name!r}; the rows are {[row.name for row in self.rows]}")

    def __str__(self) -> str:
        lines = [_HEADER, *map(_cells, self.rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(_HEADER))]
        marks = ["", *("!" if row.problem else "" for row in self.rows)]
        text = [
            f"{mark:2}" + "  ".join(map(str.ljust, line, widths)).rstrip()
            for mark, line in zip(marks, lines)
        ]
        if not any(marks):
            text = [line[2:] for line in text]
        return "\n".join([self.title, *text, *self._footer()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        wrong = [i for i, row in enumerate(self.rows) if row.problem]
        return table(_HEADER, map(_cells, self.rows), self.title, wrong) + paragraph(self._footer())

    def _footer(self) -> list[str]:
        total = [] if self.log_joint is None else [f"log joint: {shape_text(self.log_joint)}"]
        return [*total, *self.notes]


def trace_shapes(model: Any, observed: Mapping[str, Any] | None = None) -> ShapeTable:
    """Run a model and list its nodes with the shapes of what belongs to them.

    ::

        print(zs.trace_shapes(generator, {"x": x}))

    This is the first thing to look at when log-probabilities do not align: a node that clashes
    with the others is marked with ``!``, and a model that fails is shown up to the node where
    it stopped. Next to the shapes stand the reductions and the scale, the factor that makes up
    for a minibatch (the node's ``multiplier``, or ``n_data`` over the size of the minibatch),
    since a forgotten one raises no error.

    Random numbers are taken from a copy of the stream, and a net in class style keeps its last
    run. Values are not validated, so broken ones do not stop it.

    :param model: callable from a dict of observations to a
        :class:`~zhusuan.framework.bn.BayesianNet`; or a net that was run already, whose last run
        is shown when ``observed`` is left out.
    :param observed: name -> value of the observed nodes.
    :return: the table.
    :raises TypeError: if it is no model.
    :raises ValueError: if ``observed`` is given with a net that was built node by node.
    """
    traced = trace(model, observed)
    rows = [ShapeRow(name, "data", value=shape_of(v)) for name, v in traced.data.items()]
    for name in in_order(traced):
        if name in traced.run.nodes:
            rows.append(_node_row(traced.run.nodes[name]))
        else:
            rows.append(ShapeRow(name, "deterministic", value=shape_in(traced.run.cache[name])))
    rows, log_joint, notes = _aligned(traced, rows)
    if traced.run.joint is not None:
        log_joint = None
        notes.append("the log joint is the model's own function, not the sum of these")
    notes += [f"node {row.name!r}: {row.problem}" for row in rows if row.problem.startswith("its")]
    if traced.error is not None:
        log_joint = None
        notes.append(f"the run stopped here, {type(traced.error).__name__}: {traced.error}")
    return ShapeTable(traced.name, tuple(rows), log_joint, tuple(notes), traced.error)


def _node_row(node: StochasticTensor) -> ShapeRow:
    log_prob, problem, scale = None, "", node._multiplier or 1.0
    try:
        log_prob, scale = shape_of(node.log_prob()), node.scale()
    except (ValueError, RuntimeError, NotImplementedError) as error:
        if not isinstance(node.dist, JointPart):  # which has no density of its own
            problem = f"its log-probability fails, {type(error).__name__}: {error}"
    reduced = [f"group {node.dist.group_ndims}"] if node.dist.group_ndims else []
    for what, dims in (("mean", node._mean_dims), ("sum", node._sum_dims)):
        reduced += [f"{what} {list(dims)}"] if dims else []
    reduced += [f"n_data {node._n_data}"] if node._n_data else []
    return ShapeRow(
        node.name,
        "observed" if node.is_observed() else "latent",
        type(node.dist).__name__,
        tuple(node.dist.batch_shape),
        node.shape,
        log_prob,
        ", ".join(reduced),
        scale,
        problem,
    )


def _aligned(
    traced: Traced, rows: Sequence[ShapeRow]
) -> tuple[list[ShapeRow], Shape | None, list[str]]:
    """Mark the nodes whose log-probabilities can't be added to the others'."""
    shapes = {row.name: row.log_prob for row in rows if row.log_prob is not None}
    if not shapes:
        return list(rows), None, []
    try:
        check_aligned(traced.run.nodes, shapes)
    except ValueError as error:
        usual = _usual(list(shapes.values()))
        problem = f"does not align with {list(usual)}"
        marked = [
            row._replace(problem=problem)
            if row.log_prob is not None and not _add_up(row.log_prob, usual) else row
            for row in rows
        ]
        return marked, None, [str(error)]
    whole = len(shapes) == len(traced.run.nodes)
    return list(rows), broadcast_shapes(*shapes.values()) if whole else None, []


def _usual(shapes: list[Shape]) -> Shape:
    """Return what most nodes have; of several, the one with fewest dims.

    A dim too many, where grouping was forgotten, is the more common mistake.
    """
    whole = [shape for shape in shapes if any(size != 1 for size in shape)] or shapes
    return max(whole, key=lambda shape: (whole.count(shape), -len(shape)))


def _add_up(one: Shape, other: Shape) -> bool:
    return broadcast_shapes(one, other) in (one, other)


_HEADER = (
    "node", "distribution", "batch", "value", "log_prob", "reduced", "scale", "kind"
)


def _cells(row: ShapeRow) -> tuple[str, ...]:
    log_prob = "error" if row.problem.startswith("its") else shape_text(row.log_prob)
    return (
        row.name,
        row.distribution or "-",
        shape_text(row.batch),
        shape_text(row.value),
        log_prob,
        row.reduced or "-",
        "-" if row.scale is None else f"{row.scale:g}",
        row.kind,
    )
