"""Kullback-Leibler divergences in closed form: :func:`kl_divergence`, :func:`register_kl`."""

# Importing these registers their forms.
from zhusuan.distributions.kl import discrete, multivariate, positive, real
from zhusuan.distributions.kl.registry import has_kl, kl_divergence, register_kl

__all__ = ["discrete", "has_kl", "kl_divergence", "multivariate", "positive", "real", "register_kl"]
