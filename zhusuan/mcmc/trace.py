"""What sampling gives: draws and statistics of all chains."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from zhusuan import random
from zhusuan.diagnostics import Summary, summary, to_arviz


class RunState(NamedTuple):
    """Where a run ended; :func:`~zhusuan.mcmc.run` goes on from it, ``init=trace.state``.

    :param kernel: state of the kernel.
    :param n_warmup: steps of the warm-up that are still to be made.
    :param random: state of the stream of random numbers.
    """

    kernel: Any
    n_warmup: int
    random: random.State


@dataclasses.dataclass(frozen=True, repr=False)
class Trace:
    """Draws from a posterior.

    :ivar samples: name -> array ``[n_chains, n_draws] + shape``, on the support.
    :ivar stats: name -> array [n_chains, n_draws]: the fields of the kernel's info. With thinning,
        those of the transition that was kept, but counts are summed and flags are true if one of
        the transitions raised them.
    :ivar state: where the run ended.
    :ivar n_warmup: steps of the warm-up that were made in this run.
    :ivar interrupted: whether Ctrl-C ended the run.
    :ivar seconds: how long the run took.
    """

    samples: dict[str, np.ndarray]
    stats: dict[str, np.ndarray]
    state: RunState
    n_warmup: int
    interrupted: bool
    seconds: float

    @property
    def n_chains(self) -> int:
        """Number of chains."""
        return int(self._any.shape[0])

    @property
    def n_draws(self) -> int:
        """Number of draws of each chain."""
        return int(self._any.shape[1])

    def stacked(self) -> dict[str, np.ndarray]:
        """Return the draws of all chains one after the other, name -> ``[n] + shape``.

        It is what :func:`zhusuan.predict` takes as ``posterior``.
        """
        return {name: draws.reshape(-1, *draws.shape[2:]) for name, draws in self.samples.items()}

    def summary(self, names: Sequence[str] | None = None) -> Summary:
        """Return mean, sd, errors, effective sizes and R-hat of each element, with warnings.

        :param names: of the latents that are shown, by default all; see
            :func:`zhusuan.diagnostics.summary`.
        """
        return summary(self.samples, self.stats, names)

    def to_arviz(self, **groups: Mapping[str, Any] | None) -> Any:
        """Return the draws as ArviZ's own object; see :func:`zhusuan.diagnostics.to_arviz`.

        :param groups: more groups, such as ``observed_data={"y": y}``.
        :raises RuntimeError: if ArviZ is not installed.
        """
        return to_arviz(self.samples, self.stats, **groups)

    @property
    def _any(self) -> np.ndarray:
        return next(iter(self.samples.values()))

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {list(v.shape[2:])}" for name, v in self.samples.items())
        ended = ", interrupted" if self.interrupted else ""
        return (
            f"<Trace of {shapes}: {self.n_chains} chains of {self.n_draws} draws, "
            f"{self.seconds:.1f} s{ended}>"
        )
