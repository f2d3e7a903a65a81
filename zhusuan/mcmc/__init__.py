"""Markov chain Monte Carlo: kernels under one protocol, and one function that runs them."""

from zhusuan.mcmc.base import Info, Kernel
from zhusuan.mcmc.chees import ChEES, ChEESInfo
from zhusuan.mcmc.elliptical_slice import EllipticalSlice, EllipticalSliceInfo
from zhusuan.mcmc.hmc import HMC, HMCInfo
from zhusuan.mcmc.mala import MALA
from zhusuan.mcmc.minibatches import MinibatchTarget, minibatches
from zhusuan.mcmc.model_targets import FunctionTarget, ModelTarget, as_target
from zhusuan.mcmc.nuts import NUTS
from zhusuan.mcmc.psgld import PSGLD, RMSHParams
from zhusuan.mcmc.run import run
from zhusuan.mcmc.run_state import RunState
from zhusuan.mcmc.sghmc import SGHMC, SGHMCStats
from zhusuan.mcmc.sgld import SGLD
from zhusuan.mcmc.sgmcmc import SGMCMC, SGMCMCInfo, SGMCMCStats
from zhusuan.mcmc.sgnht import SGNHT, SGNHTStats
from zhusuan.mcmc.target import Target
from zhusuan.mcmc.trace import Trace, load_trace

__all__ = [
    "HMC",
    "MALA",
    "NUTS",
    "PSGLD",
    "SGHMC",
    "SGLD",
    "SGMCMC",
    "SGNHT",
    "ChEES",
    "ChEESInfo",
    "EllipticalSlice",
    "EllipticalSliceInfo",
    "FunctionTarget",
    "HMCInfo",
    "Info",
    "Kernel",
    "MinibatchTarget",
    "ModelTarget",
    "RMSHParams",
    "RunState",
    "SGHMCStats",
    "SGMCMCInfo",
    "SGMCMCStats",
    "SGNHTStats",
    "Target",
    "Trace",
    "as_target",
    "load_trace",
    "minibatches",
    "run",
]
