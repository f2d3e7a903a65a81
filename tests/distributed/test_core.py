from __future__ import annotations

import numpy as np
import pytest

from zhusuan.distributed import (
    all_gather,
    all_reduce,
    barrier,
    batch_part,
    broadcast,
    do_all,
    gather_rows,
    is_main,
    rank,
    shard,
    world_size,
)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_functions_of_the_core(launch, n: int) -> None:
    done = launch("core", n=n)
    for r in range(n):
        assert f"rank {r} of {n}: all is well" in done.stdout


def test_with_one_process_nothing_happens() -> None:
    x = np.arange(6.0).reshape(3, 2)
    assert (rank(), world_size(), is_main()) == (0, 1, True)
    for op in ("sum", "mean", "max", "min"):
        reduced = all_reduce(x, op)
        np.testing.assert_array_equal(reduced, x)
        assert reduced is not x
    np.testing.assert_array_equal(all_gather(x), x[None])
    np.testing.assert_array_equal(gather_rows(x), x)
    np.testing.assert_array_equal(broadcast(x), x)
    assert broadcast(b"text") == b"text"
    assert shard(7) == slice(0, 7)
    np.testing.assert_array_equal(shard(x), x)
    assert do_all(True, "fine")
    assert not do_all(False, "fine")
    barrier()
    with batch_part({"x": x}) as part:
        assert part["x"] is x
