"""Runs one library's sampler on one target and saves the draws; see benchmarks/mcmc.py.

``python -m peers.mcmc_worker LIBRARY TARGET N_CHAINS N_WARMUP N_DRAWS SEED FILE`` writes an npz
file with the draws by name, ``[n_chains, n_draws, ...]``, ``seconds`` of warm-up and draws without
what is compiled once, and ``n_gradients`` of all chains, -1 where the library does not tell.
"""

from __future__ import annotations

import importlib
import sys
import time

import numpy as np

MODULES = {
    "zhusuan NUTS": "peers.mcmc_zhusuan",
    "zhusuan ChEES": "peers.mcmc_zhusuan",
    "numpyro NUTS": "peers.mcmc_numpyro",
    "pyro NUTS": "peers.mcmc_pyro",
}


def main() -> None:
    """Run what the command line says."""
    library, target, *numbers, path = sys.argv[1:]
    n_chains, n_warmup, n_draws, seed = map(int, numbers)
    sampler = importlib.import_module(MODULES[library]).Sampler(
        library.split()[1], target, n_chains, n_warmup, n_draws
    )
    sampler.compile()
    if hasattr(sampler, "prepare"):
        sampler.prepare(seed)
    start = time.perf_counter()
    samples, n_gradients = sampler.run(seed)
    seconds = time.perf_counter() - start
    np.savez(path, seconds=seconds, n_gradients=n_gradients, **samples)


if __name__ == "__main__":
    main()
