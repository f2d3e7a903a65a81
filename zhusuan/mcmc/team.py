"""The ranks that share one run of sampling: each evaluates its chains, and all hear of all.

Every rank has the positions of all chains and the same random numbers, so that what the chains
learn together comes out the same everywhere, and a state is that of the run on each rank. What
costs the time is shared: a rank makes its rows of a table, and sends them to the others. The rows
are log-densities and gradients (``target.py``), so that no kernel need know of ranks; or whole
transitions (``spreading.py``), which takes an exchange for each transition instead of each
gradient.
"""

from __future__ import annotations

import contextlib
import math
import pickle
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import jittor as jt
import numpy as np

from zhusuan import distributed
from zhusuan._tensor import host_view

T = TypeVar("T")

# Before the rows of a rank: how it fares, a sum over the positions that it was given, a count.
_HEAD = 3
_WELL, _FAILED, _INTERRUPTED = 0.0, 1.0, 2.0


class Team:
    """All ranks of the job, for one run.

    Its methods are collective: all ranks call them in the same order. With one process they do
    what it does alone.

    :ivar rank: number of this one.
    :ivar size: how many ranks there are.
    """

    def __init__(self) -> None:
        self.rank, self.size = distributed.rank(), distributed.world_size()
        self._is_pressed = False
        self._is_known = False
        self._sent: dict[tuple[int, int, str], np.ndarray] = {}

    @property
    def is_main(self) -> bool:
        """Whether this rank writes files and draws the bar."""
        return self.rank == 0

    def bounds(self, rank: int, n: int) -> tuple[int, int]:
        """Return which of n rows are a rank's: from the first to before the second number.

        They are those of :func:`zhusuan.distributed.shard`: some ranks have one more than others if
        n can't be divided, and some have none if there are less rows than ranks.

        :param rank: the rank.
        :param n: how many rows there are.
        """
        return n * rank // self.size, n * (rank + 1) // self.size

    def evaluate(
        self,
        shape: tuple[int, int],
        dtype: str,
        mark: float,
        fill: Callable[[slice, np.ndarray], int | None],
    ) -> tuple[np.ndarray, int]:
        """Return a table whose rows were made by the ranks that they belong to.

        :param shape: of the table.
        :param dtype: of its numbers, a float.
        :param mark: a number that must agree on all ranks, as the sum of the positions does.
        :param fill: writes the rows of a slice into an array, and may return a count; it is not
            called for no rows.
        :return: the table, and the largest of the counts.
        :raises RuntimeError: if the ranks have other marks.
        :raises KeyboardInterrupt: on all ranks, if Ctrl-C was pressed on one.
        """
        n, width = shape
        first, last = self.bounds(self.rank, n)
        sent = self._buffer(n, width, dtype)
        error, count = None, None
        try:
            if last > first:
                rows = sent[_HEAD : _HEAD + (last - first) * width].reshape(-1, width)
                count = fill(slice(first, last), rows)
        except Exception as failure:  # noqa: BLE001 - all ranks raise it
            error = failure
        sent[:_HEAD] = self._status(error), mark, count or 0
        parts = distributed.all_gather(sent)
        self._raise_any(parts[:, 0], error)
        self._check_marks(parts[:, 1].tolist())
        most = int(parts[:, 2].max())
        if n % self.size == 0:
            return parts[:, _HEAD:].reshape(n, width), most
        table = np.empty(shape, dtype)
        for rank, part in enumerate(parts):
            first, last = self.bounds(rank, n)
            table[first:last] = part[_HEAD : _HEAD + (last - first) * width].reshape(-1, width)
        return table, most

    def together(self, work: Callable[[], T]) -> T:
        """Do something on all ranks, and raise on all of them what one of them raises.

        :param work: what is to be done; it takes part in nothing collective.
        """
        if self.size == 1:
            return work()
        error, result = None, None
        try:
            result = work()
        except Exception as failure:  # noqa: BLE001 - all ranks raise it
            error = failure
        self._raise_any(distributed.all_gather(np.array([self._status(error)]))[:, 0], error)
        return result  # type: ignore[return-value]

    def on_main(self, work: Callable[[], T]) -> T | None:
        """Do something on the first rank, and raise on all ranks what it raises.

        :param work: what is to be done.
        :return: its result; None on the other ranks.
        """
        return self.together(lambda: work() if self.is_main else None)

    def from_main(self, value: T) -> T:
        """Return what the first rank has.

        :param value: anything that can be pickled.
        """
        if self.size == 1:
            return value
        return pickle.loads(distributed.broadcast(pickle.dumps(value), 0))

    def start_of_main(self, init: Any) -> Any:
        """Return the values to begin from that the first rank has: each may have drawn its own.

        :param init: of this rank; a state to continue from is left as it is.
        """
        if isinstance(init, Mapping):
            return self.from_main({name: _host(value) for name, value in init.items()})
        return self.from_main(init) if isinstance(init, np.ndarray) else init

    def check_same(self, **settings: Any) -> None:
        """Check that all ranks make the same run.

        :param settings: name -> what can be printed.
        :raises ValueError: on all ranks, if they differ.
        """
        texts = {name: repr(value) for name, value in settings.items()}
        theirs = self.from_main(texts)

        def compare() -> None:
            for name, text in texts.items():
                if text != theirs[name]:
                    raise ValueError(
                        f"run: all ranks must give the same {name}, but rank 0 has {theirs[name]} "
                        f"and rank {self.rank} has {text}"
                    )

        self.together(compare)

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Let an error, or a Ctrl-C, on one rank end the run of all."""
        with self._listening():
            try:
                yield
            except Exception as error:
                if not (self._is_known or isinstance(error, distributed.PeerError)):
                    distributed.announce(f"{type(error).__name__}: {error}")
                raise

    @contextlib.contextmanager
    def _listening(self) -> Iterator[None]:
        before = signal.getsignal(signal.SIGINT)
        is_main_thread = threading.current_thread() is threading.main_thread()
        if self.size == 1 or not is_main_thread or before in (None, signal.SIG_IGN):
            yield
            return

        def press(*_: object) -> None:
            if self._is_pressed:  # a second time: at once, for this rank alone
                raise KeyboardInterrupt
            self._is_pressed = True

        signal.signal(signal.SIGINT, press)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
        if self._is_pressed:  # after the last exchange
            signal.raise_signal(signal.SIGINT)

    def _buffer(self, n: int, width: int, dtype: str) -> np.ndarray:
        key = n, width, dtype
        if key not in self._sent:
            most = -(-n // self.size)
            self._sent[key] = np.zeros(_HEAD + most * width, dtype)
        return self._sent[key]

    def _status(self, error: Exception | None) -> float:
        if error is not None:
            return _FAILED
        return _INTERRUPTED if self._is_pressed else _WELL

    def _raise_any(self, statuses: np.ndarray, error: Exception | None) -> None:
        if not statuses.any():
            return
        failed = statuses == _FAILED
        if failed.any():
            self._is_known = True
            who = int(failed.argmax())
            theirs = pickle.loads(distributed.broadcast(_pickled(error), who))
            if error is not None:
                raise error
            raise theirs from RuntimeError(f"rank {who} failed, which ends the run of all ranks")
        self._is_pressed = False
        raise KeyboardInterrupt

    def _check_marks(self, marks: list[float]) -> None:
        for rank, mark in enumerate(marks):
            # Processors of another kind may differ in the last digits.
            agrees = abs(mark - marks[0]) <= 1e-4 * (1.0 + abs(marks[0]))
            if not agrees and (math.isfinite(mark) or math.isfinite(marks[0])):
                self._is_known = True
                raise RuntimeError(
                    f"run: rank 0 and rank {rank} do not agree on where the chains are: the sums "
                    f"of their coordinates are {marks[0]:g} and {mark:g}. All ranks must make the "
                    "same run, in the same order"
                )


def _host(value: Any) -> Any:
    return np.array(host_view(value)) if isinstance(value, jt.Var) else value


def _pickled(error: Exception | None) -> bytes:
    if error is None:
        return b""
    try:
        data = pickle.dumps(error)
        pickle.loads(data)
    except Exception:  # noqa: BLE001 - whatever its own methods raise
        return pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
    return data
