"""Probability distributions, with the gradients that inference needs."""

from zhusuan.distributions import constraints
from zhusuan.distributions.base import Distribution
from zhusuan.distributions.bernoulli import Bernoulli
from zhusuan.distributions.beta import Beta
from zhusuan.distributions.bin_concrete import BinConcrete, BinGumbelSoftmax
from zhusuan.distributions.binomial import Binomial
from zhusuan.distributions.categorical import Categorical, Discrete
from zhusuan.distributions.cauchy import Cauchy
from zhusuan.distributions.chi2 import Chi2
from zhusuan.distributions.concrete import Concrete, GumbelSoftmax
from zhusuan.distributions.delta import Delta
from zhusuan.distributions.dirichlet import Dirichlet
from zhusuan.distributions.discretized_logistic import DiscretizedLogistic
from zhusuan.distributions.empirical import Empirical
from zhusuan.distributions.exp_concrete import ExpConcrete, ExpGumbelSoftmax
from zhusuan.distributions.exponential import Exponential
from zhusuan.distributions.fold_normal import FoldNormal
from zhusuan.distributions.gamma import Gamma
from zhusuan.distributions.geometric import Geometric
from zhusuan.distributions.gumbel import Gumbel
from zhusuan.distributions.half_cauchy import HalfCauchy
from zhusuan.distributions.half_normal import HalfNormal
from zhusuan.distributions.inverse_gamma import InverseGamma
from zhusuan.distributions.kl import has_kl, kl_divergence, register_kl
from zhusuan.distributions.kumaraswamy import Kumaraswamy
from zhusuan.distributions.laplace import Laplace
from zhusuan.distributions.lkj_cholesky import LKJCholesky
from zhusuan.distributions.log_normal import LogNormal
from zhusuan.distributions.logistic import Logistic
from zhusuan.distributions.low_rank_multivariate_normal import LowRankMultivariateNormal
from zhusuan.distributions.matrix_variate_normal_cholesky import MatrixVariateNormalCholesky
from zhusuan.distributions.mixture import Mixture
from zhusuan.distributions.multinomial import Multinomial
from zhusuan.distributions.multivariate_normal import MultivariateNormal
from zhusuan.distributions.multivariate_normal_cholesky import MultivariateNormalCholesky
from zhusuan.distributions.negative_binomial import NegativeBinomial
from zhusuan.distributions.normal import Normal
from zhusuan.distributions.onehot_categorical import OnehotCategorical, OnehotDiscrete
from zhusuan.distributions.parameter import Parameter
from zhusuan.distributions.pareto import Pareto
from zhusuan.distributions.poisson import Poisson
from zhusuan.distributions.student_t import StudentT
from zhusuan.distributions.truncated_normal import TruncatedNormal
from zhusuan.distributions.uniform import Uniform
from zhusuan.distributions.unnormalized_multinomial import (
    BagofCategoricals,
    UnnormalizedMultinomial,
)
from zhusuan.distributions.validation import validation, validation_enabled
from zhusuan.distributions.von_mises import VonMises
from zhusuan.distributions.weibull import Weibull
from zhusuan.distributions.wishart import Wishart
from zhusuan.distributions.zero_inflated_poisson import ZeroInflatedPoisson

__all__ = [
    "BagofCategoricals",
    "Bernoulli",
    "Beta",
    "BinConcrete",
    "BinGumbelSoftmax",
    "Binomial",
    "Categorical",
    "Cauchy",
    "Chi2",
    "Concrete",
    "Delta",
    "Dirichlet",
    "Discrete",
    "DiscretizedLogistic",
    "Distribution",
    "Empirical",
    "ExpConcrete",
    "ExpGumbelSoftmax",
    "Exponential",
    "FoldNormal",
    "Gamma",
    "Geometric",
    "Gumbel",
    "GumbelSoftmax",
    "HalfCauchy",
    "HalfNormal",
    "InverseGamma",
    "Kumaraswamy",
    "LKJCholesky",
    "Laplace",
    "LogNormal",
    "Logistic",
    "LowRankMultivariateNormal",
    "MatrixVariateNormalCholesky",
    "Mixture",
    "Multinomial",
    "MultivariateNormal",
    "MultivariateNormalCholesky",
    "NegativeBinomial",
    "Normal",
    "OnehotCategorical",
    "OnehotDiscrete",
    "Parameter",
    "Pareto",
    "Poisson",
    "StudentT",
    "TruncatedNormal",
    "Uniform",
    "UnnormalizedMultinomial",
    "VonMises",
    "Weibull",
    "Wishart",
    "ZeroInflatedPoisson",
    "constraints",
    "has_kl",
    "kl_divergence",
    "register_kl",
    "validation",
    "validation_enabled",
]
