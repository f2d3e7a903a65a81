"""Networks with parameters that are random variables: :func:`bayesian`."""

from zhusuan.framework.bayesian.module import Bayesian, bayesian
from zhusuan.framework.bayesian.priors import scaled_normal

__all__ = ["Bayesian", "bayesian", "scaled_normal"]
