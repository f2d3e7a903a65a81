"""Distributions that are another one pushed through a transform."""

from zhusuan.flows.flow import Flow
from zhusuan.flows.posterior import (
    inv_autoregressive_flow,
    linear_ar,
    planar_normalizing_flow,
)

__all__ = ["Flow", "inv_autoregressive_flow", "linear_ar", "planar_normalizing_flow"]
