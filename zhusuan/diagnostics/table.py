"""The figures of all draws as a table, with what is wrong about them in words."""

from __future__ import annotations

import itertools
import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from zhusuan import _html
from zhusuan.diagnostics._draws import (
    MIN_DRAWS,
    normal_scores,
    ordered_draws,
    per_element,
    quantile,
    split,
)
from zhusuan.diagnostics._samples import check_samples, check_stats
from zhusuan.diagnostics.advice import advise
from zhusuan.diagnostics.convergence import rank_rhat
from zhusuan.diagnostics.effective import TAILS, effective_size, squared_deviations, tail_size
from zhusuan.diagnostics.mcse import error_of_mean, error_of_sd

COLUMNS = (
    "mean", "sd", "mcse_mean", "mcse_sd", "5%", "95%", "ess_bulk", "ess_tail", "r_hat",
)  # fmt: skip
"""The figures of a :class:`Summary`, in their order."""

# Rows that print and notebooks show of a long table.
_SHOWN = 50
_WIDTH = 88


@dataclass(frozen=True, repr=False)
class Summary:
    """What :func:`summary` found; ``print`` and notebooks show it as a table with the warnings.

    ``found["theta"]`` is a dict from the name of a column to a figure, an array of theta's shape
    if theta is no scalar; ``found["theta[0, 1]"]`` has the figures of one element. ``for name in
    found`` goes through the elements. ``pandas.DataFrame.from_dict(found.to_dict(),
    orient="index")`` makes a frame of it.

    :param figures: name -> column -> array of the variable's shape.
    :param n_chains: number of chains.
    :param n_draws: draws of each chain.
    :param warnings: what is wrong and what to do about it, a text for each; empty if all is well.
    """

    figures: Mapping[str, Mapping[str, np.ndarray]]
    n_chains: int
    n_draws: int
    warnings: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[str]:
        return (label for label, _, _ in self._elements())

    def __len__(self) -> int:
        return sum(columns["mean"].size for columns in self.figures.values())

    def __getitem__(self, name: str) -> dict[str, Any]:
        """Return the figures of a variable or of one of its elements."""
        if name in self.figures:
            columns = self.figures[name]
            return {key: array if array.ndim else float(array) for key, array in columns.items()}
        for label, variable, index in self._elements():
            if label == name:
                return self._row(variable, index)
        raise KeyError(f"no variable or element {name!r}; the variables are {list(self.figures)}")

    def to_dict(self) -> dict[str, dict[str, float]]:
        """Return name of the element -> column -> figure, for scalars the variable's name.

        :return: a dict of dicts of floats.
        """
        return {label: self._row(name, index) for label, name, index in self._elements()}

    def label(self, place: int) -> str:
        """Return the name of the element at a place, counted from 0 through all variables.

        :param place: from 0 on.
        :return: such as ``'theta[0, 1]'``.
        """
        return next(itertools.islice(self, int(place), None))

    def __str__(self) -> str:
        rows, left_out = self._cells()
        lines = [("", *COLUMNS), *rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
        text = [
            line[0].ljust(widths[0])
            + "".join("  " + cell.rjust(width) for cell, width in zip(line[1:], widths[1:]))
            for line in lines
        ]
        warnings = [
            textwrap.fill(warning, _WIDTH, initial_indent="! ", subsequent_indent="  ")
            for warning in self.warnings
        ]
        return "\n".join([*text, *left_out, self._size(), *warnings])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows, left_out = self._cells()
        return (
            _html.table(("", *COLUMNS), rows, numbers=True)
            + _html.paragraph([*left_out, self._size()])
            + "".join(map(_html.warning, self.warnings))
        )

    def _elements(self) -> Iterator[tuple[str, str, tuple[int, ...]]]:
        for name, columns in self.figures.items():
            for index in np.ndindex(columns["mean"].shape):
                yield _element_name(name, index), name, index

    def _row(self, name: str, index: tuple[int, ...]) -> dict[str, float]:
        return {column: float(array[index]) for column, array in self.figures[name].items()}

    def _cells(self) -> tuple[list[tuple[str, ...]], list[str]]:
        rows = [
            (label, *_formatted(self._row(name, index)))
            for label, name, index in itertools.islice(self._elements(), _SHOWN)
        ]
        more = len(self) - len(rows)
        return rows, [f"... and {more} more, see to_dict()"] * bool(more)

    def _size(self) -> str:
        return f"{self.n_chains} chain{'s' * (self.n_chains != 1)} of {self.n_draws} draws"


def summary(
    samples: Mapping[str, Any],
    stats: Mapping[str, Any] | None = None,
    names: Sequence[str] | None = None,
) -> Summary:
    """Return moments, quantiles, their precision and the convergence of all draws as a table.

    ::

        found = zs.diagnostics.summary(trace.samples, trace.stats)
        print(found)
        assert not found.warnings

    The columns are mean, sd, their standard errors, the quantiles 5% and 95%, the effective sample
    sizes in bulk and tails and R-hat. The warnings follow Vehtari et al. (2021): R-hat above 1.01
    and sizes below 100 for each chain; and Betancourt (2016): divergences, E-BFMI below 0.3.

    :param samples: name -> draws of shape [n_chains, n_draws, ...], equal in the first two.
    :param stats: name -> array of shape [n_chains, n_draws] that the sampler reported. Read are
        ``divergent`` (or ``diverging``) and ``energy``, if they are there. Thinned energies hide a
        low E-BFMI, for draws further apart differ more.
    :param names: which variables to show, in this order; all if left out.
    :return: the table.
    :raises TypeError: if samples is no dict, or draws are no real numbers.
    :raises ValueError: for other shapes, or no draws.
    :raises KeyError: for a name that is not among the samples.
    """
    arrays = check_samples(samples, names)
    n_chains, n_draws = next(iter(arrays.values())).shape[:2]
    if not n_draws:
        raise ValueError("summary: there are no draws, n_draws is 0")
    checked = check_stats(stats, (n_chains, n_draws))
    figures = {name: _figures(array) for name, array in arrays.items()}
    found = Summary(figures, n_chains, n_draws)
    rows = {
        column: np.concatenate([columns[column].ravel() for columns in figures.values()])
        for column in ("mean", "ess_bulk", "ess_tail", "r_hat")
    }
    warnings = advise(rows, found.label, checked, (n_chains, n_draws))
    return replace(found, warnings=tuple(warnings))


def _element_name(name: str, index: tuple[int, ...]) -> str:
    return f"{name}[{', '.join(map(str, index))}]" if index else name


def _figures(array: np.ndarray) -> dict[str, np.ndarray]:
    """Return all columns of a variable, computed from one pass over the draws."""
    found = per_element(array, _columns, n_figures=len(COLUMNS), min_draws=1)
    return {column: np.asarray(found[i]) for i, column in enumerate(COLUMNS)}


def _columns(block: np.ndarray) -> np.ndarray:
    _, n_chains, n_draws = block.shape
    ordered, squares = ordered_draws(block), squared_deviations(block)
    found = np.full((len(COLUMNS), len(block)), np.nan)
    found[0] = block.mean((1, 2))
    found[1] = np.sqrt(squares.sum((1, 2)) / (n_chains * n_draws - 1))
    found[4], found[5] = (quantile(ordered, prob) for prob in TAILS)
    if n_draws >= MIN_DRAWS:
        halves = split(block)
        scores = normal_scores(halves)
        found[2], found[3] = error_of_mean(block, squares), error_of_sd(squares)
        found[6], found[7] = effective_size(scores), tail_size(block, ordered)
        if n_chains > 1:
            found[8] = rank_rhat(scores, halves)
    return found


def _formatted(row: Mapping[str, float]) -> list[str]:
    """Return the figures of a row as text, with the digits that the sd makes worth reading."""
    sd = row["sd"]
    if 0.0 < sd < math.inf and -6 <= math.floor(math.log10(sd)) <= 5:
        form = f".{max(0, 2 - math.floor(math.log10(sd)))}f"
    else:
        form = ".4g"
    forms = {"mcse_mean": ".2g", "mcse_sd": ".2g", "ess_bulk": ".0f", "ess_tail": ".0f"}
    forms["r_hat"] = ".3f"
    return [format(row[column], forms.get(column, form)) for column in COLUMNS]
