"""The evidence lower bound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zhusuan._tensor import Var, mean_all
from zhusuan.framework.bn import BayesianNet
from zhusuan.variational.base import VariationalObjective, difference


class EvidenceLowerBoundObjective(VariationalObjective):
    r"""The negative evidence lower bound (ELBO), as a loss.

    .. math::

        -\mathcal{L} = \mathbb{E}_{q(z \mid x)}\left[\log q(z \mid x) - \log p(x, z)\right]
        \ge -\log p(x)

    estimated with one draw (or the particle axis of the nets) and differentiated through the
    draw: the SGVB estimator (Kingma and Welling 2014, eq. 6)::

        model = zs.variational.ELBO(generator, variational)
        optimizer = jt.optim.Adam(model.parameters(), 1e-3)
        loss = model({"x": x})
        optimizer.step(loss)

    :param generator: callable from a dict of observations to a
        :class:`~zhusuan.framework.bn.BayesianNet`, the model :math:`p(x, z)`.
    :param variational: likewise, the variational posterior :math:`q(z \mid x)`; its latent
        nodes must be nodes of the generator.
    :raises TypeError: if one of them is not callable.
    """

    def execute(self, observed: Mapping[str, Any], reduce_mean: bool = True) -> Var:
        """Return the loss, in nats.

        :param observed: name -> value of the observed variables.
        :param reduce_mean: average over all dims that the nets left, to shape [1]; False keeps
            one value per datum (and particle).
        :return: the negative lower bound, to be minimised.
        :raises ValueError: if a latent node of the variational net is not reparameterised, the
            nets do not fit each other, or an observed name is read by neither.
        """
        q, p = self._run(observed)
        check_reparameterized(q)
        lower_bound = difference(p.log_joint(), q.log_joint())
        return -(mean_all(lower_bound) if reduce_mean else lower_bound)


ELBO = EvidenceLowerBoundObjective


def check_reparameterized(q: BayesianNet) -> None:
    """Check that gradients through the draws of ``q`` are those of the expectation.

    :param q: the variational net after a run.
    :raises ValueError: naming a latent node whose draw depends on parameters but carries no
        gradient to them.
    """
    for name, node in q.nodes.items():
        if not node.is_observed() and not node.dist.is_reparameterized:
            raise ValueError(
                f"node {name!r} ({node.dist!r}) of the variational net is not reparameterised: "
                "the gradient through its draw would be missing and the estimate biased"
            )
