"""Whether chains agree (R-hat), and whether the momenta suit the target (E-BFMI)."""

from __future__ import annotations

from typing import Any

import numpy as np

from zhusuan.diagnostics._draws import as_draws, fold, normal_scores, per_element, split


def rhat(draws: Any, method: str = "rank") -> Any:
    r"""Return R-hat, which is near 1 if the chains have forgotten where they began.

    :math:`\hat R = \sqrt{(n - 1)/n + B / (nW)}` with W the mean of the variances of the chains
    and B / n the variance of their means. Vehtari, Gelman, Simpson, Carpenter & Burkner (2021),
    "Rank-normalization, folding, and localization", Bayesian Analysis 16, whose version is the
    default: each chain is cut in two, so that a drift shows; draws become normal scores of their
    ranks, so that heavy tails do not matter; and it is the larger of the figures for the draws
    themselves and for their distances from the median, so that chains with equal means and
    unequal scales show too. They advise that it be below 1.01.

    :param draws: shape [n_chains, n_draws, ...].
    :param method: ``'rank'`` as said; ``'z_scale'`` without the distances, ``'folded'`` only
        them; ``'split'`` without ranks; ``'identity'`` without the cut: Gelman & Rubin (1992).
    :return: shape [...]. NaN for a single chain, fewer than 4 draws, NaN among the draws, or draws
        that are all equal; infinite for chains that each stand still at a place of their own.
    :raises TypeError: if the draws are no real numbers.
    :raises ValueError: for another shape, or an unknown method.
    """
    if method not in _METHODS:
        raise ValueError(f"rhat: method must be one of {list(_METHODS)}, got {method!r}")
    return per_element(draws, _METHODS[method], min_chains=2)


def e_bfmi(energy: Any) -> np.ndarray:
    r"""Return the estimated Bayesian fraction of missing information of each chain.

    :math:`\sum_i (E_i - E_{i-1})^2 / \sum_i (E_i - \bar E)^2`, with the averages that ArviZ takes:
    over n - 1 in both. Betancourt (2016), "Diagnosing Suboptimal Cotangent Disintegrations in
    Hamiltonian Monte Carlo". Below 0.3, fresh momenta change the energy so little that a chain
    wanders slowly between the energies of the target, as it does in heavy tails.

    :param energy: energies of the Hamiltonian in nats, shape [n_chains, n_draws].
    :return: shape [n_chains]; NaN for fewer than two draws.
    :raises TypeError: if the energies are no real numbers.
    :raises ValueError: for another shape.
    """
    array = as_draws(energy, "energy").astype(np.float64)
    if array.ndim != 2:
        raise ValueError(f"energy must have shape [n_chains, n_draws], got {list(array.shape)}")
    if array.shape[1] < 2:
        return np.full(len(array), np.nan)
    with np.errstate(all="ignore"):
        return np.square(np.diff(array)).mean(1) / array.var(1, ddof=1)


def scale_reduction(chains: np.ndarray) -> np.ndarray:
    """Return R-hat of chains as they are, [elements, n_chains, n_draws] -> [elements]."""
    # Less the first draw, variances of draws that are all equal are 0, not the rounding of a mean.
    within = (chains - chains[:, :, :1]).var(-1, ddof=1).mean(-1)
    between = (chains - chains[:, :1, :1]).mean(-1).var(-1, ddof=1)
    n = chains.shape[-1]
    return np.sqrt(between / within + (n - 1) / n)


def rank_rhat(scores: np.ndarray, halves: np.ndarray) -> np.ndarray:
    """Return R-hat by ranks.

    :param scores: normal scores of the split chains.
    :param halves: the split chains.
    """
    # A set of two values has no distances but one, and so no figure for them.
    return np.fmax(scale_reduction(scores), scale_reduction(normal_scores(fold(halves))))


def _rank(block: np.ndarray) -> np.ndarray:
    halves = split(block)
    return rank_rhat(normal_scores(halves), halves)


_METHODS = {
    "rank": _rank,
    "z_scale": lambda block: scale_reduction(normal_scores(split(block))),
    "folded": lambda block: scale_reduction(normal_scores(fold(split(block)))),
    "split": lambda block: scale_reduction(split(block)),
    "identity": scale_reduction,
}
