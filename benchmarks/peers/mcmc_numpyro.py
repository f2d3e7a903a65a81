"""NumPyro's part in benchmarks/mcmc.py."""

from __future__ import annotations

import jax
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax import lax
from numpyro.infer import NUTS
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
    """Runs NUTS; chains in one batch, as that is its fastest on a CPU's core.

    ``numpyro.infer.MCMC`` compiles its loop anew at each run, 3 to 4 seconds here. The loop of
    its kernel is therefore compiled here, once, so that what is compared is sampling.
    """

    def __init__(self, kernel: str, target: str, n_chains: int, n_warmup: int, n_draws: int):
        model = {"logistic": logistic, "schools": schools, "gaussian": gaussian}[target]
        self._kernel = NUTS(model)
        self._n_chains, self._n_warmup, self._n_draws = n_chains, n_warmup, n_draws

    def prepare(self, seed: int) -> None:
        """Find where the chains begin, and compile the loop if that was not done yet."""
        keys = jax.random.split(jax.random.PRNGKey(seed), self._n_chains)
        self._state = self._kernel.init(keys, self._n_warmup, None, (), {})
        if not hasattr(self, "_loop"):
            self._loop = jax.jit(self._all_steps).lower(self._state).compile()

    def compile(self) -> None:
        """Compile the loop."""
        self.prepare(0)
        jax.block_until_ready(self._loop(self._state))

    def run(self, seed: int) -> tuple[dict[str, np.ndarray], int]:
        """Return draws by name and how many gradients were taken."""
        draws, n_steps = self._loop(self._state)
        samples = {name: np.swapaxes(np.asarray(value), 0, 1) for name, value in draws.items()}
        return samples, int(np.sum(n_steps))

    def _all_steps(self, state):
        def step(state, _):
            return self._kernel.sample(state, (), {}), None

        def kept(state, _):
            state, _ = step(state, None)
            return state, (state.z, state.num_steps)

        state, _ = lax.scan(step, state, None, self._n_warmup)
        _, (z, n_steps) = lax.scan(kept, state, None, self._n_draws)
        return jax.vmap(jax.vmap(self._kernel.postprocess_fn((), {})))(z), n_steps
