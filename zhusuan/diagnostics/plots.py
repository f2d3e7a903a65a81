"""Plots of draws, by ArviZ."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any


def plot(name: str, data: Any, names: Sequence[str] | None, options: Mapping[str, Any]) -> Any:
    """Draw one of ArviZ's plots.

    :param name: of its function.
    :param data: what :func:`~zhusuan.diagnostics.to_arviz` returned.
    :param names: of the variables that are shown; all if None.
    :param options: of the function.
    :return: what it returns.
    :raises RuntimeError: if ArviZ has no such plot.
    """
    arviz = importlib.import_module("arviz")
    draw = getattr(arviz, name, None)
    if draw is None:
        raise RuntimeError(f"ArviZ {arviz.__version__} has no {name}")
    given: dict[str, Any] = {}
    if names is not None:
        given["var_names"] = [names] if isinstance(names, str) else [*names]
    if name == "plot_pair" and "diverging" in getattr(data, "sample_stats", ()):
        # Neither marks them by default.
        if int(arviz.__version__.split(".")[0]) < 1:
            given["divergences"] = True
        else:
            given["visuals"] = {"divergence": True, **options.get("visuals", {})}
            options = {key: value for key, value in options.items() if key != "visuals"}
    return draw(data, **{**given, **options})
