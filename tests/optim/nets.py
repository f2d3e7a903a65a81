"""A small net, its data, and the pairs of optimizers that must agree."""

import jittor as jt
import numpy as np
from jittor import nn

import zhusuan as zs

PAIRS = {
    "Adam": (zs.optim.Adam, jt.optim.Adam, {"lr": 0.02, "weight_decay": 0.01}),
    "AdamW": (zs.optim.AdamW, jt.optim.AdamW, {"lr": 0.02, "weight_decay": 0.1}),
    "SGD": (zs.optim.SGD, jt.optim.SGD, {"lr": 0.05}),
    "momentum": (
        zs.optim.SGD,
        jt.optim.SGD,
        {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.01, "dampening": 0.1},
    ),
    "Nesterov": (
        zs.optim.SGD,
        jt.optim.SGD,
        {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.01, "nesterov": True},
    ),
}

RTOL, ATOL = 2e-5, 2e-6
"""Rounding of float32 (6e-8), some 50 steps of it, of weights and losses of order 1."""


class Net(nn.Module):
    """Two layers and a parameter of shape [1]."""

    def __init__(self, seed=0):
        super().__init__()
        random = np.random.default_rng(seed)

        def parameter(*shape):
            var = jt.array((0.4 * random.standard_normal(shape)).astype("float32"))
            var.sync()
            return var

        self.w0, self.b0 = parameter(7, 6), parameter(7)
        self.w1, self.b1 = parameter(3, 7), parameter(3)
        self.scale = parameter(1)

    def execute(self, x):
        hidden = jt.tanh(nn.matmul_transpose(x, self.w0) + self.b0)
        return (nn.matmul_transpose(hidden, self.w1) + self.b1) * (1 + self.scale)


def batches(n, seed=1):
    """Return pairs of inputs and targets."""
    random = np.random.default_rng(seed)
    return [
        (
            jt.array(random.standard_normal((5, 6)).astype("float32")),
            jt.array(random.standard_normal((5, 3)).astype("float32")),
        )
        for _ in range(n)
    ]


def loss_of(net, batch):
    return ((net(batch[0]) - batch[1]) ** 2).mean()


def values(net_or_vars):
    """Return copies of all values, in order."""
    vars_ = net_or_vars.parameters() if isinstance(net_or_vars, nn.Module) else net_or_vars
    return [np.array(var.numpy()) for var in vars_]


def state_of(optimizer):
    """Return copies of the values of what an optimizer keeps for each parameter."""
    return [
        np.array(var.numpy())
        for group in optimizer.param_groups
        for name in ("values", "m")
        for var in group.get(name, [])
    ]


def assert_close(found, expected):
    assert len(found) == len(expected)
    for a, b in zip(found, expected):
        np.testing.assert_allclose(a, b, rtol=RTOL, atol=ATOL)


def assert_equal(found, expected):
    assert len(found) == len(expected)
    for a, b in zip(found, expected):
        np.testing.assert_array_equal(a, b)
