"""What is wrong with draws and what to do about it, in plain words."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from zhusuan.diagnostics._draws import MIN_DRAWS
from zhusuan.diagnostics.convergence import e_bfmi

MAX_RHAT = 1.01
MIN_SIZE = 100
"""Effective draws that each chain should give (Vehtari et al. 2021, section 4)."""
MIN_BFMI = 0.3


def advise(
    figures: Mapping[str, np.ndarray],
    label: Callable[[int], str],
    stats: Mapping[str, np.ndarray],
    size: tuple[int, int],
) -> list[str]:
    """Return the warnings, the gravest first.

    :param figures: column -> figures of all elements in a row, of a summary.
    :param label: name of the element at a place of that row.
    :param stats: name -> array [n_chains, n_draws].
    :param size: n_chains and n_draws.
    """
    return [
        *_not_finite(figures["mean"], label),
        *_divergences(stats),
        *_too_few(*size),
        *_disagreement(figures["r_hat"], label),
        *_small_sizes(figures["ess_bulk"], figures["ess_tail"], label, size[0]),
        *_slow_energies(stats),
    ]


def _not_finite(means: np.ndarray, label: Callable[[int], str]) -> list[str]:
    bad = np.flatnonzero(~np.isfinite(means))
    if not bad.size:
        return []
    more = f" and {bad.size - 3} more" * (bad.size > 3)
    return [
        f"Draws of {', '.join(label(place) for place in bad[:3])}{more} are NaN or infinite, so "
        "nothing can be said of them. Look for overflow in the model, or for a density that has "
        "no finite integral; zs.check_numerics(model, observed) finds the first node that is not "
        "finite."
    ]


def _divergences(stats: Mapping[str, np.ndarray]) -> list[str]:
    flags = stats.get("divergent", stats.get("diverging"))
    n = 0 if flags is None else int(np.count_nonzero(flags))
    if flags is None or not n:
        return []
    return [
        f"{n} of {flags.size} transitions diverged ({100 * n / flags.size:.2g}%): the chains "
        "could not follow the density where it bends sharply, so that region is under-represented "
        "and the figures may be biased. Raise target_acceptance_rate (to 0.95, then 0.99), which "
        "takes smaller steps; if divergences stay, write the model with non-centred variables (a "
        "standard normal that is scaled and shifted) or with narrower priors of its scales."
    ]


def _too_few(n_chains: int, n_draws: int) -> list[str]:
    found = []
    if n_draws < MIN_DRAWS:
        found.append(
            f"{n_draws} draws in each chain are too few to judge: at least {MIN_DRAWS} are "
            "needed, some hundreds are usual."
        )
    if n_chains == 1:
        found.append(
            "There is one chain, and so no R-hat: whether it found all of the posterior cannot "
            "be told. Run at least 4 chains from different places."
        )
    return found


def _disagreement(values: np.ndarray, label: Callable[[int], str]) -> list[str]:
    bad = np.flatnonzero(values > MAX_RHAT)
    if not bad.size:
        return []
    worst = int(np.nanargmax(values))
    return [
        f"R-hat is above {MAX_RHAT} for {bad.size} of {values.size} elements, the largest is "
        f"{values[worst]:.4g} for {label(worst)}: the chains have not mixed, and no figure here "
        "can be trusted yet. Run a longer warm-up and more draws; if it stays, plot the chains: "
        "they may be in different modes, or move slowly because the model needs other variables "
        "(non-centred) or stronger priors."
    ]


def _small_sizes(
    bulk: np.ndarray, tail: np.ndarray, label: Callable[[int], str], n_chains: int
) -> list[str]:
    enough = MIN_SIZE * n_chains
    sizes = np.minimum(bulk, tail)
    bad = np.flatnonzero(sizes < enough)
    if not bad.size:
        return []
    worst = int(np.nanargmin(sizes))
    kind = "ess_tail" if tail[worst] < bulk[worst] else "ess_bulk"
    return [
        f"The effective sample size is below {enough} ({MIN_SIZE} for each chain) for {bad.size} "
        f"of {sizes.size} elements, the least is {kind} {sizes[worst]:.0f} for {label(worst)}: "
        "its quantiles and errors are rough. Take about "
        f"{math.ceil(enough / sizes[worst])} times as many draws, or make the chains mix faster "
        "(adapt the mass, other variables in the model)."
    ]


def _slow_energies(stats: Mapping[str, np.ndarray]) -> list[str]:
    if "energy" not in stats or stats["energy"].ndim != 2:
        return []
    fractions = e_bfmi(stats["energy"])
    bad = np.flatnonzero(fractions < MIN_BFMI)
    if not bad.size:
        return []
    worst = int(np.nanargmin(fractions))
    return [
        f"E-BFMI is below {MIN_BFMI} in {bad.size} of {fractions.size} chains, the least is "
        f"{fractions[worst]:.2g} in chain {worst}: fresh momenta hardly change the energy, so the "
        "chain explores tails slowly. A heavy-tailed or funnel-shaped posterior does this: write "
        "the model with non-centred variables, or with priors of lighter tails."
    ]
