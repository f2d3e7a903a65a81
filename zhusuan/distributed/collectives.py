"""Numbers that processes exchange: NumPy arrays in, NumPy arrays out.

Every call is one of all ranks. Before anything is sent, the ranks compare what they are about to
do, at the cost of one small message: if they differ, or one has ended, all get an error that says
who wanted what, where MPI itself would hang or mix up the bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Sequence
from typing import Any

import jittor as jt
import numpy as np

from zhusuan.distributed.library import is_inside, library

_MOST_BYTES = 2**30
"""MPI counts in C's int."""

_SPIN = 5e-5
"""Seconds to wait before others are let on the core, and ``_PATIENCE`` before this one sleeps."""

_PATIENCE = 0.5

_OPS = ("sum", "mean", "max", "min")


class PeerError(RuntimeError):
    """Another rank failed, ended, or does something else than this one."""


def rank() -> int:
    """Return the number of this process, from 0; 0 without ``mpirun``.

    :return: an int below :func:`world_size`.
    """
    return library().rank if is_inside() else 0


def world_size() -> int:
    """Return the number of processes that ``mpirun`` has started; 1 without it.

    :return: an int, 1 or more.
    """
    return library().size if is_inside() else 1


def is_main() -> bool:
    """Return whether this is rank 0, the one that writes files and draws bars.

    :return: True on one rank; True without ``mpirun``.
    """
    return rank() == 0


def all_reduce(array: Any, op: str = "sum") -> np.ndarray:
    """Return the sum, mean, maximum or minimum over the ranks, the same on all of them.

    :param array: an array, number or Var, of the same shape and dtype on all ranks. Integers are
        summed in 64 bits; their mean is float64; a NaN in a maximum or minimum stays NaN, as in
        NumPy.
    :param op: ``'sum'``, ``'mean'``, ``'max'`` or ``'min'``.
    :return: an array of the same shape; with one process a copy.
    :raises ValueError: if ``op`` is another.
    :raises TypeError: if the array is not of numbers.
    :raises PeerError: if the ranks differ in what they reduce, or one has ended.
    """
    if op not in _OPS:
        raise ValueError(f"all_reduce: op must be one of {', '.join(_OPS)}, got {op!r}")
    given = _numbers(array, "all_reduce")
    if op in ("max", "min"):
        # MPI's own maximum drops a NaN or not, by its place.
        return getattr(all_gather(given), op)(axis=0)
    kind, result = given.dtype, given.dtype
    if kind.kind in "iub":
        kind = result = np.dtype(np.uint64 if kind.kind == "u" else np.int64)
    elif kind.itemsize == 2:
        kind = np.dtype(np.float32)
    total = np.array(given, dtype=kind, order="C")  # a copy
    if world_size() > 1:
        sum_in_place(total.reshape(-1), f"all_reduce {op} of {given.dtype} {list(given.shape)}")
    if op == "mean":
        total = total / world_size() if kind.kind in "iu" else total / kind.type(world_size())
    elif total.dtype != result:
        total = total.astype(result)
    if op == "mean" and given.dtype.kind == "f":
        total = np.asarray(total, dtype=given.dtype)
    return np.asarray(total)


def all_gather(array: Any) -> np.ndarray:
    """Return the arrays of all ranks, the same on all of them.

    :param array: an array, number or Var, of the same shape and dtype on all ranks.
    :return: shape ``[world_size, ...]``.
    :raises TypeError: if the array is not of numbers.
    :raises PeerError: if shapes or dtypes differ, or a rank has ended.
    """
    given = np.ascontiguousarray(_numbers(array, "all_gather"))
    shape = np.shape(array) if not isinstance(array, jt.Var) else given.shape
    if world_size() == 1:
        return given.reshape((1, *shape)).copy()
    _meet(f"all_gather of {given.dtype} {list(shape)}")
    gathered = _gathered(given, [given.nbytes] * world_size())
    return gathered.view(given.dtype).reshape((world_size(), *shape))


