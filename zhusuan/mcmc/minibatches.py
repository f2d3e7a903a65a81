"""Data that change from step to step: minibatches for samplers with stochastic gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from zhusuan import random
from zhusuan._tensor import as_var, host_view
from zhusuan.framework.latents import Model
from zhusuan.mcmc.model_targets import ModelTarget, Target
from zhusuan.random.source import generator

Batches = Callable[[int], Mapping[str, Any]]
"""From the number of the step, which counts from 0, to observations by name."""


class MinibatchTarget(ModelTarget):
    """The posterior of a model as minibatches estimate it, another at each step.

    ::

        batches = zs.mcmc.minibatches({"x": x, "y": y}, 32)
        trace = zs.mcmc.run(zs.mcmc.SGLD(1e-4), zs.mcmc.MinibatchTarget(net, batches))

    The likelihood of a minibatch must stand for that of all data: give its node ``n_data``.

    It is for kernels that derive from :class:`~zhusuan.mcmc.SGMCMC`. Others accept and reject by
    the log-density itself, and refuse it.

    :param model: callable from a dict of observations to a BayesianNet.
    :param batches: function from the step to the observations of its minibatch; see
        :func:`minibatches`. The shapes should be the same each time.
    :param chain_method: see :class:`~zhusuan.mcmc.Target`.
    :raises TypeError: if ``batches`` is no function that returns a dict.
    :raises ValueError: as :class:`~zhusuan.mcmc.ModelTarget`.
    """

    changes = True

    def __init__(self, model: Model, batches: Batches, chain_method: str = "vectorized") -> None:
        if not callable(batches):
            raise TypeError(
                "MinibatchTarget: batches must be a function from the step to a dict of "
                f"observations, got {type(batches).__name__}"
            )
        self._batches = batches
        # It shows the shapes; the draws of a run are those of its own stream.
        with random.stream(0):
            first = self._batch(0)
        super().__init__(model, first, chain_method)

    def at_step(self, t: int) -> Target:
        """Return the posterior as the minibatch of a step estimates it.

        :param t: number of the step.
        :return: a target of that minibatch.
        :raises TypeError: if the function of minibatches returns no dict.
        """
        return self.with_observed(self._batch(t))

    def _batch(self, t: int) -> Mapping[str, Any]:
        batch = self._batches(t)
        if not isinstance(batch, Mapping):
            raise TypeError(
                "MinibatchTarget: batches must return a dict of observations, got "
                f"{type(batch).__name__} at step {t}"
            )
        return batch


def minibatches(data: Mapping[str, Any], batch_size: int) -> Batches:
    """Return a function that draws minibatches, without replacement within each.

    They are drawn from the stream in use, so the seed of a run reproduces them.

    :param data: name -> array of all data, shape ``[n] + shape``.
    :param batch_size: how many make a minibatch.
    :return: a function of the step that returns name -> array ``[batch_size] + shape``.
    :raises TypeError: for a ``batch_size`` that is no int.
    :raises ValueError: if the arrays differ in length, or there are less than ``batch_size``.
    """
    arrays = {name: _array(name, value) for name, value in data.items()}
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"minibatches: the arrays must have one length, got {lengths}")
    n = next(iter(lengths.values()))
    if isinstance(batch_size, bool) or not isinstance(batch_size, (int, np.integer)):
        raise TypeError(f"minibatches: batch_size must be an int, got {batch_size!r}")
    if not 1 <= batch_size <= n:
        raise ValueError(f"minibatches: batch_size must be in [1, {n}], got {batch_size}")

    def batch(t: int) -> dict[str, np.ndarray]:
        chosen = generator().choice(n, batch_size, replace=False, shuffle=False)
        return {name: array[chosen] for name, array in arrays.items()}

    return batch


def _array(name: str, value: Any) -> np.ndarray:
    array = host_view(as_var(value, what=f"data[{name!r}]"))
    return np.array(array)  # a Var's own memory may change
