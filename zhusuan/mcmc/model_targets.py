"""Targets that are a model's posterior, or a plain function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jittor as jt

from zhusuan import random
from zhusuan._tensor import Shape, Var, as_var, shape_of
from zhusuan.distributions import constraints
from zhusuan.distributions.constraints import Constraint
from zhusuan.framework.bn import BayesianNet
from zhusuan.framework.latents import Latent, Model, find_latents, is_real, run_at
from zhusuan.mcmc.target import Target, uploaded
from zhusuan.transforms import transform_to


class ModelTarget(Target):
    """The posterior of a model, up to a constant.

    :param model: callable from a dict of observations to a BayesianNet.
    :param observed: name -> value of the observed nodes and inputs.
    :param chain_method: see :class:`Target`.
    :raises TypeError: if the model returns no BayesianNet.
    :raises ValueError: if there is no latent node, or one has a discrete support; the message
        names it.
    """

    def __init__(
        self,
        model: Model,
        observed: Mapping[str, Any] | None = None,
        chain_method: str = "vectorized",
    ) -> None:
        self._model = model
        # The draws of this run are of no use, so they take nothing from the stream in use.
        with random.stream(0):
            latents = find_latents("mcmc", model, {} if observed is None else observed, None)
        super().__init__(latents, observed, chain_method)

    @property
    def latent_nodes(self) -> tuple[Latent, ...]:
        """The latent nodes, with their supports and how their log-probabilities are reduced."""
        return self._latents

    def net_at(self, values: Mapping[str, Var]) -> BayesianNet:
        """Run the model, and return the net with all its nodes.

        :param values: name -> values of the latents, on their support, ``[n_chains] + shape``.
        :return: the net after its run.
        """
        return self._run(values)

    def _log_density(self, values: Mapping[str, Var]) -> Var:
        return self._run(values).log_joint()

    def _terms(self, values: Mapping[str, Var]) -> dict[str, Var]:
        return {f"node {n!r}": node.log_prob() for n, node in self._run(values).nodes.items()}

    def _run(self, values: Mapping[str, Var]) -> BayesianNet:
        return run_at(self._model, self._observed, values)


class FunctionTarget(Target):
    """A log-density that is a plain function, up to a constant.

    ::

        def log_density(x):
            return -0.5 * ((x["mu"] - 1.0) ** 2).sum(-1) - x["sigma"].sum(-1)

        target = zs.mcmc.FunctionTarget(
            log_density, {"mu": [3], "sigma": [1]}, {"sigma": zs.distributions.constraints.positive}
        )

    :param function: from a dict of Vars, name -> ``[n_chains] + shape``, to a Var of shape
        [n_chains].
    :param shapes: name -> shape of the variable, without chains.
    :param supports: name -> constraint, for those that are not any real number; the function is
        given values on the support, and must not count the Jacobian.
    :param observed: more entries of the dict, the same for all chains.
    :param chain_method: see :class:`Target`; ``'sequential'`` gives values without the leading
        axis, and expects shape [1].
    :raises ValueError: for a shape or support that can't be used.
    """

    def __init__(
        self,
        function: Callable[[Mapping[str, Var]], Var],
        shapes: Mapping[str, Sequence[int]],
        supports: Mapping[str, Constraint] | None = None,
        observed: Mapping[str, Any] | None = None,
        chain_method: str = "vectorized",
    ) -> None:
        if not shapes:
            raise ValueError("shapes is empty: there is nothing to sample")
        supports = {} if supports is None else supports
        unknown = sorted(set(supports) - set(shapes))
        if unknown:
            raise ValueError(f"supports has {unknown[0]!r}, which shapes {sorted(shapes)} has not")
        latents: list[Latent] = []
        for name, shape in shapes.items():
            start = latents[-1].stop if latents else 0
            support = supports.get(name, constraints.real)
            latents.append(_free_latent(name, tuple(shape), support, start))
        self._function = function
        super().__init__(latents, observed, chain_method)

    def _log_density(self, values: Mapping[str, Var]) -> Var:
        total = self._function({**self._observed, **values})
        if not isinstance(total, jt.Var):
            raise TypeError(
                f"the log-density must be a Var of shape [n_chains], got {type(total).__name__}"
            )
        return total

    def _terms(self, values: Mapping[str, Var]) -> dict[str, Var]:
        name = getattr(self._function, "__name__", type(self._function).__name__)
        return {f"function {name!r}": self._log_density(values)}


def as_target(
    model: Any,
    observed: Mapping[str, Any] | None = None,
    init: Any = None,
    chain_method: str = "vectorized",
) -> Target:
    """Return the target that a model, a function or a target stands for.

    :param model: a :class:`Target`; a callable from a dict of observations to a BayesianNet; or a
        function from a dict of Vars to a log-density of shape [n_chains], for which ``init`` must
        be given.
    :param observed: name -> value of the observed nodes and inputs.
    :param init: name -> values; for a function, arrays of shape ``[n_chains] + shape``.
    :param chain_method: see :class:`Target`.
    :return: the target.
    :raises TypeError: if it is none of these.
    :raises ValueError: if a target is given observations.
    """
    if isinstance(model, Target):
        if observed:
            raise ValueError("a Target has its observations already; leave observed out")
        return model
    if not callable(model):
        raise TypeError(
            "the model must be callable on a dict of observations, and return a BayesianNet or a "
            f"log-density, got {model!r}"
        )
    if isinstance(init, Mapping) and init and not isinstance(model, jt.Module):
        values = {name: as_var(value, what=f"init of {name!r}") for name, value in init.items()}
        if all(len(v.shape) > 1 for v in values.values()) and _gives_density(
            model, {**uploaded(observed), **values}
        ):
            shapes = {name: shape_of(value)[1:] for name, value in values.items()}
            return FunctionTarget(model, shapes, None, observed, chain_method)
    try:
        return ModelTarget(model, observed, chain_method)
    except (KeyError, TypeError) as error:
        if isinstance(model, jt.Module):
            raise
        raise TypeError(
            f"the model could not be run as one ({type(error).__name__}: {error}). For a function "
            "that returns a log-density give init={name: array of shape [n_chains, ...]}, or "
            "zs.mcmc.FunctionTarget(function, shapes)"
        ) from error


def _gives_density(function: Callable[..., Any], values: Mapping[str, Any]) -> bool:
    with jt.no_grad(), random.stream(0):
        return isinstance(function(values), jt.Var)


def _free_latent(name: str, shape: Shape, support: Constraint, start: int) -> Latent:
    transform = transform_to(support, name)
    try:
        free_shape = shape if is_real(support) else tuple(transform.inverse_shape(shape))
    except ValueError as error:
        raise ValueError(f"{name!r} of shape {list(shape)}: {error}") from error
    return Latent(name, shape, free_shape, start, transform, support, len(shape), {})
