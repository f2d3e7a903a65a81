"""Bounds of several particles, importance weighted and Renyi, and their estimators."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jittor as jt
import numpy as np

from zhusuan._tensor import Var, constant, shape_of
from zhusuan.distributed import world_size
from zhusuan.framework.bn import BayesianNet
from zhusuan.special import log_mean_exp, log_softmax
from zhusuan.variational.base import difference
from zhusuan.variational.nets import (
    BothNets,
    Latent,
    averaged,
    check_axis,
    is_learning,
    sum_of,
    with_value,
)
from zhusuan.variational.spread import Everywhere, is_spread

# A particle this many nats behind the best counts for nothing, and its logarithm is finite.
_FAR_BEHIND = -1e4


class MultiSampleBound:
    r"""The bound of K particles of one run, with the estimators of its gradient.

    :func:`~zhusuan.variational.importance_weighted_objective.importance_weighted_objective`
    and :func:`~zhusuan.variational.renyi.renyi` make it; the arguments are described there. With
    :math:`w_k = p(x, z_k) / q(z_k \mid x)`,

    .. math::

        \hat{\mathcal{L}}_\alpha = \frac{1}{1 - \alpha} \log \frac1K \sum_{k=1}^K w_k^{1-\alpha},
        \qquad \tilde w_k = \frac{w_k^{1-\alpha}}{\sum_j w_j^{1-\alpha}},

    which is the mean of :math:`\log w_k` at :math:`\alpha = 1`. Below, :math:`\theta` are the
    parameters of p, :math:`\phi` those of q.

    Source: Li and Turner 2016, sec. 4.1; Burda et al. 2016, eq. 8, for :math:`\alpha = 0`.

    :param meta_bn: callable from a dict of observations to a BayesianNet, the model.
    :param observed: name -> value of the observed variables.
    :param latent: name -> (sample, log-probability), in place of ``variational``.
    :param axis: dim or dims that count particles; it must be given.
    :param variational: the variational posterior.
    :param alpha: order of the divergence.
    :param function: what messages call the bound.
    :param spread: under ``mpirun``, take the particles of all ranks together.
    :raises ValueError: without ``axis``, for an ``alpha`` that is not finite, or as
        :func:`~zhusuan.variational.exclusive_kl.elbo`.
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
        alpha: float = 0.0,
        function: str = "importance_weighted_objective",
        spread: bool = False,
    ) -> None:
        if axis is None:
            raise ValueError(f"{function}: axis, the dim of the particles, must be given")
        self._function, self._alpha = function, check_alpha(alpha)
        self._nets = BothNets(function, meta_bn, observed, latent, variational)
        self.meta_bn = meta_bn
        self.variational, self.bn = self._nets.q, self._nets.p
        self._log_w = difference(self._nets.log_p(), self._nets.log_q())
        self._axis = check_axis(function, axis, shape_of(self._log_w))
        self._everywhere: Everywhere | None = None
        if is_spread(spread):
            last, restore = particles_last(self._log_w.detach(), self._axis)
            self._everywhere = Everywhere(last, self._alpha, restore)

    @property
    def tensor(self) -> Var:
        """The bound in nats: one value per datum, the particle dims left out."""
        return self._bound(self._log_w)

    @property
    def n_particles(self) -> int:
        """The number of particles K, those of other ranks included if they count."""
        if self._everywhere is not None:
            return int(self._everywhere.log_w.shape[-1])
        shape = shape_of(self._log_w)
        return int(np.prod([shape[axis] for axis in self._axis]))

    def sgvb(self) -> Var:
        r"""Return the cost whose gradient goes through the draws (Burda et al. 2016, sec. 3).

        The signal-to-noise ratio of its gradient for :math:`\phi` falls with K (Rainforth et al.
        2018, theorem 1): see :meth:`dreg`.

        :return: the negative bound in nats, of the shape of :attr:`tensor`; minimise its mean.
        :raises ValueError: if a latent node is not reparameterised: the gradient would be biased.
        """
        self._nets.check_path("sgvb")
        self._check_full("sgvb")
        return -self.tensor

    def vimco(self) -> Var:
        r"""Return the cost whose gradient is the VIMCO estimate (Mnih and Rezende 2016).

        .. math::

            \nabla \mathcal{L} = \mathbb{E}\Big[\sum_k (\hat{\mathcal{L}} - \hat{\mathcal{L}}_{-k})
            \nabla \log q(z_k \mid x) + \sum_k \tilde w_k \nabla \log w_k\Big]

        where :math:`\hat{\mathcal{L}}_{-k}` has the geometric mean of the other weights in place
        of :math:`w_k`. Latents that are reparameterised are differentiated through
        their draws, and only the others have the first term; so mixed nets are right as well.

        :return: the cost in nats, of the shape of :attr:`tensor`; its value is the negative bound.
            Minimise its mean.
        :raises ValueError: if there are less than 2 particles, or if all latent nodes are
            reparameterised, so that nothing is left to be scored: use :meth:`sgvb` or
            :meth:`dreg`.
        """
        if self.n_particles < 2:
            raise ValueError(
                f"vimco compares particles and needs at least 2 on axis, got {self.n_particles}: "
                "give the latents of the variational net n_samples"
            )
        scored = self._nets.discrete if self._nets.q is not None else list(self._nets.draws)
        if not scored:
            raise ValueError(
                f"vimco: all latent nodes of the variational net, {sorted(self._nets.draws)}, are "
                "reparameterised; use sgvb or dreg, which have less variance, or make a node with "
                "reparameterize=False"
            )
        self._nets.check_score(scored, "vimco")
        self._check_full("vimco")
        bound = self.tensor
        if not is_learning():
            return -bound
        log_q = self._nets.log_q(scored)
        score = (self._signal() * log_q).sum(list(self._axis))
        return -with_value(bound, bound + self._counted(score.reshape(list(shape_of(bound)))))

    def dreg(self) -> Var:
        r"""Return the cost with the doubly reparameterised gradient (Tucker et al. 2019).

        .. math::

            \nabla_\phi \mathcal{L} = \mathbb{E}\Big[\sum_k \big(\alpha \tilde w_k
            + (1 - \alpha) \tilde w_k^2\big) \frac{\partial \log w_k}{\partial z_k}
            \frac{\mathrm{d} z_k}{\mathrm{d} \phi}\Big]

        The score of q, noise that grows with K, is gone; at :math:`\alpha = 0` the weights are
        squared. The gradient for :math:`\theta` is that of :meth:`sgvb`. Both nets are run a
        second time.

        :return: the cost in nats, of the shape of :attr:`tensor`; its value is the negative bound.
            Minimise its mean.
        :raises ValueError: if a latent node is not reparameterised, the second run is not
            possible, or draws do not align with the data.
        """
        return self._dreg(shape_of(self.tensor))

    def auto(self) -> Var:
        """Return the cost of :meth:`sgvb` if all latents are reparameterised, else :meth:`vimco`.

        :return: the cost in nats, of the shape of :attr:`tensor`.
        """
        return self.vimco() if self._nets.by_score("auto") else self.sgvb()

    def dreg_mean(self) -> Var:
        """Return the mean of :meth:`dreg` over the data, also where draws do not align with them.

        :return: Var of shape [1], in nats.
        :raises ValueError: as :meth:`dreg`.
        """
        return self._dreg((1,))

    # -- the estimators' parts

    def _check_full(self, estimator: str) -> None:
        """Check that no node leaves out a part of the gradient of log q whose mean is not 0."""
        for name, node in self._nets.posterior.items():
            if node.dist.use_path_derivative and self._alpha != 1.0:
                raise ValueError(
                    f"node {name!r} ({node.dist!r}) of the variational net has "
                    "use_path_derivative=True: with weighted particles, what that blocks is not "
                    f"0 in expectation and {estimator} would be biased (Tucker et al. 2019); "
                    "remove the option and use dreg"
                )

    def _dreg(self, shape: tuple[int, ...]) -> Var:
        self._nets.check_path("dreg")
        self._check_full("dreg")
        if not is_learning():
            return -_mean_to(self.tensor, shape)
        fixed, log_p, log_q = self._nets.at_fixed_draws()
        log_w = difference(log_p, log_q)
        bound = self._bound(log_w)
        n_data = int(np.prod(shape_of(bound))) if shape == (1,) else 1
        weights = self._normalised(log_w.detach())
        factor = weights * weights
        if self._alpha != 0.0:
            of_plain = constant(self._alpha, weights)
            factor = of_plain * weights + constant(1.0 - self._alpha, weights) * factor
        partial = jt.grad((factor.detach() * log_w).sum(), list(fixed.values()))
        through_draws = sum_of(
            _per_datum(name, slope.detach() * self._nets.draws[name], shape, self._axis)
            for name, slope in zip(fixed, partial)
        )
        of_theta = (weights.detach() * log_p).sum(list(self._axis))
        surrogate = _mean_to(of_theta.reshape(list(shape_of(bound))), shape)
        gradient = self._counted(surrogate + through_draws / n_data)
        return -with_value(_mean_to(bound, shape), gradient)

    def _counted(self, part: Var) -> Var:
        """Make up for the optimizer's mean over the ranks, whose parts are to be summed."""
        return part if self._everywhere is None else part * float(world_size())

    def _bound(self, log_w: Var) -> Var:
        if self._everywhere is not None:
            bound = self._everywhere.bound
            part = (self._everywhere.weights * log_w).sum(list(self._axis))
            return with_value(bound, self._counted(part.reshape(list(shape_of(bound)))))
        if self._alpha == 1.0:
            return averaged(log_w, self._axis)
        bound = log_mean_exp(self._scaled(log_w), self._axis)
        return bound if self._alpha == 0.0 else bound / constant(1.0 - self._alpha, bound)

    def _scaled(self, log_w: Var) -> Var:
        return log_w if self._alpha == 0.0 else log_w * constant(1.0 - self._alpha, log_w)

    def _normalised(self, log_w: Var) -> Var:
        if self._everywhere is not None:
            return self._everywhere.weights
        scaled = self._scaled(log_w)
        if len(self._axis) == 1:
            return jt.exp(log_softmax(scaled, self._axis[0]))
        last, restore = particles_last(scaled, self._axis)
        return jt.exp(restore(log_softmax(last, -1)))

    def _signal(self) -> Var:
        """Return the bound less that without each particle, of the shape of the weights."""
        log_w, restore = particles_last(self._log_w.detach(), self._axis)
        if self._everywhere is None:
            return restore(self._signal_of(log_w))
        everywhere = self._everywhere
        signal = self._signal_of(jt.array(everywhere.log_w.astype(str(log_w.dtype))))
        return everywhere.own(signal.numpy())

    def _signal_of(self, log_w: Var) -> Var:
        if self._alpha == 1.0:
            # The bound is a mean: what a particle adds is its difference to the others' mean.
            k = shape_of(log_w)[-1]
            others = (log_w.sum(-1, keepdims=True) - log_w) / (k - 1)
            return (log_w - others) / k
        signal = leave_one_out_gain(self._scaled(log_w))
        return signal / constant(1.0 - self._alpha, signal)


