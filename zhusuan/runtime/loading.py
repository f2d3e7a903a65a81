"""Parameters that are loaded from Vars: Jittor 1.3.11 lets both nets share one node.

After ``net.load_state_dict(other.state_dict())`` the parameters of ``net`` are part of the graph of
``other``'s, and every training step adds to a graph that is never freed: for a net of two layers
some 40 operations and a megabyte a step.
"""

from __future__ import annotations

import functools
from typing import Any


def repair_loading(jittor: Any) -> None:
    """Let ``Module.load_parameters``, which ``load_state_dict`` calls, take values alone.

    :param jittor: the imported module.
    """
    original = jittor.Module.load_parameters

    @functools.wraps(original)
    def load_parameters(self: Any, params: Any) -> Any:
        values = {
            name: value.detach() if isinstance(value, jittor.Var) else value
            for name, value in params.items()
        }
        return original(self, values)

    jittor.Module.load_parameters = load_parameters
