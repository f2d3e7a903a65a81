"""What the samplers with stochastic gradients share: no accept or reject, one gradient a step."""

from __future__ import annotations

import functools
import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Union

import jittor as jt
import numpy as np

from zhusuan import random
from zhusuan._tensor import Shape, Var, as_var, shape_of
from zhusuan.framework.bn import BayesianNet
from zhusuan.framework.judging import raise_unread
from zhusuan.framework.latents import run_at, run_prior
from zhusuan.mcmc.base import Kernel, finite_start
from zhusuan.mcmc.hamiltonian import check_count, check_positive
from zhusuan.mcmc.minibatches import MinibatchTarget
from zhusuan.mcmc.team import Team

LearningRate = Union[float, Callable[[int], float]]
"""A number, or a function of the step, which counts from 0."""

Extra = dict[str, Var]
"""What a sampler keeps beside the values of a latent: velocities, frictions; by name."""

Density = Callable[[Mapping[str, Var]], Var]


class SGMCMCState(NamedTuple):
    """State of a sampler with stochastic gradients; its Vars lead to no graph.

    :param values: name -> real coordinates, Var [n_chains, size].
    :param extras: name -> what the sampler keeps beside them, Vars.
    :param t: steps that were made.
    """

    values: dict[str, Var]
    extras: dict[str, Extra]
    t: int

    @property
    def position(self) -> np.ndarray:
        """All real coordinates, fetched: shape [n_chains, D]."""
        return np.concatenate(jt.fetch_sync(list(self.values.values())), 1)


class SGMCMCStats(NamedTuple):
    """What :func:`zhusuan.mcmc.run` collects in ``trace.stats``.

    :param step_size: the learning rate of the step.
    :param log_prob: log-density in nats where the gradient was taken, as the minibatch estimates
        it; shape [n_chains].
    :param divergent: whether that was not finite: the learning rate is too large; shape [n_chains].
    """

    step_size: float
    log_prob: np.ndarray
    divergent: np.ndarray


class SGMCMCInfo(NamedTuple):
    """What a call of :meth:`SGMCMC.sample` with ``latent`` did, for each latent by name.

    :param q: the new values, of the shapes that came in.
    :param mean_k: mean squared velocity, which approaches the learning rate: of each chain; or of
        each number, where :class:`~zhusuan.mcmc.SGNHT` has a friction for each. Empty for a sampler
        that has no velocity.
    :param alpha: the frictions of :class:`~zhusuan.mcmc.SGNHT`, shaped likewise; else empty.
    """

    q: dict[str, Var]
    mean_k: dict[str, Var]
    alpha: dict[str, Var]


