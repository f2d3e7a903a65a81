"""Bayesian networks and their nodes."""

from zhusuan.framework.bn import BayesianNet
from zhusuan.framework.stochastic_tensor import StochasticTensor

__all__ = ["BayesianNet", "StochasticTensor"]