def gather_rows(array: Any) -> np.ndarray:
    """Return the rows of all ranks, one after the other in the order of the ranks.

    ``gather_rows(f(shard(x)))`` is ``f(x)`` for a function of single rows.

    :param array: an array or Var of shape ``[n, ...]``; its length n along axis 0 may differ from
        rank to rank, and may be 0.
    :return: array of shape ``[sum of n, ...]``.
    :raises TypeError: if the array is not of numbers.
    :raises ValueError: if it has no axis 0.
    :raises PeerError: if the other axes or dtypes differ, or a rank has ended.
    """
    given = np.ascontiguousarray(_numbers(array, "gather_rows"))
    if not np.ndim(array if not isinstance(array, jt.Var) else given):
        raise ValueError(f"gather_rows: needs an array with rows, got the number {array!r}")
    if world_size() == 1:
        return given.copy()
    row = given.shape[1:]
    _meet(f"gather_rows of {given.dtype} rows {list(row)}")
    lengths = _gathered(np.array([len(given)], dtype=np.int64), [8] * world_size())
    n_rows = lengths.view(np.int64).tolist()
    n_bytes = given.dtype.itemsize * int(np.prod(row, dtype=np.int64))
    gathered = _gathered(given, [n * n_bytes for n in n_rows])
    return gathered.view(given.dtype).reshape((sum(n_rows), *row))


def broadcast(value: Any, root: int = 0) -> Any:
    """Return what one rank has, on all ranks.

    :param value: an array, number, Var, or bytes; on the other ranks anything, such as None.
    :param root: the rank whose value it is.
    :return: bytes for bytes, else an array of the shape that rank ``root`` gave.
    :raises ValueError: if there is no rank ``root``.
    :raises TypeError: if the array is not of numbers.
    :raises PeerError: if a rank does something else, or has ended.
    """
    if not 0 <= root < world_size():
        raise ValueError(f"broadcast: root must be a rank below {world_size()}, got {root}")
    is_root, is_bytes = rank() == root, isinstance(value, (bytes, bytearray))
    given = np.zeros(0, np.uint8)
    if is_root:
        given = np.frombuffer(value, np.uint8) if is_bytes else _numbers(value, "broadcast")
    if world_size() == 1:
        return bytes(value) if is_bytes else given.copy()
    _meet(f"broadcast from rank {root}")
    head = json.dumps([is_bytes, given.dtype.str, given.shape]).encode()
    size = np.array([len(head)], dtype=np.int64)
    _broadcast(size.view(np.uint8), root)
    raw = np.frombuffer(head.ljust(int(size[0]))[: int(size[0])], np.uint8).copy()
    _broadcast(raw, root)
    is_bytes, dtype, shape = json.loads(raw.tobytes())
    sent = np.array(given, order="C") if is_root else np.empty(shape, dtype)
    _broadcast(_bytes_of(sent), root)
    return sent.tobytes() if is_bytes else sent


class Together:
    """Room for arrays that are summed over the ranks together, by one message for each dtype.

    :param arrays: floats, of the same shapes and dtypes on all ranks; float16 is summed in float32.
    :ivar sums: arrays of these shapes, which :meth:`add_up` fills.
    """

    def __init__(self, arrays: Sequence[np.ndarray]) -> None:
        kinds = [np.promote_types(array.dtype, np.float32) for array in arrays]
        sizes = {kind: 0 for kind in sorted(kinds, key=str)}
        starts = []
        for array, kind in zip(arrays, kinds):
            starts.append(sizes[kind])
            sizes[kind] += array.size
        self._flat = {kind: np.empty(size, kind) for kind, size in sizes.items()}
        self.sums = [
            self._flat[kind][start : start + array.size].reshape(array.shape)
            for array, kind, start in zip(arrays, kinds, starts)
        ]

    def add_up(self, arrays: Sequence[np.ndarray], weight: float, what: str) -> list[np.ndarray]:
        """Return the weighted sums over the ranks, in :attr:`sums`.

        :param arrays: like those that this was made for; they are not changed.
        :param weight: of this rank.
        :param what: what the arrays are called in messages.
        :raises PeerError: if the ranks differ in what they sum, or one has ended.
        """
        for array, room in zip(arrays, self.sums):
            np.multiply(array, room.dtype.type(weight), out=room)
        for kind, flat in self._flat.items():
            sum_in_place(flat, f"sum of {what}, {flat.size} numbers of {kind}")
        return self.sums


def sum_in_place(flat: np.ndarray, intention: str) -> None:
    """Replace the numbers of an array by their sums over the ranks.

    :param flat: one axis, contiguous, of a dtype that MPI knows.
    :param intention: what this is for, the same on all ranks.
    :raises PeerError: if the ranks differ in it, or one has ended.
    """
    if world_size() == 1:
        return
    _meet(intention)
    step = _MOST_BYTES // flat.dtype.itemsize
    for start in range(0, flat.size, step):
        library().sum(flat[start : start + step])


