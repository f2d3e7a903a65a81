"""The training steps by NumPyro's SVI under jit, and its HMC."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax import lax
from numpyro.distributions import constraints
from numpyro.infer import HMC, SVI, RenyiELBO, Trace_ELBO
from peers.training import (
    BNN_DATA,
    BNN_FEATURES,
    BNN_HIDDEN,
    BNN_SCALE,
    BNN_STD,
    EPOCH_IMAGES,
    HMC_STEP,
    LEARNING_RATE,
    X_DIM,
    Weights,
    first_weights,
    images,
)  # fmt: skip

VERSIONS = {"numpyro": numpyro.__version__, "jax": jax.__version__}
CONVOLUTION = ("NCHW", "OIHW", "NCHW")


def set_up(threads: int) -> None:
    """Do nothing: XLA takes the cores that the process has."""


def make(case: str, sizes: dict[str, int], variant: str) -> Callable[[Any], Any]:
    """Return the function that trains or samples."""
    if case == "hmc":
        return _hmc(sizes)
    particles = sizes.get("particles", 1)
    weights = first_weights(case, sizes)
    model, guide = _bnn(weights) if case == "bnn" else _vae(case, sizes, weights)
    # RenyiELBO with alpha 0 is the bound of IWAE, for each image as the plate encloses all.
    objective = (
        RenyiELBO(alpha=0, num_particles=particles)
        if particles > 1 and case != "bnn"
        else Trace_ELBO(particles)
    )
    svi = SVI(model, guide, numpyro.optim.Adam(LEARNING_RATE), objective)
    scale = 1 if case == "bnn" else sizes["batch"]
    update = jax.jit(svi.update)
    if case == "epoch":
        return _epochs(svi, update, scale)
    state: list[Any] = [None]

    def run(batches: list[Any]):
        losses = []
        for batch in batches:
            if state[0] is None:
                state[0] = svi.init(jax.random.PRNGKey(1), batch)
            state[0], loss = update(state[0], batch)
            losses.append(loss)
        jax.block_until_ready(state[0])
        return [float(loss) / scale for loss in losses]

    return run


def _epochs(svi: SVI, update: Callable[..., Any], size: int) -> Callable[[int], Any]:
    x = images(EPOCH_IMAGES)
    rng = np.random.default_rng(5)
    state = [svi.init(jax.random.PRNGKey(1), x[:size])]

    def run(n: int):
        means = []
        for _ in range(n):
            losses = []
            order = rng.permutation(len(x))
            for i in range(0, len(x), size):
                batch = x[order[i : i + size]]
                state[0], loss = update(state[0], batch)
                losses.append(loss / len(batch))
            means.append(float(jnp.mean(jnp.stack(losses))))
        return means

    return run


def _params(weights: Weights, names: tuple[str, ...]) -> dict[str, Any]:
    return {
        name: numpyro.param(name, jnp.asarray(value))
        for name, value in weights.items()
        if name.split(".")[0] in names
    }


def _dense(p: dict[str, Any], name: str, x):
    return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]


def _conv(p: dict[str, Any], name: str, x):
    y = lax.conv_general_dilated(
        x, p[f"{name}.weight"], (2, 2), ((1, 1), (1, 1)), dimension_numbers=CONVOLUTION
    )
    return y + p[f"{name}.bias"][:, None, None]


def _deconv(p: dict[str, Any], name: str, x):
    # A transposed convolution is one of the spread-out image by the turned kernel.
    kernel = jnp.flip(p[f"{name}.weight"], (2, 3)).transpose(1, 0, 2, 3)
    y = lax.conv_general_dilated(
        x, kernel, (1, 1), ((2, 2), (2, 2)), lhs_dilation=(2, 2), dimension_numbers=CONVOLUTION
    )
    return y + p[f"{name}.bias"][:, None, None]


def _vae(case: str, sizes: dict[str, int], weights: Weights):
    latent = sizes["latent"]
    activation = jnp.tanh if case == "iwae" else jax.nn.relu

    def encode(p, x):
        if case == "conv":
            h = activation(_conv(p, "enc1", x.reshape(-1, 1, 28, 28)))
            h = activation(_conv(p, "enc2", h)).reshape(-1, 3136)
            h = activation(_dense(p, "enc3", h))
        else:
            h = activation(_dense(p, "enc2", activation(_dense(p, "enc1", x))))
        return _dense(p, "mean", h), _dense(p, "logstd", h)

    def decode(p, z):
        h = activation(_dense(p, "dec1", z))
        if case == "conv":
            h = activation(_deconv(p, "dec2", h.reshape(-1, 64, 7, 7)))
            return _deconv(p, "dec3", h).reshape(-1, X_DIM)
        return _dense(p, "dec3", activation(_dense(p, "dec2", h)))

    def model(x):
        p = _params(weights, ("dec1", "dec2", "dec3"))
        with numpyro.plate("data", len(x)):
            prior = dist.Normal(jnp.zeros((len(x), latent)), 1.0)
            z = numpyro.sample("z", prior.to_event(1))
            numpyro.sample("x", dist.Bernoulli(logits=decode(p, z)).to_event(1), obs=x)

    def guide(x):
        p = _params(weights, ("enc1", "enc2", "enc3", "mean", "logstd"))
        with numpyro.plate("data", len(x)):
            mean, logstd = encode(p, x)
            numpyro.sample("z", dist.Normal(mean, jnp.exp(logstd)).to_event(1))

    return model, guide


def _bnn(weights: Weights):
    starts = {name.replace(".", "_"): jnp.asarray(w) for name, w in weights.items()}
    scales = dict(zip(starts, [1 / math.sqrt(BNN_FEATURES), 1.0, 1 / math.sqrt(BNN_HIDDEN), 1.0]))

    def model(batch):
        x, y = batch
        w1, b1, w2, b2 = (
            numpyro.sample(name, dist.Normal(jnp.zeros(w.shape), scales[name]).to_event(w.ndim))
            for name, w in starts.items()
        )
        mean = (jax.nn.relu(x @ w1.T + b1) @ w2.T + b2)[..., 0]
        with numpyro.plate("data", BNN_DATA, subsample_size=len(x)):
            numpyro.sample("y", dist.Normal(mean, BNN_STD), obs=y)

    def guide(batch):
        # The batch is drawn already; the plate takes its rows as they are.
        with numpyro.plate("data", BNN_DATA, subsample_size=len(batch[0])):
            pass
        for name, start in starts.items():
            loc = numpyro.param(f"{name}_loc", start)
            std = numpyro.param(
                f"{name}_std", jnp.full(start.shape, BNN_SCALE), constraint=constraints.positive
            )
            numpyro.sample(name, dist.Normal(loc, std).to_event(start.ndim))

    return model, guide


def _hmc(sizes: dict[str, int]) -> Callable[[int], Any]:
    from peers.mcmc_numpyro import logistic  # noqa: PLC0415  (its data are made on import)

    kernel = HMC(
        logistic, step_size=HMC_STEP, trajectory_length=HMC_STEP * sizes["leapfrogs"],
        adapt_step_size=False, adapt_mass_matrix=False,
    )  # fmt: skip
    n_chains = sizes["chains"]
    key = jax.random.PRNGKey(1)
    keys = jax.random.split(key, n_chains) if n_chains > 1 else key
    start = {"w": jnp.zeros((n_chains, 20) if n_chains > 1 else (20,))}
    state = [kernel.init(keys, 0, start, (), {})]

    # MCMC.run would compile its start anew at every call, so the kernel is called itself.
    @functools.partial(jax.jit, static_argnums=1)
    def transitions(state, n):
        def one(state, _):
            state = kernel.sample(state, (), {})
            return state, state.z["w"]

        return lax.scan(one, state, None, n)

    def run(n: int):
        state[0], draws = transitions(state[0], n)
        return [float(np.mean(np.square(np.asarray(draws))))]

    return run
