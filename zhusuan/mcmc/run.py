"""Running chains: warm-up, draws, a progress bar, and an end that keeps what was drawn."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from zhusuan import random
from zhusuan.mcmc.base import Kernel
from zhusuan.mcmc.draws import Draws, DrawsByMain, DrawsInMemory, DrawsOnDisk, Point
from zhusuan.mcmc.hamiltonian import check_count
from zhusuan.mcmc.model_targets import FunctionTarget, as_target
from zhusuan.mcmc.run_state import (
    RunState,
    check_fits,
    check_same_target,
    latents_of,
    on_host,
)
from zhusuan.mcmc.starts import starting_position
from zhusuan.mcmc.target import Target
from zhusuan.mcmc.team import Team
from zhusuan.mcmc.trace import Trace
from zhusuan.mcmc.trace_files import TraceFiles, check_free

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
    save_to: str | os.PathLike[str] | None = None,
) -> Trace:
    """Sample from the posterior of a model, all chains in one batch.

    ::

        trace = zs.mcmc.run(zs.mcmc.NUTS(), model, {"y": y})
        trace.samples["w"].mean((0, 1))

    Latents get a leading axis that counts chains, and the log joint must come out as [n_chains];
    scalar latents have shape [1] and ``group_ndims=1``. Latents of bounded support are sampled on
    the real line through a transform, its Jacobian included, and come back on their support.

    Ctrl-C ends the run quietly: what was drawn until then is returned.

    A long run may write its draws into a folder while it goes on, so that they take no memory and
    are not lost when the process is killed::

        zs.mcmc.run(kernel, model, {"y": y}, n_draws=1_000_000, save_to="draws")
        trace = zs.mcmc.load_trace("draws")   # in any process, also while the run goes on
        zs.mcmc.run(kernel, model, {"y": y}, n_draws=500_000, init=trace, save_to="draws")

    The last line appends to what is there, and gives the very draws that one run of both would have
    given.

    Under ``mpirun`` the chains are spread over the ranks: all call this function, with the same
    arguments and all of the data, each evaluates the log-density of its chains, and every rank
    returns the trace of all. The draws are those of one process with the same seed: bit for bit,
    if what the model computes of a chain does not depend on how many there are beside it, and up
    to float32's rounding where it does, as the order of the sums in a matrix product may. Rank 0
    draws the bar and writes ``save_to``, which all ranks must be able to read; another number of
    ranks may go on with it. Ranks without a chain are idle. An error or a Ctrl-C that reaches one
    rank ends the run on all.

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
    :param save_to: a folder for the draws: a new one; or that of the trace which ``init`` is, and
        which then goes on. The state is saved every five seconds, in the warm-up as well. The trace
        that is returned has all draws of the folder, and reads them from there.
    :return: the draws, what happened in each transition, and where the run ended.
    :raises FileExistsError: if ``save_to`` has something else already.
    :raises TypeError: for an argument of the wrong kind.
    :raises ValueError: for a number out of range, a model that can't be sampled, or if no start
        with a finite log-density is found; the message names the node. Under ``mpirun`` also if
        the ranks differ in their arguments, model or data.
    :raises zhusuan.distributed.PeerError: if another rank has failed or ended.
    """
    if not isinstance(kernel, Kernel):
        raise TypeError(f"run: kernel must be a kernel, such as zs.mcmc.NUTS(), got {kernel!r}")
    check_count("run", "n_chains", n_chains)
    check_count("run", "n_warmup", n_warmup, least=0)
    check_count("run", "n_draws", n_draws, least=0)
    check_count("run", "thin", thin)
    if progress not in (None, True, False):
        raise TypeError(f"run: progress must be True, False or None, got {progress!r}")
    path = None if save_to is None else Path(save_to)
    goes_on = path is not None and isinstance(init, Trace) and _is_same(path, init.path)
    n_before = init.n_draws if isinstance(init, Trace) else 0
    init = init.state if isinstance(init, Trace) else init
    resumed = init if isinstance(init, RunState) else None
    begin = time.perf_counter()
    team = Team()
    with team.at_work(), _stream(seed, resumed), contextlib.ExitStack() as stack:
        team.check_same(
            kernel=_settings(kernel), n_chains=n_chains, n_warmup=n_warmup, n_draws=n_draws,
            thin=thin, seed=seed, save_to=path, goes_on=resumed is not None,
        )  # fmt: skip
        if path is not None and not goes_on:
            team.on_main(lambda: check_free(path))
        init = team.start_of_main(init)
        target = team.together(lambda: _target(model, observed, init, chain_method))
        stack.enter_context(target.fixed())
        kernel = kernel.bind(target)
        if resumed is not None:
            team.together(lambda: check_fits(resumed, kernel))
            check_same_target(team, target, on_host(resumed.kernel.position))
            state, n_warmup = resumed.kernel, resumed.n_warmup
        else:
            with target.shared(team):
                position = starting_position(target, n_chains, init)
            check_same_target(team, target, position)
            team.together(lambda: target.check_independent(position))
            with target.shared(team):
                state = kernel.init(position, n_warmup)
        n_chains = int(state.position.shape[0])
        draws: Draws
        if path is None:
            draws = DrawsInMemory(target, n_chains, n_draws)
        else:
            files = team.on_main(lambda: _files(path, goes_on, n_before, target, n_chains))
            if files is not None:
                stack.enter_context(files)
            draws = _on_disk(team, path, files, target, n_chains)
        sampling = _Sampling(kernel, draws, thin, state, n_warmup, latents_of(target))
        disable = (None if progress is None else not progress) if team.is_main else True
        stack.enter_context(target.shared(team))
        with tqdm(total=n_warmup + n_draws * thin, unit="step", disable=disable) as bar:
            interrupted = sampling.run(n_draws, bar)
        return draws.trace(sampling.point, interrupted, time.perf_counter() - begin)


def _settings(kernel: Kernel) -> tuple[Any, ...]:
    plain = bool, int, float, str, tuple, type(None)
    settings = {name: value for name, value in vars(kernel).items() if isinstance(value, plain)}
    return type(kernel).__name__, settings


def _target(model: Any, observed: Any, init: Any, chain_method: str) -> Target:
    try:
        return as_target(model, observed, init, chain_method)
    except TypeError:
        if not (isinstance(init, RunState) and init.latents and callable(model)):
            raise
        # A function can't be told by the values of init, but the state has their shapes.
        return FunctionTarget(model, dict(init.latents), None, observed, chain_method)


def _is_same(path: Path, other: Path | None) -> bool:
    return other is not None and path.resolve() == other.resolve()


def _files(path: Path, goes_on: bool, n_before: int, target: Target, n_chains: int) -> TraceFiles:
    if not goes_on:
        none = np.empty((n_chains, 0, target.dim), np.float32)
        return TraceFiles.create(path, target.to_support(none))
    files = TraceFiles.open(path)
    if files.n_draws != n_before:
        files.close()
        raise ValueError(
            f"run: {path} has {files.n_draws} draws by now, and the trace to continue from has "
            f"{n_before}: load it again, init=zs.mcmc.load_trace({str(path)!r})"
        )
    return files


def _on_disk(
    team: Team, path: Path, files: TraceFiles | None, target: Target, n_chains: int
) -> Draws:
    own = None if files is None else DrawsOnDisk(target, n_chains, files)
    return own if own is not None and team.size == 1 else DrawsByMain(team, path, own)


@contextlib.contextmanager
def _stream(seed: int | None, resumed: RunState | None) -> Iterator[None]:
    """Draw from the stream of the run, the same on all ranks; leave that in use as it was."""
    if seed is not None:
        with random.stream(seed):
            yield
    elif resumed is not None:
        with random.stream(0):
            random.set_state(resumed.random)
            yield
    else:
        with random.common_stream():
            sequence = random.spawn(1)[0]
        with random.stream(sequence):
            yield


class _Sampling:
    """One run.

    :param kernel: bound to its target.
    :param draws: where the draws go.
    :param thin: transitions for each of them.
    :param state: of the kernel.
    :param n_warmup: steps of the warm-up that are still to be made.
    :param latents: names and shapes of the latents.
    :ivar point: how far the run is. A Ctrl-C between two such points takes it back to the first.
    """

    def __init__(
        self, kernel: Kernel, draws: Draws, thin: int, state: Any, n_warmup: int, latents: Any
    ) -> None:
        self._kernel, self._draws, self._thin = kernel, draws, thin
        self._state, self._n_warmup, self._latents = state, n_warmup, latents
        self._n_divergent = 0
        self._shown_at = 0.0
        self.point = self._point_at(0, 0)

    def run(self, n_draws: int, bar: Any) -> bool:
        """Make all steps, or those until Ctrl-C; return whether it was pressed.

        :param n_draws: draws of each chain.
        :param bar: of tqdm.
        """
        try:
            self._draws.reached(self.point)
            for i in range(self._n_warmup):
                self._step(bar)
                self._reach(i + 1, 0)
            for i in range(n_draws):
                infos = [self._step(bar) for _ in range(self._thin)]
                self._draws.put(i, on_host(self._state.position), _thinned(infos))
                self._reach(self._n_warmup, i + 1)
        except KeyboardInterrupt:
            return True
        except Exception:
            self._draws.rescue(self.point)
            raise
        return False

    def _point_at(self, n_warmed: int, n_drawn: int) -> Point:
        left = self._n_warmup - n_warmed
        state = RunState(self._state, left, random.get_state(), self._latents)
        return Point(state, n_warmed, n_drawn)

    def _reach(self, n_warmed: int, n_drawn: int) -> None:
        self.point = self._point_at(n_warmed, n_drawn)
        self._draws.reached(self.point)

    def _step(self, bar: Any) -> Any:
        self._state, info = self._kernel.step(self._state)
        if not bar.disable:
            self._show(bar, info)
        return info

    def _show(self, bar: Any, info: Any) -> None:
        divergent = getattr(info, "divergent", None)
        is_warm = self.point.n_warmed == self._n_warmup
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


def _thinned(infos: list[Any]) -> dict[str, Any]:
    """Return the fields of the last info; of counts the sum over all, of flags whether any."""
    fields = infos[-1]._asdict()
    if len(infos) > 1:
        for name, value in fields.items():
            kind = np.asarray(value).dtype.kind
            if kind in "biu":
                total = np.any if kind == "b" else np.sum
                fields[name] = total([getattr(info, name) for info in infos], 0)
    return fields
