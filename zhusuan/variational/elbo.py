"""The evidence lower bound."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from zhusuan._tensor import Var, mean_all
from zhusuan.checkpoint.states import keep
from zhusuan.framework.bn import BayesianNet
from zhusuan.variational.base import VariationalObjective
from zhusuan.variational.baselines import MovingMean, check_variance_reduction
from zhusuan.variational.lower_bound import LowerBound
from zhusuan.variational.nets import check_path, is_learning
from zhusuan.variational.schedules import StepCount, check_weight

ESTIMATORS = ("sgvb", "reinforce", "auto")


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

    The value of the loss is the negative bound whatever the estimator of its gradient is; only a
    learned baseline adds its own cost.

    :param generator: callable from a dict of observations to a
        :class:`~zhusuan.framework.bn.BayesianNet`, the model :math:`p(x, z)`.
    :param variational: likewise, the variational posterior :math:`q(z \mid x)`; its latent
        nodes must be nodes of the generator.
    :param estimator: ``'sgvb'``, ``'reinforce'`` or ``'auto'``, which chooses between the two
        for each latent node; see the methods of that name of
        :class:`~zhusuan.variational.exclusive_kl.LowerBound`.
    :param axis: dim or dims of the log-probabilities that count particles.
    :param variance_reduction: for score function estimates: True for the moving mean of the
        learning signal, ``'rloo'`` for the mean of the other particles, False for none.
    :param baseline: a module, or any function, from the dict of observations to a prediction of
        the learning signal, one value per datum. Its parameters are among those of the objective;
        its cost is part of the loss.
    :param decay: of the moving mean.
    :param kl_weight: factor of the divergence of q from the prior (Higgins et al. 2017, eq. 4):
        a number, or a function of the step, counted from 0 by the calls outside of
        ``jt.no_grad``, such as :func:`~zhusuan.variational.linear_warmup`. Other
        values than 1 make the loss no bound for the evidence, if they are below 1.
    :param free_bits: least cost of each latent node in nats (Kingma et al. 2016): the
        divergence of a node, averaged over all that the loss is averaged over, is replaced by
        this constant where it is below.
    :param analytic_kl: where a latent node of q and that of p are of families with a closed form
        of :func:`~zhusuan.distributions.kl_divergence`, use that, given the draws of the node's
        parents, instead of :math:`\log q - \log p` at the draw: the same expectation with less
        variance. Nodes without one, or with different reductions in p and q, are sampled.
    :raises TypeError: if one of the nets is not callable, or an option is of the wrong kind.
    :raises ValueError: for an unknown estimator or an option out of range.
    """

    def __init__(
        self,
        generator: Any,
        variational: Any,
        estimator: str = "sgvb",
        axis: int | Sequence[int] | None = None,
        *,
        variance_reduction: bool | str = True,
        baseline: Any = None,
        decay: float = 0.8,
        kl_weight: float | Callable[[int], float] = 1.0,
        free_bits: float = 0.0,
        analytic_kl: bool = False,
    ) -> None:
        super().__init__(generator, variational)
        check_estimator("ELBO", estimator, ESTIMATORS)
        if baseline is not None:
            if not callable(baseline):
                raise TypeError(f"baseline must be callable on observations, got {baseline!r}")
            if estimator == "sgvb":
                raise ValueError("baseline is for the estimators 'reinforce' and 'auto'")
            self.baseline = baseline
        self._estimator, self._axis = estimator, axis
        self._variance_reduction = check_variance_reduction(variance_reduction)
        self._moving_mean = keep(self, "moving mean", MovingMean(decay))
        self._kl_weight = kl_weight if callable(kl_weight) else check_weight(kl_weight)
        self._free_bits = check_weight(free_bits, "free_bits")
        self._analytic_kl = analytic_kl
        self._step = keep(self, "step of kl_weight", StepCount())

    def execute(self, observed: Mapping[str, Any], reduce_mean: bool = True) -> Var:
        """Return the loss, in nats.

        :param observed: name -> value of the observed variables.
        :param reduce_mean: average over all dims that the nets left, to shape [1]; False keeps
            one value per datum (and particle, unless ``axis`` is given).
        :return: the negative lower bound, to be minimised; shape [1], or that of the data axes.
        :raises ValueError: if the estimator would be biased for these nets (a latent node of the
            variational net is not reparameterised, or with 'reinforce' it is), the nets do not
            fit each other, or an observed name is read by neither.
        :raises TypeError: if a schedule returns no number.
        """
        bound = LowerBound(
            self.generator, observed, None, self._axis, self.variational,
            kl_weight=self._weight(), free_bits=self._free_bits, analytic_kl=self._analytic_kl,
        )  # fmt: skip
        loss = self._loss(bound, observed)
        return mean_all(loss) if reduce_mean else loss

    def _loss(self, bound: LowerBound, observed: Mapping[str, Any]) -> Var:
        if self._estimator == "sgvb":
            return bound.sgvb()
        net = getattr(self, "baseline", None)
        estimate = getattr(bound, self._estimator)(
            self._variance_reduction,
            None if net is None else net(observed),
            moving_mean=self._moving_mean,
        )
        return estimate if net is None else estimate[0] + estimate[1]

    def _weight(self) -> float:
        if not callable(self._kl_weight):
            return self._kl_weight
        weight = check_weight(self._kl_weight(self._step.count))
        self._step.count += is_learning()
        return weight


ELBO = EvidenceLowerBoundObjective


def check_estimator(objective: str, estimator: Any, known: tuple[str, ...]) -> str:
    """Return ``estimator`` if it is known.

    :param objective: name of the objective, for the message.
    :param estimator: what the user asked for.
    :param known: the names of the estimators.
    :raises ValueError: if it is not among them.
    """
    if estimator not in known:
        raise ValueError(
            f"{objective}: estimator must be one of {', '.join(map(repr, known))}, "
            f"got {estimator!r}"
        )
    return estimator


def check_reparameterized(q: BayesianNet) -> None:
    """Check that gradients through the draws of ``q`` are those of the expectation.

    :param q: the variational net after a run.
    :raises ValueError: naming a latent node whose draw depends on parameters but carries no
        gradient to them.
    """
    check_path({name: node for name, node in q.nodes.items() if not node.is_observed()})
