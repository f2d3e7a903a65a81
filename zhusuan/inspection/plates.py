"""Which nodes of a model are replicated together: the boxes of a drawn graphical model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from zhusuan._tensor import Shape, broadcast_shapes
from zhusuan.framework.stochastic_tensor import StochasticTensor


class Plate(NamedTuple):
    """A box around nodes that are replicated together.

    :param size: how many replicates there are.
    :param number: 0, or 1, 2, ... where a node has several dims of this size.
    """

    size: int
    number: int = 0


Plates = tuple[Plate, ...]


def plates_of(node: StochasticTensor) -> Plates:
    """Return the plates of a stochastic node, in the order of its dims.

    They are the dims of its log-probability that neither ``group_ndims`` nor ``reduce_sum_dims``
    sums, as far as the node's own value has them; dims of size 1 are left out.

    :param node: the node.
    """
    dist = node.dist
    n_value = len(dist.value_shape)
    of_value = node.shape[: len(node.shape) - n_value]
    batch = broadcast_shapes(of_value, tuple(dist.batch_shape)) or ()
    n_dims = max(len(batch) - dist.group_ndims, 0)
    # An observation may have fewer dims than its distribution, which particles have widened.
    missing = len(batch) - len(of_value)
    summed = {dim % n_dims for dim in node._sum_dims} if n_dims else set()
    sizes = [
        of_value[dim - missing] for dim in range(missing, n_dims) if dim not in summed
    ]
    return _numbered(size for size in sizes if size != 1)


def _numbered(sizes: Iterable[int]) -> Plates:
    seen: Counter[int] = Counter()
    plates = []
    for size in sizes:
        plates.append(Plate(size, seen[size]))
        seen[size] += 1
    return tuple(plates)


def plates_of_neighbours(shape: Shape | None, neighbours: Iterable[Plates]) -> Plates:
    """Return the plates of neighbours that the leading dims of a shape show.

    :param shape: shape of a value without a distribution; None for no array.
    :param neighbours: the plates of its parents and children.
    :return: the longest run of one neighbour's plates that the shape begins with.
    """
    best: Plates = ()
    for plates in neighbours:
        for start in range(len(plates)):
            n = 0
            for plate, size in zip(plates[start:], shape or ()):
                if plate.size != size:
                    break
                n += 1
            if n > len(best):
                best = plates[start : start + n]
    return best


def nested(plates: Mapping[str, Plates]) -> dict[str, Plates]:
    """Bring the plates of all nodes into one order, from the outside to the inside.

    :param plates: name of a node -> its plates in the order of its dims.
    :return: the same with plates of many members before those of few; for as many members, in
        the order of the dims.
    """
    members = Counter(plate for of_node in plates.values() for plate in of_node)
    # Counter keeps the order in which it met the plates, and sorting keeps it among equals.
    rank = {plate: i for i, (plate, _) in enumerate(members.most_common())}
    return {name: tuple(sorted(of_node, key=rank.__getitem__)) for name, of_node in plates.items()}
