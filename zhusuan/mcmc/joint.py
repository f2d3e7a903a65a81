"""A model's log joint for samplers that are called within a loop of the user's own."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import jittor as jt
import numpy as np

from zhusuan._tensor import Shape, Var, as_var, shape_of
from zhusuan.framework.latents import run_at


class LogJoint:
    """The log joint of a model as a function of all its latents, which are taken as they are.

    :param meta_bn: callable from a dict of observations to a BayesianNet.
    :param observed: name -> value of the observed nodes and inputs.
    :param latent: name -> current values, ``chain axes + data axes``.
    :raises ValueError: if there is no latent, or one does not begin with the chain axes, those of
        the log joint.
    :ivar lead: the chain axes.
    :ivar position: the current values, the chain axes made one: [n_chains, D].
    :ivar dim: D.
    """

    def __init__(
        self,
        meta_bn: Callable[[Mapping[str, Any]], Any],
        observed: Mapping[str, Any],
        latent: Mapping[str, Any],
    ) -> None:
        if not latent:
            raise ValueError("HMC: latent is empty: give the current values, {name: values}")
        self._meta_bn, self._observed = meta_bn, observed
        given = {name: as_var(v, what=f"latent[{name!r}]") for name, v in latent.items()}
        self._shapes: dict[str, Shape] = {name: shape_of(v) for name, v in given.items()}
        with jt.no_grad():
            lead = shape_of(run_at(meta_bn, observed, given).log_joint())
        if lead == (1,) and any(shape[0] != 1 for shape in self._shapes.values()):
            lead = ()
        for name, shape in self._shapes.items():
            if shape[: len(lead)] != lead:
                raise ValueError(
                    f"HMC: the log joint has shape {list(lead)}, which counts the chains, but "
                    f"latent {name!r} of shape {list(shape)} does not begin with it; sum the "
                    "log-probabilities over the data axes, with group_ndims or reduce_sum_dims"
                )
        self.lead = lead
        self._n_chains = math.prod(lead)
        fetched = jt.fetch_sync(list(given.values()))
        self.position = self._flat(fetched)
        self.dim = self.position.shape[1]

    def _flat(self, arrays: Any) -> np.ndarray:
        rows = [np.asarray(a, np.float64).reshape(self._n_chains, -1) for a in arrays]
        return np.concatenate(rows, 1)

    def arrays(self, position: np.ndarray) -> dict[str, np.ndarray]:
        """Return name -> array of the latent's shape, float32.

        :param position: shape [n_chains, D].
        """
        parts, start = {}, 0
        for name, shape in self._shapes.items():
            stop = start + math.prod(shape) // self._n_chains
            part = np.ascontiguousarray(position[:, start:stop], np.float32)
            parts[name], start = part.reshape(shape), stop
        return parts

    def values(self, position: np.ndarray) -> dict[str, Var]:
        """Return name -> Var of the latent's shape.

        :param position: shape [n_chains, D].
        """
        values = {name: jt.array(array) for name, array in self.arrays(position).items()}
        jt.sync(list(values.values()))
        return values

    def log_prob_and_grad(self, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the log joint and its gradient; minus infinity and NaN for what is not finite.

        :param position: shape [n_chains, D].
        """
        escaped = ~np.isfinite(position).all(1)
        if escaped.any():
            position = np.where(escaped[:, None], self.position, position)
        leaves = self.values(position)
        with jt.enable_grad():
            total = run_at(self._meta_bn, self._observed, leaves).log_joint()
            gradients = jt.grad(total, list(leaves.values()))
        log_prob, *parts = jt.fetch_sync([total, *gradients])
        log_prob = log_prob.astype(np.float64).reshape(self._n_chains)
        gradient = self._flat(parts)
        log_prob[escaped], gradient[escaped] = -np.inf, np.nan
        return log_prob, gradient
