"""Pyro's part in benchmarks/mcmc.py."""

from __future__ import annotations

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from peers.mcmc_targets import EFFECTS, ERRORS, gaussian_factor, logistic_data
from pyro.infer import MCMC, NUTS

X, Y = map(torch.as_tensor, logistic_data())
FACTOR = torch.as_tensor(gaussian_factor())
EFFECTS_, ERRORS_ = torch.tensor(EFFECTS), torch.tensor(ERRORS)


def logistic() -> None:
    """Logistic regression with standard normal weights."""
    w = pyro.sample("w", dist.Normal(torch.zeros(20), 1.0).to_event(1))
    pyro.sample("y", dist.Bernoulli(logits=X @ w).to_event(1), obs=Y)


def schools() -> None:
    """Eight schools, non-centred."""
    mu = pyro.sample("mu", dist.Normal(0.0, 5.0))
    tau = pyro.sample("tau", dist.HalfCauchy(5.0))
    eta = pyro.sample("eta", dist.Normal(torch.zeros(8), 1.0).to_event(1))
    pyro.sample("y", dist.Normal(mu + tau * eta, ERRORS_).to_event(1), obs=EFFECTS_)


def gaussian() -> None:
    """A normal distribution of 100 correlated numbers."""
    pyro.sample("z", dist.MultivariateNormal(torch.zeros(100), scale_tril=FACTOR))


class Sampler:
    """Runs NUTS, one chain after the other."""

    def __init__(self, kernel: str, target: str, n_chains: int, n_warmup: int, n_draws: int):
        self._model = {"logistic": logistic, "schools": schools, "gaussian": gaussian}[target]
        self._n_chains, self._n_warmup, self._n_draws = n_chains, n_warmup, n_draws

    def compile(self) -> None:
        """Do nothing: nothing is compiled."""

    def run(self, seed: int) -> tuple[dict[str, np.ndarray], int]:
        """Return draws by name; the gradients are not told."""
        chains = []
        for i in range(self._n_chains):
            pyro.set_rng_seed(1000 * seed + i)
            mcmc = MCMC(
                NUTS(self._model), num_samples=self._n_draws, warmup_steps=self._n_warmup,
                disable_progbar=True,
            )  # fmt: skip
            mcmc.run()
            chains.append(mcmc.get_samples())
        return {name: np.stack([chain[name].numpy() for chain in chains]) for name in chains[0]}, -1
