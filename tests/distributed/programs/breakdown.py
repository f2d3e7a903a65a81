"""fit, where one rank alone meets what breaks a training."""

from __future__ import annotations

import signal

import numpy as np
import pytest

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
from jittor import nn

from zhusuan.distributed import PeerError, all_gather, rank
from zhusuan.variational import NumericalError, fit

X = np.random.default_rng(1).normal(size=(64, 400)).astype(np.float32)
net = nn.Linear(400, 400)


def loss(observed):
    value = (net(observed["x"]) ** 2).mean()
    if calls is not None:
        calls.append(1)
        if rank() == 1 and len(calls) == 4:
            raise ValueError("the scale is negative")
    return value


def weights() -> np.ndarray:
    return np.concatenate([var.numpy().ravel() for var in net.parameters()])


for replay in (True, False):
    # Row 47 is the last of the sixth batch of 8, and so of rank 1 (and 2): a loss that is NaN.
    calls = None
    bad = X.copy()
    bad[47] = np.nan
    optimizer = zs.optim.Adam(net.parameters(), 1e-3)
    with pytest.raises(NumericalError, match="epoch 1, step 6: the loss is nan") as caught:
        fit(loss, {"x": bad}, optimizer, 2, batch_size=8, shuffle=False, replay=replay)
    assert (caught.value.epoch, caught.value.step) == (1, 6)
    assert optimizer.n_step == 5
    found = weights()
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(all_gather(found)[0], found)

# What one rank raises, the others hear of in the same step, which all undo.
calls = []
optimizer = zs.optim.Adam(net.parameters(), 1e-3)
expected = (
    (ValueError, "the scale is negative")
    if rank() == 1
    else (PeerError, "rank 1: a failure: ValueError: the scale is negative")
)
with pytest.raises(expected[0], match=expected[1]):
    fit(loss, {"x": X}, optimizer, 2, batch_size=8, replay=False)
assert optimizer.n_step == 3
found = weights()
np.testing.assert_array_equal(all_gather(found)[0], found)

# A SIGINT that reaches one rank stops all, after the same step.
calls = None


def press(observed):
    value = loss(observed)
    steps.append(1)
    if rank() == 1 and len(steps) == 3:
        signal.raise_signal(signal.SIGINT)
    return value


steps = []
optimizer = zs.optim.Adam(net.parameters(), 1e-3)
history = fit(press, {"x": X}, optimizer, 2, batch_size=8, replay=False)
assert (history.stopped, optimizer.n_step) == ("interrupted", 3)
found = weights()
np.testing.assert_array_equal(all_gather(found)[0], found)
print(f"rank {rank()}: all undone")
