"""ZhuSuan: Bayesian deep learning on Jittor."""

# First of all, since it prepares the environment in which Jittor is imported.
from zhusuan import runtime

runtime.start()

from zhusuan import (  # noqa: E402
    diagnostics,
    distributed,
    distributions,
    evaluation,
    flows,
    framework,
    linalg,
    mcmc,
    optim,
    random,
    special,
    testing,
    transforms,
    variational,
)
from zhusuan._version import __version__  # noqa: E402
from zhusuan.checkpoint import load, save  # noqa: E402
from zhusuan.evaluation import AIS, is_loglikelihood  # noqa: E402
from zhusuan.flows import inv_autoregressive_flow, planar_normalizing_flow  # noqa: E402
from zhusuan.framework.bayesian import bayesian  # noqa: E402
from zhusuan.framework.bn import BayesianNet  # noqa: E402
from zhusuan.framework.meta_bn import MetaBayesianNet, meta_bayesian_net  # noqa: E402
from zhusuan.framework.particles import map_particles  # noqa: E402
from zhusuan.framework.predict import predict  # noqa: E402
from zhusuan.framework.reuse import get_module, get_parameter, reuse_variables  # noqa: E402
from zhusuan.framework.stochastic_tensor import StochasticTensor  # noqa: E402
from zhusuan.inspection import check_numerics, render, trace_shapes  # noqa: E402
from zhusuan.mcmc import HMC  # noqa: E402
from zhusuan.random import set_seed  # noqa: E402

__all__ = [
    "AIS",
    "HMC",
    "BayesianNet",
    "MetaBayesianNet",
    "StochasticTensor",
    "__version__",
    "bayesian",
    "check_numerics",
    "diagnostics",
    "distributed",
    "distributions",
    "evaluation",
    "flows",
    "framework",
    "get_module",
    "get_parameter",
    "inv_autoregressive_flow",
    "is_loglikelihood",
    "linalg",
    "load",
    "map_particles",
    "mcmc",
    "meta_bayesian_net",
    "optim",
    "planar_normalizing_flow",
    "predict",
    "random",
    "render",
    "reuse_variables",
    "runtime",
    "save",
    "set_seed",
    "special",
    "testing",
    "trace_shapes",
    "transforms",
    "variational",
]
