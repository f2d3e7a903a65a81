"""The variational Renyi bound, as a loss and as a function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from zhusuan._tensor import Var
from zhusuan.framework.bn import BayesianNet
from zhusuan.variational.importance_weighted_objective import MultiSampleObjective, as_bound
from zhusuan.variational.multi_sample import MultiSampleBound
from zhusuan.variational.nets import Latent


class RenyiObjective(MultiSampleObjective):
    r"""The negative variational Renyi bound of K particles, as a loss.

    .. math::

        \hat{\mathcal{L}}_\alpha = \frac{1}{1 - \alpha} \log \frac1K \sum_{k=1}^K
        \left(\frac{p(x, z_k)}{q(z_k \mid x)}\right)^{1 - \alpha}, \qquad z_k \sim q(z \mid x)

    (Li and Turner 2016, sec. 4.1), in nats. For :math:`\alpha = 1` it is the ELBO, for 0 the
    importance weighted bound. As K grows it tends to
    :math:`\log p(x) - D_\alpha(q(z \mid x) \,\|\, p(z \mid x))`, which is below the evidence for
    :math:`\alpha > 0` and above it for :math:`\alpha < 0`; it does not rise with :math:`\alpha`.

    :param generator: callable from a dict of observations to a
        :class:`~zhusuan.framework.bn.BayesianNet`, the model :math:`p(x, z)`.
    :param variational: likewise, the variational posterior :math:`q(z \mid x)`.
    :param alpha: order :math:`\alpha` of the divergence, finite.
    :param axis: dim or dims of the log-probabilities that count particles; it must be given.
    :param estimator: as for :class:`~zhusuan.variational.ImportanceWeightedObjective`.
    :param spread: as there.
    :raises TypeError: if one of the nets is not callable.
    :raises ValueError: for an unknown estimator, an ``alpha`` that is not finite, or without
        ``axis``.
    """

    def __init__(
        self,
        generator: Any,
        variational: Any,
        alpha: float = 0.5,
        axis: int | Sequence[int] | None = None,
        estimator: str = "sgvb",
        spread: bool = False,
    ) -> None:
        super().__init__(generator, variational, axis, estimator, alpha, spread)


def renyi(
    meta_bn: Callable[[Mapping[str, Any]], BayesianNet],
    observed: Mapping[str, Any],
    latent: Latent | None = None,
    axis: int | Sequence[int] | None = None,
    variational: Any = None,
    alpha: float = 0.5,
) -> Var:
    """Return the variational Renyi bound of what is observed (Li and Turner 2016, sec. 4.1).

    See :class:`RenyiObjective`.

    :param meta_bn: callable from a dict of observations to a BayesianNet, the model.
    :param observed: name -> value of the observed variables.
    :param latent: in place of ``variational``: name -> (sample, log-probability) of the latents.
    :param axis: dim or dims of the log-probabilities that count particles; it must be given.
    :param variational: the variational posterior, a BayesianNet or a callable as ``meta_bn``.
    :param alpha: order of the divergence.
    :return: Var of one value per datum, in nats, of the shape of the log joint without ``axis``;
        with the methods ``sgvb()``, ``vimco()`` and ``dreg()``.
    :raises ValueError: if ``axis`` is None, or as
        :func:`~zhusuan.variational.exclusive_kl.elbo`.
    """
    return as_bound(
        MultiSampleBound(
            meta_bn, observed, latent, axis, variational, alpha=alpha, function="renyi"
        )
    )
