"""Which node of a model depends on which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jittor as jt
import numpy as np

from zhusuan import random
from zhusuan._tensor import Shape, Var, as_var, shape_of
from zhusuan.framework.judging import judged_together
from zhusuan.inspection.plates import Plates, nested, plates_of, plates_of_neighbours
from zhusuan.inspection.tracing import (
    Traced,
    in_order,
    parameters_of,
    shape_in,
    trace,
    var_id,
    vars_in,
)

Parents = dict[str, set[str]]


class GraphNode(NamedTuple):
    """A node of a :class:`DependencyGraph`.

    :param name: its name.
    :param kind: ``'latent'``, ``'observed'``, ``'deterministic'``, or ``'data'`` for observations
        that code reads and that are no node.
    :param parents: names of what it is made of, in the order of the run.
    :param distribution: name of the family, '' where there is none.
    :param shape: shape of the value, None for what is no array.
    :param plates: the plates that it is in, outermost first.
    """

    name: str
    kind: str
    parents: tuple[str, ...]
    distribution: str = ""
    shape: Shape | None = None
    plates: Plates = ()


@dataclass(frozen=True)
class DependencyGraph:
    """A model as a directed graph.

    :param title: what the model is called.
    :param nodes: the nodes by name, each after its parents.
    """

    title: str
    nodes: dict[str, GraphNode]


def dependency_graph(model: Any, observed: Mapping[str, Any] | None = None) -> DependencyGraph:
    """Find the directed graph that a model's program describes.

    The model is run once for its values, and once more with every node held at its value. Then
    nothing flows from one node to another but through the parameters of the second one's
    distribution, and Jittor, which is lazy, still has the operations by which they were made:
    walking back along these from the parameters of a node, up to the first node, cached value
    or observation that code reads, finds its parents. So a cached value is a parent where the
    very Var was used, and a sibling where it was made for looking at, like the mean
    ``sigmoid(logits)`` beside a Bernoulli with those logits.

    Operations do not tell everything: code may fetch a value and go on in numpy, and Jittor
    forgets how whole numbers were computed once it has computed them. So a node whose value is
    an integer, or that seems to feed nothing although others come after it, is tried out as
    well: the model is run with another draw of this node and all else unchanged, and what
    differs depends on it. What differs between two equal runs, as behind dropout, is left out of
    this comparison.

    **Plates.** The dims of a node's log-probability that neither ``group_ndims`` nor
    ``reduce_sum_dims`` sums are replicates, independent given the parents; a mean over the batch
    is one over replicates. Nodes share a plate when they have such a dim of the same size, 1
    excepted. A node in several plates stands in nested boxes, with the plate of more members
    outside. Of an observed node only the dims that its value has count, not those, such as
    particles, that its parents add. Cached values and data are in the plates of their
    neighbours, as far as their leading dims show them.

    :param model: callable from a dict of observations to a
        :class:`~zhusuan.framework.bn.BayesianNet`. A net in class style may be run already: it
        is run again, on the same observations when ``observed`` is left out.
    :param observed: name -> value of the observed nodes.
    :return: the graph.
    :raises TypeError: if it is no model.
    :raises ValueError: for a net that was built node by node, which can't be run again.
    """
    traced = _whole(trace(model, observed, anew=True))
    held = {name: value.detach() for name, value in traced.data.items()}
    held.update({name: node.tensor.detach() for name, node in traced.run.nodes.items()})
    names = [*traced.data, *in_order(traced)]
    with judged_together():
        parents = _by_operations(model, names, held)
        _add_tried_out(model, names, held, traced, parents)
    return DependencyGraph(traced.name, _nodes(names, traced, parents))


def _whole(traced: Traced) -> Traced:
    if traced.error is not None:
        raise traced.error
    return traced


# -- by operations


def _by_operations(model: Any, names: list[str], held: Mapping[str, Var]) -> Parents:
    known = {var_id(var): name for name, var in held.items()}
    run = _whole(trace(model, held)).run
    # Once more: code that works in place puts another Var into the same object.
    known.update({var_id(var): name for name, var in held.items()})
    made_of: dict[str, list[Var]] = {name: [] for name in names}
    for name, node in run.nodes.items():
        made_of[name] = [parameter.value for parameter in parameters_of(node.dist)]
    for name, value in run.cache.items():
        made_of[name] = vars_in(value)
        for var in made_of[name]:
            known.setdefault(var_id(var), name)
    operations = _Operations()
    return {
        name: operations.sources(map(var_id, made_of[name]), known, own=name) for name in names
    }


class _Operations:
    """What Jittor has noted down of how each Var is computed, at the moment it is made."""

    def __init__(self) -> None:
        graph = jt.dump_all_graphs()
        self._inputs = graph.inputs
        self._ids: dict[int, int] = {}
        for position, info in enumerate(graph.nodes_info):
            if info.startswith("Var("):
                self._ids[position] = int(info[4 : info.index(":")])
        self._positions = {number: position for position, number in self._ids.items()}

    def sources(self, ids: Iterable[int], known: Mapping[int, str], own: str) -> set[str]:
        """Return the names of the nearest known Vars that the given ones are computed from.

        :param ids: numbers of Vars.
        :param known: number of a Var -> name.
        :param own: a name to pass by: that of the Vars themselves.
        """
        found: set[str] = set()
        waiting = [self._positions[number] for number in ids if number in self._positions]
        seen = set(waiting)
        while waiting:
            position = waiting.pop()
            name = known.get(self._ids.get(position, -1), own)
            if name != own:
                found.add(name)
                continue
            new = [p for p in self._inputs[position] if p not in seen]
            seen.update(new)
            waiting += new
        return found


# -- by trying out


def _add_tried_out(
    model: Any, names: list[str], held: dict[str, Var], traced: Traced, parents: Parents
) -> None:
    doubtful = [name for name in names[:-1] if name in held and _is_doubtful(name, held, parents)]
    if not doubtful:
        return
    usual, again = (_values(_whole(trace(model, held))) for _ in range(2))
    steady = [name for name in names if _same(usual.get(name), again.get(name))]
    deterministic = set(traced.run.cache)
    for name in doubtful:
        other = _another(name, held[name], traced)
        if other is None:
            continue
        run = trace(model, {**held, name: other})
        if run.error is not None:
            continue  # the model refuses the other value, so that there is nothing to compare
        values = _values(run)
        for later in names[names.index(name) + 1 :]:
            differs = later in steady and not _same(usual.get(later), values.get(later))
            if differs and not _feeds(name, later, parents, deterministic):
                parents[later].add(name)


def _is_doubtful(name: str, held: Mapping[str, Var], parents: Parents) -> bool:
    is_whole = not str(held[name].dtype).startswith("float")
    return is_whole or not any(name in of_node for of_node in parents.values())


def _feeds(name: str, later: str, parents: Parents, deterministic: set[str]) -> bool:
    """Return whether it is a parent, or one by way of deterministic values."""
    return any(
        parent == name
        or (parent in deterministic and _feeds(name, parent, parents, deterministic))
        for parent in parents[later]
    )


def _another(name: str, value: Var, traced: Traced) -> Var | None:
    """Return another value that a node may well have; None if none is found."""
    array = value.numpy()
    candidates = [array.ravel()[::-1].reshape(array.shape)]
    if name in traced.run.nodes:
        dist = traced.run.nodes[name].dist
        for seed in range(4):
            with random.stream(seed):
                try:
                    draw = dist.sample().numpy()
                except NotImplementedError:
                    break
            candidates.insert(seed, _fitted(draw, array.shape))
    for candidate in candidates:
        if not np.array_equal(candidate, array, equal_nan=True):
            return as_var(candidate, str(value.dtype))
    return None


def _fitted(array: np.ndarray, shape: Shape) -> np.ndarray:
    """Cut an array down and broadcast it to a shape with which it broadcasts."""
    array = array[(0,) * max(array.ndim - len(shape), 0)]
    for dim in range(array.ndim):
        if shape[len(shape) - array.ndim + dim] == 1:
            array = array.take([0], axis=dim)
    return np.broadcast_to(array, shape)


def _values(traced: Traced) -> dict[str, list[np.ndarray]]:
    """Fetch the parameters of all nodes and the cached values."""
    run = traced.run
    fetched: dict[str, list[Any]] = {
        name: [parameter.value for parameter in parameters_of(node.dist)]
        for name, node in run.nodes.items()
    }
    for name, value in run.cache.items():
        fetched[name] = vars_in(value) or ([] if shape_in(value) is None else [np.asarray(value)])
    jt.sync([var for values in fetched.values() for var in values if isinstance(var, jt.Var)])
    return {
        name: [var.numpy() if isinstance(var, jt.Var) else var for var in values]
        for name, values in fetched.items()
    }


def _same(one: list[np.ndarray] | None, other: list[np.ndarray] | None) -> bool:
    if one is None or other is None or len(one) != len(other):
        return one is other
    # Sums come out differently in the last digits when threads share the work.
    return all(
        a.shape == b.shape and np.allclose(a, b, rtol=1e-4, atol=1e-6, equal_nan=True)
        for a, b in zip(one, other)
    )


# -- the nodes


def _nodes(names: list[str], traced: Traced, parents: Parents) -> dict[str, GraphNode]:
    run, data = traced.run, traced.data
    nodes = {}
    for name in names:
        above = tuple(other for other in names if other in parents[name])
        if name in run.nodes:
            node = run.nodes[name]
            kind = "observed" if node.is_observed() else "latent"
            nodes[name] = GraphNode(name, kind, above, type(node.dist).__name__, node.shape)
        elif name in data:
            nodes[name] = GraphNode(name, "data", above, "", shape_of(data[name]))
        else:
            shape = shape_in(run.cache[name])
            nodes[name] = GraphNode(name, "deterministic", above, "", shape)
    plates = {name: plates_of(node) for name, node in run.nodes.items()}
    # Twice, since a value may stand between nodes that come before and after it.
    for name in [*names, *reversed(names)]:
        if name not in run.nodes and not plates.get(name):
            children = [other for other in names if name in parents[other]]
            near = [plates.get(other, ()) for other in [*nodes[name].parents, *children]]
            plates[name] = plates_of_neighbours(nodes[name].shape, near)
    inwards = nested({name: plates[name] for name in names})
    return {name: node._replace(plates=inwards[name]) for name, node in nodes.items()}
