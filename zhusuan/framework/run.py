"""The state of one run of a Bayesian network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from zhusuan._tensor import Var
from zhusuan.framework.observations import Observations
from zhusuan.framework.stochastic_tensor import StochasticTensor


class Run:
    """What one run of a net leaves behind; the next run starts with a new one.

    So whatever an earlier run gave out stays whole for whoever holds it. Jittor finds parameters
    among a module's Vars and modules only: nothing in here becomes one.

    :param source: the observations as the caller gave them.
    :param is_active: whether ``execute`` is at work.
    """

    __slots__ = ("cache", "is_active", "joint", "log_joint", "nodes", "observed", "source", "title")

    def __init__(self, source: Mapping[str, Any] | None, is_active: bool = False) -> None:
        # The function that built the net, if one did; for messages.
        self.title = ""
        self.source = source
        self.is_active = is_active
        self.observed = Observations(source)
        self.nodes: dict[str, StochasticTensor] = {}
        self.cache: dict[str, Any] = {}
        self.log_joint: Var | None = None
        # What replaces the sum of the nodes' log-probabilities, if anything.
        self.joint: Callable[[Any], Var] | None = None
