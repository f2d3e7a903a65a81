"""The log-likelihood of each datum at each draw of the posterior."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

import jittor as jt
import numpy as np
from tqdm import tqdm

from zhusuan._tensor import Var, shape_of
from zhusuan.framework.latents import Model, run_at
from zhusuan.framework.stochastic_tensor import StochasticTensor

# Log-likelihoods that are computed in one run of the model.
_CHUNK = 1_000_000


def pointwise_log_likelihood(
    model: Model,
    observed: Mapping[str, Any],
    samples: Any,
    names: Sequence[str] | None = None,
    *,
    data_ndims: int = 1,
    vectorize: bool = True,
    progress: bool | None = None,
) -> dict[str, np.ndarray]:
    r"""Return :math:`\log p(y_i \mid z^{(s)})` of all data i and all draws s of a posterior.

    It is what :func:`loo` and :func:`waic` are made of. How a node reduces its log-probability
    (``group_ndims``, ``reduce_sum_dims``, ``n_data``, ``multiplier``) does not matter here: of the
    dims of its distribution, the first ``data_ndims`` count data, and the others are summed.

    :param model: callable from a dict of observations to a BayesianNet.
    :param observed: name -> value of the observed nodes and inputs, all the data.
    :param samples: a trace of :func:`zhusuan.mcmc.run`; or name -> draws of shape
        ``[n_chains, n_draws] + shape``, of all latent nodes.
    :param names: observed nodes that are wanted; None for all.
    :param data_ndims: how many dims of an observed node count data: 1 for a list of them; a datum
        may be a vector.
    :param vectorize: run the model on many draws at once, as a leading axis, as samplers do;
        False for models that can't take it.
    :param progress: whether to show a progress bar; by default on a terminal only.
    :return: name -> array ``[n_chains, n_draws] + data axes``, float64, in nats.
    :raises TypeError: if the samples are no dict of arrays.
    :raises ValueError: for draws that differ in number, a latent node without draws, or a node
        that is not observed or has no such dims.
    """
    draws = _checked(getattr(samples, "samples", samples))
    n_chains, n_draws = next(iter(draws.values())).shape[:2]
    flat = {name: a.reshape(-1, *a.shape[2:]) for name, a in draws.items()}
    n = n_chains * n_draws
    n_data = sum(math.prod(np.shape(value)) for value in observed.values())
    batch = max(1, _CHUNK // max(1, n_data)) if vectorize else 1
    kept: dict[str, list[np.ndarray]] = {}
    bar = tqdm(
        total=n, desc="log-likelihood", unit="draw", leave=False,
        disable=None if progress is None else not progress,
    )  # fmt: skip
    with bar, jt.no_grad():
        for start in range(0, n, batch):
            part = {name: a[start : start + batch] for name, a in flat.items()}
            size = min(batch, n - start)
            values = part if vectorize else {name: a[0] for name, a in part.items()}
            nodes = _wanted(run_at(model, observed, values).nodes, observed, names)
            terms = [_of_data(node, data_ndims, size) for node in nodes]
            for node, array in zip(nodes, jt.fetch_sync(terms)):
                array = np.broadcast_to(array, (size, *array.shape[1:]))
                kept.setdefault(node.name, []).append(array.astype(np.float64))
            bar.update(size)
    arrays = {name: np.concatenate(parts) for name, parts in kept.items()}
    return {name: a.reshape(n_chains, n_draws, *a.shape[1:]) for name, a in arrays.items()}


def _checked(samples: Any) -> dict[str, np.ndarray]:
    if not isinstance(samples, Mapping) or not samples:
        raise TypeError(
            f"pointwise_log_likelihood: samples must be a trace or a dict of draws, got {samples!r}"
        )
    draws = {name: np.asarray(a) for name, a in samples.items()}
    if len({a.shape[:2] for a in draws.values()}) != 1 or next(iter(draws.values())).ndim < 2:
        raise ValueError(
            "pointwise_log_likelihood: draws must have shape [n_chains, n_draws, ...], the same "
            f"for all, got { {name: list(a.shape) for name, a in draws.items()} }"
        )
    if 0 in next(iter(draws.values())).shape[:2]:
        raise ValueError("pointwise_log_likelihood: there are no draws")
    return draws


def _wanted(
    nodes: Mapping[str, StochasticTensor], observed: Mapping[str, Any], names: Sequence[str] | None
) -> list[StochasticTensor]:
    free = sorted(name for name, node in nodes.items() if not node.is_observed())
    if free:
        raise ValueError(
            f"pointwise_log_likelihood: node {free[0]!r} is neither observed nor among the draws"
        )
    given = [name for name in nodes if name in observed]
    wanted = given if names is None else list(names)
    if not wanted or set(wanted) - set(given):
        raise ValueError(
            f"pointwise_log_likelihood: names={names}, but the observed nodes are {given}"
        )
    return [nodes[name] for name in wanted]


def _of_data(node: StochasticTensor, data_ndims: int, n_draws: int) -> Var:
    """Return the log-likelihood of each datum, with a leading axis of ``n_draws``, or of 1."""
    dist = copy.copy(node.dist)
    dist.group_ndims = 0
    log_prob = dist.log_prob(node.tensor)
    n_dims = len(node.shape) - len(dist.value_shape)
    if not 0 < data_ndims <= n_dims:
        raise ValueError(
            f"pointwise_log_likelihood: data_ndims={data_ndims}, but node {node.name!r} has "
            f"observations in {n_dims} dims, shape {list(node.shape)}"
        )
    if len(log_prob.shape) == n_dims:  # one draw, or what does not depend on the latents
        log_prob = log_prob.unsqueeze(0)
    shape = shape_of(log_prob)
    if len(shape) != n_dims + 1 or shape[0] not in (1, n_draws):
        raise ValueError(
            f"pointwise_log_likelihood: the log-probability of node {node.name!r} has shape "
            f"{list(shape)} for observations of shape {list(node.shape)}, and draws as a leading "
            f"axis of {n_draws}; use vectorize=False if the model can't take that axis"
        )
    others = list(range(1 + data_ndims, len(shape)))
    return log_prob.sum(others) if others else log_prob
