"""Rows of the categorical distribution."""

from __future__ import annotations

import numpy as np
from scipy.special import log_softmax

from tests.distributions.cases.case import Case
from tests.distributions.cases.reference import Summed
from zhusuan import distributions as zd

LOGITS = np.array(
    [
        [[0.0, 0.0, 0.0, 0.0], [1.0, -1.0, 2.0, 0.5], [-3.0, 0.2, 0.1, 4.0]],
        [[5.0, 6.0, 7.0, 8.0], [-2.0, 1.0, -1.0, 0.0], [0.3, 0.1, -0.5, -1.5]],
    ]
)
_INDICES = np.array([[0.0, 2.0, 1.0], [3.0, 1.0, 0.0]])


def log_normalized(p):
    """Return the log-probabilities in float64, whichever way they are written."""
    with np.errstate(divide="ignore"):
        return log_softmax(p["logits"] if "logits" in p else np.log(p["probs"]), -1)


def _reference(p):
    table = log_normalized(p)

    def log_mass(x):
        x = np.broadcast_to(x, np.broadcast_shapes(np.shape(x), table.shape[:-1]))
        full = np.broadcast_to(table, x.shape + table.shape[-1:])
        return np.take_along_axis(full, x.astype(int)[..., None], -1)[..., 0]

    return Summed(log_mass, 0, table.shape[-1] - 1, batch_shape=table.shape[:-1])


CASES = [
    Case(
        "categorical-logits",
        zd.Categorical,
        {"logits": LOGITS},
        _reference,
        _INDICES,
        discrete=True,
        extremes=[
            ({"logits": LOGITS * 100}, _INDICES),
            ({"logits": LOGITS + 1e4}, _INDICES),
            ({"logits": np.where(LOGITS < -1.0, -np.inf, LOGITS)}, _INDICES),
        ],
        outside=[-1.0, 4.0, 0.5, 1e10],
    ),
    Case(
        "categorical-probs",
        zd.Categorical,
        {"probs": np.exp(log_softmax(LOGITS, -1))},
        _reference,
        _INDICES,
        discrete=True,
        extremes=[
            ({"probs": np.broadcast_to([0.5, 0.4999, 0.0, 1e-4], (2, 3, 4))}, _INDICES),
        ],
        outside=[-1.0, 4.0, 0.5, 1e10],
    ),
]
