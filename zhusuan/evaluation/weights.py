"""Importance weights: their running sum, and the nodes that have none."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from zhusuan.framework.stochastic_tensor import StochasticTensor


class WeightSum:
    """The running sum of importance weights that come in parts, in float64 and in log space.

    :ivar count: number of weights of each datum so far.
    """

    def __init__(self) -> None:
        self.count = 0
        # The highest log-weight so far, and the sums of w and w * w relative to it.
        self._highest: np.ndarray = np.array(-np.inf)
        self._sum: np.ndarray = np.array(0.0)
        self._sum_of_squares: np.ndarray = np.array(0.0)

    def add(self, log_w: np.ndarray) -> None:
        """Add some weights.

        :param log_w: their logarithms, shape ``[k, ...]``: k for each datum.
        """
        log_w = log_w.astype(np.float64)
        highest = np.maximum(self._highest, log_w.max(0))
        # Where all weights are 0 so far, any finite number serves as the reference.
        reference = np.where(np.isfinite(highest), highest, 0.0)
        relative = np.exp(log_w - reference)
        old = np.exp(self._highest - reference)
        self._sum = self._sum * old + relative.sum(0)
        self._sum_of_squares = self._sum_of_squares * old**2 + (relative**2).sum(0)
        self._highest = highest
        self.count += len(log_w)

    @property
    def log_mean(self) -> np.ndarray:
        """The logarithm of the mean weight of each datum, in nats; the shape of the data axes."""
        with np.errstate(divide="ignore"):  # log 0, for data that no sample explains
            return self._highest + np.log(self._sum) - math.log(self.count)

    @property
    def ess(self) -> np.ndarray:
        """The effective number of samples of each datum, between 1 and the count; 0 for none."""
        squares = np.where(self._sum > 0, self._sum_of_squares, 1.0)
        return self._sum**2 / squares


def check_weighable(who: str, nodes: Mapping[str, StochasticTensor]) -> None:
    """Check that each log-probability is that of the data, neither averaged nor scaled.

    :param who: name of the function, for messages.
    :param nodes: name -> node, after a run.
    :raises ValueError: naming the node that is.
    """
    for name, node in nodes.items():
        if node._mean_dims:
            raise ValueError(
                f"{who}: node {name!r} averages over dims {list(node._mean_dims)} "
                "(reduce_mean_dims), so that there is no weight for each datum: leave "
                "the average out, and average the result"
            )
        if node.scale() != 1.0:
            raise ValueError(
                f"{who}: the log-probability of node {name!r} is multiplied by "
                f"{node.scale():.6g} (multiplier, or n_data and a minibatch), so that the "
                "weights are none: evaluate the nets without, on all the data"
            )
