"""Kullback-Leibler divergences in closed form: :func:`kl_divergence`, :func:`register_kl`."""

# Importing these registers their forms.
from zhusuan.distributions.kl import discrete, multivariate, positive, real  # noqa: F401
from zhusuan.distributions.kl.registry import has_kl, kl_divergence, register_kl

__all__ = ["has_kl", "kl_divergence", "register_kl"]
