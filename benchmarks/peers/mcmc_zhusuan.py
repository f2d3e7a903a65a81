"""This library's part in benchmarks/mcmc.py."""

from __future__ import annotations

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import jittor as jt
import numpy as np
from peers.mcmc_targets import EFFECTS, ERRORS, gaussian_factor, logistic_data


class Logistic(zs.BayesianNet):
    """Logistic regression with standard normal weights."""

    def __init__(self) -> None:
        super().__init__()
        self._x = jt.array(logistic_data()[0]).stop_grad()

    def execute(self, observed):
        """Describe one run."""
        self.observe(observed)
        w = self.sn("Normal", "w", mean=jt.zeros([20]), std=1.0, group_ndims=1)
        self.sn("Bernoulli", "y", logits=w @ self._x.transpose(), group_ndims=1)
        return self


class Schools(zs.BayesianNet):
    """Eight schools, non-centred."""

    def execute(self, observed):
        """Describe one run."""
        self.observe(observed)
        mu = self.sn("Normal", "mu", mean=jt.zeros([1]), std=5.0, group_ndims=1)
        tau = self.sn("HalfCauchy", "tau", scale=jt.full([1], 5.0), group_ndims=1)
        eta = self.sn("Normal", "eta", mean=jt.zeros([8]), std=1.0, group_ndims=1)
        self.sn("Normal", "y", mean=mu + tau * eta, std=ERRORS, group_ndims=1)
        return self


class Gaussian(zs.BayesianNet):
    """A normal distribution of 100 correlated numbers."""

    def __init__(self) -> None:
        super().__init__()
        self._factor = jt.array(gaussian_factor()).stop_grad()

    def execute(self, observed):
        """Describe one run."""
        self.observe(observed)
        self.sn("MultivariateNormalCholesky", "z", mean=jt.zeros([100]), cov_tril=self._factor)
        return self


class Sampler:
    """Runs NUTS or ChEES."""

    def __init__(self, kernel: str, target: str, n_chains: int, n_warmup: int, n_draws: int):
        self._kernel = getattr(zs.mcmc, kernel)()
        self._model, self._observed = {
            "logistic": lambda: (Logistic(), {"y": logistic_data()[1]}),
            "schools": lambda: (Schools(), {"y": EFFECTS}),
            "gaussian": lambda: (Gaussian(), {}),
        }[target]()
        self._n_chains, self._n_warmup, self._n_draws = n_chains, n_warmup, n_draws

    def compile(self) -> None:
        """Compile the kernels, which a run of any length needs."""
        self._run(20, 5, 0)

    def run(self, seed: int) -> tuple[dict[str, np.ndarray], int]:
        """Return draws by name and how many gradients were taken."""
        trace = self._run(self._n_warmup, self._n_draws, seed)
        return dict(trace.samples), int(np.sum(trace.stats["n_leapfrogs"]))

    def _run(self, n_warmup: int, n_draws: int, seed: int):
        return zs.mcmc.run(
            self._kernel, self._model, self._observed, n_chains=self._n_chains,
            n_warmup=n_warmup, n_draws=n_draws, seed=seed, progress=False,
        )  # fmt: skip
