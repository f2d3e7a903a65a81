"""Variational objectives: losses whose minimisation fits q to the posterior, and p to data."""

from zhusuan.variational.base import VariationalObjective
from zhusuan.variational.baselines import MovingMean
from zhusuan.variational.elbo import ELBO, EvidenceLowerBoundObjective
from zhusuan.variational.exclusive_kl import elbo
from zhusuan.variational.importance_weighted_objective import (
    ImportanceWeightedObjective,
    importance_weighted_objective,
    iw_objective,
)
from zhusuan.variational.inclusive_kl import InclusiveKLObjective, klpq
from zhusuan.variational.renyi import RenyiObjective, renyi
from zhusuan.variational.schedules import linear_warmup
from zhusuan.variational.wake_sleep import ReweightedWakeSleep

__all__ = [
    "ELBO",
    "EvidenceLowerBoundObjective",
    "ImportanceWeightedObjective",
    "InclusiveKLObjective",
    "MovingMean",
    "RenyiObjective",
    "ReweightedWakeSleep",
    "VariationalObjective",
    "elbo",
    "importance_weighted_objective",
    "iw_objective",
    "klpq",
    "linear_warmup",
    "renyi",
]
