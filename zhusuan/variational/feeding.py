"""Data as training takes them: epoch by epoch, in batches that count their data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import jittor as jt
import numpy as np

from zhusuan._tensor import Var, as_var, shape_of
from zhusuan.distributed import world_size
from zhusuan.distributed.gradients import part_of

_EXPECTED = (
    "a dict of names and arrays, an iterable of such dicts, or a function of the epoch that "
    "returns one of these"
)


class Batch(NamedTuple):
    """What the objective is given for one step.

    :param observed: name -> Var.
    :param size: the number of data.
    :param share: under ``mpirun``, which part of these data ``observed`` is; None if a rank has
        batches of its own, which count alike.
    """

    observed: dict[str, Var]
    size: int
    share: float | None = None

    @property
    def own_size(self) -> float:
        """The number of data that this rank answers for."""
        return self.size if self.share is None else self.size * self.share


class Feed:
    """Data of any kind that :func:`~zhusuan.variational.fit` takes.

    :param data: name -> array, cut into batches; or an iterable of batches; or a function of the
        epoch that returns one of the two.
    :param what: what the data are called in messages.
    :param epochs: how often they will be gone through.
    :param batch_size: for arrays: the number of data of a batch, None for all at once.
    :param generator: for arrays: gives each epoch an order of its own; None for the given one.
    :param drop_last: for arrays: leave out a last batch that is smaller.
    :param is_cut: under ``mpirun``, for arrays: give each rank its part of a batch.
    :raises TypeError: if the data are of another kind.
    :raises ValueError: if the arrays do not fit each other, there are none, or data that can be
        gone through only once are needed more often.
    """

    def __init__(
        self,
        data: Any,
        what: str,
        epochs: int,
        batch_size: int | None = None,
        generator: np.random.Generator | None = None,
        drop_last: bool = False,
        is_cut: bool = True,
    ) -> None:
        self._what = what
        self._cut = (batch_size, generator, drop_last, is_cut)
        self._arrays: _Arrays | None = None
        self._data = data
        self.n_batches: int | None = None
        """Batches of an epoch, as far as it is known."""
        if isinstance(data, Mapping):
            self._arrays = _Arrays(data, what, *self._cut)
            self.n_batches = self._arrays.n_batches
        elif not _is_function(data):
            _check_iterable(data, what)
            if isinstance(data, Iterator) and epochs > 1:
                raise ValueError(
                    f"{what} is a {type(data).__name__}, which can be gone through only once, "
                    f"but is needed for {epochs} epochs; give a list, or a function of the epoch "
                    "that makes it anew"
                )
            if hasattr(data, "__len__"):
                self.n_batches = len(data)

    def batches(self, epoch: int) -> Iterator[Batch]:
        """Go through the data once.

        :param epoch: number of the epoch, from 1.
        :raises TypeError: if a batch is no dict of arrays.
        :raises ValueError: if there is no batch, or its arrays differ in length.
        """
        if self._arrays is not None:
            yield from self._arrays.batches()
            return
        source, what = self._data, self._what
        if _is_function(source):
            source, what = source(epoch), f"{what}({epoch})"
            if isinstance(source, Mapping):
                yield from _Arrays(source, what, *self._cut).batches()
                return
            _check_iterable(source, what)
        i = 0
        for i, observed in enumerate(source, start=1):
            yield _given(observed, f"batch {i} of {what}")
        if not i:
            raise ValueError(
                f"{what} gives no batch in epoch {epoch}"
                + ("; was it gone through before?" if isinstance(source, Iterator) else "")
            )


def _is_function(data: Any) -> bool:
    # Data sets of some libraries are callable as well.
    return callable(data) and not isinstance(data, Iterable)


def _check_iterable(data: Any, what: str) -> None:
    if isinstance(data, (str, bytes, np.ndarray, jt.Var)) or not isinstance(data, Iterable):
        raise TypeError(f"{what} must be {_EXPECTED}, got {type(data).__name__}")


class _Arrays:
    """Arrays of one length, cut into batches; the arguments are those of :class:`Feed`."""

    def __init__(
        self,
        data: Mapping[str, Any],
        what: str,
        batch_size: int | None,
        generator: np.random.Generator | None,
        drop_last: bool,
        is_cut: bool,
    ) -> None:
        self._is_cut = is_cut
        if not data:
            raise ValueError(
                f"{what} is an empty dict; for a model without observations give batches: "
                "[{}] * 100 makes 100 steps in an epoch"
            )
        # A Var keeps its dtype; arrays become float32, as observations do everywhere.
        self._dtypes = {n: str(v.dtype) if isinstance(v, jt.Var) else None for n, v in data.items()}
        self._arrays = {name: _array(value, f"{what}[{name!r}]") for name, value in data.items()}
        lengths = {name: len(array) for name, array in self._arrays.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"{what}: dim 0 counts the data, but its lengths differ: {lengths}")
        self._n = next(iter(lengths.values()))
        if not self._n:
            raise ValueError(f"{what}: there are no data, the length of dim 0 is 0")
        self._size = self._n if batch_size is None else min(batch_size, self._n)
        if drop_last and batch_size is not None and batch_size > self._n:
            raise ValueError(
                f"{what}: {self._n} data are less than one batch of {batch_size}, and drop_last "
                "leaves it out"
            )
        self._stop = self._n - self._n % self._size if drop_last else self._n
        self.n_batches = -(-self._stop // self._size)
        self._generator = generator
        self._whole: Batch | None = None

    def batches(self) -> Iterator[Batch]:
        if self._size == self._n:  # in any order, so it is made once
            self._whole = self._whole or self._batch(slice(None), self._n)
            yield self._whole
            return
        order = None if self._generator is None else self._generator.permutation(self._n)
        for start in range(0, self._stop, self._size):
            rows = slice(start, min(start + self._size, self._stop))
            yield self._batch(rows if order is None else order[rows], rows.stop - rows.start)

    def _batch(self, rows: Any, size: int) -> Batch:
        share = None
        if self._is_cut and world_size() > 1:
            own, share = part_of(size)
            if isinstance(rows, slice):
                first = rows.start or 0
                rows = slice(first + own.start, first + own.stop)
            else:
                rows = rows[own]
        observed = {n: as_var(array[rows], self._dtypes[n]) for n, array in self._arrays.items()}
        return Batch(observed, size, share)


def _array(value: Any, what: str) -> np.ndarray:
    try:
        array = value.numpy() if isinstance(value, jt.Var) else np.asarray(value)
    except ValueError as error:  # rows of several lengths
        raise TypeError(f"{what} must be an array of numbers: {error}") from error
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{what} must be an array of numbers, got {value!r:.200}")
    if not array.ndim:
        raise ValueError(f"{what} must have a dim 0 that counts the data, got the number {array}")
    return array


def _given(observed: Any, what: str) -> Batch:
    if not isinstance(observed, Mapping):
        raise TypeError(
            f"{what} must be a dict of names and arrays, such as {{'x': x}}, "
            f"got {type(observed).__name__}"
        )
    values = {name: as_var(value, what=f"{what}: {name!r}") for name, value in observed.items()}
    # A single number goes with all data.
    lengths = {n: shape_of(v)[0] for n, v in values.items() if shape_of(v) != (1,)}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"{what}: dim 0 counts the data, but its lengths differ: {lengths}")
    size = next(iter(lengths.values()), 1)
    if not size:
        raise ValueError(f"{what}: there are no data, the length of dim 0 is 0")
    return Batch(values, size)
