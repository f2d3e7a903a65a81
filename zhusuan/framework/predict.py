"""Draws of a model given some of its nodes: prior and posterior predictive."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jittor as jt
import numpy as np
from tqdm import tqdm

from zhusuan._tensor import shape_of
from zhusuan.distributions.validation import validated_together
from zhusuan.framework.judging import judged_together, raise_unread

if TYPE_CHECKING:
    from zhusuan.framework.bn import BayesianNet

Model = Callable[[Mapping[str, Any]], "BayesianNet"]


def predict(
    model: Model,
    observed: Mapping[str, Any] | None = None,
    n_samples: int | None = None,
    posterior: Any = None,
    names: Sequence[str] | None = None,
    vectorize: bool = False,
    progress: bool | None = None,
) -> dict[str, np.ndarray]:
    r"""Draw the nodes of a model that are not observed.

    Without ``posterior``, every node is drawn from its distribution given its parents: the prior
    predictive, or what follows from any nodes that are held at observed values. With it, the
    latent nodes take draws of the posterior :math:`p(z \mid x)` and everything else follows: the
    posterior predictive (Gelman et al. 2013, eq. 1.4)::

        images = zs.predict(model, n_samples=64)["x_mean"]
        again = zs.predict(model, {"x": x}, 10, posterior=variational, names=["x_mean"])
        new = zs.predict(model, {"t": new_times}, posterior=trace.samples)

    The name of a node that is to be predicted must not be in ``observed`` when the model is run;
    what the posterior alone reads, such as the x of :math:`q(z \mid x)`, may be: of the nodes
    that are drawn or computed, only those the caller asks for come back.

    :param model: callable from a dict of observations to a BayesianNet.
    :param observed: name -> value of what is held fixed.
    :param n_samples: number of draws; for a dict of draws, all of them by default.
    :param posterior: a variational net (a callable like ``model``), run anew for every draw; or
        name -> draws, an array with the draws along dim 0 (a BayesianNet's draws, or those of
        MCMC with chains and draws merged).
    :param names: the nodes, stochastic or deterministic, that come back. By default all
        deterministic values and all nodes that are not observed.
    :param vectorize: for a dict of draws: run the model once on all of them, as particles along
        a new leading axis, in place of once for each. The model must let them through.
    :param progress: whether to show a progress bar; by default on a terminal only.
    :return: name -> array of shape ``[n_samples] + shape of the node``.
    :raises TypeError: if ``n_samples`` is no int.
    :raises ValueError: if there is nothing to say how many draws to make, draws differ in number,
        a name is unknown, or no code reads an observed name.
    """
    observed = {} if observed is None else dict(observed)
    if isinstance(posterior, Mapping):
        draws = {name: np.asarray(values) for name, values in posterior.items()}
        n_samples = _count(draws, n_samples)
        if vectorize:
            fixed = {name: values[:n_samples] for name, values in draws.items()}
            return _vectorized(model, observed, fixed, n_samples, names)
        latents: Iterator[Mapping[str, Any]] = (
            {name: values[i] for name, values in draws.items()} for i in range(n_samples)
        )
    else:
        if vectorize:
            raise ValueError("predict: vectorize=True needs the posterior as a dict of draws")
        n_samples = _check_n_samples(n_samples)
        latents = (_latents(posterior, observed) for _ in range(n_samples))
    kept: dict[str, list[np.ndarray]] = {}
    bar = tqdm(
        latents, total=n_samples, desc="predict", leave=False,
        disable=None if progress is None else not progress,
    )
    for values in bar:
        with jt.no_grad():
            net = _run(model, observed, values, posterior)
            chosen = _choose(net, names)
            fetched = jt.fetch_sync(list(chosen.values()))
        for name, value in zip(chosen, fetched):
            kept.setdefault(name, []).append(np.array(value))
    return {name: np.stack(values) for name, values in kept.items()}


class Predicts:
    """Gives a model the method ``predict``."""

    def predict(
        self,
        observed: Mapping[str, Any] | None = None,
        n_samples: int | None = None,
        **options: Any,
    ) -> dict[str, np.ndarray]:
        """Draw the nodes that are not observed; see :func:`zhusuan.predict`.

        :param observed: name -> value of what is held fixed.
        :param n_samples: number of draws.
        :param options: ``posterior``, ``names``, ``vectorize``, ``progress``.
        :return: name -> array of shape ``[n_samples] + shape of the node``.
        """
        return predict(self, observed, n_samples, **options)  # type: ignore[arg-type]


def _check_n_samples(n_samples: Any) -> int:
    if n_samples is None:
        raise ValueError("predict: n_samples must be given, unless there is a dict of draws")
    if isinstance(n_samples, bool) or not isinstance(n_samples, (int, np.integer)):
        raise TypeError(f"predict: n_samples must be an int, got {n_samples!r}")
    if n_samples < 1:
        raise ValueError(f"predict: n_samples must be at least 1, got {n_samples}")
    return int(n_samples)


def _count(draws: Mapping[str, np.ndarray], n_samples: int | None) -> int:
    counts = {name: values.shape[0] if values.ndim else 0 for name, values in draws.items()}
    if not counts or min(counts.values()) < 1 or len(set(counts.values())) != 1:
        raise ValueError(
            "predict: the draws of the posterior must be arrays with the same number of draws "
            f"along dim 0, got {counts}"
        )
    available = next(iter(counts.values()))
    wanted = available if n_samples is None else _check_n_samples(n_samples)
    if wanted > available:
        raise ValueError(f"predict: n_samples={wanted}, but there are {available} draws")
    return wanted


def _latents(posterior: Any, observed: Mapping[str, Any]) -> dict[str, Any]:
    if posterior is None:
        return {}
    with jt.no_grad(), judged_together():
        net = posterior(observed)
    return {n: node.tensor for n, node in net.nodes.items() if not node.is_observed()}


def _run(
    model: Model, observed: Mapping[str, Any], latents: Mapping[str, Any], posterior: Any
) -> BayesianNet:
    with judged_together(), validated_together():
        net = model({**observed, **latents})
    if posterior is None:
        raise_unread([net])
        _warn_of_evidence(net)
    return net


def _warn_of_evidence(net: BayesianNet) -> None:
    drawn: str | None = None
    for name, node in net.nodes.items():
        if not node.is_observed():
            drawn = drawn or name
        elif drawn is not None:
            warnings.warn(
                f"predict: node {drawn!r} is drawn before the observed node {name!r}. If "
                f"{name!r} depends on it, these draws are not conditioned on the observation: "
                "give the posterior of the latent nodes, posterior=...",
                stacklevel=4,
            )
            return


def _choose(net: BayesianNet, names: Sequence[str] | None) -> dict[str, Any]:
    if names is not None:
        return {name: net.get(name) for name in names}
    free = {n: node.tensor for n, node in net.nodes.items() if not node.is_observed()}
    computed = {n: value for n, value in net.cache.items() if isinstance(value, jt.Var)}
    return {**free, **computed}


def _vectorized(
    model: Model,
    observed: Mapping[str, Any],
    draws: Mapping[str, np.ndarray],
    n_samples: int,
    names: Sequence[str] | None,
) -> dict[str, np.ndarray]:
    with jt.no_grad():
        net = _run(model, observed, draws, draws)
        chosen = _choose(net, names)
        for name, value in chosen.items():
            if shape_of(value)[:1] != (n_samples,):
                raise ValueError(
                    f"predict: with vectorize=True, {name!r} has shape {list(value.shape)} and "
                    f"no leading axis of {n_samples} draws; use vectorize=False"
                )
        fetched = jt.fetch_sync(list(chosen.values()))
    return {name: np.array(value) for name, value in zip(chosen, fetched)}
