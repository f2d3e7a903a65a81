"""Variational families that are built from a model: its latent nodes and their supports."""

from zhusuan.variational.auto.base import AutoGuide
from zhusuan.variational.auto.delta import Delta
from zhusuan.variational.auto.flow import NormalizingFlow
from zhusuan.variational.auto.full_rank import FullRank
from zhusuan.variational.auto.gaussian import GaussianGuide
from zhusuan.variational.auto.joint import JointGuide
from zhusuan.variational.auto.laplace import Laplace
from zhusuan.variational.auto.low_rank import LowRank
from zhusuan.variational.auto.mean_field import MeanField

__all__ = [
    "AutoGuide",
    "Delta",
    "FullRank",
    "GaussianGuide",
    "JointGuide",
    "Laplace",
    "LowRank",
    "MeanField",
    "NormalizingFlow",
]