class SGMCMC(Kernel):
    r"""Base of the samplers with stochastic gradients.

    They follow :math:`\nabla\log p` with noise and reject nothing, so a gradient that is right on
    average, that of a minibatch, is enough (Welling and Teh 2011). The price is a bias which
    vanishes with the learning rate. Where the data are a minibatch, their likelihood must stand for
    that of all: ``n_data=N`` of the observed node.

    There are three ways to use one.

    As ZhuSuan-Jittor has it: ``resample=True`` draws the latents from the model; each further call
    moves them, on the data that it is given, and returns them::

        sgld = zs.mcmc.SGLD(1e-4)
        for i, (x, y) in enumerate(batches):
            w = sgld.sample(net, {"x": x, "y": y}, resample=i == 0)

    As ZhuSuan has it, with values to begin from and an info::

        latent, info = sghmc.sample(model, {"x": x, "y": y}, latent)

    Or by :func:`zhusuan.mcmc.run`, with latents of bounded support transformed and the draws in a
    trace; minibatches come from a :class:`~zhusuan.mcmc.MinibatchTarget`. Nothing is adapted; the
    warm-up are steps that are discarded.

    **Writing one.** Derive from this class and write ``_after``, and what the sampler has of
    the others.

    :param learning_rate: positive; or a function of the step that returns such numbers. It may be
        set anew between calls of :meth:`sample`.
    :raises TypeError: if ``learning_rate`` is no number and no function.
    :raises ValueError: if it is not positive.
    """

    takes_minibatches = True

    def __init__(self, learning_rate: LearningRate) -> None:
        if not callable(learning_rate):
            learning_rate = _number(learning_rate)
            check_positive(type(self).__name__, "learning_rate", learning_rate)
        self.learning_rate = learning_rate
        """Number, or function of the step."""
        self._chains: _Chains | None = None

    # -- what a sampler writes; q, gradient and noise have shape [n_chains, size]

    def _begin(self, q: Var, rate: float) -> Extra:
        """Return what is kept beside the values of a latent, at the first step."""
        return {}

    def _before(self, q: Var, extra: Extra, rate: float, t: int) -> tuple[Var, Extra]:
        """Return where the gradient is to be taken, and the extras there."""
        return q, extra

    @abstractmethod
    def _after(self, q: Var, extra: Extra, gradient: Var, rate: float) -> tuple[Var, Extra]:
        """Return the new values and extras, from where the gradient was taken."""

    def _report(self, extra: Extra) -> dict[str, Var]:
        """Return statistics by name, shape [n_chains, 1] or [n_chains, size]."""
        return {}

    def _stats(self, *fields: Any) -> Any:
        """Return the info of a step, from the fields of SGMCMCStats and those of the report."""
        return SGMCMCStats(*fields)

    # -- as a kernel

    def init(self, position: np.ndarray, n_warmup: int = 0) -> SGMCMCState:
        """Return the first state.

        :param position: real coordinates, shape [n_chains, D].
        :param n_warmup: of no effect, since nothing is adapted.
        :return: the state, whose values are Vars of shape ``[n_chains, ...]``.
        :raises ValueError: if the log-density or its gradient is not finite there.
        :raises TypeError: if a function of the learning rate returns no number.
        """
        position, _, _ = finite_start(self, position)
        parts = self.target.split(position.astype(np.float32))
        n = len(position)
        return self._first({name: _synced(part.reshape(n, -1)) for name, part in parts.items()})

    def step(self, state: SGMCMCState) -> tuple[SGMCMCState, Any]:
        """Return the next state and what happened.

        :param state: what :meth:`init` or this method returned.
        :return: the state after the step, and a named tuple such as
            :class:`~zhusuan.mcmc.sgmcmc.SGMCMCStats`.
        :raises TypeError: if a function of the learning rate, or of minibatches, returns something
            else.
        :raises ValueError: if the learning rate is not positive.
        """
        target = self.target
        if isinstance(target, MinibatchTarget):
            target = target.at_step(state.t)
        latents = target.latents

        def density(places: Mapping[str, Var]) -> Var:
            return target.log_prob(
                {n.name: _shaped(places[n.name], n.free_shape) for n in latents}
            )

        rate = self._rate(state.t)
        moved, total = self._moved(state, density, rate, target.team)
        sums: dict[str, list[Var]] = {}
        for name, extra in moved.extras.items():
            size = shape_of(moved.values[name])[1]
            for what, value in self._report(extra).items():
                # The mean over a latent of one number for it all is that number.
                share = size / shape_of(value)[1] / target.dim
                sums.setdefault(what, []).append(value.sum(1) * share)
        # In one fetch, since each is a pass over the graph.
        log_prob, *fetched = jt.fetch_sync([total, *(v for part in sums.values() for v in part)])
        n = len(latents)
        reported = [sum(fetched[i * n : i * n + n]) for i in range(len(sums))]
        return moved, self._stats(rate, log_prob, ~np.isfinite(log_prob), *reported)

    # -- as ZhuSuan has it

    def sample(
        self,
        bn: Callable[[Mapping[str, Any]], Any],
        observed: Mapping[str, Any],
        resample: bool | Mapping[str, Any] = False,
        step: int = 1,
        *,
        latent: Mapping[str, Any] | None = None,
    ) -> Any:
        """Move the latents, or with ``resample=True`` draw them.

        Latents are taken as they are: without a transform, values of a bounded support are real
        coordinates for you to transform. Velocities and whatever else the sampler keeps go on from
        call to call, as long as the names and shapes are the same; :meth:`initialize` forgets them.

        :param bn: callable from a dict of observations to a BayesianNet, or to a log joint, any
            Var, whose sum counts.
        :param observed: name -> value of the observed nodes and inputs; a minibatch, say.
        :param resample: whether to draw the latents from the model anew, and move nothing. The
            first call begins with such a draw in any case. Or ``latent``, the third argument of
            ZhuSuan.
        :param step: how many steps to make.
        :param latent: name -> array or Var, the current values; shape ``chain axes + data axes``.
        :return: name -> Var, the new values, of the same shapes; with ``latent`` a pair of these
            and an :class:`~zhusuan.mcmc.SGMCMCInfo`.
        :raises TypeError: for an argument of the wrong kind.
        :raises ValueError: if there is no latent, a name is read by no node and no code, or the log
            joint is not finite.
        """
        check_count(type(self).__name__, "step", step)
        if isinstance(resample, Mapping):
            if latent is not None:
                raise TypeError(f"{type(self).__name__}: latent is given twice")
            latent, resample = resample, False
        if not isinstance(resample, (bool, np.bool_)):
            raise TypeError(
                f"{type(self).__name__}: resample must be True, False, or the current values of "
                f"the latents, {{name: values}}; got {resample!r}"
            )
        if latent is not None:
            self._go_on(bn, observed, latent)
        elif resample or self._chains is None:
            self._draw(bn, observed)
            if resample:
                return self._samples()
        for _ in range(step):
            self._move(bn, observed)
        samples = self._samples()
        return samples if latent is None else (samples, self._info(samples))

    def initialize(self) -> None:
        """Forget the latents of :meth:`sample`, what is kept beside them, and the steps made."""
        self._chains = None

    def _draw(self, bn: Callable[..., Any], observed: Mapping[str, Any]) -> None:
        with jt.no_grad():
            net = run_prior(bn, observed)
            drawn = {name: n.tensor for name, n in net.nodes.items() if not n.is_observed()}
            if not drawn:
                raise ValueError(
                    f"{type(self).__name__}: the model has no latent node: its nodes are "
                    f"{sorted(net.nodes)}, observed are {sorted(observed)}"
                )
            lead = shape_of(net.log_joint())
        self._chains = self._chains_at(drawn, lead)

    def _go_on(
        self, bn: Callable[..., Any], observed: Mapping[str, Any], latent: Mapping[str, Any]
    ) -> None:
        """Continue from these values."""
        if not latent:
            raise ValueError(
                f"{type(self).__name__}: latent is empty: give the current values, {{name: values}}"
            )
        given = {name: as_var(v, what=f"latent[{name!r}]") for name, v in latent.items()}
        chains = self._chains
        if chains is None or chains.shapes != {n: shape_of(v) for n, v in given.items()}:
            with jt.no_grad():
                lead = shape_of(_log_joint(bn, observed, given))
            self._chains = self._chains_at(given, lead)
            return
        n = chains.n
        values = {name: given[name].reshape([n, -1]).detach() for name in chains.shapes}
        self._chains = chains._replace(state=chains.state._replace(values=values))

    def _chains_at(self, values: Mapping[str, Var], lead: Shape) -> _Chains:
        shapes = {name: shape_of(value) for name, value in values.items()}
        if lead == (1,) or any(shape[: len(lead)] != lead for shape in shapes.values()):
            lead = ()  # the log joint counts something else, such as data
        n = math.prod(lead)
        rows = {name: v.reshape([n, -1]).detach() for name, v in values.items()}
        jt.sync(list(rows.values()))
        return _Chains(shapes, lead, n, self._first(rows))

    def _move(self, bn: Callable[..., Any], observed: Mapping[str, Any]) -> None:
        chains = self._chains
        assert chains is not None

        def density(places: Mapping[str, Var]) -> Var:
            values = {n: places[n].reshape(list(shape)) for n, shape in chains.shapes.items()}
            return _log_joint(bn, observed, values)

        state = chains.state
        rate = self._rate(state.t)
        moved, total = self._moved(state, density, rate)
        log_joint = total.numpy()
        if not np.isfinite(log_joint).all():
            why = "at the current values of the latents"
            if state.t:
                why = f"after {state.t} steps: the learning rate, {rate:g}, may be too large"
            raise ValueError(
                f"{type(self).__name__}: the log joint is {log_joint[~np.isfinite(log_joint)][0]} "
                f"{why}"
            )
        self._chains = chains._replace(state=moved)

    def _samples(self) -> dict[str, Var]:
        chains = self._chains
        assert chains is not None
        values = chains.state.values
        samples = {n: values[n].reshape(list(s)).detach() for n, s in chains.shapes.items()}
        jt.sync(list(samples.values()))
        return samples

    def _info(self, samples: dict[str, Var]) -> SGMCMCInfo:
        chains = self._chains
        assert chains is not None
        reports: dict[str, dict[str, Var]] = {"mean_k": {}, "alpha": {}}
        for name, extra in chains.state.extras.items():
            for what, value in self._report(extra).items():
                is_one = shape_of(value)[1] == 1 and math.prod(chains.shapes[name]) != chains.n
                shape = (chains.lead or (1,)) if is_one else chains.shapes[name]
                reports[what][name] = value.reshape(list(shape)).detach()
        jt.sync([value for report in reports.values() for value in report.values()])
        return SGMCMCInfo(samples, **reports)

    # -- one step

    def _first(self, values: dict[str, Var]) -> SGMCMCState:
        rate = self._rate(0)
        extras = {name: self._begin(q, rate) for name, q in values.items()}
        jt.sync([value for extra in extras.values() for value in extra.values()])
        return SGMCMCState(values, extras, 0)

    def _moved(
        self, state: SGMCMCState, density: Density, rate: float, team: Team | None = None
    ) -> tuple[SGMCMCState, Var]:
        """Return the next state, and the log-density where the gradient was taken."""
        evaluate = _value_and_grad if team is None else functools.partial(_value_and_grad_by, team)
        # What is made without gradients has none later, in the next step.
        with jt.enable_grad():
            places, extras = {}, {}
            for name, q in state.values.items():
                place, extras[name] = self._before(q, state.extras[name], rate, state.t)
                places[name] = place.detach()
            # They begin the graph of the gradient, which compiles anew for what is yet to compute.
            jt.sync(list(places.values()))
            total, gradients = evaluate(density, places)
            values, kept = {}, {}
            for name, place in places.items():
                q, extra = self._after(place, extras[name], gradients[name], rate)
                values[name] = q.detach()
                kept[name] = {what: value.detach() for what, value in extra.items()}
            total = total.detach()
        # Together, so that the gradients are computed once; and now, so that the graph ends here.
        jt.sync([total, *values.values(), *(v for extra in kept.values() for v in extra.values())])
        return SGMCMCState(values, kept, state.t + 1), total

    def _rate(self, t: int) -> float:
        if not callable(self.learning_rate):
            return _number(self.learning_rate)
        rate = _number(self.learning_rate(t))
        check_positive(type(self).__name__, f"learning_rate({t})", rate)
        return float(rate)


