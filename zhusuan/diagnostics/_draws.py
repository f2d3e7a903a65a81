"""Draws as blocks ``[elements, n_chains, n_draws]``: checks, order, quantiles, scores."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from zhusuan.diagnostics._quantiles import normal_quantile

MIN_DRAWS = 4
"""Fewer draws of a chain than these cannot be split, and every figure is NaN."""

# Numbers in a block: 8 MB, some 60 MB with what the Fourier transform needs.
_BLOCK = 2**20


def as_draws(draws: Any, what: str) -> np.ndarray:
    """Return draws as an array of numpy, checked.

    :param draws: numbers of shape [n_chains, n_draws, ...].
    :param what: what they are called in errors.
    :raises TypeError: if they are no real numbers.
    :raises ValueError: for fewer than two dims, or no chain.
    """
    array = np.asarray(draws)
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{what} must be an array of real numbers, got {type(draws).__name__} with dtype "
            f"{array.dtype}"
        )
    if array.ndim < 2:
        raise ValueError(
            f"{what} must have shape [n_chains, n_draws, ...], got {list(array.shape)}; a single "
            "chain is draws[None]"
        )
    if not array.shape[0]:
        raise ValueError(f"{what} has no chain: its shape is {list(array.shape)}")
    return array


def check_probability(prob: Any) -> float:
    """Return a probability, checked.

    :raises ValueError: if it is not between 0 and 1.
    """
    if np.ndim(prob) or not 0.0 <= prob <= 1.0:
        raise ValueError(f"prob must be a number between 0 and 1, got {prob!r}")
    return float(prob)


def per_element(
    draws: Any,
    function: Callable[[np.ndarray], Any],
    n_figures: int | None = None,
    min_chains: int = 1,
    min_draws: int = MIN_DRAWS,
) -> Any:
    """Apply a function to draws, some elements at a time, and put its figures together.

    Elements with NaN among their draws get NaN, all get it if there are too few draws or chains.

    :param draws: shape [n_chains, n_draws, ...].
    :param function: from a block [elements, n_chains, n_draws] in float64 to [elements], or to
        [n_figures, elements].
    :param n_figures: how many figures it returns; None for one without a dim of its own.
    :param min_chains: fewer chains give NaN.
    :param min_draws: fewer draws give NaN.
    :return: shape [...] or [n_figures, ...]; a number of numpy where there are no dims at all.
    """
    array = as_draws(draws, "draws")
    n_chains, n_draws, *rest = array.shape
    n_elements = math.prod(rest)
    figures = np.full((n_figures or 1, n_elements), np.nan)
    if n_draws >= min_draws and n_chains >= min_chains:
        flat = array.reshape(n_chains, n_draws, n_elements)
        width = max(1, _BLOCK // (n_chains * n_draws))
        for start in range(0, n_elements, width):
            block = np.moveaxis(flat[..., start : start + width], -1, 0).astype(np.float64, "C")
            good = ~np.isnan(block).any((1, 2))
            if not good.any():
                continue
            # Infinite draws and constant ones lead to NaN or infinity, which say what is wrong.
            with np.errstate(all="ignore"):
                figures[:, start : start + width][:, good] = function(block[good])
    return figures.reshape([*([n_figures] if n_figures else []), *rest])[()]


def split(block: np.ndarray) -> np.ndarray:
    """Cut each chain into two; the middle draw of an odd number is left out.

    :param block: [elements, n_chains, n_draws].
    :return: [elements, 2 n_chains, n_draws // 2].
    """
    half = block.shape[-1] // 2
    return np.concatenate([block[..., :half], block[..., -half:]], 1)


def fold(block: np.ndarray) -> np.ndarray:
    """Return the distances from the median of each element's draws."""
    return np.abs(block - np.median(block, (1, 2), keepdims=True))


def normal_scores(block: np.ndarray) -> np.ndarray:
    r"""Replace draws by normal quantiles of their ranks among all draws of the element.

    Equal draws share their average rank r, which becomes
    :math:`\Phi^{-1}((r - 3/8) / (S + 1/4))` (Vehtari et al. 2021, equation 14).

    :param block: [elements, n_chains, n_draws].
    :return: the same shape; NaN for elements with NaN.
    """
    flat = block.reshape(len(block), -1)
    size = flat.shape[1]
    order = flat.argsort(1)
    ordered = np.take_along_axis(flat, order, 1)
    position = np.arange(size)
    begins = np.ones(flat.shape, bool)
    begins[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    if begins.all():
        doubled = 2 * position
    else:
        ends = np.ones(flat.shape, bool)
        ends[:, :-1] = begins[:, 1:]
        first = np.maximum.accumulate(np.where(begins, position, 0), 1)
        last = np.minimum.accumulate(np.where(ends, position, size - 1)[:, ::-1], 1)[:, ::-1]
        doubled = first + last
    # Average ranks are 1, 1.5, ..., S: so few that their quantiles are looked up.
    ranks = 1.0 + 0.5 * np.arange(2 * size - 1)
    scores = np.empty(flat.shape)
    table = normal_quantile((ranks - 0.375) / (size + 0.25))
    np.put_along_axis(scores, order, np.broadcast_to(table[doubled], flat.shape), 1)
    scores[np.isnan(flat).any(1)] = np.nan
    return scores.reshape(block.shape)


def ordered_draws(block: np.ndarray) -> np.ndarray:
    """Return the draws of each element in ascending order, shape [elements, size]."""
    return np.sort(block.reshape(len(block), -1), 1)


def quantile(ordered: np.ndarray, prob: float) -> np.ndarray:
    """Return a quantile, interpolated linearly between ordered draws (R's type 7).

    The order of the operations is that of SciPy's ``mquantiles``: how a quantile that falls upon
    a draw is rounded decides whether this draw counts as below it.

    :param ordered: [elements, size], ascending.
    :param prob: probability of being below.
    :return: shape [elements].
    """
    size = ordered.shape[1]
    place = size * prob + (1.0 - prob)
    below = int(np.floor(np.clip(place, 1, size - 1)))
    weight = float(np.clip(place - below, 0.0, 1.0))
    return (1.0 - weight) * ordered[:, below - 1] + weight * ordered[:, below]


def at_most(block: np.ndarray, bound: np.ndarray) -> np.ndarray:
    """Return 1.0 where a draw is not above its element's bound, else 0.0."""
    return (block <= bound[:, None, None]).astype(np.float64)
