"""Both nets after a run on the same draws, and what may be done with their draws."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import jittor as jt
import numpy as np

from zhusuan._tensor import Var, as_var, shape_of
from zhusuan.framework.alignment import check_aligned
from zhusuan.framework.bn import BayesianNet
from zhusuan.framework.judging import judged_together
from zhusuan.framework.stochastic_tensor import StochasticTensor
from zhusuan.variational.base import check_latents, run_nets

Latent = Mapping[str, tuple[Any, Any]]


class BothNets:
    r"""The generator p and the variational net q, run on the same observations and draws.

    :param function: name of the objective, for messages.
    :param meta_bn: callable from a dict of observations to a BayesianNet, the model.
    :param observed: name -> value of the observed variables.
    :param latent: in place of ``variational``: name -> (sample, log-probability).
    :param variational: callable as ``meta_bn``, or a BayesianNet that was run.
    :raises ValueError: if not exactly one of ``variational`` and ``latent`` is given, the nets do
        not fit each other, or no net reads an observed name.
    """

    def __init__(
        self,
        function: str,
        meta_bn: Callable[[Mapping[str, Any]], BayesianNet],
        observed: Mapping[str, Any],
        latent: Latent | None = None,
        variational: Any = None,
    ) -> None:
        if (latent is None) == (variational is None):
            raise ValueError(f"{function}: exactly one of variational and latent must be given")
        self.q: BayesianNet | None = None
        self.p: BayesianNet
        self._again = (meta_bn, variational, observed)
        self._given = {name: as_var(log_q) for name, (_, log_q) in (latent or {}).items()}
        if latent is None:
            self.q, self.p = run_nets(meta_bn, variational, observed)
            self.draws = {n: node.tensor for n, node in self.posterior.items()}
        else:
            self.draws = {name: sample for name, (sample, _) in latent.items()}
            self.p = meta_bn({**observed, **self.draws})
            check_latents(self.draws, self.p)

    @property
    def posterior(self) -> dict[str, StochasticTensor]:
        """The nodes of q that were drawn; none where pairs were given in place of q."""
        nodes = {} if self.q is None else self.q.nodes
        return {name: node for name, node in nodes.items() if not node.is_observed()}

    @property
    def is_joint(self) -> bool:
        """Whether q has one log-density for all its latents, in place of one for each node."""
        return self.q is not None and self.q._run.joint is not None

    def parts(self) -> list[list[str]]:
        """Return the names of the latents in the groups for which log q can be told."""
        return [list(self.draws)] if self.is_joint else [[name] for name in self.draws]

    def log_p(self) -> Var:
        """Return the log joint of the generator."""
        return self.p.log_joint()

    def log_q(self, names: Collection[str] | None = None) -> Var:
        """Return the log-probability of what was drawn.

        What q was told, and did not draw, is no part of it: given a label y, the bound is that
        of q(z | x, y).

        :param names: of the latents to sum over; by default all.
        """
        names = list(self.draws) if names is None else [n for n in self.draws if n in names]
        if self.q is not None and self.is_joint:
            if len(names) < len(self.draws):
                raise ValueError(
                    "the variational net has a log_joint of its own, which has no parts: its "
                    "latents must be all reparameterised or none"
                )
            return self.q.log_joint()
        nodes = self.posterior
        terms = {n: self._given[n] if self.q is None else nodes[n].log_prob() for n in names}
        if nodes:
            check_aligned(nodes, {name: shape_of(term) for name, term in terms.items()})
        return sum_of(terms.values())

    # -- how each latent may be differentiated

    @property
    def discrete(self) -> list[str]:
        """Names of the latents whose draws carry no gradient to the parameters of q."""
        return [n for n, node in self.posterior.items() if not node.dist.is_reparameterized]

    def by_score(self, estimator: str) -> list[str]:
        """Return the names of the latents that an estimator for all kinds scores.

        :param estimator: name of the estimator.
        :raises ValueError: if there is no net to tell, or a node has blocked the gradient of its
            log-probability.
        """
        if self.q is None:
            raise ValueError(
                f"estimator {estimator!r} needs the variational net: what is given as latent does "
                "not tell whether its samples are reparameterised"
            )
        self.check_score(self.discrete, f"estimator {estimator!r}")
        return self.discrete

    def check_path(self, estimator: str) -> None:
        """Check that gradients may go through all draws.

        :param estimator: name of the estimator that needs it.
        :raises ValueError: naming the node that is not reparameterised.
        """
        check_path(self.posterior, estimator)

    def check_score(self, names: Collection[str], estimator: str) -> None:
        """Check that log q has the gradient that the score function estimator takes.

        :param names: of the latents that it is used for.
        :param estimator: name of the estimator.
        :raises ValueError: naming a node that is reparameterised, so that log q would be
            differentiated through the draw as well, or that has no gradient.
        """
        for name, node in self.posterior.items():
            if name not in names:
                continue
            if node.dist.is_reparameterized:
                raise ValueError(
                    f"node {name!r} ({node.dist!r}) of the variational net is reparameterised: "
                    f"{estimator} would differentiate through its draw as well and be biased; "
                    "make the node with reparameterize=False, or use estimator 'auto' or 'sgvb'"
                )
            if node.dist.use_path_derivative:
                raise ValueError(
                    f"node {name!r} ({node.dist!r}) of the variational net has "
                    f"use_path_derivative=True, which blocks the very gradient that {estimator} "
                    "needs, that of log q with respect to its parameters"
                )

    def at_fixed_draws(self) -> tuple[dict[str, Var], Var, Var]:
        r"""Run both nets again at the draws of this run, cut off from the parameters of q.

        :return: the draws, as leaves of the graph; log p and log q there, whose derivatives with
            respect to the draws are the partial ones, parameters held fixed.
        :raises ValueError: if q is a net that was run, with several latents: whether one depends
            on another can't be known.
        """
        meta_bn, variational, observed = self._again
        fixed = {name: as_var(draw).detach() for name, draw in self.draws.items()}
        nodes = self.posterior
        with judged_together():
            p = meta_bn({**observed, **fixed})
        if len(nodes) == 1 and not self.is_joint:
            (name,) = nodes
            return fixed, p.log_joint(), nodes[name].log_prob(fixed[name])
        if type(variational) is BayesianNet or not nodes:
            raise ValueError(
                f"dreg with {len(self.draws)} latents, {sorted(self.draws)}, runs the variational "
                "net a second time: give it as a callable from observations to a BayesianNet"
            )
        with judged_together():
            q = variational({**observed, **fixed})
        if self.is_joint:
            return fixed, p.log_joint(), q.log_joint()
        terms = [q.nodes[name].log_prob() for name in nodes]
        return fixed, p.log_joint(), sum_of(terms)


def check_path(nodes: Mapping[str, StochasticTensor], estimator: str = "") -> None:
    """Check that gradients may go through all draws.

    :param nodes: name -> node that was drawn.
    :param estimator: name of the estimator that needs it.
    :raises ValueError: naming the node that is not reparameterised.
    """
    for name, node in nodes.items():
        if not node.dist.is_reparameterized:
            raise ValueError(
                f"node {name!r} ({node.dist!r}) of the variational net is not reparameterised: "
                f"the gradient through its draw would be missing and the estimate biased"
                + (f"; {estimator} needs it. " if estimator else ". ")
                + "Estimator 'auto' treats each node by its kind"
            )


def sum_of(terms: Any) -> Var:
    """Return the sum of Vars, one after the other.

    :param terms: Vars that broadcast.
    """
    total = None
    for term in terms:
        total = term if total is None else total + term
    return total


def check_axis(function: str, axis: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the particle dims as sorted, non-negative ints.

    :param function: name of the objective, for messages.
    :param axis: dim or dims; None for none.
    :param shape: shape of the log-probabilities.
    :raises ValueError: if one is out of range.
    """
    if axis is None:
        return ()
    axes = (int(axis),) if isinstance(axis, (int, np.integer)) else tuple(axis)
    for one in axes:
        if not -len(shape) <= one < len(shape):
            raise ValueError(
                f"{function}: axis={axis} is out of range for log-probabilities of shape "
                f"{list(shape)}"
            )
    return tuple(sorted({one % len(shape) for one in axes}))


def averaged(value: Var, axes: tuple[int, ...]) -> Var:
    """Return the mean over the particle dims.

    :param value: Var.
    :param axes: dims; none leaves ``value`` as it is.
    """
    if not axes:
        return value
    count = 1
    for axis in axes:
        count *= shape_of(value)[axis]
    # jt.mean loses digits, a sum divided by the count does not.
    return value.sum(list(axes)) / count


def with_value(value: Var, surrogate: Var) -> Var:
    """Return a cost with one value and the gradient of another.

    The gradient of an estimator is often that of an expression whose value means nothing; a
    person who trains wants to see the bound.

    :param value: Var; its gradient is left out.
    :param surrogate: Var of the same shape; its value is left out.
    """
    return value.detach() + (surrogate - surrogate.detach())


def is_learning() -> bool:
    """Return whether gradients are recorded: not under ``jt.no_grad``."""
    return not jt.flags.no_grad
