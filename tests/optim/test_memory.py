"""A step overwrites parameters only where nobody can tell."""

import copy
import ctypes
import gc

import jittor as jt
import numpy as np
import pytest

import zhusuan as zs
from tests.optim.nets import PAIRS, Net, assert_close, assert_equal, batches, loss_of, values

HOLD = {
    "pending": lambda p: p * 3 + 1,
    "computed": lambda p: p * 3 + 1,
    "detached": lambda p: p.detach(),
    "detached and computed": lambda p: p.detach(),
    "reshaped": lambda p: p.reshape([-1]),
    "reshaped and computed": lambda p: p.reshape([-1]),
    "sliced": lambda p: p[1:3],
    "sliced and computed": lambda p: p[1:3],
    "copied": lambda p: p.copy(),
    "assigned": lambda p: jt.zeros(p.shape).assign(p),
    "updated": lambda p: jt.zeros(p.shape).update(p),
    "part of a list": lambda p: jt.concat([p, p * 2], 0),
    "deep copy": copy.deepcopy,
}


@pytest.mark.parametrize("pair", ["Adam", "momentum"])
@pytest.mark.parametrize("held", list(HOLD))
def test_old_values_stay_what_they_were(pair, held):
    """What is made of parameters and state before a step keeps its value, as under Jittor's."""
    results = []
    for make in PAIRS[pair][:2]:
        net = Net()
        optimizer = make(net.parameters(), 0.05)
        first, second, third = batches(3)
        optimizer.step(loss_of(net, first))
        group = optimizer.param_groups[0]
        old = [HOLD[held](var) for var in (net.w0, net.b1, group["values"][0])]
        if held.endswith("computed"):
            jt.sync(old)
        optimizer.step(loss_of(net, second))
        optimizer.step(loss_of(net, third))
        results.append(values(old) + values(net))
    assert_close(*results)


def test_memory_is_reused_when_nobody_looks():
    net = Net()
    optimizer = zs.optim.Adam(net.parameters(), 0.05)
    kept = []
    first, *rest = batches(6)
    optimizer.step(loss_of(net, first))
    group = optimizer.param_groups[0]
    slots = [*net.parameters(), *group["values"], *group["m"]]
    places = [(var.id, var.data.ctypes.data) for var in slots]
    for batch in rest:
        kept.append(loss_of(net, batch))  # as loops keep losses, and nets what they computed
        optimizer.step(kept[-1])
        assert [(var.id, var.data.ctypes.data) for var in slots] == places
    held = net.w0.detach()
    optimizer.step(loss_of(net, first))
    assert net.w0.id != places[0][0]
    assert slots[1].id == places[1][0]
    place = net.w0.id
    del held
    gc.collect()
    optimizer.step(loss_of(net, first))
    optimizer.step(loss_of(net, first))
    assert net.w0.id == place


def test_the_loss_is_the_one_before_the_step():
    for pair in ("Adam", "momentum"):
        losses = []
        for make in PAIRS[pair][:2]:
            net = Net()
            optimizer = make(net.parameters(), 0.05)
            kept, outputs = [], []
            for batch in batches(5):
                outputs.append(net(batch[0]))
                loss = ((outputs[-1] - batch[1]) ** 2).sum()
                half = loss / 2
                optimizer.backward(half)
                optimizer.step()
                kept += [loss, half]
            losses.append(values(kept) + values(outputs))
        assert_close(*losses)


def test_a_graph_that_is_kept_keeps_its_parameters():
    """Gradients of an earlier graph are those at the old parameters."""
    results = []
    for make in PAIRS["Adam"][:2]:
        net = Net()
        optimizer = make(net.parameters(), 0.5)
        batch, other = batches(2)
        x = other[0]
        kept = loss_of(net, (x, other[1]))
        kept.sync()
        optimizer.step(loss_of(net, batch), retain_graph=True)
        optimizer.step(loss_of(net, batch), retain_graph=True)
        results.append([*values(jt.grad(kept, [x])), *values(net), *values([kept])])
    assert_close(*results)


