"""Fitting q by KL(p || q), with self-normalised importance weights: a loss and a function."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jittor as jt

from zhusuan._tensor import Var, mean_all, shape_of
from zhusuan.framework.bn import BayesianNet
from zhusuan.special import log_softmax
from zhusuan.variational.base import VariationalObjective, difference
from zhusuan.variational.elbo import check_estimator
from zhusuan.variational.multi_sample import particles_last
from zhusuan.variational.nets import BothNets, Latent, check_axis


class InclusiveKL:
    r"""The inclusive divergence of one run; :func:`klpq` makes it, and describes the arguments.

    Bornschein and Bengio 2015.

    :param meta_bn: callable from a dict of observations to a BayesianNet, the model.
    :param observed: name -> value of the observed variables.
    :param latent: name -> (sample, log-probability), in place of ``variational``.
    :param axis: dim or dims that count particles.
    :param variational: the variational posterior.
    :raises ValueError: as :func:`klpq`.
    :ivar bn: the model's net after its run.
    """

    def __init__(
        self,
        meta_bn: Callable[[Mapping[str, Any]], BayesianNet],
        observed: Mapping[str, Any],
        latent: Latent | None = None,
        axis: int | Sequence[int] | None = None,
        variational: Any = None,
    ) -> None:
        self._nets = BothNets("klpq", meta_bn, observed, latent, variational)
        self._nets.check_score(list(self._nets.draws), "klpq")
        self.meta_bn = meta_bn
        self.variational, self.bn = self._nets.q, self._nets.p
        self._log_q = self._nets.log_q()
        self._log_w = difference(self._nets.log_p(), self._log_q).detach()
        self._axis = check_axis("klpq", axis, shape_of(self._log_w))
        if not self._axis:
            warnings.warn(
                "klpq without axis has one particle per datum, whose weight is 1: q is fitted to "
                "its own draws and learns nothing; give the latents n_samples and klpq the axis",
                stacklevel=3,
            )

    @property
    def tensor(self) -> Var:
        """Not available, of no shape: the divergence contains the posterior, which is not known.

        :raises NotImplementedError: always.
        """
        raise NotImplementedError(
            "the inclusive KL divergence has no value that could be computed; "
            "importance() gives a cost with its gradient"
        )

    def importance(self) -> Var:
        r"""Return the cost whose gradient is the self-normalised importance sampling estimate.

        .. math::

            \nabla_\phi \mathrm{KL}(p \,\|\, q) \approx -\sum_k \tilde w_k \nabla_\phi
            \log q_\phi(z_k \mid x), \qquad \tilde w_k = \frac{w_k}{\sum_j w_j}

        (Bornschein and Bengio 2015, the wake-phase update of q). It is consistent: its
        bias is of order 1/K, unlike that of the other estimators, which is 0.

        :return: Var of one value per datum in nats, shape of the log joint without ``axis``;
            minimise its mean.
        """
        if not self._axis:
            return -self._log_q
        last, restore = particles_last(self._log_w, self._axis)
        weights = restore(jt.exp(log_softmax(last, -1))).detach()
        return -(weights * self._log_q).sum(list(self._axis))

    def rws(self) -> Var:
        """Return what :meth:`importance` returns, under ZhuSuan's earlier name.

        :return: the cost in nats, of the same shape.
        """
        return self.importance()


class InclusiveKLObjective(VariationalObjective):
    r"""The inclusive divergence from posterior to q, in nats, as a loss for q.

    .. math:: \mathrm{KL}(p(z \mid x) \,\|\, q(z \mid x))

    Its gradient is estimated with K particles of q and their weights (Bornschein and Bengio 2015);
    see :meth:`~zhusuan.variational.inclusive_kl.InclusiveKL.importance`. The value means nothing by
    itself, and the generator is not trained by it:
    :class:`~zhusuan.variational.ReweightedWakeSleep` trains both.

    :param generator: callable from a dict of observations to a
        :class:`~zhusuan.framework.bn.BayesianNet`, the model :math:`p(x, z)`.
    :param variational: likewise; its latent nodes must not be reparameterised
        (``reparameterize=False``).
    :param axis: dim or dims of the log-probabilities that count particles.
    :param estimator: ``'importance'``, or ``'rws'``, its other name.
    :raises ValueError: for an unknown estimator.
    """

    def __init__(
        self,
        generator: Any,
        variational: Any,
        axis: int | Sequence[int] | None = None,
        estimator: str = "importance",
    ) -> None:
        super().__init__(generator, variational)
        check_estimator("InclusiveKLObjective", estimator, ("importance", "rws"))
        self._axis = axis

    def execute(self, observed: Mapping[str, Any], reduce_mean: bool = True) -> Var:
        """Return the loss, in nats.

        :param observed: name -> value of the observed variables.
        :param reduce_mean: average over the data, to shape [1]; False keeps one value per datum.
        :return: the cost, to be minimised; shape [1], or that of the data axes.
        :raises ValueError: if a latent node is reparameterised, the nets do not fit each other,
            or an observed name is read by neither.
        """
        cost = InclusiveKL(
            self.generator, observed, None, self._axis, self.variational
        ).importance()
        return mean_all(cost) if reduce_mean else cost


def klpq(
    meta_bn: Callable[[Mapping[str, Any]], BayesianNet],
    observed: Mapping[str, Any],
    latent: Latent | None = None,
    axis: int | Sequence[int] | None = None,
    variational: Any = None,
) -> InclusiveKL:
    r"""Return the objective of fitting q by the inclusive divergence (Bornschein and Bengio 2015).

    ::

        klpq_obj = zs.variational.klpq(model, {"x": x}, variational=q, axis=0)
        q_cost = jt.mean(klpq_obj.importance())

    :param meta_bn: callable from a dict of observations to a BayesianNet, the model.
    :param observed: name -> value of the observed variables.
    :param latent: in place of ``variational``: name -> (sample, log-probability) of the latents.
    :param axis: dim or dims of the log-probabilities that count particles; without it there is a
        warning.
    :param variational: the variational posterior, a BayesianNet or a callable as ``meta_bn``.
    :return: the objective, whose ``importance()`` is the cost, in nats.
    :raises ValueError: if a latent node is reparameterised (the gradient would be biased), or as
        :func:`~zhusuan.variational.exclusive_kl.elbo`.
    """
    return InclusiveKL(meta_bn, observed, latent, axis, variational)
