"""Annealed importance sampling: bounds of the log-likelihood from chains that are heated up."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from zhusuan import random
from zhusuan.evaluation.annealing import AnnealedTarget, Point, draw_proposal
from zhusuan.evaluation.schedules import Schedule, inverse_temperatures
from zhusuan.evaluation.weights import WeightSum
from zhusuan.framework.latents import Model
from zhusuan.mcmc.hamiltonian import HamiltonianKernel, check_count
from zhusuan.random.source import generator

# Each transition's step size is the learnt one times a uniform number between this and 1 (as Neal
# 2011 advises; never above, where leapfrog steps may be unstable). Trajectories of one length come
# near full circles in some directions: on the linear-Gaussian model of the tests the weights had up
# to six times the variance without.
_SHORTEST = 0.7


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class AISResult:
    r"""What a run of :class:`AIS` found. ``float(result)`` is the mean over all data.

    :ivar log_likelihood: estimate of each datum's log-likelihood, in nats; shape of the data axes,
        or [1] where there are none.
    :ivar is_upper: whether it is an upper bound, of a reverse run; else a lower bound.
    :ivar ess: effective number of chains of each datum, :math:`(\sum w)^2 / \sum w^2` (Kong 1992);
        few of them, say below 5, mean that the bound is loose.
    :ivar log_weights: of each chain and datum, in nats; shape ``[n_chains] + data axes``.
    :ivar betas: inverse temperatures, from 0 to 1, shape ``[n_temperatures + 1]``.
    :ivar acceptance_rate: of the transitions at ``betas[1:-1]``, averaged over chains and data;
        shape ``[n_temperatures - 1]``.
    :ivar data_acceptance_rate: of each datum, averaged over chains and transitions; shape of
        ``log_likelihood``.
    :ivar step_size: of the same transitions, shape ``[n_temperatures - 1]``.
    :ivar n_divergent: how many transitions diverged, of all chains and data.
    :ivar samples: name -> where the chains ended: for a forward run draws from about the posterior,
        to be weighted by ``log_weights``; shape ``[n_chains] + data axes + shape``.
    """

    log_likelihood: np.ndarray
    is_upper: bool
    ess: np.ndarray
    log_weights: np.ndarray
    betas: np.ndarray
    acceptance_rate: np.ndarray
    data_acceptance_rate: np.ndarray
    step_size: np.ndarray
    n_divergent: int
    samples: dict[str, np.ndarray]

    @property
    def standard_error(self) -> np.ndarray:
        r"""Standard error of the log-likelihood of each datum, in nats, from the weights' spread.

        Of the shape of ``log_likelihood``. By the delta method,
        :math:`\sqrt{1/\mathrm{ESS} - 1/K}` for K chains; it is of no use where only a few chains
        count.
        """
        n_chains = len(self.log_weights)
        return np.sqrt(np.maximum(1.0 / np.maximum(self.ess, 1.0) - 1.0 / n_chains, 0.0))

    def __float__(self) -> float:
        return float(self.log_likelihood.mean())

    def __repr__(self) -> str:
        rate = f"{self.acceptance_rate.mean():.2f}" if len(self.acceptance_rate) else "none"
        return (
            f"<AISResult: log-likelihood {'<=' if self.is_upper else '>='} {float(self):.6g} nats, "
            f"mean of {self.log_likelihood.size} data; {len(self.log_weights)} chains, "
            f"least ESS {self.ess.min():.3g}, {len(self.betas) - 1} temperatures, "
            f"acceptance {rate}>"
        )


class AIS:
    r"""Annealed importance sampling of the log-likelihood (Neal 2001).

    Chains begin at draws of a proposal q and move, by MCMC, through densities that lead from it to
    the model,

    .. math::

        f_t(z) &= q(z)^{1 - \beta_t}\, p(x, z)^{\beta_t}, \qquad
        0 = \beta_0 < \dots < \beta_T = 1, \\
        \log w &= \sum_{t=1}^{T} (\beta_t - \beta_{t-1}) \log \frac{p(x, z_{t-1})}{q(z_{t-1})}

    (Neal 2001, section 2, in logarithms). The mean weight of K chains is unbiased for
    :math:`p(x)`, so its logarithm is on average below :math:`\log p(x)`: a stochastic lower bound,
    the tighter the more temperatures there are. Unlike importance sampling it needs no good
    proposal; the prior will do, and a model may be its own proposal::

        ais = zs.AIS(model, model, zs.mcmc.HMC(0.1, 10), {"x": x}, ["z"], n_chains=16)
        bound = ais.run(seed=1)
        print(bound.log_likelihood, bound.ess)

    All chains of all data move in one batch: log joints have shape ``[n_chains] + data axes``.
    Latents of bounded support move on the real scale, as in :func:`zhusuan.mcmc.run`.

    The step size is learnt before a run, on chains that are then thrown away, at ``n_adapt``
    temperatures on the same path, and given in the run, but for a random factor between 0.7 and
    1: weights of chains that adapt meanwhile would not be unbiased. The mass is 1.

    :param meta_bn: the model: a callable from a dict of observations to a BayesianNet; or a
        function from a dict of Vars to the log joint.
    :param proposal_meta_bn: likewise, a net that draws the latents: the prior, a variational net,
        or the model itself, of which what is observed is left out.
    :param hmc: how the chains move: :class:`zhusuan.mcmc.HMC` (or NUTS, MALA). With
        ``adapt_step_size=False`` its own step size takes the place of the learnt one.
    :param observed: name -> value of the observed nodes and inputs.
    :param latent: names of the latents; or, as ZhuSuan has it, name -> array or Var of shape
        ``[n_chains] + data axes + shape``, whose values do not count. None for all that the
        proposal draws.
    :param n_temperatures: T, steps from the proposal to the model. 1 is importance sampling.
    :param n_adapt: transitions that learn the step size.
    :param verbose: whether to show a progress bar; None for only if stderr is a terminal.
    :param n_chains: K, where the proposal draws no chains itself; its draws are then stacked along
        a new leading axis.
    :param schedule: ``'sigmoid'`` (Grosse et al. 2015), ``'linear'``, or a function from an array
        of the fractions t / T to :math:`\beta_t`.
    :raises TypeError: for an argument of the wrong kind.
    :raises ValueError: for a number out of range, a schedule that does not lead from 0 to 1,
        nets that do not fit each other, a latent that no chain can move, or draws without
        chains.
    """

    def __init__(
        self,
        meta_bn: Callable[[Mapping[str, Any]], Any],
        proposal_meta_bn: Model,
        hmc: HamiltonianKernel,
        observed: Mapping[str, Any],
        latent: Mapping[str, Any] | Sequence[str] | None = None,
        n_temperatures: int = 1000,
        n_adapt: int = 30,
        verbose: bool | None = False,
        *,
        n_chains: int | None = None,
        schedule: Schedule = "sigmoid",
    ) -> None:
        for role, net in (("meta_bn", meta_bn), ("proposal_meta_bn", proposal_meta_bn)):
            if not callable(net):
                raise TypeError(f"AIS: {role} must be callable on observations, got {net!r}")
        if not isinstance(hmc, HamiltonianKernel):
            raise TypeError(f"AIS: hmc must be a kernel such as zs.mcmc.HMC(), got {hmc!r}")
        if not isinstance(observed, Mapping):
            raise TypeError(
                f"AIS: observed must be a dict name -> value, got {type(observed).__name__}"
            )
        if isinstance(latent, str):
            raise TypeError(f"AIS: latent must be a list of names or a dict, got {latent!r}")
        check_count("AIS", "n_temperatures", n_temperatures)
        check_count("AIS", "n_adapt", n_adapt, least=0)
        if n_chains is not None:
            check_count("AIS", "n_chains", n_chains)
        self._names = None if latent is None else tuple(latent)
        self._proposal, self._observed = proposal_meta_bn, dict(observed)
        self._n_adapt, self._n_chains, self._verbose = n_adapt, n_chains, verbose
        self._schedule = schedule
        self._betas = inverse_temperatures(schedule, np.linspace(0.0, 1.0, n_temperatures + 1))
        with random.stream(0):  # of this run only the shapes are of use
            draws, has_particles = self._draw()
        given = latent if isinstance(latent, Mapping) else {}
        if n_chains is None and not has_particles and not given:
            raise ValueError(
                "AIS: the draws of the proposal have no axis of chains, shapes "
                f"{ {name: list(v.shape) for name, v in draws.items()} }: give n_chains, or "
                "n_samples to the nodes of the proposal"
            )
        for name, value in given.items():
            shape, drawn = tuple(np.shape(value)), draws[name].shape
            if shape != drawn:
                hint = f"; n_chains={shape[0]} makes it so" if shape[1:] == drawn else ""
                raise ValueError(
                    f"AIS: latent {name!r} has shape {list(shape)}, but the proposal draws "
                    f"{list(drawn)}{hint}"
                )
        self._target = AnnealedTarget("AIS", meta_bn, proposal_meta_bn, observed, draws)
        self._kernel = hmc.bind(self._target)

    def run(self, *, seed: int | None = None) -> AISResult:
        """Anneal from the proposal to the model: a lower bound.

        :param seed: makes the run reproducible, whatever was drawn before; the stream in use is
            left as it was. By default the run has a stream split from that in use.
        :return: the bound of each datum, in nats, and how it was found.
        :raises FloatingPointError: if the model's log-density is not finite at a draw of the
            proposal; the message names the node.
        :raises TypeError: if the proposal returns no BayesianNet.
        :raises ValueError: if the draws are not those of the first run, by name.
        """
        with _stream(seed), self._target.fixed():
            log_steps = self._learn_steps()
            position = self._target.position(self._draw()[0])
            return self._anneal(position, self._betas, log_steps)

    def run_reverse(self, latent: Mapping[str, Any], *, seed: int | None = None) -> AISResult:
        r"""Anneal from the model to the proposal: an upper bound, for data that were simulated.

        It begins at exact draws of the posterior, such as the latents that the data were simulated
        with. The mean weight is then unbiased for :math:`1 / p(x)`, and minus its logarithm on
        average above :math:`\log p(x)` (Grosse et al. 2015). With the lower bound of
        :meth:`run` on the same data it tells how far off that may be; see
        :func:`~zhusuan.evaluation.bidirectional`.

        :param latent: name -> values, draws from the posterior given the data; for each chain
            one, or without the axis of the chains, one for all.
        :param seed: see :meth:`run`.
        :return: as for :meth:`run`, an upper bound in nats.
        :raises ValueError: if values do not fit the latents, or are outside of their support.
        :raises FloatingPointError: if the log-density is not finite there.
        :raises TypeError: as :meth:`run`.
        """
        with _stream(seed), self._target.fixed():
            log_steps = self._learn_steps()
            position = self._target.position({n: np.asarray(v) for n, v in latent.items()})
            return self._anneal(position, self._betas[::-1], log_steps)

    # -- how

    def _draw(self) -> tuple[dict[str, np.ndarray], bool]:
        return draw_proposal("AIS", self._proposal, self._observed, self._names, self._n_chains)

    def _anneal(
        self, position: np.ndarray, betas: np.ndarray, log_steps: Callable[[np.ndarray], Any]
    ) -> AISResult:
        target, n = self._target, len(betas) - 1
        steps = np.exp(log_steps(np.arange(1, n) / n))
        steps = steps * generator().uniform(_SHORTEST, 1.0, n - 1)
        is_reverse = betas[0] > betas[-1]
        if is_reverse:
            steps = steps[::-1]
        log_weights, rates = np.zeros(len(position)), np.zeros(len(position))
        mean_rates, n_divergent, state = np.empty(n - 1), 0, None
        bar = tqdm(
            total=n, desc="AIS, reverse" if is_reverse else "AIS", unit="temperature", leave=False,
            disable=None if self._verbose is None else not self._verbose,
        )  # fmt: skip
        with bar:
            for t in range(n - 1):
                target.beta = betas[t + 1]
                point = target.point(position)
                if state is None:
                    self._check_start(position, point)
                    state = self._kernel.init(position)
                # The weight is that of the place before the move, at the temperatures around it.
                log_weights += (betas[t + 1] - betas[t]) * point.log_ratio
                state = _at(state, point, steps[t])
                state, info = self._kernel.step(state)
                position = state.position
                rates += info.acceptance_rate
                mean_rates[t] = info.acceptance_rate.mean()
                n_divergent += int(np.sum(info.divergent))
                if not bar.disable:
                    shown = f"{mean_rates[t]:.2f}"
                    bar.set_postfix({"acceptance": shown, "step size": f"{steps[t]:.3g}"}, False)
                bar.update()
            log_ratio = target.log_ratio(position)
            self._check_ratio(position, log_ratio)
            log_weights += (betas[n] - betas[n - 1]) * log_ratio
            bar.update()
        order = slice(None, None, -1 if is_reverse else 1)
        return self._result(
            position, log_weights, is_reverse, betas[order], mean_rates[order], steps[order],
            rates / max(n - 1, 1), n_divergent,
        )  # fmt: skip

    def _result(
        self,
        position: np.ndarray,
        log_weights: np.ndarray,
        is_upper: bool,
        betas: np.ndarray,
        mean_rates: np.ndarray,
        steps: np.ndarray,
        rates: np.ndarray,
        n_divergent: int,
    ) -> AISResult:
        lead = self._target.lead
        log_weights = log_weights.reshape(lead)
        total = WeightSum()
        total.add(log_weights)
        log_mean = np.atleast_1d(total.log_mean)
        return AISResult(
            -log_mean if is_upper else log_mean,
            is_upper,
            np.atleast_1d(total.ess),
            log_weights,
            betas,
            mean_rates,
            np.atleast_1d(rates.reshape(lead).mean(0)),
            steps,
            n_divergent,
            self._target.values(position),
        )

    def _learn_steps(self) -> Callable[[np.ndarray], Any]:
        """Learn step sizes on chains of their own; return log step size, by the fraction done."""
        fractions = np.linspace(0.0, 1.0, self._n_adapt + 2)[1:-1]
        whole = np.concatenate([[0.0], fractions, [1.0]])
        betas = inverse_temperatures(self._schedule, whole)[1:-1]
        position = self._target.position(self._draw()[0])
        self._target.beta = float(betas[0]) if len(betas) else 0.0
        self._check_start(position, self._target.point(position))
        # One step more than are made: the last of a warm-up would switch to the average.
        state = self._kernel.init(position, self._n_adapt + 1 if self._n_adapt else 0)
        warm_up = state.tuning.warm_up
        if warm_up is None or warm_up.dual is None:
            constant = np.log(state.tuning.step_size)
            return lambda fraction: np.full(np.shape(fraction), constant)
        # Draws from many temperatures and data tell nothing of the mass; and dual averaging is to
        # follow the step size that was found, not to try ten times as much.
        dual = warm_up.dual._replace(mu=warm_up.dual.log_step)
        warm_up = warm_up._replace(moments=None, dual=dual)
        state = state._replace(tuning=state.tuning._replace(warm_up=warm_up))
        log_steps = np.empty(len(betas))
        for i, beta in enumerate(betas):
            self._target.beta = float(beta)
            point = self._target.point(state.position)
            state, _ = self._kernel.step(_at(state, point, state.tuning.step_size))
            log_steps[i] = np.log(state.tuning.step_size)
        return lambda fraction: np.interp(fraction, fractions, log_steps)

    def _check_start(self, position: np.ndarray, point: Point) -> None:
        self._check_ratio(position, point.log_ratio)
        self._check_ratio(position, point.log_prob + point.gradient.sum(1))

    def _check_ratio(self, position: np.ndarray, values: np.ndarray) -> None:
        bad = ~np.isfinite(values)
        if bad.any():
            raise FloatingPointError(
                f"AIS: {int(bad.sum())} of {bad.size} chains are where the weight is NaN or "
                f"infinite: {self._target.blame(position)}"
            )


def _at(state: Any, point: Point, step_size: float) -> Any:
    """Return the state of a kernel after the density was changed under its feet."""
    return state._replace(
        log_prob=point.log_prob,
        gradient=point.gradient,
        tuning=state.tuning._replace(step_size=float(step_size)),
    )


@contextlib.contextmanager
def _stream(seed: int | None) -> Iterator[None]:
    with random.stream(random.spawn(1)[0] if seed is None else seed):
        yield
