"""Whether the log-probabilities of a run's nodes can be added."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from zhusuan._tensor import broadcast_shapes

if TYPE_CHECKING:
    from zhusuan.framework.stochastic_tensor import StochasticTensor


def check_aligned(nodes: Mapping[str, StochasticTensor], shapes: Mapping[str, tuple]) -> None:
    """Check that log-probabilities can be added without one of them meaning something else.

    :param nodes: the nodes by name.
    :param shapes: shapes of their log-probabilities by name.
    :raises ValueError: if they do not broadcast, naming two nodes that clash.
    """
    widest = max(shapes, key=lambda name: (len(shapes[name]), shapes[name]))
    for name, shape in shapes.items():
        # [2, 1] and [3] broadcast to [2, 3] as well, but such a sum counts each term many times.
        if broadcast_shapes(shape, shapes[widest]) != shapes[widest]:
            raise ValueError(
                f"log-probabilities do not align: node {name!r} has shape {list(shape)} "
                f"({nodes[name].dist!r}), node {widest!r} has shape {list(shapes[widest])} "
                f"({nodes[widest].dist!r}); use group_ndims, reduce_sum_dims or "
                "reduce_mean_dims to bring each to one value per datum, or n_data where the data "
                "share a latent variable, such as the weights of a network"
            )