def leave_one_out_gain(log_w: Var) -> Var:
    r"""Return what each particle adds to the log of the mean weight (Mnih and Rezende 2016).

    .. math::

        \log \frac1K \sum_j w_j - \log \frac1K \Big(\sum_{j \ne k} w_j
        + \exp \frac{1}{K - 1} \sum_{j \ne k} \log w_j\Big)

    :param log_w: detached Var, particles on the last dim.
    :return: Var of that shape.
    """
    k = shape_of(log_w)[-1]
    # The gain does not change when all weights are multiplied; near 0 float32 has more digits.
    log_w = log_w - log_w.max(-1, keepdims=True)
    log_w = jt.maximum(log_w, jt.full_like(log_w, _FAR_BEHIND))
    others = (log_w.sum(-1, keepdims=True) - log_w) / (k - 1)
    square = [*shape_of(log_w), k]
    is_own = jt.array(np.eye(k, dtype=bool)).broadcast(square)
    replaced = jt.ternary(
        is_own, others.unsqueeze(-1).broadcast(square), log_w.unsqueeze(-2).broadcast(square)
    )
    return (log_mean_exp(log_w, -1, keepdims=True) - log_mean_exp(replaced, -1)).detach()


def particles_last(value: Var, axes: tuple[int, ...]) -> tuple[Var, Callable[[Var], Var]]:
    """Merge the particle dims into one, the last.

    :param value: Var.
    :param axes: the particle dims, not negative and sorted.
    :return: the Var of shape ``others + [K]``, and a function that takes such a Var back.
    """
    shape = shape_of(value)
    others = [d for d in range(len(shape)) if d not in axes]
    order = [*others, *axes]
    permuted = value.permute(order) if order != list(range(len(shape))) else value
    permuted_shape = [shape[d] for d in order]
    merged = permuted.reshape([*permuted_shape[: len(others)], -1])

    def restore(last: Var) -> Var:
        back = last.reshape(permuted_shape)
        return back.permute([order.index(d) for d in range(len(shape))]) if len(shape) > 1 else back

    return merged, restore


def check_alpha(alpha: Any) -> float:
    """Return the order of a Renyi divergence as a float.

    :param alpha: number.
    :raises ValueError: if it is not finite.
    """
    value = float(alpha)
    if not np.isfinite(value):
        raise ValueError(f"alpha must be finite, got {alpha!r}")
    return value


def _mean_to(value: Var, shape: tuple[int, ...]) -> Var:
    if shape_of(value) == shape:
        return value
    return value.sum() / int(np.prod(shape_of(value)))


def _per_datum(name: str, value: Var, shape: tuple[int, ...], axes: tuple[int, ...]) -> Var:
    """Sum ``value``, which has the shape of a draw, to one number per datum."""
    if shape == (1,):
        return value.sum()
    drawn = shape_of(value)
    n_lead = len(shape) + len(axes)
    kept = tuple(n for d, n in enumerate(drawn[:n_lead]) if d not in axes)
    if kept != shape:
        raise ValueError(
            f"dreg: the draw of node {name!r} has shape {list(drawn)}, which does not begin with "
            f"the particles and the data of the bound {list(shape)}: only its mean has a dreg cost"
        )
    over = [d for d in range(len(drawn)) if d in axes or d >= n_lead]
    return value.sum(over)
