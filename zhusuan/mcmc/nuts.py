"""The No-U-Turn sampler, for all chains at once and without recursion."""

from __future__ import annotations

import ctypes
import functools
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from zhusuan.mcmc.adaptation import Adaptation
from zhusuan.mcmc.hamiltonian import HamiltonianKernel, Moved, check_count
from zhusuan.mcmc.integrators import PhasePoint
from zhusuan.mcmc.metric import Metric
from zhusuan.mcmc.spreading import uniforms
from zhusuan.mcmc.target import Target
from zhusuan.runtime.native import address_of, functions

_HEADER = Path(__file__).with_name("nuts.h")


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

    _draws_uniforms = True

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
        self._trajectories: _Trajectories | None = None

    def _transition(self, start: PhasePoint, metric: Metric, step_size: float) -> Moved:
        shape = start.position.shape
        if self._trajectories is None or self._trajectories.shape != shape:
            self._trajectories = _Trajectories(shape, self._max_treedepth)
        trajectories = self._trajectories
        trajectories.begin(start, metric, self.target)
        for depth in range(self._max_treedepth):
            if not trajectories.double(depth, step_size):
                break
        return trajectories.result()

    def __getstate__(self) -> dict[str, Any]:
        """Copy and pickle all but the memory of the trajectories, which is made anew."""
        return {**self.__dict__, "_trajectories": None}


class _Trajectories:
    """The trajectories of all chains while they grow.

    What is done between evaluations of the target is in ``nuts.h``: in numpy, at 1 to 3 us a call,
    it took 100 us a step where a small target takes 10.

    :param shape: of the positions, [n_chains, D].
    :param max_treedepth: how often they may be doubled.
    """

    def __init__(self, shape: tuple[int, ...], max_treedepth: int) -> None:
        self.shape = shape
        # Where nuts.h writes the next position, and reads what the target is there.
        self._position, self._gradient = np.empty(shape), np.empty(shape)
        self._log_prob = np.empty(shape[0])
        self._target: Target | None = None
        self._library = library = _library()
        exchange = self._position, self._log_prob, self._gradient
        self._handle = library["make"](*shape, max_treedepth, *map(address_of, exchange))
        weakref.finalize(self, library["free"], self._handle)

    def begin(self, start: PhasePoint, metric: Metric, target: Target) -> None:
        """Begin at points with fresh momenta.

        :param start: of all chains.
        :param metric: the mass.
        :param target: the log-density and its gradient.
        """
        if target is not self._target:
            self._target = target
            self._evaluate = target.evaluation(self._position, self._log_prob, self._gradient)
        # Kept until the transition ends, as nuts.h keeps the address.
        self._inverse_mass = _doubles(metric.inverse_mass)
        parts = start.position, start.momentum, start.log_prob, start.gradient
        arrays = [_doubles(part) for part in parts]
        self._library["begin"](
            self._handle, *map(address_of, arrays), address_of(self._inverse_mass),
            self._inverse_mass.ndim == 2,
        )  # fmt: skip

    def double(self, depth: int, step_size: float) -> bool:
        """Double the trajectories of the active chains, from ``2 ** depth`` points.

        :param depth: how often they were doubled before.
        :param step_size: of the leapfrog method.
        :return: whether there is a chain that may be doubled again.
        """
        arrive, evaluate, handle = self._library["arrive"], self._evaluate, self._handle
        n_chains, n_points = self.shape[0], 2**depth
        # In rows: which side grows, whether its draw is taken, and the same for each of its points.
        draws = uniforms(2 + n_points, n_chains)
        logs = np.log(draws)
        first, row = address_of(logs), 8 * n_chains
        self._library["start"](handle, address_of(draws), step_size)
        for i in range(n_points):
            evaluate()
            if not arrive(handle, first + row * (2 + i), i == n_points - 1):
                break
        return bool(self._library["finish"](handle, first + row))

    def result(self) -> Moved:
        """Return where the chains are now."""
        n = self.shape[0]
        position, gradient = np.empty(self.shape), np.empty(self.shape)
        log_prob, energy, rate = np.empty(n), np.empty(n), np.empty(n)
        divergent, n_leapfrogs = np.empty(n, bool), np.empty(n, np.int64)
        moved = Moved(position, log_prob, gradient, energy, rate, divergent, n_leapfrogs)
        self._library["result"](self._handle, *map(address_of, moved))
        return moved


def _doubles(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, np.float64)


_AT, _COUNT = ctypes.c_void_p, ctypes.c_int64
_SIGNATURES = {
    "make": (_AT, _COUNT, _COUNT, _COUNT, *[_AT] * 3),
    "free": (None, _AT),
    "begin": (None, *[_AT] * 6, ctypes.c_int),
    "start": (None, _AT, _AT, ctypes.c_double),
    "arrive": (ctypes.c_int, _AT, _AT, ctypes.c_int),
    "finish": (ctypes.c_int, _AT, _AT),
    "result": (None, *[_AT] * 8),
}


@functools.cache
def _library() -> dict[str, Callable[..., Any]]:
    return functions(_HEADER, "zhusuan_nuts_", _SIGNATURES)
