"""What all variational objectives share: running both nets and checking that they fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jittor import nn

from zhusuan._tensor import Var, shape_of
from zhusuan.distributions.validation import validated_together
from zhusuan.framework.bn import BayesianNet
from zhusuan.framework.closures import add_closed_over
from zhusuan.framework.judging import judged_together, raise_unread


class VariationalObjective(nn.Module):
    r"""Base of the objectives over a generator and a variational net; losses are in nats.

    :param generator: callable from a dict of observations to a
        :class:`~zhusuan.framework.bn.BayesianNet`, the model :math:`p(x, z)`.
    :param variational: likewise, the variational posterior :math:`q(z \mid x)`.
    :raises TypeError: if one of them is not callable.
    :raises ValueError: if both are one and the same net.
    """

    def __init__(self, generator: Any, variational: Any) -> None:
        super().__init__()
        for role, net in (("generator", generator), ("variational", variational)):
            if not callable(net):
                raise TypeError(f"{role} must be callable on observations, got {net!r}")
        if generator is variational:
            raise ValueError("generator and variational must be two nets, got one twice")
        self.generator = generator
        self.variational = variational
        for net in (generator, variational):
            if not isinstance(net, nn.Module):  # whose networks Jittor does not find by itself
                add_closed_over(self, net)

    def _run(self, observed: Mapping[str, Any]) -> tuple[BayesianNet, BayesianNet]:
        return run_nets(self.generator, self.variational, observed)


def run_nets(
    generator: Callable[[Mapping[str, Any]], Any],
    variational: Any,
    observed: Mapping[str, Any],
) -> tuple[BayesianNet, BayesianNet]:
    """Run q on the observations, and p on them and on what q drew.

    :param generator: callable from a dict of observations to a BayesianNet.
    :param variational: likewise; or a BayesianNet that was run already.
    :param observed: name -> value of the observed variables.
    :return: the nets q and p after their runs.
    :raises TypeError: if one of them returns no BayesianNet.
    :raises ValueError: if the nets do not fit each other, or none reads an observed name.
    """
    with judged_together(), validated_together():
        # A net of function style has no function to run: it is what a function returned.
        was_run = type(variational) is BayesianNet
        q = _as_net("variational", variational if was_run else variational(observed))
        latents = {n: node.tensor for n, node in q.nodes.items() if not node.is_observed()}
        if not latents:
            raise ValueError(
                f"variational: {type(q).__name__} draws no latent variable; its nodes are "
                f"{sorted(q.nodes)}, observed are {sorted(observed)}"
            )
        p = _as_net("generator", generator({**observed, **latents}))
    # A latent that p does not read is reported below, in terms of nodes.
    raise_unread([p] if was_run else [q, p])
    check_latents(latents, p)
    return q, p


def check_latents(latents: Mapping[str, Var], p: BayesianNet) -> None:
    """Check that the generator has each latent variable, and no other that is not observed.

    :param latents: name -> value of what was drawn.
    :param p: the generator after its run.
    :raises ValueError: naming the node that is missing or free.
    """
    foreign = sorted(set(latents) - set(p.nodes))
    if foreign:
        raise ValueError(
            f"the variational net draws {', '.join(map(repr, foreign))}, which the generator "
            f"does not have; its nodes are {sorted(p.nodes)}"
        )
    free = sorted(name for name, node in p.nodes.items() if not node.is_observed())
    if free:
        raise ValueError(
            f"node {free[0]!r} of the generator is neither observed nor drawn by the "
            f"variational net, which draws {sorted(latents)}"
        )


def _as_net(role: str, result: Any) -> BayesianNet:
    if not isinstance(result, BayesianNet):
        raise TypeError(
            f"{role} must return a BayesianNet ('return self' at the end of execute), "
            f"got {type(result).__name__}"
        )
    return result


def difference(log_p: Var, log_q: Var) -> Var:
    r"""Return :math:`\log p - \log q`, one value per datum (and particle).

    :param log_p: log joint of the generator in nats, shape of the data (and particle) axes.
    :param log_q: log joint of the variational net in nats, of the same shape.
    :return: Var of that shape.
    :raises ValueError: if their shapes differ. They are not broadcast: where one net has summed
        over the pixels and the other has not, the difference would be of no use.
    """
    p_shape, q_shape = shape_of(log_p), shape_of(log_q)
    if p_shape != q_shape:
        raise ValueError(
            f"the log joint of the generator has shape {list(p_shape)}, that of the variational "
            f"net {list(q_shape)}: they do not align; use group_ndims, reduce_sum_dims or "
            "reduce_mean_dims alike in both nets"
        )
    return log_p - log_q