def do_all(ok: bool, what: str) -> bool:
    """Return whether something is true on all ranks.

    :param ok: whether it is on this one.
    :param what: what it is about, the same on all ranks.
    :return: True or False, the same on all ranks.
    :raises PeerError: if a rank asks something else, or has ended.
    """
    return ok if world_size() == 1 else not _meet(f"whether {what}", flag=not ok)


def barrier() -> None:
    """Wait until all ranks are here.

    :raises PeerError: if a rank does something else, or has ended.
    """
    if world_size() > 1:
        _meet("barrier")


def announce(problem: str) -> None:
    """Tell the other ranks that this one has failed; they get a :class:`PeerError`.

    They get it where they exchange something next, so this waits for them to come there. If all
    ranks announce a problem, all go on.

    :param problem: what has happened, one line.
    """
    if world_size() > 1:
        try:
            _meet(_FAILED, problem)
        except PeerError:
            return


_FAILED = "a failure"

_in_use: list[np.ndarray] = []
"""Memory that MPI may still write to."""


def _meet(intention: str, detail: str = "", flag: bool = False) -> bool:
    """Wait for all ranks, and compare what they are about to do; return whether one has a flag."""
    signature = int.from_bytes(hashlib.blake2b(intention.encode(), digest_size=7).digest(), "big")
    # The maximum of a number and that of its negative are the same number only if all agree.
    numbers = np.array([signature, -signature, flag], dtype=np.int64)
    request = library().start_max(numbers)
    _in_use.append(numbers)  # until the others have come, even if this rank gives up
    start = time.perf_counter()
    while not library().is_done(request):
        waited = time.perf_counter() - start
        if waited < _SPIN:
            continue
        os.sched_yield()
        if waited < _PATIENCE:
            continue
        time.sleep(1e-4)
        limit = float(os.environ.get("ZHUSUAN_MPI_TIMEOUT", "1800"))
        left = library().find_left()
        if left is not None and not _is_done_at_last(request):
            raise PeerError(
                f"rank {left} has ended, and rank {rank()} waits for it in {intention}"
                + (f": {detail}" if detail else "")
            )
        if waited > limit:
            raise PeerError(
                f"rank {rank()} has waited {waited:.0f} s for the others in {intention}; "
                "ZHUSUAN_MPI_TIMEOUT sets another limit, in seconds"
            )
    _in_use.pop()
    if numbers[0] != -numbers[1]:
        said = _said(f"{intention}: {detail}" if detail else intention)
        raise PeerError(
            "the ranks do not do the same: "
            + "; ".join(f"rank {i}: {text}" for i, text in enumerate(said))
        )
    return bool(numbers[2])


def _is_done_at_last(request: Any) -> bool:
    """Whether the request is fulfilled after all: who has ended may have sent its part before."""
    end = time.perf_counter() + 0.5
    while time.perf_counter() < end:
        if library().is_done(request):
            return True
        time.sleep(1e-3)
    return False


def _said(text: str) -> list[str]:
    """Return a text of each rank."""
    raw = np.frombuffer(text.encode(), np.uint8)
    sizes = _gathered(np.array([raw.size], np.int64), [8] * world_size()).view(np.int64).tolist()
    whole = _gathered(raw, sizes).tobytes()
    ends = np.cumsum(sizes).tolist()
    return [whole[end - n : end].decode() for n, end in zip(sizes, ends)]


def _gathered(array: np.ndarray, sizes: list[int]) -> np.ndarray:
    """Return the bytes of all ranks, given how many each has."""
    total = sum(sizes)
    gathered = np.empty(total, np.uint8)
    if total < 2 * _MOST_BYTES:
        library().gather(_bytes_of(array), gathered, sizes)
        return gathered
    start = 0
    for root, size in enumerate(sizes):
        part = gathered[start : start + size]
        if root == rank():
            part[:] = _bytes_of(array)
        _broadcast(part, root)
        start += size
    return gathered


def _broadcast(data: np.ndarray, root: int) -> None:
    for start in range(0, data.size, _MOST_BYTES):
        library().broadcast(data[start : start + _MOST_BYTES], root)


def _bytes_of(array: np.ndarray) -> np.ndarray:
    return array.reshape(-1).view(np.uint8)


def _numbers(value: Any, what: str) -> np.ndarray:
    array = value.numpy() if isinstance(value, jt.Var) else np.asarray(value)
    if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
        raise TypeError(f"{what}: expected numbers, got {type(value).__name__} of {array.dtype}")
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
