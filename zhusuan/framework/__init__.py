"""Bayesian networks and their nodes."""

from zhusuan.framework.bayesian import Bayesian, scaled_normal
from zhusuan.framework.bn import BayesianNet
from zhusuan.framework.meta_bn import MetaBayesianNet, meta_bayesian_net
from zhusuan.framework.node_methods import add_node_methods
from zhusuan.framework.reuse import get_module, get_parameter, reuse_variables
from zhusuan.framework.stochastic_tensor import StochasticTensor

__all__ = [
    "Bayesian",
    "BayesianNet",
    "MetaBayesianNet",
    "StochasticTensor",
    "add_node_methods",
    "get_module",
    "get_parameter",
    "meta_bayesian_net",
    "reuse_variables",
    "scaled_normal",
]
