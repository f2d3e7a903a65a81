"""The part of the bound that compares q with the prior: in closed form, weighted, with a floor."""

from __future__ import annotations

import jittor as jt

from zhusuan._tensor import Var, broadcast_shapes, mean_all, shape_of
from zhusuan.distributions.kl import has_kl, kl_divergence
from zhusuan.framework.stochastic_tensor import StochasticTensor


def closed_form_kl(posterior: StochasticTensor, prior: StochasticTensor) -> Var | None:
    r"""Return the KL divergence of two nodes where it has a closed form, else None.

    Given its parents, :math:`\mathrm{KL}(q(z \mid \cdot) \,\|\, p(z \mid \cdot))` is exact; where
    the parents are drawn, their draws are what is left of chance. The reductions of the nodes
    (``group_ndims``, ``reduce_mean_dims``, ``reduce_sum_dims``, ``multiplier``, ``n_data``) apply
    to it as to the log-probabilities. They must be alike in both nodes: otherwise the sampled term
    is no KL divergence, and None comes back.

    :param posterior: the node of q, drawn.
    :param prior: the node of p of that name; its parameters must not be made from its own value.
    :return: Var, in nats, of the shape of the node's log-probability, or None.
    """
    q, p = posterior.dist, prior.dist
    alike = (
        q.group_ndims == p.group_ndims
        and q.value_shape == p.value_shape
        and posterior._mean_dims == prior._mean_dims
        and posterior._sum_dims == prior._sum_dims
        and posterior._multiplier == prior._multiplier
        and posterior._n_data == prior._n_data
    )
    if not (alike and has_kl(q, p)):
        return None
    n = len(q.value_shape)
    drawn = posterior.shape[: len(posterior.shape) - n]
    # A prior that is wider than what was drawn scores each draw several times.
    if broadcast_shapes(drawn, q.batch_shape, p.batch_shape) != drawn:
        return None
    try:
        kl = kl_divergence(q, p)
    except NotImplementedError:
        return None
    target = drawn[: len(drawn) - q.group_ndims] or (1,)
    return posterior._reduce(kl.broadcast(list(target)) if shape_of(kl) != target else kl)


def with_floor(negative_kl: Var, floor: float) -> Var:
    r"""Return :math:`-\max(\mathrm{KL}, \lambda)`, the mean over all data and particles judged.

    (Kingma et al. 2016, "free bits": a latent that costs less than :math:`\lambda` costs
    :math:`\lambda`, so nothing is gained by giving it up.)

    :param negative_kl: minus the divergence, one value per datum (and particle).
    :param floor: :math:`\lambda` in nats.
    """
    is_above = mean_all(-negative_kl.detach()) > floor
    flat = jt.full_like(negative_kl, -floor)
    return jt.ternary(is_above.broadcast(list(shape_of(flat))), negative_kl, flat)