class _Chains(NamedTuple):
    """What :meth:`SGMCMC.sample` goes on from.

    :param shapes: of the latents.
    :param lead: the chain axes, those of the log joint.
    :param n: how many chains these are.
    :param state: where they are.
    """

    shapes: dict[str, Shape]
    lead: Shape
    n: int
    state: SGMCMCState


def _value_and_grad(density: Density, places: Mapping[str, Var]) -> tuple[Var, dict[str, Var]]:
    total = density(places)
    return total, dict(zip(places, jt.grad(total, list(places.values()))))


def _value_and_grad_by(
    team: Team, density: Density, places: Mapping[str, Var]
) -> tuple[Var, dict[str, Var]]:
    """Return the same, each rank having made its part of the chains."""
    arrays = dict(zip(places, jt.fetch_sync(list(places.values()))))
    position = np.concatenate(list(arrays.values()), 1)
    ends = np.cumsum([array.shape[1] for array in arrays.values()]).tolist()

    def fill(rows: slice, table: np.ndarray) -> None:
        own = {name: _synced(array[rows]) for name, array in arrays.items()}
        total, gradients = _value_and_grad(density, own)
        fetched = jt.fetch_sync([total, *gradients.values()])
        table[:, -1] = fetched[0]
        np.concatenate(fetched[1:], 1, out=table[:, :-1])

    shape = len(position), ends[-1] + 1
    table, _ = team.evaluate(shape, str(position.dtype), position.sum(), fill)
    gradients = np.split(table[:, :-1], ends[:-1], 1)
    return _synced(table[:, -1]), {name: _synced(g) for name, g in zip(places, gradients)}


def standard_normal_like(q: Var) -> Var:
    """Return noise of the shape and dtype of a Var.

    :param q: the Var.
    """
    return random.standard_normal(shape_of(q), str(q.dtype))


def _log_joint(
    bn: Callable[..., Any], observed: Mapping[str, Any], values: Mapping[str, Var]
) -> Var:
    net = run_at(bn, observed, values)
    if isinstance(net, jt.Var):
        return net
    if not isinstance(net, BayesianNet):
        raise TypeError(
            f"the model must return a BayesianNet or a log joint, got {type(net).__name__}"
        )
    # A latent that nothing reads would have a gradient of zero and wander off.
    raise_unread([net])
    return net.log_joint()


def _shaped(place: Var, shape: Shape) -> Var:
    return place.reshape([place.shape[0], *shape])


def _synced(array: np.ndarray) -> Var:
    var = jt.array(np.ascontiguousarray(array))
    var.sync()
    return var


def _number(value: Any) -> Any:
    """Return the number in a Var or array of one element; other things as they are."""
    if isinstance(value, (jt.Var, np.ndarray)) and math.prod(shape_of(value)) == 1:
        return float(value.item())
    return value
