"""The table of families that the property tests go through: one row, all properties."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import stats

from zhusuan import distributions as zd


@dataclass
class Case:
    """One family in one parameterisation.

    :param name: id of the case.
    :param family: the class.
    :param parameters: name -> numpy array.
    :param reference: parameters (float64) -> frozen SciPy distribution.
    :param points: values at which the log-density is compared, broadcastable to the batch.
    :param discrete: whether SciPy's logpmf is the truth.
    """

    name: str
    family: type[zd.Distribution]
    parameters: dict[str, Any]
    reference: Callable[[dict[str, Any]], Any]
    points: np.ndarray = field(default_factory=lambda: np.zeros(1))
    discrete: bool = False

    def build(self, parameters: dict[str, Any] | None = None, **options: Any) -> zd.Distribution:
        return self.family(**(parameters or self.parameters), **options)

    def truth(self, parameters: dict[str, Any] | None = None) -> Any:
        if parameters is None:  # what the library is given is rounded to float32
            parameters = {k: np.float32(v) for k, v in self.parameters.items()}
        return self.reference({k: np.asarray(v, dtype=float) for k, v in parameters.items()})

    def log_truth(self, x: Any, parameters: dict[str, Any] | None = None) -> np.ndarray:
        frozen = self.truth(parameters)
        return (frozen.logpmf if self.discrete else frozen.logpdf)(x)


def _expit(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


REALS = np.array([[-8.0, -0.3, 0.0], [0.7, 2.5, 30.0]])
BITS = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0]])

CASES = [
    Case(
        "normal-std",
        zd.Normal,
        {"mean": np.array([[0.5], [-1.0]]), "std": np.array([0.2, 1.0, 30.0])},
        lambda p: stats.norm(p["mean"], p["std"]),
        REALS,
    ),
    Case(
        "normal-logstd",
        zd.Normal,
        {"mean": np.array([[0.5], [-1.0]]), "logstd": np.array([-1.5, 0.0, 3.0])},
        lambda p: stats.norm(p["mean"], np.exp(p["logstd"])),
        REALS,
    ),
    Case(
        "bernoulli-logits",
        zd.Bernoulli,
        {"logits": np.array([[-5.0, 0.0, 2.0], [-0.5, 1.0, 9.0]])},
        lambda p: stats.bernoulli(_expit(p["logits"])),
        BITS,
        discrete=True,
    ),
    Case(
        "bernoulli-probs",
        zd.Bernoulli,
        {"probs": np.array([[0.01, 0.5, 0.9], [0.3, 0.7, 0.999]])},
        lambda p: stats.bernoulli(p["probs"]),
        BITS,
        discrete=True,
    ),
]
