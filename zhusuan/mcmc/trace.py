"""What sampling gives: draws and statistics of all chains."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zhusuan.diagnostics import Summary, plots, summary, to_arviz
from zhusuan.mcmc import display
from zhusuan.mcmc.run_state import RunState
from zhusuan.mcmc.trace_files import Ending, TraceFiles, read


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
    :ivar seconds: how long the run took, in seconds.
    :ivar path: the folder that the arrays are read from as they are used; None if they are in
        memory.
    """

    samples: dict[str, np.ndarray]
    stats: dict[str, np.ndarray]
    state: RunState
    n_warmup: int
    interrupted: bool
    seconds: float
    path: Path | None = None

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

        :return: name -> array of shape ``[n_chains * n_draws] + shape``.
        """
        return {name: draws.reshape(-1, *draws.shape[2:]) for name, draws in self.samples.items()}

    def summary(self, names: Sequence[str] | None = None) -> Summary:
        """Return mean, sd, errors, effective sizes and R-hat of each element, with warnings.

        :param names: of the latents that are shown, by default all; see
            :func:`zhusuan.diagnostics.summary`.
        :return: the table.
        """
        return summary(self.samples, self.stats, names)

    def to_arviz(self, **groups: Mapping[str, Any] | None) -> Any:
        """Return the draws as ArviZ's own object; see :func:`zhusuan.diagnostics.to_arviz`.

        :param groups: more groups, such as ``observed_data={"y": y}``.
        :return: ``InferenceData``, or with ArviZ 1.x a ``DataTree``.
        :raises RuntimeError: if ArviZ is not installed.
        """
        return to_arviz(self.samples, self.stats, **groups)

    def plot_trace(self, names: Sequence[str] | None = None, **options: Any) -> Any:
        """Plot each chain's draws in their order, by ArviZ.

        :param names: of the latents that are shown, by default all.
        :param options: of ``arviz.plot_trace``, which has other ones in ArviZ 0.x and 1.x.
        :return: what it returns: axes, or in ArviZ 1.x a ``PlotCollection``.
        :raises RuntimeError: if ArviZ, or what it needs for plots, is not installed.
        """
        return plots.plot("plot_trace", self.to_arviz(), names, options)

    def plot_rank(self, names: Sequence[str] | None = None, **options: Any) -> Any:
        """Plot how each chain's draws rank among those of all: evenly, if the chains agree.

        (Vehtari et al. 2021.)

        :param names: see :meth:`plot_trace`.
        :param options: of ``arviz.plot_rank``.
        :return: see :meth:`plot_trace`.
        :raises RuntimeError: see :meth:`plot_trace`.
        """
        return plots.plot("plot_rank", self.to_arviz(), names, options)

    def plot_pair(self, names: Sequence[str] | None = None, **options: Any) -> Any:
        """Plot pairs of latents against each other, with the transitions that diverged.

        :param names: see :meth:`plot_trace`.
        :param options: of ``arviz.plot_pair``.
        :return: see :meth:`plot_trace`.
        :raises RuntimeError: see :meth:`plot_trace`.
        """
        return plots.plot("plot_pair", self.to_arviz(), names, options)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all of this trace into a folder, for :func:`~zhusuan.mcmc.load_trace`.

        :param path: the folder, which is made.
        :raises FileExistsError: if there is something already.
        :raises TypeError: if the kernel's state has something that can't be saved.
        """
        ending = Ending(self.state, self.n_warmup, self.interrupted, self.seconds)
        with TraceFiles.create(Path(path), self.samples) as files:
            files.append(self.samples, self.stats, ending)

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

    def _repr_html_(self) -> str:
        return display.trace_html(self)


def load_trace(path: str | os.PathLike[str], check: bool = True) -> Trace:
    """Return the trace in a folder that :func:`~zhusuan.mcmc.run` or :meth:`Trace.save` wrote.

    Its arrays are read-only views of the file: what is used is read, so they may be larger than the
    memory. A run that is still writing may be looked at; one that was killed has all draws up to
    its last save, and can be continued from there. Nothing is unpickled; the named tuples of a
    kernel of your own must have been imported.

    :param path: the folder.
    :param check: whether to read all draws once and compare their checksums.
    :return: the trace, with its arrays on disk.
    :raises FileNotFoundError: if there is no trace.
    :raises ValueError: if it is damaged.
    """
    folder = Path(path)
    samples, stats, ending = read(folder, check)
    return Trace(samples, stats, *ending, folder)
