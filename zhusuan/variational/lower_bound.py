"""The evidence lower bound of one run and the estimators of its gradient."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from zhusuan._tensor import Var, scalar, shape_of
from zhusuan.framework.alignment import check_aligned
from zhusuan.framework.bn import BayesianNet
from zhusuan.variational.base import difference
from zhusuan.variational.baselines import (
    MovingMean,
    centred,
    check_baseline,
    check_variance_reduction,
    moving_mean_of,
)
from zhusuan.variational.kl_terms import closed_form_kl, with_floor
from zhusuan.variational.nets import (
    BothNets,
    Latent,
    averaged,
    check_axis,
    sum_of,
    with_value,
)
from zhusuan.variational.schedules import check_weight


class LowerBound:
    r"""The evidence lower bound of one run, with the estimators of its gradient.

    :func:`elbo` makes it; the arguments are described there. With weight :math:`\beta` and floor
    :math:`\lambda` on the divergence of each latent node from its prior, the bound is

    .. math::

        \mathcal{L} = \mathbb{E}_{q}\Big[\log p(x \mid z)
            - \beta \sum_n \max(\mathrm{KL}_n, \lambda)\Big].

    Kingma and Welling 2014, eq. 3, for weight 1 and floor 0; Higgins et al. 2017 for the weight,
    Kingma et al. 2016 for the floor.

    :param meta_bn: as for :func:`elbo`, as the rest.
    :param observed: name -> value of the observed variables.
    :param latent: name -> (sample, log-probability), in place of ``variational``.
    :param axis: dim or dims that count particles.
    :param variational: the variational posterior.
    :param kl_weight: the weight :math:`\beta`.
    :param free_bits: the floor :math:`\lambda`, in nats.
    :param analytic_kl: use closed forms of the divergence.
    :raises TypeError: if a weight is no number.
    :raises ValueError: as :func:`elbo`.
    :ivar bn: the model's net after its run.
    """

    def __init__(
        self,
        meta_bn: Callable[[Mapping[str, Any]], BayesianNet],
        observed: Mapping[str, Any],
        latent: Latent | None = None,
        axis: int | Sequence[int] | None = None,
        variational: Any = None,
        *,
        kl_weight: float = 1.0,
        free_bits: float = 0.0,
        analytic_kl: bool = False,
    ) -> None:
        self._kl_weight = check_weight(kl_weight)
        self._free_bits = check_weight(free_bits, "free_bits")
        self._analytic_kl = bool(analytic_kl)
        self._nets = BothNets("elbo", meta_bn, observed, latent, variational)
        self.meta_bn = meta_bn
        self.variational, self.bn = self._nets.q, self._nets.p
        self._bound = self._differentiable(self._nets.discrete)
        self._axis = check_axis("elbo", axis, shape_of(self._bound))

    @property
    def tensor(self) -> Var:
        """The lower bound in nats, of the shape of the log joint without ``axis``."""
        return averaged(self._bound, self._axis)

    def sgvb(self) -> Var:
        r"""Return the cost whose gradient is the SGVB estimate (Kingma and Welling 2014, eq. 6).

        It is the negative bound, differentiated through the draws. With
        ``use_path_derivative=True`` at the nodes of q the gradient is that of Roeder et al. 2017,
        eq. 5, whose variance goes to 0 as q comes close to the posterior.

        :return: Var of the shape of :attr:`tensor`, in nats; minimise its mean.
        :raises ValueError: if a latent node is not reparameterised: the gradient would be biased.
        """
        self._nets.check_path("sgvb")
        return -self.tensor

    def reinforce(
        self,
        variance_reduction: bool | str = True,
        baseline: Var | None = None,
        decay: float = 0.8,
        moving_mean: MovingMean | None = None,
    ) -> Any:
        r"""Return the cost whose gradient is the score function estimate (Williams 1992).

        .. math::

            \nabla_\phi \mathcal{L} = \mathbb{E}_{q}\left[(\log p(x, z) - \log q_\phi(z \mid x) - b)
            \, \nabla_\phi \log q_\phi(z \mid x)\right]

        (Mnih and Gregor 2014), for latents of any kind; its value is the negative bound.

        :param variance_reduction: what :math:`b` is. True: the mean of the learning signal of
            earlier steps; it is kept with the model ``meta_bn``, so that must be one object from
            step to step. ``'rloo'``: for each particle on ``axis``, the mean of the others
            (Mnih and Rezende 2016; Kool et al. 2019). False: 0.
        :param baseline: Var of the shape of the log joint, a prediction of the learning signal from
            what is observed: one value per datum (and particle). It is taken off first (Mnih and
            Gregor 2014, "centering the learning signal").
        :param decay: of the moving mean.
        :param moving_mean: a state of one's own in place of the one kept with the model.
        :return: the cost in nats, of the shape of :attr:`tensor`; with ``baseline`` the pair of the
            cost and that of the baseline, half its squared error; minimise the mean of both.
        :raises ValueError: if a latent node is reparameterised (the gradient would be biased), or
            ``'rloo'`` has no second particle.
        :raises TypeError: if ``baseline`` is no Var.
        """
        names = list(self._nets.draws)
        self._nets.check_score(names, "reinforce")
        return self._score(names, variance_reduction, baseline, decay, moving_mean)

    def auto(
        self,
        variance_reduction: bool | str = True,
        baseline: Var | None = None,
        decay: float = 0.8,
        moving_mean: MovingMean | None = None,
    ) -> Any:
        r"""Return the cost that differentiates each latent node by its kind.

        Through the draws of those that are reparameterised, as :meth:`sgvb`, and by the score
        function for the others, as :meth:`reinforce`, whose arguments it takes (Schulman et al.
        2015, theorem 1). With D the nodes that are not reparameterised,

        .. math::

            \nabla \mathcal{L} = \mathbb{E}\Big[\nabla f + (f - b) \sum_{n \in D} \nabla
            \log q(z_n \mid \cdot)\Big], \qquad f = \log p(x, z) - \log q(z \mid x).

        :param variance_reduction: see :meth:`reinforce`, as for the others.
        :param baseline: a prediction of the learning signal, likewise.
        :param decay: of the moving mean.
        :param moving_mean: a state of one's own.
        :return: as :meth:`reinforce`, in nats; where all nodes are reparameterised the cost of the
            baseline is 0.
        :raises TypeError: if ``baseline`` is no Var.
        :raises ValueError: if ``baseline`` does not broadcast to the log joint, or ``'rloo'`` has
            no second particle.
        """
        names = self._nets.by_score("auto")
        return self._score(names, variance_reduction, baseline, decay, moving_mean)

    def _score(
        self,
        names: list[str],
        variance_reduction: bool | str,
        baseline: Var | None,
        decay: float,
        moving_mean: MovingMean | None,
    ) -> Any:
        variance_reduction = check_variance_reduction(variance_reduction)
        baseline = check_baseline(baseline)
        if not names:
            cost = -self.tensor
            return cost if baseline is None else (cost, 0.0 * cost.detach())
        # Pairs in place of a net: only now is it known how they are to be differentiated.
        bound = self._bound if self._nets.q is not None else self._differentiable(names)
        if variance_reduction is True and moving_mean is None:
            moving_mean = moving_mean_of(self.meta_bn, list(self._nets.draws), decay)
        signal, baseline_cost = centred(
            bound.detach(), self._axis, variance_reduction, baseline, moving_mean
        )
        surrogate = bound + signal * self._nets.log_q(names)
        cost = -averaged(with_value(bound, surrogate), self._axis)
        return cost if baseline_cost is None else (cost, averaged(baseline_cost, self._axis))

    def _differentiable(self, scored: list[str]) -> Var:
        """Return the bound, in which log q of the latents in ``scored`` carries no gradient.

        It would be that of the score, whose expectation is 0: only noise.
        """
        if self._kl_weight == 1.0 and not self._free_bits and not self._analytic_kl:
            return difference(self._nets.log_p(), self._log_q(scored))
        nets = self._nets
        if nets.p._run.joint is not None:
            raise ValueError(
                "kl_weight, free_bits and analytic_kl need the log-probability of each node, "
                "but the generator has a log_joint of its own"
            )
        nodes = nets.p.nodes
        terms = {n: node.log_prob() for n, node in nodes.items() if n not in nets.draws}
        for names in nets.parts():
            terms[names[0]] = self._negative_kl(names, names[0] in scored)
        check_aligned(nodes, {name: shape_of(term) for name, term in terms.items()})
        return sum_of(terms.values())

    def _log_q(self, scored: list[str]) -> Var:
        if not scored:
            return self._nets.log_q()
        fixed = self._nets.log_q(scored).detach()
        others = [name for name in self._nets.draws if name not in scored]
        return self._nets.log_q(others) + fixed if others else fixed

    def _negative_kl(self, names: list[str], is_scored: bool) -> Var:
        nodes, posterior = self._nets.p.nodes, self._nets.posterior.get(names[0])
        closed = None
        if self._analytic_kl and posterior is not None and not self._nets.is_joint:
            closed = closed_form_kl(posterior, nodes[names[0]])
        if closed is not None:
            negative_kl = -closed
        else:
            log_q = self._nets.log_q(names)
            log_prior = sum_of(nodes[name].log_prob() for name in names)
            negative_kl = difference(log_prior, log_q.detach() if is_scored else log_q)
        if self._free_bits:
            negative_kl = with_floor(negative_kl, self._free_bits)
        if self._kl_weight != 1.0:
            negative_kl = negative_kl * scalar(self._kl_weight, str(negative_kl.dtype))
        return negative_kl
