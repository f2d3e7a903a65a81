"""The stream in use: seeding, saving, restoring and splitting it.

Under ``mpirun`` each rank draws from a stream of its own, split from the one that a single process
would use. That one, common to all ranks, goes on beside it, for what must be the same everywhere.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import jittor as jt
import numpy as np

from zhusuan.distributed import broadcast, rank, world_size

State = dict[str, Any]


class _Source:
    """Holds the generator in use and its seed sequence, which child streams are split from."""

    def __init__(self, sequence: np.random.SeedSequence) -> None:
        self.sequence = sequence
        self.generator = np.random.Generator(np.random.PCG64DXSM(sequence))

    @property
    def is_of_rank(self) -> bool:
        """Whether this stream belongs to one rank, and others draw other numbers."""
        return _OF_RANK in self.sequence.spawn_key


_OF_RANK = 2**32 - 1
"""In a spawn key, begins what belongs to one rank; nobody spawns so many children."""


def _of_rank(sequence: np.random.SeedSequence) -> np.random.SeedSequence:
    key = (*sequence.spawn_key, _OF_RANK, rank())
    return np.random.SeedSequence(sequence.entropy, spawn_key=key)


def _fresh() -> np.random.SeedSequence:
    sequence = np.random.SeedSequence()
    if world_size() == 1:
        return sequence
    entropy = int(sequence.entropy).to_bytes(64, "big")  # type: ignore[arg-type]
    return np.random.SeedSequence(int.from_bytes(broadcast(entropy), "big"))


_common = _source = _Source(_fresh())
if world_size() > 1:
    _source = _Source(_of_rank(_common.sequence))


def generator() -> np.random.Generator:
    """Return the generator in use; ask anew for each draw, since seeding replaces it."""
    return _source.generator


def _check_seed(seed: int) -> int:
    # np.random.seed, which jt.set_global_seed calls, takes 32 bits.
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise TypeError(f"seed must be an int, got {type(seed).__name__}: {seed!r}")
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed must be in [0, 2**32), got {seed}")
    return int(seed)


def set_seed(seed: int) -> None:
    """Seed everything: this library, Jittor (weight initialisation), numpy and Python.

    Jittor is given a hash of ``seed``, since its own seeds 0 and 1 are one and the same stream.

    :param seed: an integer in :math:`[0, 2^{32})`.
    :raises TypeError: if ``seed`` is not an integer.
    :raises ValueError: if it is out of range.
    """
    seed = _check_seed(seed)
    jt.set_global_seed(int(np.random.SeedSequence(seed).generate_state(1)[0] >> 1))
    _use(np.random.SeedSequence(seed))


def _use(sequence: np.random.SeedSequence) -> None:
    global _common, _source
    _common = _source = _Source(sequence)
    if world_size() > 1:
        _source = _Source(_of_rank(sequence))


_asked: list[int] = []
"""The seed that ``jt.set_global_seed`` was given, while it is at work."""


def _follow_jittor(jittor_set_seed: Callable[..., None]) -> Callable[..., None]:
    """Wrap Jittor's ``set_seed`` so that it reseeds this source as well."""

    def set_seed(seed: int, *args: Any) -> None:
        # Draws that are still pending in Jittor's lazy graph belong to the old seed.
        jt.sync_all()
        jittor_set_seed(seed, *args)
        _use(np.random.SeedSequence(abs(int(_asked[-1] if _asked else seed))))

    set_seed.__doc__ = jittor_set_seed.__doc__
    return set_seed


# jt.set_global_seed calls jt.set_seed through the module, so this one hook serves both names,
# also for users who imported set_global_seed itself.
jt.set_seed = _follow_jittor(jt.set_seed)
jt.seed = jt.set_seed


def _note_global_seed(jittor_set_global_seed: Callable[..., None]) -> Callable[..., None]:
    """Wrap Jittor's ``set_global_seed``, which gives each rank another seed."""

    @functools.wraps(jittor_set_global_seed)
    def set_global_seed(seed: int, *args: Any, **kwargs: Any) -> None:
        _asked.append(seed)
        try:
            jittor_set_global_seed(seed, *args, **kwargs)
        finally:
            _asked.pop()

    return set_global_seed


