"""The importance weighted bound, as a loss and as a function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from zhusuan._tensor import Var, mean_all
from zhusuan.framework.bn import BayesianNet
from zhusuan.variational.base import VariationalObjective
from zhusuan.variational.elbo import check_estimator
from zhusuan.variational.multi_sample import MultiSampleBound, check_alpha
from zhusuan.variational.nets import Latent

__all__ = ["ImportanceWeightedObjective", "importance_weighted_objective", "iw_objective"]

ESTIMATORS = ("sgvb", "vimco", "dreg", "auto")


class MultiSampleObjective(VariationalObjective):
    """Base of the losses over several particles, in nats (Li and Turner 2016, sec. 4.1).

    :param generator: callable from a dict of observations to a BayesianNet, the model.
    :param variational: likewise, the variational posterior.
    :param axis: dim or dims of the log-probabilities that count particles.
    :param estimator: ``'sgvb'``, ``'vimco'``, ``'dreg'`` or ``'auto'``; see
        :class:`~zhusuan.variational.multi_sample.MultiSampleBound`.
    :param alpha: order of the divergence.
    :param spread: whether particles are spread over the ranks of ``mpirun``.
    :raises ValueError: for an unknown estimator, or without ``axis``.
    """

    def __init__(
        self,
        generator: Any,
        variational: Any,
        axis: int | Sequence[int] | None,
        estimator: str,
        alpha: float,
        spread: bool = False,
    ) -> None:
        super().__init__(generator, variational)
        name = type(self).__name__
        if axis is None:
            raise ValueError(f"{name}: axis, the dim of the particles, must be given")
        self._axis = axis
        self._estimator = check_estimator(name, estimator, ESTIMATORS)
        self._alpha = check_alpha(alpha)
        self._spread = bool(spread)

    @property
    def spreads_particles(self) -> bool:
        """Whether ranks share particles of the same data, not data: ``fit`` asks for it."""
        return self._spread

    def execute(self, observed: Mapping[str, Any], reduce_mean: bool = True) -> Var:
        """Return the loss, in nats.

        :param observed: name -> value of the observed variables.
        :param reduce_mean: average over the data, to shape [1]; False keeps one value per datum.
        :return: the negative bound, to be minimised; shape [1], or that of the data axes.
        :raises ValueError: if the estimator would be biased for these nets, the nets do not fit
            each other, or an observed name is read by neither.
        """
        bound = MultiSampleBound(
            self.generator, observed, None, self._axis, self.variational,
            alpha=self._alpha, function=type(self).__name__, spread=self._spread,
        )  # fmt: skip
        if self._estimator == "dreg" and reduce_mean:
            return bound.dreg_mean()
        loss = getattr(bound, self._estimator)()
        return mean_all(loss) if reduce_mean else loss


class ImportanceWeightedObjective(MultiSampleObjective):
    r"""The negative importance weighted bound of K particles, as a loss.

    .. math::

        \mathcal{L}_K = \mathbb{E}_{z_1, \dots, z_K \sim q(z \mid x)}\left[\log \frac1K
        \sum_{k=1}^K \frac{p(x, z_k)}{q(z_k \mid x)}\right] \le \log p(x)

    (Burda et al. 2016, eq. 8), which is the ELBO for K = 1 and does not fall as K grows (theorem
    1); all are in nats::

        model = zs.variational.ImportanceWeightedObjective(generator, variational, axis=0)
        optimizer.step(model({"x": x}))

    with ``n_samples=K`` at the latent nodes of the variational net.

    :param generator: callable from a dict of observations to a
        :class:`~zhusuan.framework.bn.BayesianNet`, the model :math:`p(x, z)`.
    :param variational: likewise, the variational posterior :math:`q(z \mid x)`.
    :param axis: dim or dims of the log-probabilities that count particles; it must be given.
    :param estimator: ``'sgvb'`` through the draws, ``'vimco'`` by scores, for latents that can't
        be reparameterised, ``'dreg'`` doubly reparameterised, or ``'auto'``, the first or the
        second by the latents; see the methods of
        :class:`~zhusuan.variational.multi_sample.MultiSampleBound`.
    :param spread: under ``mpirun``, take the particles of all ranks together: all are given the
        same data, not their parts of them, each draws K / ranks particles, and the bound and its
        gradient are those of all K. The weights are exchanged between forward and backward pass,
        so that such steps can't be recorded by :class:`~zhusuan.variational.TrainStep`. With one
        process nothing changes.
    :raises TypeError: if one of the nets is not callable.
    :raises ValueError: for an unknown estimator, or without ``axis``.
    """

    def __init__(
        self,
        generator: Any,
        variational: Any,
        axis: int | Sequence[int] | None = None,
        estimator: str = "sgvb",
        spread: bool = False,
    ) -> None:
        super().__init__(generator, variational, axis, estimator, 0.0, spread)


def importance_weighted_objective(
    meta_bn: Callable[[Mapping[str, Any]], BayesianNet],
    observed: Mapping[str, Any],
    latent: Latent | None = None,
    axis: int | Sequence[int] | None = None,
    variational: Any = None,
) -> Var:
    """Return the importance weighted bound on the log-likelihood of what is observed.

    See :class:`ImportanceWeightedObjective`. ::

        lower_bound = zs.variational.iw_objective(model, {"x": x}, variational=q, axis=0)
        cost = jt.mean(lower_bound.vimco())

    What comes back is a Var, to be looked at; its attribute ``objective`` is the
    :class:`~zhusuan.variational.multi_sample.MultiSampleBound`, and ``sgvb()``, ``vimco()`` and
    ``dreg()`` give the cost to be minimised.

    :param meta_bn: callable from a dict of observations to a BayesianNet, the model.
    :param observed: name -> value of the observed variables.
    :param latent: in place of ``variational``: name -> (sample, log-probability) of the latents.
    :param axis: dim or dims of the log-probabilities that count particles; it must be given.
    :param variational: the variational posterior, a BayesianNet or a callable as ``meta_bn``.
    :return: Var of one value per datum, in nats; shape of the log joint without ``axis``.
    :raises ValueError: if ``axis`` is None, or as
        :func:`~zhusuan.variational.exclusive_kl.elbo`.
    """
    return as_bound(MultiSampleBound(meta_bn, observed, latent, axis, variational))


iw_objective = importance_weighted_objective


def as_bound(objective: MultiSampleBound) -> Var:
    """Return the bound of an objective as a Var that has the estimators as attributes.

    :param objective: the bound of one run.
    """
    bound = objective.tensor
    bound.objective = objective
    bound.sgvb, bound.vimco, bound.dreg = objective.sgvb, objective.vimco, objective.dreg
    bound.auto = objective.auto
    return bound
