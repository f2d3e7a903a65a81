"""The training steps, written by hand in Jittor with its own functions and optimizer.

Jittor is prepared by this library's import, as in our part: the same flags and kernels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import jittor as jt
import numpy as np
from jittor import nn
from peers.training import (
    BNN_DATA,
    BNN_FEATURES,
    BNN_HIDDEN,
    BNN_SCALE,
    BNN_STD,
    EPOCH_IMAGES,
    LEARNING_RATE,
    X_DIM,
    Weights,
    first_weights,
    images,
)  # fmt: skip

VERSIONS = {"jittor": jt.__version__}
HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


def set_up(threads: int) -> None:
    """Draw the same numbers at every run."""
    zs.set_seed(1)
    jt.set_global_seed(1)


class Bound(nn.Module):
    """The VAE's or IWAE's loss."""

    def __init__(self, case: str, sizes: dict[str, int]) -> None:
        self.case, self.particles = case, sizes.get("particles", 1)
        latent = sizes["latent"]
        if case == "conv":
            self.activation, width = nn.relu, 256
            self.enc1 = nn.Conv(1, 32, 4, stride=2, padding=1)
            self.enc2 = nn.Conv(32, 64, 4, stride=2, padding=1)
            self.enc3 = nn.Linear(3136, 256)
            self.dec1 = nn.Linear(latent, 3136)
            self.dec2 = nn.ConvTranspose(64, 32, 4, stride=2, padding=1)
            self.dec3 = nn.ConvTranspose(32, 1, 4, stride=2, padding=1)
        else:
            self.activation = jt.tanh if case == "iwae" else nn.relu
            width = sizes["hidden"]
            self.enc1, self.enc2 = nn.Linear(X_DIM, width), nn.Linear(width, width)
            self.dec1, self.dec2 = nn.Linear(latent, width), nn.Linear(width, width)
            self.dec3 = nn.Linear(width, X_DIM)
        self.mean, self.logstd = nn.Linear(width, latent), nn.Linear(width, latent)
        load(self, first_weights(case, sizes))

    def encode(self, x):
        """Return the mean and the logarithm of the standard deviation."""
        if self.case == "conv":
            x = x.reshape([-1, 1, 28, 28])
        h = self.activation(self.enc2(self.activation(self.enc1(x))))
        if self.case == "conv":
            h = self.activation(self.enc3(h.reshape([-1, 3136])))
        return self.mean(h), self.logstd(h)

    def decode(self, z):
        """Return the logits."""
        h = self.activation(self.dec1(z))
        if self.case == "conv":
            h = self.activation(self.dec2(h.reshape([-1, 64, 7, 7])))
            return self.dec3(h).reshape([-1, X_DIM])
        return self.dec3(self.activation(self.dec2(h)))

    def execute(self, x):
        """Return the loss per image."""
        mean, logstd = self.encode(x)
        shape = list(mean.shape)
        noise = jt.randn(shape if self.particles == 1 else [self.particles, *shape])
        z = mean + jt.exp(logstd) * noise
        logits = self.decode(z)
        log_q = (-0.5 * noise * noise - logstd - HALF_LOG_2PI).sum(-1)
        log_pz = (-0.5 * z * z - HALF_LOG_2PI).sum(-1)
        softplus = jt.maximum(logits, 0.0) + jt.log(1.0 + jt.exp(-jt.abs(logits)))
        log_w = (x * logits - softplus).sum(-1) + log_pz - log_q
        if self.particles > 1:
            most = log_w.max(0, keepdims=True).detach()
            log_w = jt.log(jt.exp(log_w - most).mean(0)) + most[0]
        return -log_w.mean()


class BNN(nn.Module):
    """The negative bound of a net with one hidden layer and normal weights."""

    def __init__(self, sizes: dict[str, int]) -> None:
        self.particles = sizes["particles"]
        weights = list(first_weights("bnn", sizes).values())
        self.loc = nn.ParameterList([jt.array(w) for w in weights])
        self.logstd = nn.ParameterList([jt.full(w.shape, math.log(BNN_SCALE)) for w in weights])
        self._prior = [1 / math.sqrt(BNN_FEATURES), 1.0, 1 / math.sqrt(BNN_HIDDEN), 1.0]

    def execute(self, batch):
        """Return the loss of the whole training set, by a batch of it."""
        x, y = batch
        drawn, log_w = [], 0.0
        for i, prior in enumerate(self._prior):
            loc, logstd = self.loc[i], self.logstd[i]
            noise = jt.randn([self.particles, *loc.shape])
            w = loc + jt.exp(logstd) * noise
            term = 0.5 * noise * noise + logstd - 0.5 * (w / prior) ** 2 - math.log(prior)
            log_w = log_w + term.reshape([self.particles, -1]).sum(1)
            drawn.append(w)
        w1, b1, w2, b2 = drawn
        h = nn.relu(jt.matmul(x, w1.transpose(0, 2, 1)) + b1.unsqueeze(1))
        mean = (jt.matmul(h, w2.transpose(0, 2, 1)) + b2.unsqueeze(1)).squeeze(-1)
        log_py = -0.5 * ((y - mean) / BNN_STD) ** 2 - math.log(BNN_STD) - HALF_LOG_2PI
        return -(log_w + BNN_DATA * log_py.mean(1)).mean()


def load(module: nn.Module, weights: Weights) -> None:
    """Give the net these weights, by its parameters' names."""
    for name, parameter in module.named_parameters():
        if list(parameter.shape) != list(weights[name].shape):
            raise ValueError(f"{name}: {parameter.shape} but {weights[name].shape}")
        parameter.assign(jt.array(weights[name]))


def as_vars(batch: Any) -> Any:
    """Return a batch as Jittor has it."""
    return tuple(map(jt.array, batch)) if isinstance(batch, tuple) else jt.array(batch)


def make(case: str, sizes: dict[str, int], variant: str) -> Callable[[Any], Any]:
    """Return the function that trains."""
    if case == "hmc":
        raise NotImplementedError("jittor has no samplers")
    loss = BNN(sizes) if case == "bnn" else Bound(case, sizes)
    optimizer = jt.optim.Adam(loss.parameters(), LEARNING_RATE)

    def step(batch):
        value = loss(as_vars(batch))
        optimizer.step(value)
        return value.detach()

    return epochs(step, sizes["batch"]) if case == "epoch" else stepping(step)


def fetched(losses: list[Any]) -> list[float]:
    """Wait for all that is pending; return the losses, which may be numbers already."""
    is_number = bool(losses) and isinstance(losses[0], float)
    values = losses if is_number else jt.fetch_sync(losses)
    jt.sync_all(True)
    return [float(np.ravel(value)[0]) for value in values]


def stepping(step: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function that makes a step on every batch; losses are fetched at the end."""
    return lambda batches: fetched([step(batch) for batch in batches])


def epochs(step: Callable[[Any], Any], size: int) -> Callable[[int], Any]:
    """Return a function that goes through the images in random order."""
    x = images(EPOCH_IMAGES)
    rng = np.random.default_rng(5)

    def run(n: int):
        means = []
        for _ in range(n):
            order = rng.permutation(len(x))
            losses = [step(x[order[i : i + size]]) for i in range(0, len(x), size)]
            means.append(float(np.mean(fetched(losses))))
        return means

    return run
