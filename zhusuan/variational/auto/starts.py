"""Where a guide begins: a point at which the model's log joint is finite."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Union

import jittor as jt
import numpy as np

from zhusuan import random
from zhusuan._tensor import Shape, host_view, shape_of
from zhusuan.framework.latents import Latent, Model, run_at, run_prior
from zhusuan.framework.stochastic_tensor import StochasticTensor

Init = Union[str, Mapping[str, Any], Callable[[StochasticTensor], Any]]

Summary = Callable[..., np.ndarray]

KINDS = ("median", "mean", "sample", "uniform", "zero")

# Prior draws that a median or mean is taken of: enough to be near, cheap for large models.
N_DRAWS = 15
# Stan's: starts between -2 and 2 on the real scale (Stan Development Team, reference manual).
UNIFORM_WIDTH = 2.0
N_TRIES = 20


def starting_point(
    guide: str,
    model: Model,
    observed: Mapping[str, Any],
    latents: Sequence[Latent],
    init: Init,
    n_samples: int | None,
) -> tuple[np.ndarray, Shape]:
    """Return a start on the real scale where the log joint is finite, and the log joint's shape.

    :param guide: name of the variational family, for messages.
    :param model: callable from a dict of observations to a BayesianNet.
    :param observed: name -> value.
    :param latents: the latent nodes.
    :param init: one of :data:`KINDS`; name -> value, for some or all nodes (the others begin at
        their prior median); or a function from the model's node to a value.
    :param n_samples: particles that the guide draws.
    :return: array of shape [D].
    :raises TypeError: if ``init`` is of another kind.
    :raises ValueError: for an unknown name, a value that does not fit the node, or if the log
        joint is not finite: the message names the node.
    """
    makers = _makers(guide, model, observed, latents, init)
    problem = ""
    for make in makers:
        point = make()
        problem, shape = _judge(model, observed, latents, point, n_samples)
        if not problem:
            return point, shape
    tries = f" in {len(makers)} tries" if len(makers) > 1 else ""
    raise ValueError(
        f"{guide}: no start with a finite log joint was found{tries} (init={_describe(init)}): "
        f"{problem}. Give values, init={{name: value}}"
    )


def _makers(
    guide: str, model: Model, observed: Mapping[str, Any], latents: Sequence[Latent], init: Init
) -> list[Callable[[], np.ndarray]]:
    """Return functions that make the starts to try, one after the other."""
    zeros = np.zeros(latents[-1].stop, np.float32)

    def of_draws(n: int = 1, summary: Summary = np.nanmean) -> np.ndarray:
        draws = np.stack([_prior_draw(model, observed, latents) for _ in range(n)])
        return _robust(draws, summary)

    def median() -> np.ndarray:
        return of_draws(N_DRAWS, np.nanmedian)

    def uniform() -> np.ndarray:
        width = host_view(random.uniform(zeros.shape))
        return ((2.0 * width - 1.0) * UNIFORM_WIDTH).astype(np.float32)

    again = [of_draws] * (N_TRIES - 1)
    by_name: dict[Any, list[Callable[[], np.ndarray]]] = {
        "median": [median, *again],
        "mean": [lambda: of_draws(N_DRAWS, np.nanmean), *again],
        "sample": [of_draws, *again],
        "uniform": [uniform] * N_TRIES,
        "zero": [lambda: zeros],
    }
    if isinstance(init, str) and init in by_name:
        return by_name[init]
    if isinstance(init, Mapping):
        given = dict(init)
        unknown = sorted(set(given) - {latent.name for latent in latents})
        if unknown:
            raise ValueError(
                f"{guide}: init has a value for {unknown[0]!r}, which is no latent node; those "
                f"are {[latent.name for latent in latents]}"
            )
        if len(given) == len(latents):
            return [lambda: _with(guide, latents, given, zeros)]
        others = by_name["median"]
        return [functools.partial(_with_others, guide, latents, given, rest) for rest in others]
    if callable(init):
        nodes = run_prior(model, observed).nodes
        values = {latent.name: init(nodes[latent.name]) for latent in latents}
        return [lambda: _with(guide, latents, values, zeros)]
    error = ValueError if isinstance(init, str) else TypeError
    raise error(
        f"{guide}: init must be one of {', '.join(map(repr, KINDS))}, a dict of names and values "
        f"or a function of a node, got {init!r}"
    )


def _with_others(
    guide: str,
    latents: Sequence[Latent],
    given: Mapping[str, Any],
    others: Callable[[], np.ndarray],
) -> np.ndarray:
    return _with(guide, latents, given, others())


def _prior_draw(model: Model, observed: Mapping[str, Any], latents: Sequence[Latent]) -> np.ndarray:
    with jt.no_grad():
        net = run_prior(model, observed)
        free = [latent.free(net.nodes[latent.name].tensor) for latent in latents]
        fetched = jt.fetch_sync(free)
    return np.concatenate([np.ravel(values) for values in fetched])


def _robust(draws: np.ndarray, summary: Summary) -> np.ndarray:
    """Summarise the finite draws of each coordinate; 0 where there is none."""
    finite = np.where(np.isfinite(draws), draws, np.nan)
    nothing = np.isnan(finite).all(0)
    return summary(np.where(nothing, 0.0, finite), axis=0).astype(np.float32)


def _with(
    guide: str, latents: Sequence[Latent], given: Mapping[str, Any], vector: np.ndarray
) -> np.ndarray:
    """Return ``vector`` with the coordinates of given values in it."""
    vector = vector.copy()
    for latent in latents:
        if latent.name not in given:
            continue
        what = f"{guide}: init of node {latent.name!r}"
        free = latent.free_of(given[latent.name], (), what)
        vector[latent.start : latent.stop] = np.ravel(free)
    return vector


def _judge(
    model: Model,
    observed: Mapping[str, Any],
    latents: Sequence[Latent],
    point: np.ndarray,
    n_samples: int | None,
) -> tuple[str, Shape]:
    """Say what is wrong with a start, '' if nothing is; and return the log joint's shape."""
    full = point if n_samples is None else np.broadcast_to(point, (n_samples, *point.shape))
    with jt.no_grad():
        vector = jt.array(np.ascontiguousarray(full))
        net = run_at(model, observed, {latent.name: latent.value(vector) for latent in latents})
        terms = {name: node.log_prob() for name, node in net.nodes.items()}
        fetched = jt.fetch_sync(list(terms.values()))
        for name, term in zip(terms, fetched):
            if not np.isfinite(term).all():
                worst = term[~np.isfinite(term)].flat[0]
                return f"the log-probability of node {name!r} is {worst:g}", ()
        log_joint = net.log_joint()
        if not np.isfinite(log_joint.numpy()).all():
            return f"the log joint of {net.title} is {log_joint.numpy().flat[0]:g}", ()
        return "", shape_of(log_joint)


def _describe(init: Init) -> str:
    return repr(init) if isinstance(init, str) else f"a {type(init).__name__}"
