"""Rows of the zero-inflated Poisson distribution."""

from __future__ import annotations

import numpy as np
from scipy import stats

from tests.distributions.cases.case import Case
from tests.distributions.cases.reference import Summed
from zhusuan import distributions as zd


def _reference(p):
    gate, rate = p["gate"], p["rate"]

    def log_mass(x):
        with np.errstate(divide="ignore"):
            counts = np.log1p(-gate) + stats.poisson.logpmf(x, rate)
            # log P(0) by the difference to 1 where that is small, else by logaddexp.
            difference = (1 - gate) * np.expm1(-rate)
            zero = np.where(
                difference > -0.5,
                np.log1p(np.maximum(difference, -0.5)),
                np.logaddexp(np.log(gate), np.log1p(-gate) - rate),
            )
        return np.where(np.asarray(x) == 0, zero, counts)

    return Summed(log_mass, n_max=2000)


CASES = [
    Case(
        "zero-inflated-poisson",
        zd.ZeroInflatedPoisson,
        {"gate": np.array([[0.3], [0.9]]), "rate": np.array([0.5, 4.0, 120.0])},
        _reference,
        np.array([[0.0, 3.0, 0.0], [2.0, 0.0, 130.0]]),
        discrete=True,
        extremes=[
            (
                {"gate": np.array([[0.0], [1e-4]]), "rate": np.array([1e-4, 1e4, 30.0])},
                np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]]),
            ),
            (
                {"gate": np.array([[1.0], [0.9999]]), "rate": np.array([1e-4, 1e4, 30.0])},
                np.array([[0.0, 0.0, 0.0], [0.0, 1e4, 0.0]]),
            ),
        ],
        outside=[-1.0, 0.5],
    ),
]
