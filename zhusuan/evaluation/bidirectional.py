"""Bidirectional Monte Carlo: the log-likelihood between two bounds, on data of the model's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jittor as jt
import numpy as np

from zhusuan.evaluation.ais import AIS, AISResult
from zhusuan.framework.latents import Model, run_prior
from zhusuan.mcmc.hamiltonian import HamiltonianKernel
from zhusuan.random import spawn, stream


class Bidirectional(NamedTuple):
    """Two bounds of the log-likelihood of simulated data.

    :param lower: forward run.
    :param upper: reverse run.
    :param observed: name -> the data that were simulated, and what was given.
    :param latent: name -> the latents that they were simulated with, of the nodes' shapes.
    """

    lower: AISResult
    upper: AISResult
    observed: dict[str, Any]
    latent: dict[str, np.ndarray]

    @property
    def gap(self) -> np.ndarray:
        """Upper minus lower bound of each datum, in nats; the shape of the data axes."""
        return self.upper.log_likelihood - self.lower.log_likelihood


def bidirectional(
    model: Callable[[Mapping[str, Any]], Any],
    proposal: Model,
    hmc: HamiltonianKernel,
    data: Sequence[str],
    observed: Mapping[str, Any] | None = None,
    *,
    seed: int | None = None,
    **options: Any,
) -> Bidirectional:
    """Simulate data from a model, and bound their log-likelihood from both sides.

    The latents that data were simulated with are an exact draw from the posterior, from which the
    reverse chains begin (Grosse et al. 2015). The gap between the bounds is, on average, at least
    what the lower bound is too low by; settings that close it on simulated data are trusted on real
    data that are like them::

        found = zs.evaluation.bidirectional(model, model, hmc, ["x"], n_chains=16)
        print(found.gap.mean(), "nats at most")

    :param model: callable from a dict of observations to a BayesianNet.
    :param proposal: likewise, or the model itself; see :class:`~zhusuan.evaluation.AIS`.
    :param hmc: how the chains move.
    :param data: names of the nodes that are simulated.
    :param observed: name -> value of other observed nodes and inputs.
    :param seed: makes it reproducible; see :meth:`AIS.run <zhusuan.evaluation.AIS.run>`.
    :param options: others of :class:`~zhusuan.evaluation.AIS`, such as ``n_chains`` and
        ``n_temperatures``.
    :return: both runs, the data and their latents.
    :raises TypeError: if ``data`` is no list.
    :raises ValueError: for a name that is no drawn node, if no latent is left, and as
        :class:`~zhusuan.evaluation.AIS`.
    """
    if isinstance(data, str):
        raise TypeError(f"bidirectional: data must be a list of names, got {data!r}")
    given = {} if observed is None else dict(observed)
    with stream(spawn(1)[0] if seed is None else seed):
        with jt.no_grad():
            nodes = run_prior(model, given).nodes
            drawn = {name: node for name, node in nodes.items() if not node.is_observed()}
            unknown = sorted(set(data) - set(drawn))
            if unknown or not data:
                raise ValueError(
                    f"bidirectional: data={list(data)} must name nodes that the model draws; those "
                    f"are {sorted(drawn)}"
                )
            if not set(drawn) - set(data):
                raise ValueError(
                    f"bidirectional: data={list(data)} are all nodes that the model draws, so that "
                    "there is no latent to integrate over"
                )
            arrays = dict(zip(drawn, jt.fetch_sync([node.tensor for node in drawn.values()])))
        # A model that draws particles itself: the first of them.
        if any(node.shape != node.dist.sample_shape() for node in drawn.values()):
            arrays = {name: array[0] for name, array in arrays.items()}
        simulated = {name: np.array(arrays[name]) for name in data}
        latent = {n: np.array(array) for n, array in arrays.items() if n not in simulated}
        ais = AIS(model, proposal, hmc, {**given, **simulated}, list(latent), **options)
        return Bidirectional(ais.run(), ais.run_reverse(latent), {**given, **simulated}, latent)
