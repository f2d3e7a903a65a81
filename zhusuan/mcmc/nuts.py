"""The No-U-Turn sampler, for all chains at once and without recursion."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from zhusuan.mcmc.adaptation import Adaptation
from zhusuan.mcmc.hamiltonian import (
    DIVERGENT,
    HamiltonianKernel,
    Moved,
    check_count,
)
from zhusuan.mcmc.integrators import PhasePoint, ValueAndGrad, leapfrog
from zhusuan.mcmc.metric import Metric
from zhusuan.random.source import generator


class NUTS(HamiltonianKernel):
    r"""The No-U-Turn sampler: trajectories as long as they lead away from where they began.

    A trajectory is doubled, forwards or backwards at random, until it or a part of it turns back,
    which is when a momentum at one of its ends points against the sum of its momenta (Hoffman and
    Gelman 2014; the generalised criterion of Betancourt 2017, appendix A.4.2; checked also across
    the joint of two halves, as Stan does). The next state is drawn from the points of the
    trajectory in proportion to their density :math:`e^{-H}` (ibid., A.3).

    All chains of the batch double together, one gradient serving all of them; a chain that has
    ended waits for the others.

    :param step_size: of the leapfrog method; where it is adapted, the first one to try.
    :param max_treedepth: how often a trajectory may be doubled: at most
        ``2 ** max_treedepth - 1`` gradients.
    :param target_acceptance_rate: what the step size is adapted to, in (0, 1): a higher one makes
        smaller steps.
    :param metric: mass matrix: ``'diagonal'``, ``'dense'`` for strongly correlated posteriors of a
        few hundred dims, or ``'unit'``.
    :param adapt_step_size: whether the warm-up adapts the step size.
    :param adapt_mass: whether it adapts the mass.
    :param gamma: see :class:`~zhusuan.mcmc.adaptation.DualAveraging`.
    :param t0: see there.
    :param kappa: see there.
    :raises TypeError: for a setting of the wrong kind.
    :raises ValueError: for one that is out of range.
    """

    def __init__(
        self,
        step_size: float = 1.0,
        max_treedepth: int = 10,
        target_acceptance_rate: float = 0.8,
        metric: str = "diagonal",
        *,
        adapt_step_size: bool = True,
        adapt_mass: bool = True,
        gamma: float = 0.05,
        t0: float = 10.0,
        kappa: float = 0.75,
    ) -> None:
        check_count("NUTS", "max_treedepth", max_treedepth)
        adaptation = Adaptation(
            target_acceptance_rate, gamma, t0, kappa, bool(adapt_step_size), bool(adapt_mass)
        )
        super().__init__(step_size, adaptation, metric)
        self._max_treedepth = int(max_treedepth)

    def _transition(self, start: PhasePoint, metric: Metric, step_size: float) -> Moved:
        trajectory = _Trajectory(start, metric, self.target.log_prob_and_grad)
        for depth in range(self._max_treedepth):
            trajectory.double(depth, step_size)
            if not trajectory.active.any():
                break
        return trajectory.result()


class _Span(NamedTuple):
    """A piece of trajectory, in the order it was made; of each chain, arrays [n_chains, D].

    :param p_begin: momentum at its first point.
    :param v_begin: velocity there.
    :param p_end: momentum at its last point.
    :param v_end: velocity there.
    :param p_sum: sum of its momenta.
    """

    p_begin: np.ndarray
    v_begin: np.ndarray
    p_end: np.ndarray
    v_end: np.ndarray
    p_sum: np.ndarray


class _Drawn(NamedTuple):
    """The point that was drawn from a piece of trajectory; of each chain."""

    position: np.ndarray
    log_prob: np.ndarray
    gradient: np.ndarray
    energy: np.ndarray

    def replace(self, mask: np.ndarray, other: _Drawn) -> None:
        """Take over, in place, the points of the chains in ``mask``."""
        column = mask[:, None]
        np.copyto(self.position, other.position, where=column)
        np.copyto(self.log_prob, other.log_prob, where=mask)
        np.copyto(self.gradient, other.gradient, where=column)
        np.copyto(self.energy, other.energy, where=mask)


class _Trajectory:
    """The trajectories of all chains while they grow.

    Numpy's calls, 1 to 3 us each, are what this costs: quantities that are chosen by chain lie
    together in one array, and chains that have ended are carried along, their numbers unused.

    :param start: where they begin, with fresh momenta.
    :param metric: the mass.
    :param log_prob_and_grad: the target.
    """

    def __init__(
        self, start: PhasePoint, metric: Metric, log_prob_and_grad: ValueAndGrad
    ) -> None:
        n_chains = len(start.position)
        velocity = metric.velocity(start.momentum)
        self._metric, self._target = metric, log_prob_and_grad
        self._energy = 0.5 * _dot(start.momentum, velocity) - start.log_prob
        # Position, momentum, gradient and velocity at the first and the last point in time.
        end = np.stack([start.position, start.momentum, start.gradient, velocity], 1)
        self._ends = np.stack([end, end])
        self._p_sum = start.momentum
        self._rows = np.arange(n_chains)
        parts = start.position, start.log_prob, start.gradient, self._energy
        self._drawn = _Drawn(*(part.copy() for part in parts))
        # Logarithm of the summed weights exp(H0 - H) of the points.
        self._log_weight = np.zeros(n_chains)
        self.active = np.ones(n_chains, bool)
        self._divergent = np.zeros(n_chains, bool)
        self._sum_rate = np.zeros(n_chains)
        self._n_leapfrogs = np.zeros(n_chains, np.int64)

    def double(self, depth: int, step_size: float) -> None:
        """Double the trajectories of the active chains, from ``2 ** depth`` points.

        :param depth: how often they were doubled before.
        :param step_size: of the leapfrog method.
        """
        draws = generator().random((2, len(self.active)))
        side = (draws[0] < 0.5).astype(np.intp)  # 1: forwards in time
        near, far = self._ends[side, self._rows], self._ends[1 - side, self._rows]
        # The old span as one that ends where the new one begins.
        old = _Span(far[:, 1], far[:, 3], near[:, 1], near[:, 3], self._p_sum)
        end, new, drawn, log_weight, valid = self._extend(near, step_size * (2 * side - 1), depth)
        # Biased progressive sampling: the new half is preferred (Betancourt 2017, A.3.2).
        taken = valid & (np.log(draws[1]) < log_weight - self._log_weight)
        self._drawn.replace(taken, drawn)
        self._log_weight = np.logaddexp(self._log_weight, log_weight)
        self._ends[side, self._rows] = end
        self._p_sum = old.p_sum + new.p_sum
        self.active = valid & _leads_away(old, new)

    def _extend(
        self, edge: np.ndarray, step: np.ndarray, depth: int
    ) -> tuple[np.ndarray, _Span, _Drawn, np.ndarray, np.ndarray]:
        """Make ``2 ** depth`` new points beyond an edge.

        :return: the last point, the new span, the point drawn from it, the logarithm of its
            weight, and which chains have a new half that neither turned nor diverged.
        """
        n_points, n_chains = 2**depth, len(step)
        valid, step = self.active, step[:, None] * self.active[:, None]
        point = PhasePoint(edge[:, 0], edge[:, 1], self._energy, edge[:, 2])
        log_weight = np.full(n_chains, -np.inf)
        drawn = _Drawn(*(np.empty_like(part) for part in self._drawn))
        log_uniform = np.log(generator().random((n_points, n_chains)))
        # Finished spans of 1, 2, 4, ... points that wait for a neighbour as long: as in a binary
        # counter, point i completes as many as i has trailing ones.
        waiting: list[_Span] = []
        for i in range(n_points):
            point = leapfrog(self._target, self._metric, point, step)
            p, velocity = point.momentum, self._metric.velocity(point.momentum)
            total = 0.5 * _dot(p, velocity) - point.log_prob
            # fmax passes NaN over: such a point has no weight.
            weight = np.fmax(self._energy - total, -np.inf)
            self._sum_rate += np.exp(np.minimum(weight, 0.0)) * valid
            self._n_leapfrogs += valid
            diverged = weight < -DIVERGENT
            if diverged.any():
                self._divergent |= valid & diverged
                valid = valid & ~diverged
            log_weight = np.logaddexp(log_weight, weight)
            chosen = valid & (log_uniform[i] < weight - log_weight)
            if chosen.any():
                found = _Drawn(point.position, point.log_prob, point.gradient, total)
                drawn.replace(chosen, found)
            span, rest = _Span(p, velocity, p, velocity, p), i
            while rest & 1:
                before = waiting.pop()
                valid = valid & _leads_away(before, span, is_pair=rest == i)
                p_sum = before.p_sum + span.p_sum
                span = _Span(before.p_begin, before.v_begin, p, velocity, p_sum)
                rest >>= 1
            waiting.append(span)
            if not valid.all():
                if not valid.any():
                    break
                step = step * valid[:, None]  # chains that have ended stay where they are
        end = np.stack([point.position, p, point.gradient, velocity], 1)
        return end, waiting[-1], drawn, log_weight, valid

    def result(self) -> Moved:
        """Return where the chains are now."""
        return Moved(
            *self._drawn,
            self._sum_rate / self._n_leapfrogs,
            self._divergent,
            self._n_leapfrogs,
        )


def _leads_away(a: _Span, b: _Span, is_pair: bool = False) -> np.ndarray:
    """Return whether two neighbouring spans, together and across their joint, do not turn.

    :param a: the earlier one.
    :param b: the later one.
    :param is_pair: whether each is one point, where the three checks are one.
    """
    p_sum = a.p_sum + b.p_sum
    away = (_dot(a.v_begin, p_sum) > 0) & (_dot(b.v_end, p_sum) > 0)
    if is_pair:
        return away
    to_b = a.p_sum + b.p_begin
    away &= (_dot(a.v_begin, to_b) > 0) & (_dot(b.v_begin, to_b) > 0)
    from_a = b.p_sum + a.p_end
    return away & (_dot(a.v_end, from_a) > 0) & (_dot(b.v_end, from_a) > 0)


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("cd,cd->c", a, b)
