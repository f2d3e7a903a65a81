"""Probability distributions, with the gradients that inference needs."""

from zhusuan.distributions import constraints
from zhusuan.distributions.base import Distribution
from zhusuan.distributions.bernoulli import Bernoulli
from zhusuan.distributions.beta import Beta
from zhusuan.distributions.chi2 import Chi2
from zhusuan.distributions.exponential import Exponential
from zhusuan.distributions.fold_normal import FoldNormal
from zhusuan.distributions.gamma import Gamma
from zhusuan.distributions.half_normal import HalfNormal
from zhusuan.distributions.inverse_gamma import InverseGamma
from zhusuan.distributions.log_normal import LogNormal
from zhusuan.distributions.normal import Normal
from zhusuan.distributions.parameter import Parameter
from zhusuan.distributions.pareto import Pareto
from zhusuan.distributions.student_t import StudentT
from zhusuan.distributions.validation import validation, validation_enabled
from zhusuan.distributions.weibull import Weibull

__all__ = [
    "Bernoulli",
    "Beta",
    "Chi2",
    "Distribution",
    "Exponential",
    "FoldNormal",
    "Gamma",
    "HalfNormal",
    "InverseGamma",
    "LogNormal",
    "Normal",
    "Parameter",
    "Pareto",
    "StudentT",
    "Weibull",
    "constraints",
    "validation",
    "validation_enabled",
]
