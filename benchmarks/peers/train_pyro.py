"""The training steps by Pyro's SVI, and its HMC."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from peers import train_torch
from peers.training import (
    BNN_DATA,
    BNN_FEATURES,
    BNN_HIDDEN,
    BNN_SCALE,
    BNN_STD,
    HMC_STEP,
    LEARNING_RATE,
    first_weights,
)  # fmt: skip
from pyro.distributions import constraints
from pyro.infer import HMC, MCMC, SVI, RenyiELBO, Trace_ELBO, TraceGraph_ELBO
from pyro.optim import Adam

VERSIONS = {"pyro": pyro.__version__}


def set_up(threads: int) -> None:
    """Use so many cores."""
    train_torch.set_up(threads)
    pyro.set_rng_seed(1)


def make(case: str, sizes: dict[str, int], variant: str) -> Callable[[Any], Any]:
    """Return the function that trains or samples."""
    if case == "hmc":
        return _hmc(sizes)
    particles = sizes.get("particles", 1)
    if case == "bnn":
        model, guide = _bnn(sizes)
        objective = Trace_ELBO(particles, vectorize_particles=True, max_plate_nesting=1)
        scale = 1
    else:
        model, guide = _vae(case, sizes)
        scale = sizes["batch"]
        if particles > 1:
            # alpha 0 is the bound of IWAE, for each image as the plate encloses all.
            objective = RenyiELBO(
                alpha=0, num_particles=particles, vectorize_particles=True, max_plate_nesting=1
            )
        else:
            objective = TraceGraph_ELBO() if variant == "graph" else Trace_ELBO()
    svi = SVI(model, guide, Adam({"lr": LEARNING_RATE}), objective)
    if case == "epoch":
        return train_torch.epochs(lambda x: svi.step(x) / len(x), scale)
    return train_torch.stepping(lambda batch: svi.step(batch) / scale)


def _vae(case: str, sizes: dict[str, int]):
    encoder, decoder = train_torch.nets(case, sizes)
    latent = sizes["latent"]

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            prior = dist.Normal(torch.zeros(len(x), latent), torch.ones(len(x), latent))
            z = pyro.sample("z", prior.to_event(1))
            pyro.sample("x", dist.Bernoulli(logits=decoder(z)).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        with pyro.plate("data", len(x)):
            mean, logstd = encoder(x)
            pyro.sample("z", dist.Normal(mean, torch.exp(logstd)).to_event(1))

    return model, guide


def _bnn(sizes: dict[str, int]):
    weights = first_weights("bnn", sizes)
    starts = {name.replace(".", "_"): torch.from_numpy(w) for name, w in weights.items()}
    scales = dict(zip(starts, [1 / math.sqrt(BNN_FEATURES), 1.0, 1 / math.sqrt(BNN_HIDDEN), 1.0]))

    def model(batch):
        x, y = batch
        w1, b1, w2, b2 = (
            # [particles, 1, ...], the 1 being the place of the data.
            pyro.sample(
                name, dist.Normal(torch.zeros(w.shape), scales[name]).to_event(w.dim())
            ).squeeze(-1 - w.dim())
            for name, w in starts.items()
        )
        h = torch.relu(x @ w1.transpose(-1, -2) + b1[..., None, :])
        mean = (h @ w2.transpose(-1, -2) + b2[..., None, :])[..., 0]
        with pyro.plate("data", BNN_DATA, subsample=torch.arange(len(x))):
            pyro.sample("y", dist.Normal(mean, BNN_STD), obs=y)

    def guide(batch):
        for name, start in starts.items():
            loc = pyro.param(f"{name}_loc", start)
            std = pyro.param(
                f"{name}_std", torch.full(start.shape, BNN_SCALE), constraint=constraints.positive
            )
            pyro.sample(name, dist.Normal(loc, std).to_event(start.dim()))

    return model, guide


def _hmc(sizes: dict[str, int]) -> Callable[[int], Any]:
    from peers.mcmc_pyro import logistic  # noqa: PLC0415  (its data are made on import)

    if sizes["chains"] > 1:
        raise NotImplementedError("pyro has no batches of chains")
    last = [torch.zeros(20)]

    def run(n: int):
        kernel = HMC(
            logistic, step_size=HMC_STEP, num_steps=sizes["leapfrogs"], adapt_step_size=False,
            adapt_mass_matrix=False,
        )  # fmt: skip
        chain = MCMC(
            kernel, num_samples=n, warmup_steps=0, initial_params={"w": last[0]},
            disable_progbar=True,
        )  # fmt: skip
        chain.run()
        draws = chain.get_samples()["w"].reshape(-1, 20)
        last[0] = draws[-1]
        return [float(np.mean(np.square(draws.numpy())))]

    return run
