"""The evidence lower bound as a function: ``elbo(...)``, which minimises KL(q || p)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from zhusuan._tensor import Var
from zhusuan.framework.bn import BayesianNet
from zhusuan.variational.elbo import ELBO, EvidenceLowerBoundObjective
from zhusuan.variational.lower_bound import LowerBound
from zhusuan.variational.nets import Latent

__all__ = ["ELBO", "EvidenceLowerBoundObjective", "LowerBound", "elbo"]


def elbo(
    meta_bn: Callable[[Mapping[str, Any]], BayesianNet],
    observed: Mapping[str, Any],
    latent: Latent | None = None,
    axis: int | Sequence[int] | None = None,
    variational: Any = None,
    *,
    kl_weight: float = 1.0,
    free_bits: float = 0.0,
    analytic_kl: bool = False,
) -> Var:
    r"""Return the evidence lower bound (ELBO) on the log-likelihood of what is observed.

    .. math::

        \mathcal{L} = \mathbb{E}_{q(z \mid x)}\left[\log p(x, z) - \log q(z \mid x)\right]
        \le \log p(x)

    (Jordan et al. 1999.) ::

        lower_bound = zs.variational.elbo(model, {"x": x}, variational=q, axis=0)
        cost = jt.mean(lower_bound.sgvb())
        optimizer.step(cost)

    What comes back is a Var, to be looked at; its attribute ``objective`` is the
    :class:`LowerBound`, and ``sgvb()``, ``reinforce(...)`` and ``auto(...)`` give the cost to be
    minimised.

    :param meta_bn: the model: a MetaBayesianNet, a BayesianNet of class style, or any callable
        from a dict of observations to a BayesianNet.
    :param observed: name -> value of the observed variables.
    :param latent: in place of ``variational``: name -> (sample, log-probability) of the latents.
    :param axis: dim or dims of the log-probabilities that count particles, to average over.
    :param variational: the variational posterior: a BayesianNet that a function has built, or a
        callable as ``meta_bn``. Its latent nodes must be nodes of the model.
    :param kl_weight: see :class:`~zhusuan.variational.EvidenceLowerBoundObjective`, as for the
        next two; a number.
    :param free_bits: least cost of each latent node, in nats.
    :param analytic_kl: use closed forms of the KL divergence where there are any.
    :return: Var of one value per datum, in nats; shape of the log joint without ``axis``.
    :raises ValueError: if not exactly one of ``variational`` and ``latent`` is given, the nets do
        not fit each other, ``axis`` is out of range, or no net reads an observed name.
    """
    objective = LowerBound(
        meta_bn, observed, latent, axis, variational,
        kl_weight=kl_weight, free_bits=free_bits, analytic_kl=analytic_kl,
    )  # fmt: skip
    bound = objective.tensor
    if bound is objective._bound:
        bound = bound.clone()  # the Var must not hold itself: Jittor never frees such a cycle
    bound.objective = objective
    bound.sgvb, bound.reinforce = objective.sgvb, objective.reinforce
    bound.auto = objective.auto
    return bound