def test_vars_that_share_a_value_part_ways():
    results = []
    for make in PAIRS["Adam"][:2]:
        a = jt.array(np.arange(3, dtype="float32"))
        b = jt.zeros([3])
        b.assign(a)
        optimizer = make([a, b], 0.1)
        for _ in range(3):
            optimizer.step((a * a).sum() + (b * np.float32([1, -1, 2])).sum())
        results.append(values([a, b]))
    assert_close(*results)


def test_names_and_flags_survive():
    net = Net()
    net.w0.name("first")
    net.b0.stop_grad()
    optimizer = zs.optim.Adam(net.parameters(), 0.1)
    held = [var.detach() for var in net.parameters()]
    optimizer.step(loss_of(net, batches(1)[0]))
    assert net.w0.name() == "first"
    assert [var.is_stop_grad() for var in net.parameters()] == [False, True, False, False, False]
    assert len(held) == 5


def test_moving_averages_of_weights():
    """The common forms of an average over weights, and a copy of the best."""
    results = []
    for make in PAIRS["Adam"][:2]:
        net = Net()
        optimizer = make(net.parameters(), 0.05)
        mean = [p.detach() for p in net.parameters()]
        best = None
        for i, batch in enumerate(batches(6)):
            optimizer.step(loss_of(net, batch))
            mean = [0.9 * a + 0.1 * p for a, p in zip(mean, net.parameters())]
            if i == 2:
                best = {name: var.detach() for name, var in net.state_dict().items()}
        results.append(values(mean) + values(list(best.values())))
    assert_close(*results)


def test_memory_does_not_grow():
    net = Net()
    optimizer = zs.optim.Adam(net.parameters(), 0.05)
    batch = batches(1)[0]
    counts = []
    for i in range(60):
        held = [p.detach() for p in net.parameters()]
        optimizer.step(loss_of(net, batch))
        del held
        if i % 20 == 19:
            gc.collect()
            counts.append(jt.liveness_info())
    assert counts[1] == counts[2]


def update_of(optimizer):
    update = optimizer._in_place()
    gradients = [np.full(p.shape, 0.5, "float32") for p in optimizer.param_groups[0]["params"]]
    return update, gradients, [gradient.ctypes.data for gradient in gradients]


@pytest.mark.parametrize("pair", list(PAIRS))
def test_update_in_place_is_a_step(pair):
    ours, theirs, options = PAIRS[pair]
    a, b = Net(), Net()
    optimizer, other = ours(a.parameters(), **options), theirs(b.parameters(), **options)
    update, gradients, addresses = update_of(optimizer)
    for i in range(4):
        optimizer.lr = other.lr = 0.01 * (i + 1)
        assert update(as_array(addresses))
        other.step(sum(0.5 * p.sum() for p in b.parameters()))
        assert_close(values(a), values(b))
    assert optimizer.n_step == other.n_step == 4
    assert len(gradients) == update.n_gradients


def as_array(addresses):
    return (ctypes.c_int64 * len(addresses))(*addresses)


@pytest.mark.parametrize("held", ["pending", "detached and computed", "assigned"])
def test_update_in_place_refuses_what_others_would_see(held):
    net = Net()
    optimizer = zs.optim.Adam(net.parameters(), 0.1)
    first = HOLD[held](net.w0)
    jt.sync([first])
    update, gradients, addresses = update_of(optimizer)
    del first  # was there from the start, but its place is not for another
    gc.collect()
    assert update(as_array(addresses))
    before, steps = values(net), optimizer.n_step
    old = HOLD[held](net.w0)
    if held.endswith("computed"):
        old.sync()
    assert not update(as_array(addresses))
    assert_equal(values(net), before)
    assert optimizer.n_step == steps
    del old
    gc.collect()
    assert update(as_array(addresses))
    assert not update(as_array(addresses[:-1]))
    net.w0.assign(jt.zeros(net.w0.shape))
    assert not update(as_array(addresses))
    assert len(gradients) == 5


def test_update_in_place_is_for_float32():
    var = jt.array(np.ones(3), dtype="float64")
    assert zs.optim.Adam([var], 0.1)._in_place() is None
