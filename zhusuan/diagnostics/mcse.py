"""Standard errors of what is estimated from Markov chains."""

from __future__ import annotations

from typing import Any

import numpy as np

from zhusuan.diagnostics._draws import check_probability, ordered_draws, per_element
from zhusuan.diagnostics._quantiles import beta_quantile
from zhusuan.diagnostics.effective import mean_size, quantile_size, squared_deviations

# A normal variable is below its mean less or plus one standard deviation with these probabilities.
_ONE_SD = (0.1586553, 0.8413447)


def mcse_mean(draws: Any) -> Any:
    """Return the standard error of the mean: sd / sqrt(:func:`ess_mean`).

    Vehtari et al. (2021), Bayesian Analysis 16.

    :param draws: shape [n_chains, n_draws, ...].
    :return: shape [...], in units of the draws. NaN for fewer than 4 draws or NaN among them.
    :raises TypeError: if the draws are no real numbers.
    :raises ValueError: for another shape.
    """
    return per_element(draws, lambda block: error_of_mean(block, squared_deviations(block)))


def mcse_sd(draws: Any) -> Any:
    r"""Return the standard error of the standard deviation.

    By the delta method (van der Vaart 1998, ch. 3) from that of the variance v, the mean of squared
    deviations d: :math:`\sqrt{\mathrm{Var}(d) / (4 v\, \mathrm{ESS}(d))}`, with ESS as in
    :func:`ess_sd`.

    :param draws: shape [n_chains, n_draws, ...].
    :return: shape [...], in units of the draws. NaN for fewer than 4 draws, NaN among them, or
        draws that are all equal.
    :raises TypeError: if the draws are no real numbers.
    :raises ValueError: for another shape.
    """
    return per_element(draws, lambda block: error_of_sd(squared_deviations(block)))


def mcse_quantile(draws: Any, prob: float) -> Any:
    """Return the standard error of a quantile.

    Half the distance of two quantiles of the draws: those whose places are one standard deviation
    below and above, as the beta distribution of :func:`ess_quantile` draws' order statistics
    tells. Vehtari et al. (2021), Bayesian Analysis 16, section 4.4.

    :param draws: shape [n_chains, n_draws, ...].
    :param prob: probability of being below the quantile, from 0 to 1.
    :return: shape [...], in units of the draws. NaN for fewer than 4 draws or NaN among them.
    :raises TypeError: if the draws are no real numbers.
    :raises ValueError: for another shape, or a prob outside.
    """
    prob = check_probability(prob)
    return per_element(draws, lambda block: _error_of_quantile(block, prob))


def error_of_mean(block: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """Return the standard error of the mean, given the squared deviations too."""
    _, n_chains, n_draws = squares.shape
    return np.sqrt(squares.sum((1, 2)) / (n_chains * n_draws - 1) / mean_size(block))


def error_of_sd(squares: np.ndarray) -> np.ndarray:
    """Return the standard error of the sd, given the squared deviations."""
    variance = squares.mean((1, 2))
    spread = (np.square(squares).mean((1, 2)) - variance**2) / mean_size(squares)
    return np.sqrt(spread / variance / 4.0)


def _error_of_quantile(block: np.ndarray, prob: float) -> np.ndarray:
    ordered = ordered_draws(block)
    last = ordered.shape[1] - 1
    size = quantile_size(block, ordered, prob)
    a, b = size * prob + 1.0, size * (1.0 - prob) + 1.0
    low, high = (beta_quantile(p, a, b) * ordered.shape[1] - 1.0 for p in _ONE_SD)
    rows = np.arange(len(block))
    below = ordered[rows, np.floor(np.maximum(low, 0.0)).astype(int)]
    above = ordered[rows, np.ceil(np.minimum(high, last)).astype(int)]
    return (above - below) / 2.0
