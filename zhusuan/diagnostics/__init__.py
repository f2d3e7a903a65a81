"""Whether draws of Markov chains can be trusted, and how precise the figures from them are.

Draws are arrays of numpy of shape ``[n_chains, n_draws, ...]``. All is computed in float64 by
numpy alone, one figure for each element of the dims ``...``.
"""

from zhusuan.diagnostics.convergence import e_bfmi, rhat
from zhusuan.diagnostics.effective import ess_bulk, ess_mean, ess_quantile, ess_sd, ess_tail
from zhusuan.diagnostics.export import arviz_groups, to_arviz
from zhusuan.diagnostics.mcse import mcse_mean, mcse_quantile, mcse_sd
from zhusuan.diagnostics.table import Summary, summary

__all__ = [
    "Summary",
    "arviz_groups",
    "e_bfmi",
    "ess_bulk",
    "ess_mean",
    "ess_quantile",
    "ess_sd",
    "ess_tail",
    "mcse_mean",
    "mcse_quantile",
    "mcse_sd",
    "rhat",
    "summary",
    "to_arviz",
]
