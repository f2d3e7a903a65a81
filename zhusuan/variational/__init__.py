"""Variational objectives: losses whose minimisation fits q to the posterior, and p to data."""

from zhusuan.variational.base import VariationalObjective
from zhusuan.variational.elbo import ELBO, EvidenceLowerBoundObjective

# Last, since the function has the name of a module.
from zhusuan.variational.exclusive_kl import elbo

__all__ = ["ELBO", "EvidenceLowerBoundObjective", "VariationalObjective", "elbo"]
