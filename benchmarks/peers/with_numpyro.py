"""How numpyro.distributions is measured: each operation as one function compiled by XLA."""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions
from peers.families import LOG_PROB, RSAMPLE, SAMPLE, Family, Operation

NAME = "numpyro"
VERSIONS = {"numpyro": numpyro.__version__, "jax": jax.__version__}


def set_up(threads: int) -> None:
    """Check no values; XLA uses the cores that the process may run on."""
    numpyro.enable_validation(False)


def mean(result: list[Any]) -> float:
    """Return the mean of the log_prob, which comes first."""
    return float(np.asarray(result[0], "float64").mean())


def operations(
    family: Family, source: str, arrays: dict[str, np.ndarray]
) -> dict[str, Operation]:
    """Return the operations; each returns the arrays it computed."""
    inputs = {name: jnp.asarray(array) for name, array in arrays.items()}
    given = inputs.pop("given")
    code = compile(source, family.name, "eval")
    key, counter = jax.random.PRNGKey(0), itertools.count()

    def distribution(inputs: dict[str, Any]) -> Any:
        return eval(code, {**vars(numpyro.distributions), **inputs})

    def draw(inputs: dict[str, Any], count: int) -> Any:
        return distribution(inputs).sample(jax.random.fold_in(key, count))

    def total(inputs: dict[str, Any], given: Any) -> Any:
        value = distribution(inputs).log_prob(given)
        return value.sum(), value

    def drawn_total(inputs: dict[str, Any], count: int) -> Any:
        drawn = distribution(inputs).rsample(jax.random.fold_in(key, count))
        return (0.5 * drawn * drawn).sum(), drawn

    sample = jax.jit(draw)
    log_prob = jax.jit(
        jax.value_and_grad(total, (0,) if family.is_discrete else (0, 1), has_aux=True)
    )
    rsample = jax.jit(jax.value_and_grad(drawn_total, has_aux=True))

    def run_sample() -> list[Any]:
        return [jax.block_until_ready(sample(inputs, next(counter)))]

    def run_log_prob() -> list[Any]:
        (_, value), gradients = jax.block_until_ready(log_prob(inputs, given))
        return [value, gradients]

    def run_rsample() -> list[Any]:
        (_, drawn), gradients = jax.block_until_ready(rsample(inputs, next(counter)))
        return [drawn, gradients]

    found: dict[str, Operation] = {SAMPLE: run_sample, LOG_PROB: run_log_prob}
    if distribution(inputs).has_rsample:
        found[RSAMPLE] = run_rsample
    return found
