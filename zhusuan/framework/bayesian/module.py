"""A network some of whose parameters are stochastic nodes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jittor as jt
import numpy as np
from jittor import nn

from zhusuan._tensor import Shape, Var, broadcast_shapes, shape_of
from zhusuan.distributions.base import Distribution
from zhusuan.framework.bayesian.layers import (
    input_ndims_of,
    is_vectorizable,
    particles_in_front,
    prepare,
)
from zhusuan.framework.bayesian.parameters import Parameter, substituted, without_parameters
from zhusuan.framework.bayesian.priors import Priors
from zhusuan.framework.bn import BayesianNet


class Bayesian(nn.Module):
    """What :func:`zhusuan.bayesian` returns: a network that draws its parameters.

    Calling it, ``net(bn, x)``, adds a node to ``bn`` for each chosen parameter, or takes its
    observed value, and returns what the network makes of ``x`` with these parameters.

    :param module: the network, as the rest is for :func:`zhusuan.bayesian`.
    :param prior: prior of the chosen parameters.
    :param where: which parameters.
    :param name: begins the nodes' names.
    :param vectorize: whether to compute all sets of weights at once.
    :param input_ndims: how many dims an input has without particles.
    :raises TypeError: if an argument is of the wrong kind.
    :raises ValueError: if no parameter is chosen, a pattern matches none, or layers that can't be
        vectorised are to be.
    :ivar module: the network without the chosen parameters; where they were stands a mark.
    """

    def __init__(
        self,
        module: nn.Module,
        prior: Any = None,
        where: Any = None,
        name: str | None = None,
        vectorize: bool | None = None,
        input_ndims: int | None = None,
    ) -> None:
        super().__init__()
        if name is not None and (not isinstance(name, str) or not name):
            raise TypeError(f"bayesian: name must be a non-empty string or None, got {name!r}")
        self._prefix = "" if name is None else name + "."
        self.module, self._chosen, self._initial = without_parameters(module, where)
        self._priors = Priors(prior, self._chosen)
        owners = {id(place.owner): place.owner for p in self._chosen for place in p.places}
        if vectorize is None:
            vectorize = is_vectorizable(self.module, set(owners))
        self._input_ndims = _check_ndims(input_ndims, self.module)
        self._vectorize = bool(vectorize)
        if self._vectorize:
            self._check_linear(owners.values())
            prepare(self.module)

    @property
    def names(self) -> list[str]:
        """The names of the nodes, in the order in which they are made."""
        return [self._prefix + parameter.name for parameter in self._chosen]

    @property
    def initial(self) -> dict[str, np.ndarray]:
        """The values that the chosen parameters had before, by the name of the node; same shapes.

        Good starts for variational posteriors and for chains.
        """
        return {self._prefix + name: value.copy() for name, value in self._initial.items()}

    def execute(self, bn: BayesianNet, *args: Any, **kwargs: Any) -> Any:
        """Run the network with parameters from the nodes of ``bn``.

        :param bn: the net that the nodes belong to. In one run, a second call takes the nodes
            that the first has made.
        :param args: what the network takes. Vars may have particle dims in front.
        :param kwargs: likewise by name, and without particle dims.
        :return: what the network returns, with the particle dims in front that the parameters
            and ``args`` have.
        :raises TypeError: if ``bn`` is no BayesianNet.
        :raises ValueError: for a node's name that is taken, an observation of the wrong shape, or
            particle dims that do not fit.
        """
        if not isinstance(bn, BayesianNet):
            raise TypeError(
                "a bayesian module takes the BayesianNet first, then what the network takes, "
                f"net(bn, x); got {type(bn).__name__}"
            )
        values = {p.name: self._value(bn, p) for p in self._chosen}
        leads = {p.name: shape_of(values[p.name])[: -len(p.shape)] for p in self._chosen}
        lead = self._common("the parameters", leads)
        leads.update(self._leads_of(args, lead))
        lead = self._common("the parameters and inputs", leads)
        n = len(lead)
        if not n:
            with substituted(self._chosen, values):
                return self.module(*args, **kwargs)
        for p in self._chosen:
            values[p.name] = _padded(values[p.name], len(leads[p.name]), n)
        args = tuple(
            _padded(arg, len(leads[f"input {i}"]), n) if isinstance(arg, jt.Var) else arg
            for i, arg in enumerate(args)
        )
        if not self._vectorize:
            return self._one_by_one(lead, values, args, kwargs)
        with substituted(self._chosen, values), particles_in_front(n):
            result = self.module(*args, **kwargs)
        return _each_var(result, lambda var: self._whole(var, lead))

    # -- nodes

    def _value(self, bn: BayesianNet, parameter: Parameter) -> Var:
        name = self._prefix + parameter.name
        if name in bn:
            node = bn.nodes.get(name)
            if node is not None and node.maker is self:
                return node.tensor
            raise ValueError(
                f"node {name!r} of a bayesian module exists already, made by something else: "
                "give one of two bayesian modules a name, zs.bayesian(module, name='net')"
            )
        n = len(parameter.shape)
        if name in bn.observed and shape_of(bn.observed[name])[-n:] != parameter.shape:
            raise ValueError(
                f"node {name!r}: the observation has shape {list(bn.observed[name].shape)}, the "
                f"parameter {list(parameter.shape)}; only particle dims may stand in front"
            )
        value = bn.stochastic(name, self._priors.of(parameter))
        bn.nodes[name].maker = self
        return value

    # -- particles

    def _common(self, what: str, leads: Mapping[str, Shape]) -> Shape:
        lead = broadcast_shapes(*leads.values())
        if lead is None:
            shapes = ", ".join(f"{name!r} {list(shape)}" for name, shape in leads.items() if shape)
            raise ValueError(
                f"bayesian: the particle dims in front of {what} do not fit each other: {shapes}"
                f"; the network's input is taken to have {self._input_ndims} dims behind them "
                "(input_ndims)"
            )
        return lead

    def _leads_of(self, args: Sequence[Any], lead: Shape) -> dict[str, Shape]:
        """Return the particle dims of the inputs."""
        leads = {}
        for i, arg in enumerate(args):
            if not isinstance(arg, jt.Var):
                continue
            shape = shape_of(arg)
            if self._input_ndims is not None:
                leads[f"input {i}"] = shape[: max(len(shape) - self._input_ndims, 0)]
                continue
            if lead and shape[: len(lead)] == lead:
                raise ValueError(
                    f"bayesian: there are {list(lead)} particles, and input {i} has shape "
                    f"{list(shape)}: its first dims may count particles or data. Say how many "
                    "dims an input has without particles, zs.bayesian(..., input_ndims=2)"
                )
            leads[f"input {i}"] = ()
        return leads

    def _one_by_one(
        self,
        lead: Shape,
        values: Mapping[str, Var],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> Any:
        results = []
        for index in itertools.product(*map(range, lead)):
            own = {name: _member(value, index) for name, value in values.items()}
            taken = [_member(arg, index) if isinstance(arg, jt.Var) else arg for arg in args]
            with substituted(self._chosen, own):
                results.append(self.module(*taken, **kwargs))
        return _stacked(results, lead)

    def _whole(self, var: Var, lead: Shape) -> Var:
        shape = shape_of(var)
        if broadcast_shapes(shape[: len(lead)], lead) != lead:
            raise ValueError(
                f"bayesian: with vectorize=True, {type(self.module).__name__} must keep the "
                f"particle dims {list(lead)} in front, and returned shape {list(shape)}; leave "
                "vectorize out to run it for each particle"
            )
        return var if shape[: len(lead)] == lead else var.broadcast([*lead, *shape[len(lead) :]])

    def _check_linear(self, owners: Any) -> None:
        others = [type(owner).__name__ for owner in owners if not isinstance(owner, nn.Linear)]
        if others:
            raise ValueError(
                "bayesian: vectorize=True needs chosen parameters of nn.Linear only, but "
                f"{others[0]} has some of {[p.name for p in self._chosen]}"
            )


def bayesian(
    module: nn.Module,
    prior: Distribution | float | str | Callable[[str, Shape], Any] | Mapping | None = None,
    where: str | Sequence[str] | Callable[[str, Var], bool] | None = None,
    name: str | None = None,
    vectorize: bool | None = None,
    input_ndims: int | None = None,
) -> Bayesian:
    """Turn parameters of a network into stochastic nodes.

    ::

        class Regression(zs.BayesianNet):
            def __init__(self, n_data):
                layers = nn.Sequential(nn.Linear(13, 50), nn.Relu(), nn.Linear(50, 1))
                self.net = zs.bayesian(layers, prior="scaled")
                self._n_data = n_data

            def execute(self, observed):
                self.observe(observed)
                y = self.net(self, self.observed["x"])
                self.sn("Normal", "y", mean=y, std=0.1, group_ndims=1, n_data=self._n_data)
                return self

    The nodes are called as the parameters in ``state_dict()``: "0.weight", "0.bias", "2.weight",
    "2.bias". Observed or drawn by name, they make the model ready for every kind of inference
    over weights: the log-probability of each is one number for each set of weights.

    The parameters that are chosen are no longer trained, saved or listed by ``parameters()``;
    their values are kept in :attr:`~zhusuan.framework.bayesian.Bayesian.initial`. The others stay
    as they are. ``module`` itself is not changed, and shares with the result the parameters that
    are not chosen.

    Several sets of weights, such as the particles of a variational posterior or parallel chains,
    come as leading dims, ``[k, out, in]``, and the result is ``[k, batch, out]`` for an input
    ``[batch, in]`` that they share, or one for each, ``[k, batch, in]``. Stacks of
    ``nn.Linear``, ``nn.Flatten`` and elementwise layers compute them all at once; any other
    module is run for each set.

    What a module has beside parameters, such as the running mean of a batch normalisation, stays
    state of the module: each set of weights updates it in turn while the module is training. The
    data of a batch are not independent given the weights then, so prefer ``nn.LayerNorm``, or
    ``eval()``.

    :param module: the network; Jittor calls a parameter what is in ``parameters()``.
    :param prior: prior of the parameters. None for standard normals; a number for normals around
        0 of that standard deviation; ``"scaled"`` for
        :func:`~zhusuan.framework.bayesian.scaled_normal`; a distribution whose batch broadcasts
        to each parameter's shape; a function of name and shape that gives a distribution or a
        number, called at every run; or a dict from patterns of names to any of these, where the
        first that matches counts.
    :param where: which parameters. None for all that are trained; a pattern such as
        ``"*.weight"`` or a list of them; or a function of name and Var.
    :param name: begins the nodes' names: "net.0.weight" for "net".
    :param vectorize: whether to compute all sets of weights at once; by default where the module
        is known to allow it. True is for modules of your own that act on the last dims: inside
        them, Vars have the particle dims in front, of size 1 where they share.
    :param input_ndims: how many dims an input has without particles; by default what the first
        layer takes, 2 for ``nn.Linear``.
    :return: the network, to be called with a BayesianNet in front: ``net(bn, x)``.
    :raises TypeError: if it is no module, or an argument is of the wrong kind.
    :raises ValueError: if no parameter is chosen, a pattern matches none, or a prior does not
        fit a shape.
    """
    return Bayesian(module, prior, where, name, vectorize, input_ndims)


def _check_ndims(input_ndims: Any, module: nn.Module) -> int | None:
    if input_ndims is None:
        return input_ndims_of(module)
    if isinstance(input_ndims, bool) or not isinstance(input_ndims, (int, np.integer)):
        raise TypeError(f"bayesian: input_ndims must be an int, got {input_ndims!r}")
    if input_ndims < 1:
        raise ValueError(f"bayesian: input_ndims must be at least 1, got {input_ndims}")
    return int(input_ndims)


def _padded(var: Var, own: int, n: int) -> Var:
    """Return ``var`` with ``n`` particle dims in place of the ``own`` that it has."""
    return var if own == n else var.reshape([*[1] * (n - own), *shape_of(var)])


def _member(var: Var, index: tuple[int, ...]) -> Var:
    """Return what belongs to one particle; dims of size 1 are shared."""
    return var[tuple(0 if size == 1 else i for i, size in zip(index, shape_of(var)))]


def _each_var(value: Any, function: Callable[[Var], Var]) -> Any:
    if isinstance(value, jt.Var):
        return function(value)
    if isinstance(value, Mapping):
        return {key: _each_var(member, function) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)([_each_var(member, function) for member in value])
    return value


def _stacked(results: Sequence[Any], lead: Shape) -> Any:
    """Return the results of all particles as one, with the particle dims in front."""
    first = results[0]
    if isinstance(first, jt.Var):
        return jt.stack(list(results), 0).reshape([*lead, *shape_of(first)])
    if isinstance(first, Mapping):
        return {key: _stacked([result[key] for result in results], lead) for key in first}
    if isinstance(first, (list, tuple)):
        return type(first)([_stacked(members, lead) for members in zip(*results)])
    return first
