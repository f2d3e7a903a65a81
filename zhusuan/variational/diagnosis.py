"""Which value of a training step is to blame, in words."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import jittor as jt
import numpy as np
from jittor import nn

from zhusuan._tensor import Var
from zhusuan.distributions.validation import validation
from zhusuan.framework.bn import BayesianNet
from zhusuan.framework.meta_bn import MetaBayesianNet
from zhusuan.inspection.numerics import check_numerics
from zhusuan.variational.base import VariationalObjective


def find_cause(objective: Any, root: nn.Module, observed: Mapping[str, Any]) -> str | None:
    """Run a step anew, without its update, and say what in it is not finite.

    The objective is run, and so the state that it keeps changes.

    :param objective: a module, or a function, from observations to a loss.
    :param root: the objective, or a module that holds those which the function refers to.
    :param observed: name -> value.
    :return: a text of one or more lines, that of :func:`zhusuan.check_numerics` where there are
        nets to look at; None if nothing is found.
    """
    for model, data in _models(root, observed):
        # One net by itself may lack what another one tells it; then there is no report.
        with contextlib.suppress(Exception):
            if report := check_numerics(model, data):
                return str(report)
    with contextlib.suppress(Exception), validation(False):
        return _bad_gradients(objective(observed), dict(root.named_parameters()))
    return None


def _models(root: nn.Module, observed: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    modules = [module for _, module in root.named_modules()]
    for kind in (VariationalObjective, BayesianNet, MetaBayesianNet):
        for module in modules:
            if not isinstance(module, kind):
                continue
            if isinstance(module, BayesianNet) and module.nodes:
                yield module, None  # its last run: that of the step
            yield module, observed


def _bad_gradients(loss: Var, named: Mapping[str, Var]) -> str | None:
    trained = {name: var for name, var in named.items() if var.requires_grad}
    gradients = jt.grad(loss, list(trained.values())) if trained else []
    values = {"loss": loss.numpy()}
    values.update(
        (f"gradient of weight {name!r}", gradient.numpy())
        for name, gradient in zip(trained, gradients)
    )
    lines = []
    for name, value in values.items():
        bad = value[~np.isfinite(value)]
        if bad.size:
            lines.append(f"{name}: {bad.size} of {value.size} not finite, the first is {bad[0]:g}")
    return "\n".join(lines) or None
