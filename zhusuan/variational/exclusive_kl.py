"""The evidence lower bound as a function: ``elbo(...)``, which minimises KL(q || p)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from zhusuan._tensor import Var, as_var, shape_of
from zhusuan.framework.bn import BayesianNet
from zhusuan.variational.base import check_latents, difference, run_nets
from zhusuan.variational.elbo import (
    ELBO,
    EvidenceLowerBoundObjective,
    check_reparameterized,
)

__all__ = ["ELBO", "EvidenceLowerBoundObjective", "LowerBound", "elbo"]

Latent = Mapping[str, tuple[Any, Any]]


class LowerBound:
    r"""The evidence lower bound of one run, with the estimators of its gradient.

    :func:`elbo` makes it; the arguments are described there.
    """

    def __init__(
        self,
        meta_bn: Callable[[Mapping[str, Any]], BayesianNet],
        observed: Mapping[str, Any],
        latent: Latent | None = None,
        axis: int | Sequence[int] | None = None,
        variational: Any = None,
    ) -> None:
        if (latent is None) == (variational is None):
            raise ValueError("elbo: exactly one of variational and latent must be given")
        self.meta_bn = meta_bn
        self.variational: BayesianNet | None = None
        if latent is None:
            self.variational, self.bn = run_nets(meta_bn, variational, observed)
            self._log_q = self.variational.log_joint()
        else:
            values = {name: sample for name, (sample, _) in latent.items()}
            self.bn = meta_bn({**observed, **values})
            check_latents(values, self.bn)
            self._log_q = sum(as_var(log_prob) for _, log_prob in latent.values())
        self._bound = difference(self.bn.log_joint(), self._log_q)
        self._axis = _check_axis(axis, shape_of(self._bound))

    @property
    def tensor(self) -> Var:
        """The lower bound in nats: one value per datum, averaged over ``axis``."""
        return self._averaged(self._bound)

    def sgvb(self) -> Var:
        r"""Return the cost whose gradient is the SGVB estimate (Kingma and Welling 2014, eq. 6).

        It is the negative bound, differentiated through the draws.

        :return: Var of the shape of :attr:`tensor`; minimise its mean.
        :raises ValueError: if a latent node is not reparameterised: the gradient would be biased.
        """
        if self.variational is not None:
            check_reparameterized(self.variational)
        return -self.tensor

    def _averaged(self, bound: Var) -> Var:
        if not self._axis:
            return bound
        count = 1
        for axis in self._axis:
            count *= shape_of(bound)[axis]
        # jt.mean loses digits, a sum divided by the count does not.
        return bound.sum(list(self._axis)) / count


def _check_axis(axis: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    if axis is None:
        return ()
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    for one in axes:
        if not -len(shape) <= one < len(shape):
            raise ValueError(
                f"elbo: axis={axis} is out of range for log-probabilities of shape {list(shape)}"
            )
    return tuple(sorted({one % len(shape) for one in axes}))


def elbo(
    meta_bn: Callable[[Mapping[str, Any]], BayesianNet],
    observed: Mapping[str, Any],
    latent: Latent | None = None,
    axis: int | Sequence[int] | None = None,
    variational: Any = None,
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
    :class:`LowerBound`, and ``sgvb()`` gives the cost to be minimised.

    :param meta_bn: the model: a MetaBayesianNet, a BayesianNet of class style, or any callable
        from a dict of observations to a BayesianNet.
    :param observed: name -> value of the observed variables.
    :param latent: in place of ``variational``: name -> (sample, log-probability) of the latents.
    :param axis: dim or dims of the log-probabilities that count particles, to average over.
    :param variational: the variational posterior: a BayesianNet that a function has built, or a
        callable as ``meta_bn``. Its latent nodes must be nodes of the model.
    :return: Var of one value per datum, in nats.
    :raises ValueError: if not exactly one of ``variational`` and ``latent`` is given, the nets do
        not fit each other, ``axis`` is out of range, or no net reads an observed name.
    """
    objective = LowerBound(meta_bn, observed, latent, axis, variational)
    bound = objective.tensor
    if bound is objective._bound:
        bound = bound.clone()  # the Var must not hold itself: Jittor never frees such a cycle
    bound.objective = objective
    bound.sgvb = objective.sgvb
    return bound
