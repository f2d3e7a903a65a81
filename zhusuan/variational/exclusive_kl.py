"""Objectives that minimise KL(q || p), under the module name that ZhuSuan gives them."""

from zhusuan.variational.elbo import ELBO, EvidenceLowerBoundObjective

__all__ = ["ELBO", "EvidenceLowerBoundObjective"]
