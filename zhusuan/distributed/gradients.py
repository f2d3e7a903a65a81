"""Optimizers under ``mpirun``: the same parameters on all ranks, and the gradient of all data.

Jittor's optimizers put an all-reduce of each gradient into the graph. Ranks whose graphs differ
then wait for each other forever, and the parameters of rank 0 reach the others only after the
first gradients have been taken. Here the gradients are computed first and then exchanged together,
by one message; parameters are those of rank 0 from the beginning. On CUDA Jittor's way stays,
which exchanges gradients between the devices.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from typing import Any

import jittor as jt
import numpy as np

from zhusuan.distributed.collectives import Together, broadcast, rank, world_size
from zhusuan.distributed.shards import shard

_ZERO_GRAD = "_Optimizer__zero_grad"
"""An attribute of Jittor's optimizers: whether no gradients wait from an earlier ``backward``."""

_weights: list[float] = []


def gradient_weight() -> float:
    """Return what share the gradients of this rank have in their mean; 1 with one process."""
    return _weights[-1] if _weights else 1.0 / world_size()


@contextlib.contextmanager
def weighted(share: float | None) -> Iterator[None]:
    """Let the gradients of this rank count by its share of a batch, inside the block.

    :param share: what :func:`part_of` returned; None for equal shares.
    """
    if share is None:
        yield
        return
    _weights.append(share)
    try:
        yield
    finally:
        _weights.pop()


def part_of(n_data: int) -> tuple[slice, float]:
    """Return which data of a batch are this rank's, and what share of the batch they are.

    A rank for which none are left gets the first, which count nothing: it has to take part.

    :param n_data: in the whole batch, at least 1.
    """
    rows = shard(n_data)
    share = (rows.stop - rows.start) / n_data
    return (rows if share else slice(0, 1)), share


@contextlib.contextmanager
def batch_part(batch: Any) -> Iterator[Any]:
    """Give this rank its part of a batch, and its gradients their share inside the block.

    ::

        for x in batches:                              # the same on all ranks
            with zs.distributed.batch_part(x) as part:
                loss = step({"x": part})

    The loss must be a mean over the data. Where the batch does not divide evenly, the gradients
    count by their number of data, so that their mean is that of the whole batch. With one process
    the part is the batch.

    :param batch: an array or Var whose axis 0 counts the data, or a dict of these, in which what
        has the shape [1] belongs to all data.
    :return: a context manager that gives the rows of this rank, or a dict of these. A rank for
        which none are left gets the first row, and its gradients count nothing.
    :raises ValueError: if the batch is empty, or the arrays of a dict differ in length.
    """
    if world_size() == 1:
        yield batch
        return
    arrays = list(batch.values()) if isinstance(batch, dict) else [batch]
    lengths = {int(array.shape[0]) for array in arrays if tuple(array.shape) != (1,)} or {1}
    if len(lengths) > 1 or lengths == {0}:
        raise ValueError(f"batch_part: needs arrays of one length above 0, got {sorted(lengths)}")
    rows, share = part_of(lengths.pop())

    def cut(array: Any) -> Any:
        return array if tuple(array.shape) == (1,) else array[rows]

    with weighted(share):
        yield {k: cut(v) for k, v in batch.items()} if isinstance(batch, dict) else cut(batch)


def share_parameters(params: Sequence[Any]) -> None:
    """Give parameters the values that they have on rank 0.

    :param params: Vars, of the same shapes and dtypes on all ranks.
    """
    if world_size() == 1 or not len(params):
        return
    values = jt.fetch_sync(list(params))
    sent = broadcast(b"".join(np.ascontiguousarray(v).tobytes() for v in values))
    if not rank():
        return
    start = 0
    for var, value in zip(params, values):
        part = sent[start : start + value.nbytes]
        start += value.nbytes
        new = np.frombuffer(part, value.dtype).reshape(value.shape)
        if new.tobytes() != value.tobytes():
            var.update(jt.array(new, dtype=str(var.dtype)))


def average_in_optimizers() -> None:
    """Let all optimizers of ``jt.optim``, and those made of them, work as this module says."""
    if world_size() == 1:
        return
    cls = jt.optim.Optimizer
    init, backward, add_group = cls.__init__, cls.backward, cls.add_param_group

    @functools.wraps(init)
    def new_init(self: Any, params: Any, *args: Any, **kwargs: Any) -> None:
        init(self, params, *args, **kwargs)
        share_parameters(_params(self))

    @functools.wraps(add_group)
    def new_add_group(self: Any, group: Any) -> None:
        add_group(self, group)
        share_parameters(group["params"])

    @functools.wraps(backward)
    def new_backward(self: Any, loss: Any, retain_graph: bool = False) -> None:
        if jt.flags.use_cuda:
            backward(self, loss, retain_graph)
            return
        groups = self.param_groups
        is_first = getattr(self, _ZERO_GRAD)
        # Not the Vars themselves, which are about to get new values.
        kept = [] if is_first else [[v.detach() for v in group["grads"]] for group in groups]
        setattr(self, _ZERO_GRAD, True)
        with _alone():
            backward(self, loss, retain_graph)
        used = [
            (g, i)
            for g, group in enumerate(groups)
            for i, var in enumerate(group["params"])
            if not var.is_stop_grad()
        ]
        gradients = [groups[g]["grads"][i] for g, i in used]
        # The loss is computed with its gradients, or it would be computed once more by itself.
        jt.sync([*gradients, loss])
        arrays = [var.data for var in gradients]
        means = Together(arrays).add_up(arrays, gradient_weight(), "gradients")
        for (g, i), var, mean in zip(used, gradients, means):
            new = jt.array(mean, dtype=str(var.dtype)).stop_grad()
            var.update(new if is_first else new + kept[g][i])
        if (self.n_step - 1) % self.param_sync_iter == 0:
            share_parameters(_params(self))

    cls.__init__, cls.backward, cls.add_param_group = new_init, new_backward, new_add_group


def _params(optimizer: Any) -> list[Any]:
    return [var for group in optimizer.param_groups for var in group["params"]]


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    before, jt.in_mpi = jt.in_mpi, False
    try:
        yield
    finally:
        jt.in_mpi = before
