"""Predictive accuracy by leave-one-out cross-validation and WAIC, through ArviZ."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from zhusuan.diagnostics import to_arviz


def loo(log_likelihood: Mapping[str, Any], trace: Any = None, **options: Any) -> Any:
    r"""Estimate the expected log predictive density of new data, by PSIS-LOO.

    Leave-one-out cross-validation without fitting again: the draws are weighted by
    :math:`1 / p(y_i \mid z^{(s)})`, the largest weights smoothed by a generalised Pareto
    distribution (Vehtari, Gelman and Gabry 2017). Its shape :math:`\hat k` tells for
    which data that can't be trusted: those above 0.7::

        log_lik = zs.evaluation.pointwise_log_likelihood(model, {"y": y}, trace)
        found = zs.evaluation.loo(log_lik, trace, pointwise=True)
        print(found.elpd_loo, found.pareto_k.max())

    :param log_likelihood: in nats, what :func:`pointwise_log_likelihood` returns, name -> array
        ``[n_chains, n_draws] + data axes``; of several nodes choose one by ``var_name``.
    :param trace: the trace, or its samples, name -> ``[n_chains, n_draws] + shape``: ArviZ counts
        its effective draws. None: those of the likelihood are counted in their place.
    :param options: of ``arviz.loo``: ``pointwise``, ``var_name``, ``reff``.
    :return: ArviZ's ``ELPDData``; its ``elpd_loo`` is in nats.
    :raises RuntimeError: if ArviZ is not installed.
    :raises TypeError: if something is no dict.
    :raises ValueError: for arrays of other shapes.
    """
    return _criterion("loo", log_likelihood, trace, options)


def waic(log_likelihood: Mapping[str, Any], trace: Any = None, **options: Any) -> Any:
    """Estimate the expected log predictive density of new data, by WAIC (Watanabe 2010).

    PSIS-LOO estimates the same and tells when it fails; prefer :func:`loo`. ArviZ 1.x has no WAIC.

    :param log_likelihood: in nats; see :func:`loo`.
    :param trace: see :func:`loo`.
    :param options: of ``arviz.waic``: ``pointwise``, ``var_name``, ``scale``.
    :return: ArviZ's ``ELPDData``; its ``elpd_waic`` is in nats.
    :raises RuntimeError: if ArviZ is not installed, or has no WAIC.
    :raises TypeError: if something is no dict.
    :raises ValueError: for arrays of other shapes.
    """
    return _criterion("waic", log_likelihood, trace, options)


def _criterion(name: str, log_likelihood: Any, trace: Any, options: Mapping[str, Any]) -> Any:
    try:
        arviz = importlib.import_module("arviz")
    except ImportError as error:
        raise RuntimeError(
            f"{name} needs ArviZ: pip install arviz, or pip install 'zhusuan[arviz]'"
        ) from error
    if not hasattr(arviz, name):
        raise RuntimeError(
            f"ArviZ {arviz.__version__} has no {name}: use zs.evaluation.loo, which estimates the "
            "same, or ArviZ 0.x"
        )
    if not isinstance(log_likelihood, Mapping) or not log_likelihood:
        raise TypeError(
            f"{name}: log_likelihood must be a dict name -> array, such as "
            f"zs.evaluation.pointwise_log_likelihood returns, got {type(log_likelihood).__name__}"
        )
    samples = log_likelihood if trace is None else getattr(trace, "samples", trace)
    sizes = {k: np.shape(a)[:2] for k, a in {**dict(samples), **dict(log_likelihood)}.items()}
    if len(set(sizes.values())) != 1:
        raise ValueError(
            f"{name}: the log-likelihoods and the trace must have the same chains and draws, got "
            f"{ {k: list(size) for k, size in sizes.items()} }"
        )
    data = to_arviz(samples, log_likelihood=log_likelihood)
    return getattr(arviz, name)(data, **options)
