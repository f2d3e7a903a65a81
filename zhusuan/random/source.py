"""The stream in use: seeding, saving, restoring and splitting it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import jittor as jt
import numpy as np

State = dict[str, Any]


class _Source:
    """Holds the generator in use and its seed sequence, which child streams are split from."""

    def __init__(self, sequence: np.random.SeedSequence) -> None:
        self.sequence = sequence
        self.generator = np.random.Generator(np.random.PCG64DXSM(sequence))


_source = _Source(np.random.SeedSequence())


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
    global _source
    _source = _Source(sequence)


def _follow_jittor(jittor_set_seed: Callable[..., None]) -> Callable[..., None]:
    """Wrap Jittor's ``set_seed`` so that it reseeds this source as well."""

    def set_seed(seed: int, *args: Any) -> None:
        # Draws that are still pending in Jittor's lazy graph belong to the old seed.
        jt.sync_all()
        jittor_set_seed(seed, *args)
        _use(np.random.SeedSequence(abs(int(seed))))

    set_seed.__doc__ = jittor_set_seed.__doc__
    return set_seed


# jt.set_global_seed calls jt.set_seed through the module, so this one hook serves both names,
# also for users who imported set_global_seed itself.
jt.set_seed = _follow_jittor(jt.set_seed)
jt.seed = jt.set_seed


_fork_sequences: list[np.random.SeedSequence] = []
# A forked worker would otherwise draw what its parent and its siblings draw.
os.register_at_fork(
    before=lambda: _fork_sequences.extend(spawn(1)),
    after_in_parent=lambda: _fork_sequences.clear(),
    after_in_child=lambda: _use(_fork_sequences.pop()),
)


def get_state() -> State:
    """Return the state of the CPU source as a dict of plain values (JSON can hold it).

    The state of a CUDA device's generator can't be read from Jittor and is not part of it.
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
    _source = source


@contextlib.contextmanager
def stream(seed: int | np.random.SeedSequence) -> Iterator[None]:
    """Draw from a stream of its own inside the ``with`` block; the outer stream is left as it was.

    :param seed: an integer in :math:`[0, 2^{32})`, or one of the sequences of :func:`spawn`.
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


def spawn(n: int) -> list[np.random.SeedSequence]:
    """Return independent seeds for :func:`stream`: one each for chains or workers.

    :param n: how many.
    """
    return _source.sequence.spawn(n)