if world_size() > 1:
    jt.set_global_seed = jt.misc.set_global_seed = _note_global_seed(jt.set_global_seed)


def _begin(sequence: np.random.SeedSequence) -> None:
    global _source
    _source = _Source(sequence)


_fork_sequences: list[np.random.SeedSequence] = []
# A forked worker would otherwise draw what its parent and its siblings draw.
os.register_at_fork(
    before=lambda: _fork_sequences.extend(spawn(1)),
    after_in_parent=lambda: _fork_sequences.clear(),
    after_in_child=lambda: _begin(_fork_sequences.pop()),
)


def get_state() -> State:
    """Return the state of the CPU source as a dict of plain values (JSON can hold it).

    The state of a CUDA device's generator can't be read from Jittor and is not part of it.

    :return: what :func:`set_state` takes.
    """
    return {
        "bit_generator": _source.generator.bit_generator.state,
        "entropy": _source.sequence.entropy,
        "spawn_key": list(_source.sequence.spawn_key),
        "n_children_spawned": _source.sequence.n_children_spawned,
    }


def set_state(state: State) -> None:
    """Continue exactly where :func:`get_state` was called.

    :param state: what :func:`get_state` returned.
    :raises ValueError: if it is not such a state.
    """
    global _source
    _source = _restored(state)


def _restored(state: State) -> _Source:
    try:
        sequence = np.random.SeedSequence(
            state["entropy"],
            spawn_key=tuple(state["spawn_key"]),
            n_children_spawned=state["n_children_spawned"],
        )
        source = _Source(sequence)
        source.generator.bit_generator.state = state["bit_generator"]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"not a random state of zhusuan: {error!r}") from error
    return source


def get_states() -> tuple[State, State]:
    """Return the states of the stream in use and of the one that is common to all ranks."""
    with common_stream():
        common = get_state()
    return get_state(), common


def resume(state: State, common: State | None = None) -> None:
    """Continue from states that one rank has saved, on any number of ranks.

    Rank 0 and a single process go on exactly from ``state``; the other ranks begin streams that
    follow from it, independent of it and of each other.

    :param state: what :func:`get_states` returned first.
    :param common: what it returned second; by default ``state``.
    :raises ValueError: if they are no such states.
    """
    global _common, _source
    source = _restored(state)
    shared = source if common is None else _restored(common)
    if world_size() > 1 and (rank() or not source.is_of_rank):
        words = json.dumps(state["bit_generator"], sort_keys=True, default=str).encode()
        entropy = int.from_bytes(hashlib.sha256(words).digest(), "big")
        source = _Source(_of_rank(np.random.SeedSequence(entropy)))
    _common, _source = shared, source


@contextlib.contextmanager
def stream(seed: int | np.random.SeedSequence) -> Iterator[None]:
    """Draw from a stream of its own inside the ``with`` block; the outer stream is left as it was.

    :param seed: an integer in :math:`[0, 2^{32})`, or one of the sequences of :func:`spawn`.
    :raises TypeError: if ``seed`` is no int.
    :raises ValueError: if it is out of range.
    """
    global _source
    outer = _source
    if not isinstance(seed, np.random.SeedSequence):
        seed = np.random.SeedSequence(_check_seed(seed))
    _source = _Source(seed)
    try:
        yield
    finally:
        _source = outer


@contextlib.contextmanager
def common_stream() -> Iterator[None]:
    """Draw the same numbers on all ranks inside the ``with`` block, those of a single process.

    Each block goes on where the last one ended, so all ranks must draw equally much in it. Inside
    a block of :func:`stream`, which all ranks seed alike, nothing changes, and neither does it
    with one process.
    """
    global _common, _source
    if world_size() == 1 or not _source.is_of_rank:
        yield
        return
    outer, _source = _source, _common
    try:
        yield
    finally:
        _common, _source = _source, outer


def spawn(n: int) -> list[np.random.SeedSequence]:
    """Return independent seeds for :func:`stream`: one each for chains or workers.

    :param n: how many.
    :return: a list of ``n`` sequences.
    """
    return _source.sequence.spawn(n)
