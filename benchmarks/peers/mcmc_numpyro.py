"""NumPyro's part in benchmarks/mcmc.py."""

from __future__ import annotations

import jax
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.infer import MCMC, NUTS
from peers.mcmc_targets import EFFECTS, ERRORS, gaussian_factor, logistic_data

X, Y = logistic_data()
FACTOR = gaussian_factor()


def logistic() -> None:
    """Logistic regression with standard normal weights."""
    w = numpyro.sample("w", dist.Normal(0.0, 1.0).expand([20]).to_event(1))
    numpyro.sample("y", dist.Bernoulli(logits=X @ w), obs=Y)


def schools() -> None:
    """Eight schools, non-centred."""
    mu = numpyro.sample("mu", dist.Normal(0.0, 5.0))
    tau = numpyro.sample("tau", dist.HalfCauchy(5.0))
    eta = numpyro.sample("eta", dist.Normal(0.0, 1.0).expand([8]).to_event(1))
    numpyro.sample("y", dist.Normal(mu + tau * eta, ERRORS), obs=EFFECTS)


def gaussian() -> None:
    """A normal distribution of 100 correlated numbers."""
    numpyro.sample("z", dist.MultivariateNormal(np.zeros(100), scale_tril=FACTOR))


class Sampler:
    """Runs NUTS; chains in one batch, as that is its fastest on a CPU's core."""

    def __init__(self, kernel: str, target: str, n_chains: int, n_warmup: int, n_draws: int):
        model = {"logistic": logistic, "schools": schools, "gaussian": gaussian}[target]
        self._mcmc = MCMC(
            NUTS(model), num_warmup=n_warmup, num_samples=n_draws, num_chains=n_chains,
            chain_method="vectorized", progress_bar=False,
        )  # fmt: skip

    def compile(self) -> None:
        """Run it once, since the program is compiled for these numbers of steps."""
        self.run(0)

    def run(self, seed: int) -> tuple[dict[str, np.ndarray], int]:
        """Return draws by name and how many gradients were taken."""
        self._mcmc.run(jax.random.PRNGKey(seed), extra_fields=("num_steps",))
        samples = self._mcmc.get_samples(group_by_chain=True)
        n_steps = int(np.sum(self._mcmc.get_extra_fields()["num_steps"]))
        return {name: np.asarray(value) for name, value in samples.items()}, n_steps
