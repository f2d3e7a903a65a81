"""How torch.distributions is measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from peers.families import LOG_PROB, RSAMPLE, SAMPLE, Family, Operation

NAME = "torch"
VERSIONS = {"torch": torch.__version__}


def set_up(threads: int) -> None:
    """Use so many threads, and check no values."""
    torch.set_num_threads(threads)
    torch.distributions.Distribution.set_default_validate_args(False)


def mean(result: list[Any]) -> float:
    """Return the mean of the log_prob, which comes first."""
    return float(result[0].detach().double().mean())


def operations(
    family: Family, source: str, arrays: dict[str, np.ndarray]
) -> dict[str, Operation]:
    """Return the operations; each returns the tensors it computed."""
    inputs = {name: torch.from_numpy(array) for name, array in arrays.items()}
    given = inputs.pop("given")
    if not given.is_floating_point():
        given = given.long()
    parameters = [tensor.requires_grad_() for tensor in inputs.values()]
    if not family.is_discrete:
        given.requires_grad_()
    code = compile(source, family.name, "eval")
    namespace = {**vars(torch.distributions), "tensor": torch.tensor, **inputs}

    def distribution() -> Any:
        return eval(code, namespace)

    def sample() -> list[Any]:
        with torch.no_grad():
            return [distribution().sample()]

    def log_prob() -> list[Any]:
        value = distribution().log_prob(given)
        targets = parameters if family.is_discrete else [*parameters, given]
        return [value, *torch.autograd.grad(value.sum(), targets, allow_unused=True)]

    def rsample() -> list[Any]:
        drawn = distribution().rsample()
        loss = (0.5 * drawn * drawn).sum()
        return [drawn, *torch.autograd.grad(loss, parameters, allow_unused=True)]

    found: dict[str, Operation] = {SAMPLE: sample, LOG_PROB: log_prob}
    if distribution().has_rsample:
        found[RSAMPLE] = rsample
    return found
