"""The protocol of all samplers: a kernel makes one transition of all chains at once."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np

from zhusuan.mcmc.target import Target


class Info(NamedTuple):
    r"""What a person wants to know of a transition of a Hamiltonian sampler.

    A kernel of another kind gives a named tuple of its own. Whatever the fields are,
    :func:`~zhusuan.mcmc.run` collects each under its name in ``trace.stats``.

    :param acceptance_rate: probability of acceptance, shape [n_chains]; for NUTS its average over
        the trajectory.
    :param divergent: whether the energy error went beyond 1000 nats or was NaN, shape [n_chains].
    :param step_size: the step size that was used.
    :param n_leapfrogs: gradients that were taken, shape [n_chains].
    :param log_prob: log-density of the new state in nats, on the real scale (with the Jacobian),
        shape [n_chains].
    :param energy: of the new state, with its momentum, in nats, shape [n_chains]:
        :math:`-\log p(q) + p^\top M^{-1} p / 2` (Neal 2011).
    """

    acceptance_rate: np.ndarray
    divergent: np.ndarray
    step_size: Any
    n_leapfrogs: Any
    log_prob: np.ndarray
    energy: np.ndarray


class Kernel(ABC):
    """A Markov chain's transition, as a pair of functions.

    ``init(position)`` gives a state and ``step(state)`` the next state and an info, both named
    tuples. The state is all that the next step needs, with what is adapted meanwhile: step size,
    mass, progress of the warm-up. The kernel itself holds settings and, once :meth:`bind` was
    called, the target; it never changes, so a state can be kept and continued later. Random
    numbers come from the stream in use (:mod:`zhusuan.random`).

    All chains move in one batch. Positions are arrays of shape ``[n_chains, D]``, float64, on the
    host: they are small, and numpy takes 1 to 5 us for what costs Jittor 30. Only the log-density
    and its gradient are Jittor's (:meth:`Target.log_prob_and_grad`). A kernel whose positions are
    large may hold Vars in its state instead, see :meth:`Target.log_prob`.

    **Writing one.** Derive from this class, set what you need in ``__init__``, and write
    :meth:`init` and :meth:`step`. The state must have a field ``position``. Fields of the info are
    numbers or arrays of shape [n_chains]. :func:`~zhusuan.mcmc.run` does all the rest. Under
    ``mpirun``, each rank has the state of all chains and the same random numbers, and
    :meth:`Target.log_prob_and_grad` evaluates the rank's own chains and returns what all ranks
    found: a kernel that calls it, and draws from nothing but :mod:`zhusuan.random`, needs nothing
    else. (:meth:`Target.log_prob` evaluates whatever chains it is given, on each rank.)
    """

    takes_minibatches = False
    """Whether the kernel is for targets that are another at each step."""

    _target: Target | None = None

    def bind(self, target: Target) -> Kernel:
        """Return a copy of this kernel that samples from a target.

        :param target: the log-density.
        :return: the copy.
        :raises ValueError: if that is an estimate from minibatches, and the kernel needs the
            log-density itself.
        """
        if target.changes and not self.takes_minibatches:
            raise ValueError(
                f"{type(self).__name__} needs the log-density of all data, to accept and reject "
                "by, and a MinibatchTarget estimates it anew at each step: give the model and all "
                "data, zs.mcmc.run(kernel, model, observed), or take a kernel for stochastic "
                "gradients, such as zs.mcmc.SGLD"
            )
        bound = copy.copy(self)
        bound._target = target
        return bound

    @property
    def target(self) -> Target:
        """The target that the kernel was bound to.

        :raises ValueError: if there is none.
        """
        if self._target is None:
            raise ValueError(
                f"{type(self).__name__} has no target yet: give the kernel to zs.mcmc.run, or call "
                "kernel.bind(zs.mcmc.as_target(model, observed))"
            )
        return self._target

    @abstractmethod
    def init(self, position: np.ndarray, n_warmup: int = 0) -> Any:
        """Return the first state.

        :param position: real coordinates, shape [n_chains, D], where the log-density is finite.
        :param n_warmup: how many of the first steps may adapt the kernel; those after it leave it
            as it is.
        :return: a named tuple with a ``position``.
        """

    @abstractmethod
    def step(self, state: Any) -> tuple[Any, Any]:
        """Return the next state, and an info about the transition.

        :param state: what :meth:`init` or :meth:`step` returned; it is not changed.
        :return: the state after the step and the info, both named tuples.
        """


def finite_start(
    kernel: Kernel, position: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return position, log-density and gradient, checked, for a kernel's ``init``.

    :param kernel: the kernel, bound.
    :param position: shape [n_chains, D].
    :return: float64, shapes [n_chains, D], [n_chains] and [n_chains, D]; the log-density is in
        nats.
    :raises ValueError: for another shape, or if the log-density or its gradient is not finite; the
        message names the node.
    """
    target = kernel.target
    position = np.array(position, np.float64)
    if position.ndim != 2 or position.shape[1] != target.dim:
        raise ValueError(
            f"{type(kernel).__name__}: the position must have shape [n_chains, {target.dim}], got "
            f"{list(position.shape)}"
        )
    log_prob, gradient = target.log_prob_and_grad(position)
    bad = ~(np.isfinite(log_prob) & np.isfinite(gradient).all(1))
    if bad.any():
        raise ValueError(
            f"{type(kernel).__name__}: chain {int(bad.argmax())} begins where it can't move: "
            f"{target.blame(position[bad])}"
        )
    return position, log_prob, gradient
