"""Each function of the core, with the types and shapes that go wrong easily."""

from __future__ import annotations

import numpy as np
import pytest

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import jittor as jt

from zhusuan.distributed import (
    PeerError,
    all_gather,
    all_reduce,
    announce,
    barrier,
    broadcast,
    do_all,
    gather_rows,
    is_main,
    rank,
    shard,
    world_size,
)

R, N = rank(), world_size()
REDUCERS = {"sum": np.sum, "mean": np.mean, "max": np.max, "min": np.min}


def same(found: object, expected: object) -> None:
    expected = np.asarray(expected)
    assert isinstance(found, np.ndarray)
    assert found.shape == expected.shape, (found, expected)
    np.testing.assert_array_equal(found, expected)


def fails(kind: type[Exception], text: str, call: object) -> None:
    with pytest.raises(kind) as caught:
        call()  # type: ignore[operator]
    assert text in str(caught.value)


def reductions() -> None:
    for dtype in "bool int8 uint8 int16 int32 int64 uint64 float16 float32 float64".split():
        # Jittor's own sum of int64 takes each for a double with an int.
        parts = [(np.arange(6).reshape(2, 3) % (r + 2)).astype(dtype) for r in range(N)]
        for op, reducer in REDUCERS.items():
            found, expected = all_reduce(parts[R], op), reducer(np.stack(parts), axis=0)
            same(found, expected)
            assert found.dtype == expected.dtype or op == "sum", (dtype, op, found.dtype)
    large = np.int64(2**53 + 1)  # no double holds it
    same(all_reduce(large), N * (2**53 + 1))
    same(all_reduce(np.full((2, 0, 3), R)), np.zeros((2, 0, 3)))
    same(all_reduce(3.0), 3.0 * N)
    same(all_reduce(jt.array([1.0, R]), "sum"), [N, N * (N - 1) / 2])
    turned = np.arange(6.0).reshape(2, 3).T
    same(all_reduce(turned * (R + 1), "max"), turned * N)
    given = np.array([1.0, np.nan if R == N - 1 else 2.0])
    assert np.isnan(all_reduce(given, "max")[1])
    assert np.isnan(all_reduce(given, "min")[1])
    assert given[0] == 1.0  # what is given stays as it was
    swapped = np.arange(3, dtype=">f4")
    same(all_reduce(swapped), N * np.arange(3))
    many = np.full(3_000_001, R + 1, np.float32)
    same(all_reduce(many), np.full(3_000_001, N * (N + 1) / 2))


def gathers() -> None:
    same(all_gather(R), np.arange(N))
    same(all_gather(np.array([[R, 1]])), [[[r, 1]] for r in range(N)])
    same(all_gather(np.array([R > 0])), [[r > 0] for r in range(N)])
    rows = [np.full((r, 2), r, np.int16) for r in range(N)]  # none on rank 0
    same(gather_rows(rows[R]), np.concatenate(rows))
    x = np.arange(15.0).reshape(5, 3)
    same(gather_rows(shard(x)[:, ::2]), x[:, ::2])
    same(gather_rows(jt.array(shard(x).astype("float32"))), x)
    assert sum(s.stop - s.start for s in [shard(7)]) in (7 // N, 7 // N + 1)
    same(gather_rows(np.arange(7)[shard(7)]), np.arange(7))


def broadcasts() -> None:
    for root in range(N):
        mine = root == R
        same(broadcast(np.eye(2) * root if mine else None, root), np.eye(2) * root)
        assert broadcast(b"\0from %d" % R if mine else "nothing", root) == b"\0from %d" % root
        same(broadcast(7 if mine else None, root), 7)
    assert broadcast(b"") == b""
    same(broadcast(np.zeros((0, 3), np.int8) if is_main() else None), np.zeros((0, 3)))


def disagreements() -> None:
    """What the ranks differ in is said on all of them, and they can go on."""
    shapes = "rank 0: all_reduce sum of float64 [3]; rank 1: all_reduce sum of float64 [4]"
    if N == 2:
        fails(PeerError, shapes, lambda: all_reduce(np.zeros(3 + R)))
        fails(PeerError, "rank 1: barrier", barrier if R else lambda: all_gather(1))
        if R == 1:
            announce("the scale is negative")
        else:
            fails(PeerError, "rank 1: a failure: the scale is negative", barrier)
    announce("all have failed, so nobody waits")
    assert do_all(True, "all is well")
    assert not do_all(R > 0, "all is well")
    fails(ValueError, "op must be one of", lambda: all_reduce(1.0, "median"))
    fails(TypeError, "expected numbers", lambda: all_reduce(np.array(["a"])))
    fails(TypeError, "expected numbers", lambda: all_gather(1j))
    fails(ValueError, f"a rank below {N}", lambda: broadcast(1, N))
    fails(ValueError, "needs an array with rows", lambda: gather_rows(1.0))
    fails(ValueError, "can't be negative", lambda: shard(-1))
    fails(TypeError, "expected an int or an array", lambda: shard(1.5))
    barrier()


def streams() -> None:
    """Each rank draws its own numbers, and those of a single process in common_stream."""

    def draw() -> np.ndarray:
        return zs.random.standard_normal([3]).numpy()

    unseeded = all_gather(draw())
    assert len(np.unique(unseeded)) == 3 * N
    with zs.random.common_stream():
        assert len(np.unique(all_gather(draw()))) == 3
    for seed in (zs.set_seed, jt.set_global_seed):
        seed(5)
        assert len(np.unique(all_gather(draw()))) == 3 * N
        with zs.random.common_stream():
            first = draw()
        draw()
        with zs.random.common_stream():
            second = draw()
        alone = np.random.Generator(np.random.PCG64DXSM(np.random.SeedSequence(5)))
        expected = [alone.standard_normal(3, np.float32) for _ in range(2)]
        same(first, expected[0])
        same(second, expected[1])
        with zs.random.stream(9), zs.random.common_stream():
            assert len(np.unique(all_gather(draw()))) == 3


reductions()
gathers()
broadcasts()
disagreements()
if N > 1:
    streams()
print(f"rank {R} of {N}: all is well")
