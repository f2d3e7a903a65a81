"""One run of a model for looking at it: nothing that the user sees is changed by it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jittor as jt
import numpy as np
from jittor import nn

from zhusuan import random
from zhusuan._tensor import Var
from zhusuan.distributions.base import Distribution
from zhusuan.distributions.constraints import Constraint
from zhusuan.distributions.validation import validation
from zhusuan.framework.bn import BayesianNet
from zhusuan.framework.meta_bn import MetaBayesianNet
from zhusuan.framework.run import Run


class Traced(NamedTuple):
    """What one run of a model left behind.

    :param name: what the model is called, for titles.
    :param run: its nodes, cached values and observations; up to where it stopped, if it failed.
    :param error: why it failed, or None.
    """

    name: str
    run: Run
    error: Exception | None = None

    @property
    def data(self) -> dict[str, Var]:
        """Observed values that code has read and that are no nodes, by name."""
        observed = self.run.observed
        values = {name: observed._values[name] for name in observed._values}
        read = set(values) - observed.unread - set(self.run.nodes)
        return {name: value for name, value in values.items() if name in read}


def trace(model: Any, observed: Mapping[str, Any] | None, anew: bool = False) -> Traced:
    """Run a model on observations, or look at the run that a net holds already.

    Values are not validated, so that broken ones can be looked at. The draws are those of the
    next run of the model: the random stream is left as it was, and so is the last run of a net
    in class style. A failure of the model is returned together with what there was before it.

    :param model: callable from a dict of observations to a BayesianNet; or a BayesianNet that
        was run, with ``observed`` left out.
    :param observed: name -> value.
    :param anew: run a net again, on its last observations, even if it holds a run.
    :raises TypeError: if it is no model, or returns no BayesianNet.
    :raises ValueError: if a net that was built node by node is to be run.
    """
    if not callable(model):
        raise TypeError(
            "the model must be callable from a dict of observations to a BayesianNet, "
            f"got {model!r}"
        )
    if observed is not None and not isinstance(observed, Mapping):
        raise TypeError(
            "observed must be a dict of names and values, such as {'x': x}, "
            f"got {type(observed).__name__}"
        )
    if isinstance(model, BayesianNet):
        by_hand = type(model).execute is nn.Module.execute
        if by_hand and (anew or observed is not None):
            raise ValueError(
                "this BayesianNet was built node by node and can't be run again: pass the "
                "function that builds it, a callable of the observations"
            )
        if by_hand or (observed is None and model.nodes and not anew):
            return Traced(_name(model), model._run)
        if observed is None:
            observed = model._run.source
    return _run(model, {} if observed is None else observed)


def _run(model: Any, observed: Mapping[str, Any]) -> Traced:
    with as_it_was(model), validation(False):
        try:
            net = model(observed)
        except Exception as error:
            run = _run_in(model, error)
            if run is None:
                raise
            return Traced(_name(model), run, error)
        if not isinstance(net, BayesianNet):
            raise TypeError(
                f"{_name(model)} must return a BayesianNet, got {type(net).__name__}"
            )
        return Traced(_name(model), net._run)


@contextlib.contextmanager
def as_it_was(*models: Any) -> Iterator[None]:
    """Restore the random stream, and the last run of nets in class style, after the block.

    :param models: models that are run in the block.
    """
    state = random.get_state()
    last = [(model, model._run) for model in models if isinstance(model, BayesianNet)]
    for model, _ in last:
        model._run = Run(None)
    try:
        yield
    finally:
        random.set_state(state)
        for model, run in last:
            model._run = run


def _run_in(model: Any, error: Exception) -> Run | None:
    """Return the run that an error broke off, None if it was not yet begun."""
    if isinstance(model, BayesianNet):
        return model._run if model._run.nodes else None
    # A function keeps its net to itself, so it is looked for where the error passed through.
    at = error.__traceback__
    while at is not None:
        for value in at.tb_frame.f_locals.values():
            if isinstance(value, BayesianNet) and value.nodes:
                return value._run
        at = at.tb_next
    return None


def _name(model: Any) -> str:
    if isinstance(model, MetaBayesianNet):
        return model._name
    name = getattr(model, "__name__", None)  # of a module of Jittor's, a method
    return name if isinstance(name, str) else type(model).__name__


# -- what is in a run


def var_id(var: Var) -> int:
    """Return Jittor's number of a Var; later Vars have higher ones."""
    return int(re.match(r"Var\((\d+):", var.debug_msg())[1])  # type: ignore[index]


def vars_in(value: Any) -> list[Var]:
    """Return the Vars of a cached value: itself, or the members of a list, tuple or dict.

    :param value: any value.
    """
    if isinstance(value, jt.Var):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [var for member in value for var in vars_in(member)]
    return []


class ParameterValue(NamedTuple):
    """A parameter as a distribution was given it.

    :param name: ``std``, or ``components[1].std`` inside a mixture.
    :param value: its value.
    :param constraint: what it may be, if that is known.
    """

    name: str
    value: Var
    constraint: Constraint | None


def parameters_of(dist: Distribution, prefix: str = "") -> Iterator[ParameterValue]:
    """Find the Vars that a distribution is made of, those of distributions inside it included.

    :param dist: the distribution.
    :param prefix: begins the names.
    """
    for name, value in dist._given.items():
        declared = dist.parameters[name]
        yield ParameterValue(prefix + declared.argument, value, declared.constraint)
    seen = {id(dist)}
    for name, value in sorted(vars(dist).items(), key=lambda item: item[0].startswith("_")):
        if name in ("_given", "_derived"):
            continue
        listed = isinstance(value, (list, tuple))
        for i, member in enumerate(value if listed else [value]):
            if id(member) in seen:
                continue
            path = f"{prefix}{name.lstrip('_')}" + (f"[{i}]" if listed else "")
            if isinstance(member, Distribution):
                seen.add(id(member))
                yield from parameters_of(member, path + ".")
            elif isinstance(member, jt.Var):
                yield ParameterValue(path, member, None)


def in_order(traced: Traced) -> list[str]:
    """Return the names of all nodes and cached values, each after those that it is made of.

    Nodes and cached values are kept apart, each in their order; the numbers that Jittor gives
    to Vars tell how the two interleave.

    :param traced: the run.
    """
    order: list[tuple[int, int, str]] = []
    latest = 0
    for name, node in traced.run.nodes.items():
        made_of = [parameter.value for parameter in parameters_of(node.dist)]
        if not node.is_observed():
            made_of.append(node.tensor)
        latest = max([latest, *map(var_id, made_of)])
        order.append((latest, 1, name))
    latest = 0
    for name, value in traced.run.cache.items():
        # One that is a node's parameter comes before that node.
        latest = max([latest, *map(var_id, vars_in(value))])
        order.append((latest, 0, name))
    return [name for _, _, name in sorted(order, key=lambda entry: entry[:2])]


def shape_in(value: Any) -> tuple[int, ...] | None:
    """Return the shape of a cached value; None for what is neither Var, array nor number.

    :param value: any value.
    """
    if isinstance(value, (jt.Var, np.ndarray)):
        return tuple(value.shape)
    return () if isinstance(value, (int, float, np.number)) else None
