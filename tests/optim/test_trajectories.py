"""The optimizers take the steps that Jittor's take."""

import ctypes
import os
import time

import jittor as jt
import numpy as np
import pytest

import zhusuan as zs
from tests.optim.nets import (
    ATOL,
    PAIRS,
    RTOL,
    Net,
    assert_close,
    batches,
    loss_of,
    state_of,
    values,
)


def plain(net, make, options, n=50):
    optimizer = make(net.parameters(), **options)
    for batch in batches(n):
        optimizer.step(loss_of(net, batch))
    return optimizer


def several_groups(net, make, options, n=20):
    special = {"lr": 0.01, "weight_decay": 0.2}
    if "momentum" in options:
        special["momentum"] = 0.5
    elif "Adam" in make.__name__:
        special.update(eps=1e-3, betas=(0.8, 0.99))
    groups = [{"params": [net.w0, net.b0]}, {"params": [net.w1, net.scale], **special}]
    optimizer = make(groups, **options)
    optimizer.add_param_group({"params": [net.b1], "lr": 0.003})
    for batch in batches(n):
        optimizer.step(loss_of(net, batch))
    return optimizer


def frozen(net, make, options):
    net.b0.stop_grad()
    optimizer = plain(net, make, options, n=5)
    net.w1.stop_grad()
    for batch in batches(5, seed=2):
        optimizer.step(loss_of(net, batch))
    return optimizer


def scheduled(net, make, options):
    optimizer = make(net.parameters(), **options)
    scheduler = jt.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    for i, batch in enumerate(batches(12)):
        optimizer.step(loss_of(net, batch))
        scheduler.step()
        if i == 7:
            optimizer.lr = optimizer.param_groups[0]["lr"] = 0.005
    return optimizer


def clipped(net, make, options):
    optimizer = make(net.parameters(), **options)
    for i, batch in enumerate(batches(8)):
        optimizer.zero_grad()
        optimizer.backward(loss_of(net, batch))
        optimizer.clip_grad_norm(0.1, 2 - i % 2)
        optimizer.step()
    return optimizer


def accumulated(net, make, options):
    optimizer = make(net.parameters(), **options)
    for i, batch in enumerate(batches(12)):
        optimizer.backward(loss_of(net, batch) / 3)
        if i == 5:
            optimizer.zero_grad()
        if i % 3 == 2:
            optimizer.step()
    for batch in batches(3, seed=4):  # one more, as step(loss) adds to what is there
        optimizer.backward(loss_of(net, batch))
        optimizer.step(loss_of(net, batch))
    return optimizer


USES = [several_groups, frozen, scheduled, clipped, accumulated]


CASES = [
    *[(plain, pair) for pair in PAIRS],
    *[(use, pair) for use in USES for pair in ("Adam", "momentum")],
    (several_groups, "AdamW"),
]


@pytest.mark.parametrize(("use", "pair"), CASES)
def test_steps_are_jittors(use, pair):
    ours, theirs, options = PAIRS[pair]
    nets = Net(), Net()
    before = values(nets[0])
    optimizers = use(nets[0], ours, options), use(nets[1], theirs, options)
    assert_close(values(nets[0]), values(nets[1]))
    assert_close(state_of(optimizers[0]), state_of(optimizers[1]))
    assert optimizers[0].n_step == optimizers[1].n_step
    assert max(np.abs(a - b).max() for a, b in zip(before, values(nets[0]))) > 0.01


def test_adam_is_the_published_rule():
    betas, lr, eps, decay = (0.8, 0.95), 0.1, 1e-2, 0.3
    p, target = np.array([1.0, -2.0, 0.5, 3.0]), np.array([0.0, 1.0, 0.5, -1.0])
    var = jt.array(p.astype("float32"))
    optimizer = zs.optim.Adam([var], lr, eps=eps, betas=betas, weight_decay=decay)
    m = v = np.zeros(4)
    for n in range(1, 6):
        optimizer.step(((var - target.astype("float32")) ** 2).sum())
        g = 2 * (p - target) + decay * p
        m, v = betas[0] * m + (1 - betas[0]) * g, betas[1] * v + (1 - betas[1]) * g * g
        size = lr * np.sqrt(1 - betas[1] ** n) / (1 - betas[0] ** n)
        p = p - size * m / (np.sqrt(v) + eps)
    np.testing.assert_allclose(var.numpy(), p, rtol=RTOL, atol=ATOL)


@pytest.fixture
def two_threads():
    openmp = ctypes.CDLL("libgomp.so.1")
    before = openmp.omp_get_max_threads()
    openmp.omp_set_num_threads(2)
    yield
    openmp.omp_set_num_threads(before)


def large_parameters(seed=3):
    random = np.random.default_rng(seed)
    # Ends that fit no vector and no chunk, and small ones between them.
    sizes = [150_001, 3, 1, 16_384, 90_007, 17]
    return [jt.array(random.standard_normal(n).astype("float32")) for n in sizes]


def large_steps(make, params, n):
    optimizer = make(params, 0.01)
    gradients = large_parameters(seed=4)
    for _ in range(n):
        optimizer.step(sum((p * g).sum() for p, g in zip(params, gradients)))
    return values(params)


@pytest.mark.parametrize("pair", ["Adam", "momentum"])
def test_threads_share_the_work(two_threads, pair):
    ours, theirs, _ = PAIRS[pair]
    n = 20  # 16 of them try both ways
    found = large_steps(ours, large_parameters(), n)
    assert_close(found, large_steps(theirs, large_parameters(), n))


def test_threads_work_after_a_fork(two_threads):
    params = large_parameters()
    optimizer = zs.optim.Adam(params, 0.01)
    for _ in range(3):
        optimizer.step(sum((p * p).sum() for p in params))
    child = os.fork()
    if child == 0:
        # No kernel of Jittor's runs here: the update alone is what is tried.
        optimizer.n_step += 1
        for _ in range(4):
            optimizer._update(None)
        os._exit(0)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert os.waitstatus_to_exitcode(status) == 0
            return
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    pytest.fail("the child hangs")
