"""States go to Jittor's optimizers and back, into files, and back in time."""

import copy

import jittor as jt
import numpy as np
import pytest

import zhusuan as zs
from tests.optim.nets import (
    PAIRS,
    Net,
    assert_close,
    assert_equal,
    batches,
    loss_of,
    state_of,
    values,
)
from zhusuan.variational.snapshots import BestWeights, Snapshot, Trained


def train(net, optimizer, n, seed=1):
    for batch in batches(n, seed):
        optimizer.step(loss_of(net, batch))


@pytest.mark.parametrize("pair", ["Adam", "AdamW", "Nesterov"])
@pytest.mark.parametrize("direction", ["from Jittor", "to Jittor"])
def test_state_dict(pair, direction):
    ours, theirs, options = PAIRS[pair]
    one, other = (theirs, ours) if direction == "from Jittor" else (ours, theirs)
    net, rest = Net(), Net(seed=5)
    optimizer = one(net.parameters(), **options)
    train(net, optimizer, 3)
    successor = other(rest.parameters(), 1.0)
    rest.load_state_dict(net.state_dict())
    successor.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert set(optimizer.state_dict()["defaults"]) == set(successor.state_dict()["defaults"])
    assert successor.n_step == 3
    train(net, optimizer, 3, seed=2)
    train(rest, successor, 3, seed=2)
    assert_close(values(rest), values(net))
    assert_close(state_of(successor), state_of(optimizer))


@pytest.mark.parametrize("pair", ["Adam", "AdamW", "Nesterov"])
def test_checkpoints(pair, tmp_path):
    ours, theirs, options = PAIRS[pair]
    net = Net()
    optimizer = ours(net.parameters(), **options)
    train(net, optimizer, 3)
    zs.save(tmp_path / "a", net, optimizer)
    saved = values(net) + state_of(optimizer)
    train(net, optimizer, 3, seed=2)
    for make in (ours, theirs):
        rest = Net(seed=5)
        successor = make(rest.parameters(), **options)
        zs.load(tmp_path / "a", rest, successor)
        assert_equal(values(rest) + state_of(successor), saved)
        train(rest, successor, 3, seed=2)
        if make is ours:
            assert_equal(values(rest), values(net))
        assert_close(values(rest), values(net))


@pytest.mark.parametrize("pair", ["Adam", "AdamW", "Nesterov"])
def test_snapshots_are_put_back_bit_by_bit(pair):
    make, _, options = PAIRS[pair]
    net = Net()
    optimizer = make(net.parameters(), **options)
    train(net, optimizer, 2)
    trained = Trained(net, optimizer)
    snapshot, best = Snapshot(trained), BestWeights(trained)
    for _ in range(2):
        before = values(net) + state_of(optimizer)
        n = optimizer.n_step
        train(net, optimizer, 1, seed=3)
        snapshot.restore()
        assert_equal(values(net) + state_of(optimizer), before)
        assert optimizer.n_step == n
        train(net, optimizer, 3, seed=4)
        snapshot.take()
    best.restore()


def test_fit_puts_back_what_was_before_a_bad_step():
    net = Net()
    optimizer = zs.optim.Adam(net.parameters(), 0.05)
    random = np.random.default_rng(0)
    x = random.standard_normal((20, 6)).astype("float32")
    y = random.standard_normal((20, 3)).astype("float32")
    steps = []

    def objective(observed):
        steps.append(values(net) + state_of(optimizer))
        factor = float("nan") if len(steps) == 4 else 1.0
        return ((net(observed["x"]) - observed["y"]) ** 2).sum() * factor

    with pytest.raises(zs.variational.NumericalError):
        zs.variational.fit(objective, {"x": x, "y": y}, optimizer, epochs=2, batch_size=5)
    assert_equal(values(net) + state_of(optimizer), steps[3])


def test_copies_go_their_own_way():
    net = Net()
    optimizer = zs.optim.Adam(net.parameters(), 0.05)
    train(net, optimizer, 2)
    both = copy.deepcopy((net, optimizer))
    before = values(both[0])
    train(net, optimizer, 2, seed=2)
    assert_equal(values(both[0]), before)
    train(*both, 2, seed=2)
    assert_equal(values(both[0]), values(net))


def mixed(make):
    a = jt.array(np.linspace(-1, 1, 4).astype("float32"))
    b = jt.array(np.linspace(1, 2, 4), dtype="float64")
    c = jt.array(np.linspace(2, 3, 4).astype("float32"))
    optimizer = make([{"params": [a, b], "lr": 0.03}, {"params": [c]}], 0.1)
    for _ in range(4):
        optimizer.step((a * a).sum() + (b * b).sum().float32() + (c * a).sum())
    return [a, b, c]


def twice(make):
    a = jt.array(np.linspace(-1, 1, 4).astype("float32"))
    optimizer = make([{"params": [a]}, {"params": [a], "lr": 0.03}], 0.1)
    for _ in range(4):
        optimizer.step((a * a).sum())
    return [a]


def var_as_option(make):
    a = jt.array(np.linspace(-1, 1, 4).astype("float32"))
    optimizer = make([a], jt.array(np.float32([0.1, 0.2, 0.3, 0.4])))
    for _ in range(4):
        optimizer.step((a * a).sum())
    return [a]


@pytest.mark.parametrize("case", [mixed, twice, var_as_option])
def test_the_rest_is_left_to_jittor(case):
    found, expected = (case(make) for make in PAIRS["Adam"][:2])
    assert [str(var.dtype) for var in found] == [str(var.dtype) for var in expected]
    assert_close(values(found), values(expected))
    # Operations that are made now must not be ordered as those of an optimizer.
    assert jt.flags.node_order == 0


def test_errors_are_jittors():
    with pytest.raises(AssertionError):
        zs.optim.Adam([], 0.1)
    with pytest.raises(KeyError, match="grads"):
        zs.optim.Adam([jt.ones([2])], 0.1).step()
    assert jt.flags.node_order == 0
    assert isinstance(zs.optim.AdamW([jt.ones([2])], 0.1), jt.optim.AdamW)
