"""Running chains: warm-up, draws, a progress bar, and an end that keeps what was drawn."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

import jittor as jt
import numpy as np
from tqdm import tqdm

from zhusuan import random
from zhusuan.mcmc.base import Kernel
from zhusuan.mcmc.hamiltonian import check_count
from zhusuan.mcmc.model_targets import as_target
from zhusuan.mcmc.starts import starting_position
from zhusuan.mcmc.target import Target
from zhusuan.mcmc.trace import RunState, Trace

_SHOW_SECONDS = 0.1


def run(
    kernel: Kernel,
    model: Any,
    observed: Mapping[str, Any] | None = None,
    n_chains: int = 4,
    n_warmup: int = 1000,
    n_draws: int = 1000,
    thin: int = 1,
    init: Any = None,
    seed: int | None = None,
    progress: bool | None = None,
    *,
    chain_method: str = "vectorized",
) -> Trace:
    """Sample from the posterior of a model, all chains in one batch.

    ::

        trace = zs.mcmc.run(zs.mcmc.NUTS(), model, {"y": y})
        trace.samples["w"].mean((0, 1))

    Latents get a leading axis that counts chains, and the log joint must come out as [n_chains];
    scalar latents have shape [1] and ``group_ndims=1``. Latents of bounded support are sampled on
    the real line through a transform, its Jacobian included, and come back on their support.

    Ctrl-C ends the run quietly: what was drawn until then is returned.

    :param kernel: such as :class:`~zhusuan.mcmc.NUTS` or :class:`~zhusuan.mcmc.HMC`.
    :param model: callable from a dict of observations to a BayesianNet; a function from a dict of
        Vars to a log-density of shape [n_chains], with ``init`` to tell the shapes; or a
        :class:`~zhusuan.mcmc.Target`.
    :param observed: name -> value of the observed nodes and inputs.
    :param n_chains: how many chains.
    :param n_warmup: steps that adapt the kernel; they are not kept.
    :param n_draws: draws of each chain that are kept.
    :param thin: transitions for each draw that is kept; the others are discarded.
    :param init: where the chains begin. By default at random, uniform between -2 and 2 on the real
        scale, tried up to 100 times for each chain. Or name -> values of some or all latents, on
        their support, the same for all chains or with a leading axis. Or the trace of an earlier
        run, or its ``state``, which is continued as if it had never ended, the rest of its warm-up
        included: ``n_chains``, ``n_warmup`` and, without a ``seed``, the random numbers are its.
    :param seed: makes the run reproducible, whatever was drawn before; the stream in use is left
        as it was. By default the run has a stream split from that in use.
    :param progress: whether to show a bar on stderr with step size, acceptance and divergences;
        by default, if that is a terminal.
    :param chain_method: ``'vectorized'``; or ``'sequential'`` for models that can't take the
        leading axis: one chain after the other, n_chains times as slow.
    :raises TypeError: for an argument of the wrong kind.
    :raises ValueError: for a number out of range, a model that can't be sampled, or if no start
        with a finite log-density is found; the message names the node.
    """
    if not isinstance(kernel, Kernel):
        raise TypeError(f"run: kernel must be a kernel, such as zs.mcmc.NUTS(), got {kernel!r}")
    check_count("run", "n_chains", n_chains)
    check_count("run", "n_warmup", n_warmup, least=0)
    check_count("run", "n_draws", n_draws, least=0)
    check_count("run", "thin", thin)
    if progress not in (None, True, False):
        raise TypeError(f"run: progress must be True, False or None, got {progress!r}")
    init = init.state if isinstance(init, Trace) else init
    resumed = init if isinstance(init, RunState) else None
    begin = time.perf_counter()
    with _stream(seed, resumed):
        target = as_target(model, observed, init, chain_method)
        kernel = kernel.bind(target)
        if resumed is not None:
            _check_fits(resumed, target)
            state, n_warmup = resumed.kernel, resumed.n_warmup
        else:
            position = starting_position(target, n_chains, init)
            target.check_independent(position)
            state = kernel.init(position, n_warmup)
        sampling = _Sampling(kernel, state, n_warmup, n_draws, thin)
        disable = None if progress is None else not progress
        with tqdm(total=n_warmup + n_draws * thin, unit="step", disable=disable) as bar:
            sampling.run(bar)
        return sampling.trace(target, time.perf_counter() - begin)


@contextlib.contextmanager
def _stream(seed: int | None, resumed: RunState | None) -> Iterator[None]:
    """Draw from the stream of the run; leave that in use as it was."""
    if seed is not None:
        with random.stream(seed):
            yield
    elif resumed is not None:
        with random.stream(0):
            random.set_state(resumed.random)
            yield
    else:
        with random.stream(random.spawn(1)[0]):
            yield


def _check_fits(resumed: RunState, target: Target) -> None:
    shape = tuple(resumed.kernel.position.shape)
    if shape[1] != target.dim:
        raise ValueError(
            f"run: the state to continue from has {shape[1]} coordinates, but {target!r}; it "
            "belongs to another model"
        )


class _Sampling:
    """One run; the arguments are described in :func:`run`."""

    def __init__(self, kernel: Kernel, state: Any, n_warmup: int, n_draws: int, thin: int) -> None:
        self._kernel, self._state = kernel, state
        self._n_warmup, self._n_draws, self._thin = n_warmup, n_draws, thin
        self._n_warmed = self._n_drawn = 0
        self._n_divergent = 0
        self._shown_at = 0.0
        self._interrupted = False
        self._draws: np.ndarray | None = None
        self._stats: dict[str, np.ndarray] = {}

    def run(self, bar: Any) -> None:
        """Make all steps, or those until Ctrl-C.

        :param bar: of tqdm.
        """
        try:
            for _ in range(self._n_warmup):
                self._step(bar)
                self._n_warmed += 1
            for _ in range(self._n_draws):
                infos = [self._step(bar) for _ in range(self._thin)]
                self._keep(infos)
        except KeyboardInterrupt:
            self._interrupted = True

    def _step(self, bar: Any) -> Any:
        self._state, info = self._kernel.step(self._state)
        if not bar.disable:
            self._show(bar, info)
        return info

    def _show(self, bar: Any, info: Any) -> None:
        divergent = getattr(info, "divergent", None)
        is_warm = self._n_warmed == self._n_warmup
        if divergent is not None and is_warm:
            self._n_divergent += int(np.sum(divergent))
        now = time.perf_counter()
        if now - self._shown_at > _SHOW_SECONDS:
            self._shown_at = now
            shown = {}
            if hasattr(info, "step_size"):
                shown["step size"] = f"{float(np.mean(info.step_size)):.3g}"
            if hasattr(info, "acceptance_rate"):
                shown["acceptance"] = f"{float(np.mean(info.acceptance_rate)):.2f}"
            if divergent is not None:
                shown["divergences"] = str(self._n_divergent)
            bar.set_description("draws" if is_warm else "warm-up", refresh=False)
            bar.set_postfix(shown, refresh=False)
        bar.update()

    def _keep(self, infos: list[Any]) -> None:
        position = self._state.position
        if isinstance(position, jt.Var):
            position = position.numpy()
        n_chains = len(position)
        if self._draws is None:
            self._draws = np.empty((n_chains, self._n_draws, position.shape[1]), np.float32)
            for name, value in infos[-1]._asdict().items():
                kind = np.asarray(value).dtype
                self._stats[name] = np.empty((n_chains, self._n_draws), kind)
        i = self._n_drawn
        self._draws[:, i] = position
        for name, row in self._stats.items():
            row[:, i] = _thinned([getattr(info, name) for info in infos])
        self._n_drawn += 1

    def trace(self, target: Target, seconds: float) -> Trace:
        """Return what was drawn.

        :param target: maps the draws to their support.
        :param seconds: that the run took.
        """
        n = self._n_drawn
        draws = self._draws
        if draws is None:
            draws = np.empty((self._state.position.shape[0], 0, target.dim), np.float32)
        left = self._n_warmup - self._n_warmed
        return Trace(
            target.to_support(draws[:, :n]),
            {name: row[:, :n] for name, row in self._stats.items()},
            RunState(self._state, left, random.get_state()),
            self._n_warmed,
            self._interrupted,
            seconds,
        )


def _thinned(values: list[Any]) -> Any:
    """Return one value for several transitions: the last; of counts the sum, of flags any."""
    if len(values) == 1:
        return values[0]
    kind = np.asarray(values[0]).dtype.kind
    if kind == "b":
        return np.any(values, 0)
    return np.sum(values, 0) if kind in "iu" else values[-1]
