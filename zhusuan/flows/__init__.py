"""Distributions that are another one pushed through a transform."""

from zhusuan.flows.flow import Flow

__all__ = ["Flow"]
