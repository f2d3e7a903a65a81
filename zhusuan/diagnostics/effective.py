"""How many independent draws the draws of Markov chains are worth."""

from __future__ import annotations

from typing import Any

import numpy as np

from zhusuan.diagnostics._draws import (
    at_most,
    check_probability,
    normal_scores,
    ordered_draws,
    per_element,
    quantile,
    split,
)

TAILS = (0.05, 0.95)
"""The quantiles that :func:`ess_tail` looks at."""


def ess_bulk(draws: Any) -> Any:
    """Return the effective sample size in the bulk: that of normal scores of the draws' ranks.

    It judges a sampler, and exists for heavy tails too; :func:`ess_mean` is the one for the error
    of a mean. Vehtari et al. (2021), Bayesian Analysis 16; :func:`ess_mean` tells how sizes are
    estimated.

    :param draws: shape [n_chains, n_draws, ...].
    :return: shape [...]; it may exceed the number of draws, if they alternate. NaN for fewer than
        4 draws or NaN among them; the number of draws if they are all equal.
    :raises TypeError: if the draws are no real numbers.
    :raises ValueError: for another shape.
    """
    return per_element(draws, lambda block: effective_size(normal_scores(split(block))))


def ess_tail(draws: Any) -> Any:
    """Return the effective sample size in the tails, the least of those of the quantiles 5%, 95%.

    Vehtari et al. (2021), Bayesian Analysis 16.

    :param draws: shape [n_chains, n_draws, ...].
    :return: shape [...], as :func:`ess_bulk`'s.
    :raises TypeError: if the draws are no real numbers.
    :raises ValueError: for another shape.
    """
    return per_element(draws, lambda block: tail_size(block, ordered_draws(block)))


def ess_mean(draws: Any) -> Any:
    r"""Return the effective sample size for the mean.

    :math:`S / \hat\tau` for S draws, with :math:`\hat\tau = -1 + 2 \sum_k \hat P_k`, where
    :math:`\hat P_k` is the sum of the autocorrelations at lags 2k and 2k + 1, estimated from all
    halves of chains together and against their common variance, so that chains which disagree
    count for little. The sum ends before the first pair that is not positive, and pairs are kept
    from growing: Geyer (1992), "Practical Markov Chain Monte Carlo", Statistical Science 7;
    Vehtari et al. (2021), section 3.2. A size is at most :math:`S \log_{10} S`.

    :param draws: shape [n_chains, n_draws, ...].
    :return: shape [...], as :func:`ess_bulk`'s.
    :raises TypeError: if the draws are no real numbers.
    :raises ValueError: for another shape.
    """
    return per_element(draws, mean_size)


def ess_sd(draws: Any) -> Any:
    """Return the effective sample size for the standard deviation: that of squared deviations.

    Vehtari et al. (2021), Bayesian Analysis 16.

    :param draws: shape [n_chains, n_draws, ...].
    :return: shape [...], as :func:`ess_bulk`'s.
    :raises TypeError: if the draws are no real numbers.
    :raises ValueError: for another shape.
    """
    return per_element(draws, lambda block: mean_size(squared_deviations(block)))


def ess_quantile(draws: Any, prob: float) -> Any:
    """Return the effective sample size for a quantile: that of being below it or not.

    Vehtari et al. (2021), Bayesian Analysis 16, section 4.3.

    :param draws: shape [n_chains, n_draws, ...].
    :param prob: probability of being below the quantile, from 0 to 1.
    :return: shape [...], as :func:`ess_bulk`'s.
    :raises TypeError: if the draws are no real numbers.
    :raises ValueError: for another shape, or a prob outside.
    """
    prob = check_probability(prob)
    return per_element(draws, lambda block: quantile_size(block, ordered_draws(block), prob))


def mean_size(block: np.ndarray) -> np.ndarray:
    """Return the effective size of [elements, n_chains, n_draws] for the mean."""
    return effective_size(split(block))


def quantile_size(block: np.ndarray, ordered: np.ndarray, prob: float) -> np.ndarray:
    """Return the effective size of a block for a quantile, given the draws in order as well."""
    return mean_size(at_most(block, quantile(ordered, prob)))


def tail_size(block: np.ndarray, ordered: np.ndarray) -> np.ndarray:
    """Return the least effective size of a block for the two tails."""
    return np.minimum(*(quantile_size(block, ordered, prob) for prob in TAILS))


def squared_deviations(block: np.ndarray) -> np.ndarray:
    """Return the squares of what each draw differs from the mean of its element's draws."""
    shifted = block - block[:, :1, :1]  # a constant's mean would be rounded
    return np.square(shifted - shifted.mean((1, 2), keepdims=True))


def effective_size(chains: np.ndarray) -> np.ndarray:
    """Return effective sizes of chains as they are, [elements, n_chains, n_draws] -> [elements]."""
    _, n_chains, n = chains.shape
    size = n_chains * n
    covariance = _autocovariance(chains)
    variance = covariance[:, 0] * n / (n - 1)
    total = covariance[:, 0]
    if n_chains > 1:
        total = total + (chains - chains[:, :1, :1]).mean(-1).var(-1, ddof=1)
    correlation = 1.0 - (variance[:, None] - covariance) / total[:, None]
    correlation[:, 0] = 1.0
    # Pairs of lags (2k, 2k + 1); the last ones of all are left out, as Stan and ArviZ do.
    n_pairs = max(n - 3, 0) // 2 + 1
    even, odd = correlation[:, 0 : 2 * n_pairs : 2], correlation[:, 1 : 2 * n_pairs : 2]
    pairs = even + odd
    ended = ~(pairs > 0.0)
    end = np.where(ended.any(1), ended.argmax(1), n_pairs - 1)
    monotone = np.where(np.arange(n_pairs) < end[:, None], np.minimum.accumulate(pairs, 1), 0.0)
    # Of the pair where the sum ends, the even lag is still counted once, if there is reason to.
    rows = np.arange(len(chains))
    last_even, last_pair = even[rows, end], pairs[rows, end]
    extra = np.where((last_pair >= 0.0) | (last_even > 0.0), last_even, 0.0)
    time = np.maximum(2.0 * monotone.sum(1) + extra - 1.0, 1.0 / np.log10(size))
    sizes = np.where(np.isnan(pairs[:, 0]), np.nan, size / time)
    constant = np.ptp(chains.reshape(len(chains), size), 1) < np.finfo(np.float64).resolution
    return np.where(constant, float(size), sizes)


def _autocovariance(chains: np.ndarray) -> np.ndarray:
    """Return autocovariances averaged over chains, [elements, n_chains, n] -> [elements, n]."""
    n = chains.shape[-1]
    centred = chains - chains[:, :, :1]
    centred -= centred.mean(-1, keepdims=True)
    length = _fast_length(2 * n)
    spectrum = np.fft.rfft(centred, length)
    power = (spectrum.real**2 + spectrum.imag**2).mean(1)
    return np.fft.irfft(power, length)[:, :n] / n


def _fast_length(n: int) -> int:
    """Return the least number >= n without prime factors above 5."""
    while True:
        rest = n
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return n
        n += 1
