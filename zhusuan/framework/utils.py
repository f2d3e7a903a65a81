"""Reuse of networks, under the module name that ZhuSuan gives it."""

from zhusuan.framework.reuse import get_module, get_parameter, reuse_variables

__all__ = ["get_module", "get_parameter", "reuse_variables"]
