"""Replays give what the function gives, bit for bit, or are refused."""

from __future__ import annotations

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import jittor as jt
import numpy as np
import pytest

from zhusuan.runtime.replay import Replay

SHAPE = (3, 4)
RNG = np.random.default_rng(0)


def inputs(n: int = 1) -> list[np.ndarray]:
    return [RNG.normal(size=SHAPE).astype(np.float32) for _ in range(n)]


def smooth(leaves):
    (x,) = leaves
    with jt.enable_grad():
        total = (zs.special.softplus(x) * jt.tanh(x)).sum(1)
        return [total, jt.grad(total, x)]


def after(function, n_calls: int, n_inputs: int = 1) -> Replay:
    """Call a replay on new inputs and compare each call with the function."""
    replay = Replay(function)
    for _ in range(n_calls):
        arrays = inputs(n_inputs)
        found = replay(*arrays)
        expected = jt.fetch_sync(list(function([jt.array(array) for array in arrays])))
        for a, b in zip(found, expected):
            np.testing.assert_array_equal(a, b)
    return replay


def test_a_replay_is_the_function_bit_for_bit() -> None:
    replay = after(smooth, 20)
    assert replay.is_replaying
    assert not replay.problem


def test_results_are_arrays_of_their_own() -> None:
    replay = after(smooth, 8)
    first = replay(*inputs())
    before = [array.copy() for array in first]
    replay(*inputs())
    for a, b in zip(first, before):
        np.testing.assert_array_equal(a, b)


def test_what_is_executed_while_the_graph_is_built_belongs_to_it() -> None:
    def function(leaves):
        half = leaves[0] * 0.5
        half.sync()
        return [smooth([half])[0], half.reshape([4, 3]).sum(0)]

    assert after(function, 12).is_replaying


def test_two_replays_do_not_disturb_each_other() -> None:
    one, two = Replay(smooth), Replay(lambda v: [smooth(v)[0] * 3.0])
    for _ in range(8):
        (x,) = inputs()
        a, b = one(x)[0], two(x)[0]
        np.testing.assert_allclose(b, 3.0 * a, rtol=1e-6)  # rounded once more
    assert one.is_replaying
    assert two.is_replaying


def noisy(leaves):
    return [leaves[0] + zs.distributions.Normal(jt.zeros(list(SHAPE)), 1.0).sample()]


class Counting:
    def __init__(self) -> None:
        self.n = 0

    def __call__(self, leaves):
        self.n += 1
        return [leaves[0] * float(self.n)]


@pytest.mark.parametrize("make", [lambda: noisy, Counting], ids=["noise", "a counter"])
def test_a_function_that_changes_is_found_out(make) -> None:
    replay = Replay(make())
    for _ in range(8):
        replay(*inputs())
    assert not replay.is_replaying
    assert replay.problem


def branching(leaves):
    (x,) = leaves
    return [x if x.sum().item() > 0.0 else -2.0 * x]


def leaf_branching(leaves):
    (x,) = leaves
    return [x * 1.5 if x.numpy()[0, 0] > 0.0 else -2.0 * x]


@pytest.mark.parametrize("function", [branching, leaf_branching])
def test_a_function_that_reads_values_is_refused(function) -> None:
    replay = after(function, 12)
    assert not replay.is_replaying
    assert "reads values" in replay.problem


def test_an_operation_without_a_kernel_is_refused() -> None:
    replay = after(lambda leaves: [jt.cumsum(leaves[0], 1)], 12)  # NumPy, on the CPU
    assert not replay.is_replaying


def test_an_error_leaves_jittor_as_it_was() -> None:
    calls = []

    def function(leaves):
        calls.append(1)
        if len(calls) > 1:
            raise KeyError("mine")
        return smooth(leaves)

    replay = Replay(function)
    replay(*inputs())
    with pytest.raises(KeyError, match="mine"):
        replay(*inputs())
    after(smooth, 6)
    assert jt.array([2.0]).item() == 2.0


def test_memory_goes_with_the_replay() -> None:
    def live() -> dict[str, int]:
        jt.sync_all()
        return jt.liveness_info()

    def function(leaves):  # formulas are autograd functions, which hold Vars of their own
        rate = jt.exp(leaves[0])
        total = zs.distributions.Gamma(rate, 1.5).log_prob(rate).sum(1)
        return [total, jt.grad(total, leaves[0])]

    after(function, 6)
    before = live()
    for _ in range(30):
        after(function, 6)
    assert live() == before


def test_the_arrays_that_are_given_stay_as_they_are() -> None:
    replay = Replay(smooth)
    given = [inputs()[0] for _ in range(8)]
    copies = [array.copy() for array in given]
    for array in given:
        replay(array)
    np.testing.assert_array_equal(given, copies)


def test_aliases_of_constants_are_constants() -> None:
    weight = jt.array(np.arange(4, dtype=np.float32))
    weight.sync()

    def function(leaves):
        return [leaves[0] * weight.detach() + weight.reshape([1, 4])]

    assert after(function, 12).is_replaying
