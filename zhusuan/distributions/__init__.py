"""Probability distributions, with the gradients that inference needs."""

from zhusuan.distributions import constraints
from zhusuan.distributions.base import Distribution
from zhusuan.distributions.bernoulli import Bernoulli
from zhusuan.distributions.gamma import Gamma
from zhusuan.distributions.normal import Normal
from zhusuan.distributions.parameter import Parameter
from zhusuan.distributions.validation import validation, validation_enabled

__all__ = [
    "Bernoulli",
    "Distribution",
    "Gamma",
    "Normal",
    "Parameter",
    "constraints",
    "validation",
    "validation_enabled",
]
