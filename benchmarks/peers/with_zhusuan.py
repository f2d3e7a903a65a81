"""How this library is measured; the operations marked as checked look at every value."""

from __future__ import annotations

from typing import Any

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import jittor as jt
import numpy as np
from peers.families import LOG_PROB, RSAMPLE, SAMPLE, Family, Operation

NAME = "zhusuan"
VERSIONS = {"zhusuan": zs.__version__, "jittor": jt.__version__, "numpy": np.__version__}


def set_up(threads: int) -> None:
    """Nothing to do: OMP_NUM_THREADS says it."""


def mean(result: list[Any]) -> float:
    """Return the mean of the log_prob, which comes first."""
    return float(result[0].numpy().astype("float64").mean())


def operations(
    family: Family, source: str, arrays: dict[str, np.ndarray]
) -> dict[str, Operation]:
    """Return the operations; each returns the Vars it computed."""
    jt.gc()
    inputs = {name: jt.array(array) for name, array in arrays.items()}
    jt.sync(list(inputs.values()))
    given = inputs.pop("given")
    parameters = list(inputs.values())
    code = compile(source, family.name, "eval")
    namespace = {**vars(zs.distributions), **inputs}

    def distribution() -> Any:
        return eval(code, namespace)

    def sample() -> list[Any]:
        return _synced([distribution().sample()])

    def log_prob() -> list[Any]:
        value = distribution().log_prob(given)
        targets = parameters if family.is_discrete else [*parameters, given]
        return _synced([value, *jt.grad(value, targets)])

    def rsample() -> list[Any]:
        drawn = distribution().sample()
        return _synced([drawn, *jt.grad(0.5 * drawn * drawn, parameters)])

    found: dict[str, Operation] = {SAMPLE: sample, LOG_PROB: log_prob}
    if _off(distribution)().is_reparameterized:
        found[RSAMPLE] = rsample
    checked = {f"{operation}, checked": run for operation, run in found.items()}
    return {operation: _off(run) for operation, run in found.items()} | checked


def _synced(computed: list[Any]) -> list[Any]:
    jt.sync(computed)
    return computed


def _off(run: Operation) -> Operation:
    def unchecked() -> Any:
        with zs.distributions.validation(False):
            return run()

    return unchecked
