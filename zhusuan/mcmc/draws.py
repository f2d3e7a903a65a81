"""Where a run puts its draws: into memory, or block by block into files."""

from __future__ import annotations

import contextlib
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from zhusuan.mcmc.run_state import RunState
from zhusuan.mcmc.target import Target
from zhusuan.mcmc.team import Team
from zhusuan.mcmc.trace import Trace, load_trace
from zhusuan.mcmc.trace_files import Ending, TraceFiles

# Between two saves; a process that is killed loses what it drew since the last one.
_SAVE_SECONDS = 5.0
# Of draws that wait for being saved.
_BLOCK_BYTES = 8_000_000


class Point(NamedTuple):
    """How far a run is, between two draws.

    :param state: to go on from.
    :param n_warmed: steps of the warm-up that were made.
    :param n_drawn: draws that were made.
    """

    state: RunState
    n_warmed: int
    n_drawn: int


class Draws(ABC):
    """The draws of a run, and what the kernel reported of each."""

    @abstractmethod
    def put(self, i: int, position: np.ndarray, stats: Mapping[str, Any]) -> None:
        """Keep a draw of all chains.

        :param i: which one, from 0. Putting it anew takes the place of what was put before.
        :param position: real coordinates, shape [n_chains, D].
        :param stats: name -> number or array [n_chains].
        """

    @abstractmethod
    def reached(self, point: Point) -> None:
        """Hear that the run is at a point from which it could go on.

        :param point: the point.
        """

    @abstractmethod
    def rescue(self, point: Point) -> None:
        """Bring what was drawn into safety, since the run has failed.

        :param point: how far it is.
        """

    @abstractmethod
    def trace(self, point: Point, interrupted: bool, seconds: float) -> Trace:
        """Return what was drawn until a point.

        :param point: the end.
        :param interrupted: whether more was asked for.
        :param seconds: that the run took.
        """


class DrawsInMemory(Draws):
    """All draws of a run, in memory.

    :param target: maps them to their support.
    :param n_chains: number of chains.
    :param n_draws: how many there will be at most.
    """

    def __init__(self, target: Target, n_chains: int, n_draws: int) -> None:
        self._target = target
        self._n_draws = n_draws
        self._positions = np.empty((n_chains, n_draws, target.dim), np.float32)
        self._stats: dict[str, np.ndarray] = {}

    def put(self, i: int, position: np.ndarray, stats: Mapping[str, Any]) -> None:
        """Keep a draw; see the base."""
        if not self._stats:
            size = self._positions.shape[:2]
            self._stats = {n: np.empty(size, np.asarray(v).dtype) for n, v in stats.items()}
        self._positions[:, i] = position
        for name, value in stats.items():
            self._stats[name][:, i] = value

    def trace(self, point: Point, interrupted: bool, seconds: float) -> Trace:
        """Return what was drawn; see the base."""
        arrays = self.arrays(point.n_drawn)
        return Trace(*arrays, point.state, point.n_warmed, interrupted, seconds)

    def reached(self, point: Point) -> None:
        """Do nothing; see the base."""

    def rescue(self, point: Point) -> None:
        """Do nothing; see the base."""

    def arrays(self, n: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Return the first n draws, on their support, and their statistics.

        :param n: how many.
        """
        samples = self._target.to_support(self._positions[:, :n])
        return samples, {name: row[:, :n] for name, row in self._stats.items()}


class DrawsOnDisk(Draws):
    """Draws that are appended to files; a block of them waits in memory.

    :param target: maps them to their support.
    :param n_chains: number of chains.
    :param files: where they go, open.
    """

    def __init__(self, target: Target, n_chains: int, files: TraceFiles) -> None:
        self._target, self._files = target, files
        self._before = files.ending
        size = max(1, _BLOCK_BYTES // (4 * n_chains * target.dim))
        self._block = DrawsInMemory(target, n_chains, size)
        self._size, self._begin = size, files.n_draws
        self._begun_at = time.perf_counter()
        self._saved_at = -math.inf  # the state at the beginning is saved, too

    @property
    def _n_saved(self) -> int:
        """How many draws of this run are saved; a Ctrl-C leaves it right at any moment."""
        return self._files.n_draws - self._begin

    def put(self, i: int, position: np.ndarray, stats: Mapping[str, Any]) -> None:
        """Keep a draw; see the base."""
        self._block.put(i - self._n_saved, position, stats)

    def reached(self, point: Point) -> None:
        """Save now and then; see the base."""
        now = time.perf_counter()
        is_full = point.n_drawn - self._n_saved == self._size
        if is_full or now - self._saved_at > _SAVE_SECONDS:
            self._save(point, True, now - self._begun_at)

    def rescue(self, point: Point) -> None:
        """Save what can be saved; see the base."""
        with contextlib.suppress(OSError):
            self._save(point, True, time.perf_counter() - self._begun_at)

    def trace(self, point: Point, interrupted: bool, seconds: float) -> Trace:
        """Save the rest and return all that the files hold; see the base."""
        self._save(point, interrupted, seconds)
        return load_trace(self._files.path, check=False)

    def _save(self, point: Point, interrupted: bool, seconds: float) -> None:
        n_warmup, before = point.n_warmed, self._before
        if before is not None:
            n_warmup, seconds = n_warmup + before.n_warmup, seconds + before.seconds
        block = self._block.arrays(point.n_drawn - self._n_saved)
        self._files.append(*block, Ending(point.state, n_warmup, interrupted, seconds))
        self._saved_at = time.perf_counter()


class DrawsByMain(Draws):
    """Draws that the first rank writes to files, and all ranks read in the end.

    :param team: the ranks.
    :param path: the folder.
    :param on_disk: where the first rank puts them; None on the others.
    """

    def __init__(self, team: Team, path: Path, on_disk: DrawsOnDisk | None) -> None:
        self._team, self._path, self._on_disk = team, path, on_disk
        self._waiting: tuple[int, np.ndarray, Mapping[str, Any]] | None = None

    def put(self, i: int, position: np.ndarray, stats: Mapping[str, Any]) -> None:
        """Keep a draw; see the base."""
        self._waiting = i, position, stats

    def reached(self, point: Point) -> None:
        """Save now and then; see the base."""

        def save() -> None:
            assert self._on_disk is not None
            if self._waiting is not None:
                self._on_disk.put(*self._waiting)
            self._on_disk.reached(point)

        self._team.on_main(save)
        self._waiting = None

    def rescue(self, point: Point) -> None:
        """Save what can be saved, by the first rank alone; see the base."""
        if self._on_disk is not None:
            self._on_disk.rescue(point)

    def trace(self, point: Point, interrupted: bool, seconds: float) -> Trace:
        """Save the rest and return all that the files hold; see the base."""
        on_disk = self._on_disk
        self._team.on_main(lambda: on_disk and on_disk.trace(point, interrupted, seconds))
        return self._team.together(lambda: load_trace(self._path, check=False))
