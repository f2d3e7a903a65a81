"""Reweighted wake-sleep: one loss for each phase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zhusuan._tensor import Var, mean_all, shape_of
from zhusuan.framework.alignment import check_aligned
from zhusuan.framework.bn import BayesianNet
from zhusuan.framework.judging import judged_together
from zhusuan.special import log_mean_exp
from zhusuan.variational.base import VariationalObjective, difference
from zhusuan.variational.inclusive_kl import InclusiveKL
from zhusuan.variational.nets import BothNets, check_axis, sum_of
from zhusuan.variational.schedules import check_weight


class ReweightedWakeSleep(VariationalObjective):
    r"""Reweighted wake-sleep (Bornschein and Bengio 2015), as a loss for both nets.

    * wake phase of p: :math:`-\log \frac1K \sum_k w_k`, whose gradient is
      :math:`-\sum_k \tilde w_k \nabla_\theta \log p(x, z_k)`;
    * wake phase of q: :math:`-\sum_k \tilde w_k \log q(z_k \mid x)`;
    * sleep phase of q: :math:`-\log q(z \mid x)` of a pair that the generator dreamt.

    Calling the objective gives the first plus ``insomnia`` times the second plus the rest of the
    third; each phase is a method as well, for a schedule of one's own. All are in nats. The phases'
    gradients do not mix: what is for q does not reach p.

    :param generator: callable from a dict of observations to a
        :class:`~zhusuan.framework.bn.BayesianNet`, the model :math:`p(x, z)`.
    :param variational: likewise; its latent nodes must not be reparameterised
        (``reparameterize=False``), with ``n_samples=K``.
    :param axis: dim or dims of the log-probabilities that count particles.
    :param insomnia: weight of the wake phase of q, in [0, 1]; 1 leaves the sleep phase out.
    :raises ValueError: if ``insomnia`` is outside [0, 1], or without ``axis``.
    """

    def __init__(
        self,
        generator: Any,
        variational: Any,
        axis: int | Sequence[int] | None = None,
        insomnia: float = 1.0,
    ) -> None:
        super().__init__(generator, variational)
        if axis is None:
            raise ValueError("ReweightedWakeSleep: axis, the dim of the particles, must be given")
        if check_weight(insomnia, "insomnia") > 1.0:
            raise ValueError(f"insomnia must be between 0 and 1, got {insomnia}")
        self._axis, self._insomnia = axis, float(insomnia)

    def execute(self, observed: Mapping[str, Any], reduce_mean: bool = True) -> Var:
        """Return the sum of the phases' losses, in nats.

        :param observed: name -> value of the observed variables.
        :param reduce_mean: average over the data, to shape [1]; False keeps one value per datum.
        :return: the loss, to be minimised; shape [1], or that of the data axes.
        :raises ValueError: if a latent node is reparameterised, the nets do not fit each other,
            or an observed name is read by neither.
        """
        wake = InclusiveKL(self.generator, observed, None, self._axis, self.variational)
        losses = [self._of_theta(wake._nets)]
        if self._insomnia > 0.0:
            losses.append(self._insomnia * wake.importance())
        if self._insomnia < 1.0:
            sleep = self.sleep_phi(observed, reduce_mean=False, data=_data(wake.bn, wake._nets))
            losses.append((1.0 - self._insomnia) * sleep)
        if reduce_mean:
            return sum_of(mean_all(loss) for loss in losses)
        shapes = {tuple(shape_of(loss)) for loss in losses}
        if len(shapes) > 1:
            raise ValueError(f"the phases have one value per datum of shapes {sorted(shapes)}")
        return sum_of(losses)

    def wake_theta(self, observed: Mapping[str, Any], reduce_mean: bool = True) -> Var:
        """Return the loss of the generator: the negative importance weighted bound.

        :param observed: name -> value of the observed variables.
        :param reduce_mean: average over the data, to shape [1].
        :return: in nats; shape [1], or that of the data axes.
        :raises ValueError: as a call.
        """
        cost = self._of_theta(self._wake(observed))
        return mean_all(cost) if reduce_mean else cost

    def wake_phi(self, observed: Mapping[str, Any], reduce_mean: bool = True) -> Var:
        """Return the loss of q at the data.

        :param observed: name -> value of the observed variables.
        :param reduce_mean: average over the data, to shape [1].
        :return: in nats; shape [1], or that of the data axes.
        :raises ValueError: as a call.
        """
        objective = InclusiveKL(self.generator, observed, None, self._axis, self.variational)
        cost = objective.importance()
        return mean_all(cost) if reduce_mean else cost

    def sleep_phi(
        self,
        observed: Mapping[str, Any],
        reduce_mean: bool = True,
        data: Sequence[str] | None = None,
    ) -> Var:
        """Return the loss of q at what the generator dreams.

        :param observed: name -> value. Those that are no nodes of the generator, such as inputs,
            are passed on to both nets; the nodes are dreamt.
        :param reduce_mean: average over the dreams, to shape [1].
        :param data: names in ``observed`` that are nodes of the generator; found by a run of both
            nets if left out.
        :return: in nats; shape [1], or that of the data axes.
        :raises ValueError: if the variational net draws what the generator does not dream of.
        """
        if data is None:
            nets = self._wake(observed)
            data = _data(nets.p, nets)
        given = {name: value for name, value in observed.items() if name not in data}
        with judged_together():
            dream = self.generator(given)
            dreamt = {n: node.tensor.detach() for n, node in dream.nodes.items()}
            q = self.variational({**given, **dreamt})
        drawn = sorted(name for name, node in q.nodes.items() if not node.is_observed())
        if drawn:
            raise ValueError(
                f"sleep phase: the variational net draws {', '.join(map(repr, drawn))}, which the "
                f"generator does not dream of; its nodes are {sorted(dreamt)}"
            )
        latents = [name for name in q.nodes if name not in data]
        if q._run.joint is not None:  # one density for all latents
            cost = -q.log_joint()
            return mean_all(cost) if reduce_mean else cost
        terms = {name: q.nodes[name].log_prob() for name in latents}
        check_aligned(q.nodes, {name: shape_of(term) for name, term in terms.items()})
        cost = -sum_of(terms.values())
        return mean_all(cost) if reduce_mean else cost

    def _wake(self, observed: Mapping[str, Any]) -> BothNets:
        nets = BothNets(
            "ReweightedWakeSleep", self.generator, observed, None, self.variational
        )
        nets.check_score(list(nets.draws), "ReweightedWakeSleep")
        return nets

    def _of_theta(self, nets: BothNets) -> Var:
        log_w = difference(nets.log_p(), nets.log_q().detach())
        axes = check_axis("ReweightedWakeSleep", self._axis, shape_of(log_w))
        return -log_mean_exp(log_w, axes)


def _data(p: BayesianNet, nets: BothNets) -> list[str]:
    return [name for name in p.nodes if name not in nets.draws]
