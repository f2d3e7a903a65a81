"""Variational objectives: losses whose minimisation fits q to the posterior, and p to data."""

from zhusuan.variational.base import VariationalObjective
from zhusuan.variational.elbo import ELBO, EvidenceLowerBoundObjective

__all__ = ["ELBO", "EvidenceLowerBoundObjective", "VariationalObjective"]
