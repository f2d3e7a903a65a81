"""Where a run stands between two transitions: all that is needed to go on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jittor as jt
import numpy as np

from zhusuan import random
from zhusuan._tensor import Shape
from zhusuan.mcmc.base import Kernel
from zhusuan.mcmc.state_trees import decode, encode
from zhusuan.mcmc.target import Target
from zhusuan.mcmc.team import Team


class RunState(NamedTuple):
    """Where a run ended; :func:`~zhusuan.mcmc.run` goes on from it, ``init=trace.state``.

    :param kernel: state of the kernel.
    :param n_warmup: steps of the warm-up that are still to be made.
    :param random: state of the stream of random numbers.
    :param latents: names and shapes of the latent variables.
    """

    kernel: Any
    n_warmup: int
    random: random.State
    latents: tuple[tuple[str, tuple[int, ...]], ...]


def latents_of(target: Target) -> tuple[tuple[str, Shape], ...]:
    """Return names and shapes of the latent variables.

    :param target: that has them.
    """
    return tuple((latent.name, tuple(latent.shape)) for latent in target.latents)


def check_fits(state: RunState, kernel: Kernel) -> None:
    """Check that a kernel can go on from a state as if the run had never ended.

    :param state: where a run ended.
    :param kernel: bound to its target.
    :raises ValueError: if the state is of other latents, another density, or another kind of
        kernel.
    """
    target = kernel.target
    position = on_host(state.kernel.position)
    if state.latents != latents_of(target) or position.shape[1] != target.dim:
        had = ", ".join(f"{name} {list(shape)}" for name, shape in state.latents)
        raise ValueError(
            f"run: the state to continue from has {position.shape[1]} coordinates"
            f"{f', those of {had}' if had else ''}, but {target!r}; it belongs to another model"
        )
    # A model may draw; the stream of the run is not for this.
    with random.stream(0):
        fresh = kernel.init(position)
    if type(fresh) is not type(state.kernel):
        raise ValueError(
            f"run: the state to continue from is a {type(state.kernel).__name__}, but "
            f"{type(kernel).__name__} goes on from a {type(fresh).__name__}; it belongs to another "
            "kernel"
        )
    for name in ("log_prob", "log_likelihood"):
        before, now = getattr(state.kernel, name, None), getattr(fresh, name, None)
        # On another machine the last digits of float32 may differ.
        if before is None or now is None or np.allclose(before, now, rtol=1e-3, atol=1e-3):
            continue
        i = int(np.argmax(np.abs(before - now)))
        raise ValueError(
            f"run: the {name} where chain {i} ended was {before[i]:g} and is {now[i]:g} now: the "
            "state to continue from belongs to another model or other data. To begin there, give "
            "the values, init={name: values}"
        )


def check_same_target(team: Team, target: Target, position: np.ndarray) -> None:
    """Check that all ranks have the same log-density: the same model, weights and data.

    :param team: the ranks.
    :param target: of this rank.
    :param position: where to compare, shape [n_chains, D].
    :raises ValueError: on all ranks, if they differ.
    """
    if team.size == 1:
        return
    own = team.together(lambda: target.log_prob_and_grad(position)[0])
    main = team.from_main(own)

    def compare() -> None:
        # Processors of another kind may differ in the last digits of float32.
        if not np.allclose(own, main, rtol=1e-3, atol=1e-3, equal_nan=True):
            i = int(np.argmax(np.abs(own - main)))
            raise ValueError(
                f"run: the log-density where chain {i} begins is {main[i]:g} on rank 0 and "
                f"{own[i]:g} on rank {team.rank}: all ranks must have the same model, weights and "
                "data, not each its own part of the data; the chains are shared among them"
            )

    team.together(compare)


def on_host(position: Any) -> np.ndarray:
    """Return the position of a state as an array.

    :param position: array or Var.
    """
    return np.asarray(position.numpy() if isinstance(position, jt.Var) else position)


def to_header(state: RunState, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return a state as JSON can hold it.

    :param state: the state.
    :param arrays: gets its arrays.
    :raises TypeError: if the state of the kernel has something that can't be saved.
    """
    return {
        "kernel": encode(state.kernel, arrays, "the kernel's state"),
        "n_warmup": state.n_warmup,
        "random": state.random,
        "latents": [[name, list(shape)] for name, shape in state.latents],
    }


def from_header(header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> RunState:
    """Return the state that :func:`to_header` was given.

    :param header: what it returned.
    :param arrays: what it put there.
    :raises ValueError: if the kernel's state can't be made.
    """
    latents = tuple((name, tuple(shape)) for name, shape in header["latents"])
    kernel = decode(header["kernel"], arrays)
    return RunState(kernel, header["n_warmup"], header["random"], latents)
