"""Whole transitions spread over the ranks of a team: each makes those of its own chains.

A rank follows the trajectories of its chains alone, without a word to the others, and then all
exchange where they have come to. For one process nothing changes.

The random numbers are those of all chains, of which a rank uses its part. A rank whose chains are
done sooner has drawn less of them; it draws the rest before it goes on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from zhusuan.mcmc.target import Target
from zhusuan.mcmc.team import Team
from zhusuan.random.source import generator


class _Share:
    """The chains of this rank, while it makes their transitions."""

    def __init__(self, rows: slice, n_chains: int) -> None:
        self.rows, self.n_chains = rows, n_chains
        self.n_drawn = 0


_share: _Share | None = None


def uniforms(*shape: int) -> np.ndarray:
    """Draw from the uniform distribution on [0, 1).

    A kernel that draws nothing else in a transition may spread it over ranks.

    :param shape: of the result; its last axis counts the chains of a transition.
    :return: float64 array; of the numbers that are drawn for all chains, those of this rank's.
    """
    share = _share
    if share is None:
        return generator().random(shape)
    whole = *shape[:-1], share.n_chains
    share.n_drawn += math.prod(whole)
    return np.ascontiguousarray(generator().random(whole)[..., share.rows])


def by_chains(
    target: Target,
    team: Team,
    work: Callable[..., Sequence[np.ndarray]],
    given: Sequence[np.ndarray],
    like: Sequence[np.ndarray],
) -> Sequence[np.ndarray]:
    """Return ``work(*given)``, each rank having done it for its chains.

    :param target: what ``work`` evaluates, for the chains that it is given.
    :param team: the ranks.
    :param work: takes and returns arrays whose first axis counts chains, and draws by
        :func:`uniforms` alone.
    :param given: what it takes, float64.
    :param like: arrays of the shapes and dtypes that it returns, as templates. 64 bits must hold
        their numbers as floats.
    :return: the arrays, of all chains.
    """
    n_chains = len(given[0])
    widths = [math.prod(array.shape[1:]) for array in like]
    ends = np.cumsum(widths).tolist()
    n_drawn = 0

    def fill(rows: slice, table: np.ndarray) -> int:
        global _share
        nonlocal n_drawn
        _share = share = _Share(rows, n_chains)
        try:
            with target.alone():
                made = work(*(array[rows] for array in given))
        finally:
            _share = None
        n_drawn = share.n_drawn
        for array, width, end in zip(made, widths, ends):
            table[:, end - width : end] = array.reshape(len(table), width)
        return n_drawn

    mark = sum(float(np.add.reduce(array, None)) for array in given)
    table, most = team.evaluate((n_chains, ends[-1]), "float64", mark, fill)
    generator().random(most - n_drawn)
    return [
        _column(table[:, end - width : end], array, n_chains)
        for array, width, end in zip(like, widths, ends)
    ]


def _column(part: np.ndarray, like: np.ndarray, n_chains: int) -> Any:
    return part.reshape(n_chains, *like.shape[1:]).astype(like.dtype)
