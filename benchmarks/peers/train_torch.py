"""The training steps, written by hand in PyTorch; the nets are shared with Pyro's part."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
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
from torch import nn
from torch.nn import functional

VERSIONS = {"torch": torch.__version__}
HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


def set_up(threads: int) -> None:
    """Use so many cores."""
    torch.set_num_threads(threads)
    torch.manual_seed(1)


class Encoder(nn.Module):
    """From images to the mean and the logarithm of the standard deviation of z."""

    def __init__(self, hidden: int, latent: int, activation: type[nn.Module]) -> None:
        super().__init__()
        self.enc1 = nn.Linear(X_DIM, hidden)
        self.enc2 = nn.Linear(hidden, hidden)
        self.mean = nn.Linear(hidden, latent)
        self.logstd = nn.Linear(hidden, latent)
        self.activation = activation()

    def forward(self, x):
        """Return both."""
        h = self.activation(self.enc2(self.activation(self.enc1(x))))
        return self.mean(h), self.logstd(h)


class Decoder(nn.Module):
    """From z to logits."""

    def __init__(self, hidden: int, latent: int, activation: type[nn.Module]) -> None:
        super().__init__()
        self.dec1 = nn.Linear(latent, hidden)
        self.dec2 = nn.Linear(hidden, hidden)
        self.dec3 = nn.Linear(hidden, X_DIM)
        self.activation = activation()

    def forward(self, z):
        """Return them."""
        return self.dec3(self.activation(self.dec2(self.activation(self.dec1(z)))))


class ConvEncoder(nn.Module):
    """The same by convolutions."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.enc1 = nn.Conv2d(1, 32, 4, stride=2, padding=1)
        self.enc2 = nn.Conv2d(32, 64, 4, stride=2, padding=1)
        self.enc3 = nn.Linear(3136, 256)
        self.mean = nn.Linear(256, latent)
        self.logstd = nn.Linear(256, latent)

    def forward(self, x):
        """Return both."""
        h = functional.relu(self.enc1(x.reshape(-1, 1, 28, 28)))
        h = functional.relu(self.enc2(h)).reshape(-1, 3136)
        h = functional.relu(self.enc3(h))
        return self.mean(h), self.logstd(h)


class ConvDecoder(nn.Module):
    """The same by transposed convolutions."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.dec1 = nn.Linear(latent, 3136)
        self.dec2 = nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1)
        self.dec3 = nn.ConvTranspose2d(32, 1, 4, stride=2, padding=1)

    def forward(self, z):
        """Return them."""
        h = functional.relu(self.dec1(z)).reshape(-1, 64, 7, 7)
        return self.dec3(functional.relu(self.dec2(h))).reshape(-1, X_DIM)


def nets(case: str, sizes: dict[str, int]) -> tuple[nn.Module, nn.Module]:
    """Return the encoder and the decoder with the first weights."""
    if case == "conv":
        encoder, decoder = ConvEncoder(sizes["latent"]), ConvDecoder(sizes["latent"])
    else:
        activation = nn.Tanh if case == "iwae" else nn.ReLU
        arguments = sizes["hidden"], sizes["latent"], activation
        encoder, decoder = Encoder(*arguments), Decoder(*arguments)
    load([encoder, decoder], first_weights(case, sizes))
    return encoder, decoder


def load(modules: list[nn.Module], weights: Weights) -> None:
    """Give the nets these weights."""
    for module in modules:
        own = {name: torch.from_numpy(weights[name].copy()) for name in module.state_dict()}
        module.load_state_dict(own)


class Bound(nn.Module):
    """The VAE's or IWAE's loss."""

    def __init__(self, case: str, sizes: dict[str, int]) -> None:
        super().__init__()
        self.encoder, self.decoder = nets(case, sizes)
        self.particles = sizes.get("particles", 1)

    def forward(self, x):
        """Return the loss per image."""
        mean, logstd = self.encoder(x)
        shape = mean.shape if self.particles == 1 else (self.particles, *mean.shape)
        noise = torch.randn(shape)
        z = mean + torch.exp(logstd) * noise
        logits = self.decoder(z)
        log_q = (-0.5 * noise * noise - logstd - HALF_LOG_2PI).sum(-1)
        log_pz = (-0.5 * z * z - HALF_LOG_2PI).sum(-1)
        x = x.expand_as(logits)
        log_px = -functional.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
        log_w = log_px + log_pz - log_q
        if self.particles > 1:
            log_w = torch.logsumexp(log_w, 0) - math.log(self.particles)
        return -log_w.mean()


class BNN(nn.Module):
    """The negative bound of a net with one hidden layer and normal weights."""

    def __init__(self, sizes: dict[str, int]) -> None:
        super().__init__()
        self.particles = sizes["particles"]
        weights = first_weights("bnn", sizes)
        self.loc = nn.ParameterList(torch.from_numpy(w) for w in weights.values())
        self.logstd = nn.ParameterList(
            torch.full(w.shape, math.log(BNN_SCALE)) for w in weights.values()
        )
        self.prior = [1 / math.sqrt(BNN_FEATURES), 1.0, 1 / math.sqrt(BNN_HIDDEN), 1.0]

    def forward(self, batch):
        """Return the loss of the whole training set, by a batch of it."""
        x, y = batch
        drawn, log_w = [], 0.0
        for loc, logstd, prior in zip(self.loc, self.logstd, self.prior):
            noise = torch.randn((self.particles, *loc.shape))
            w = loc + torch.exp(logstd) * noise
            term = 0.5 * noise * noise + logstd - 0.5 * (w / prior) ** 2 - math.log(prior)
            log_w = log_w + term.flatten(1).sum(1)
            drawn.append(w)
        w1, b1, w2, b2 = drawn
        h = torch.relu(x @ w1.transpose(1, 2) + b1[:, None])
        mean = (h @ w2.transpose(1, 2) + b2[:, None])[..., 0]
        log_py = -0.5 * ((y - mean) / BNN_STD) ** 2 - math.log(BNN_STD) - HALF_LOG_2PI
        return -(log_w + BNN_DATA * log_py.mean(1)).mean()


def make(case: str, sizes: dict[str, int], variant: str) -> Callable[[Any], Any]:
    """Return the function that trains."""
    if case == "hmc":
        raise NotImplementedError("torch has no samplers")
    loss = BNN(sizes) if case == "bnn" else Bound(case, sizes)
    optimizer = torch.optim.Adam(loss.parameters(), LEARNING_RATE, fused=variant == "fused" or None)

    def step(batch):
        value = loss(batch)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        return value.detach()

    return epochs(step, sizes["batch"]) if case == "epoch" else stepping(step)


def as_tensors(batch: Any) -> Any:
    """Return a batch as torch has it."""
    return tuple(map(torch.from_numpy, batch)) if isinstance(batch, tuple) else (
        torch.from_numpy(batch)
    )


def stepping(step: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function that makes a step on every batch."""
    return lambda batches: [float(loss) for loss in [step(as_tensors(b)) for b in batches]]


def epochs(step: Callable[[Any], Any], size: int) -> Callable[[int], Any]:
    """Return a function that goes through the images in random order; rows by index, no loader."""
    x = torch.from_numpy(images(EPOCH_IMAGES))

    def run(n: int):
        means = []
        for _ in range(n):
            losses = [step(x[rows]) for rows in torch.randperm(len(x)).split(size)]
            means.append(float(torch.stack([torch.as_tensor(loss) for loss in losses]).mean()))
        return means

    return run
