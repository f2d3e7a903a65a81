"""Variational objectives: losses whose minimisation fits q to the posterior, and p to data."""

from zhusuan.variational import auto
from zhusuan.variational.base import VariationalObjective
from zhusuan.variational.baselines import MovingMean
from zhusuan.variational.elbo import ELBO, EvidenceLowerBoundObjective
from zhusuan.variational.exclusive_kl import elbo
from zhusuan.variational.fit import NumericalError, fit
from zhusuan.variational.history import History
from zhusuan.variational.importance_weighted_objective import (
    ImportanceWeightedObjective,
    importance_weighted_objective,
    iw_objective,
)
from zhusuan.variational.inclusive_kl import InclusiveKLObjective, klpq
from zhusuan.variational.renyi import RenyiObjective, renyi
from zhusuan.variational.schedules import linear_warmup
from zhusuan.variational.train_step import TrainStep
from zhusuan.variational.wake_sleep import ReweightedWakeSleep

__all__ = [
    "ELBO",
    "EvidenceLowerBoundObjective",
    "History",
    "ImportanceWeightedObjective",
    "InclusiveKLObjective",
    "MovingMean",
    "NumericalError",
    "RenyiObjective",
    "ReweightedWakeSleep",
    "VariationalObjective",
    "TrainStep",
    "auto",
    "elbo",
    "fit",
    "importance_weighted_objective",
    "iw_objective",
    "klpq",
    "linear_warmup",
    "renyi",
]
