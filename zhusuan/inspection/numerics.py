"""Where NaN and infinity come from: the values of a run, looked at in the order of the run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jittor as jt
import numpy as np
from jittor import nn

from zhusuan._tensor import Var, as_var, host_view
from zhusuan.distributions.constraints import Constraint
from zhusuan.distributions.validation import validation
from zhusuan.framework.judging import judged_together
from zhusuan.inspection.tracing import (
    Traced,
    as_it_was,
    in_order,
    parameters_of,
    trace,
    vars_in,
)
from zhusuan.variational.auto.joint import JointPart
from zhusuan.variational.base import VariationalObjective


class NumericalIssue(NamedTuple):
    """A value that is not finite, or a parameter that is not what it must be.

    :param name: name of the node, the cached value or the weight; '' for the loss.
    :param part: which value, in words: ``"node 'x': parameter 'std'"``.
    :param message: what is wrong with it.
    :param n_nan: how many of its numbers are NaN.
    :param n_inf: how many are infinite.
    :param size: how many numbers it has.
    :param first_index: index of the first bad one, None where that has no meaning.
    :param minimum: the smallest finite one, None if there is none.
    :param maximum: the largest finite one, None if there is none.
    """

    name: str
    part: str
    message: str
    n_nan: int = 0
    n_inf: int = 0
    size: int = 0
    first_index: tuple[int, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None

    def __str__(self) -> str:
        return f"{self.part}: {self.message}"


@dataclass(frozen=True, repr=False)
class NumericsReport:
    """What :func:`check_numerics` found; false in a condition when all is well.

    :param issues: everything that is wrong, in the order of the run: the first is the cause, or
        nearest to it.
    :param n_checked: how many values (Vars) were looked at.
    """

    issues: tuple[NumericalIssue, ...]
    n_checked: int

    @property
    def first(self) -> NumericalIssue | None:
        """The first thing that is wrong, or None."""
        return self.issues[0] if self.issues else None

    def __bool__(self) -> bool:
        return bool(self.issues)

    def __str__(self) -> str:
        if not self.issues:
            return f"all {self.n_checked} values are finite"
        lines = [str(self.issues[0])]
        if len(self.issues) > 1:
            lines += ["after it:", *(f"  {issue}" for issue in self.issues[1:_SHOWN])]
        if len(self.issues) > _SHOWN:
            lines.append(f"  and {len(self.issues) - _SHOWN} more")
        return "\n".join(lines)

    __repr__ = __str__


_SHOWN = 8


class _Part(NamedTuple):
    name: str
    text: str
    var: Var
    constraint: Constraint | None = None


def check_numerics(
    model: Any,
    observed: Mapping[str, Any] | None = None,
    *,
    loss: Any = None,
    weights: bool = True,
    raise_if_bad: bool = False,
) -> NumericsReport:
    """Run a model and find the first value that is NaN or infinite.

    ::

        print(zs.check_numerics(generator, {"x": x}))
        print(zs.check_numerics(elbo, {"x": x}))  # both nets, the loss and its gradients

    Looked at, in this order: the weights of the model; data that its code reads; then the
    nodes and cached values in the order of the run, of each node the parameters, the value and
    the log-probability; the loss; its gradients. A parameter is judged by its own constraint: a
    ``std`` of -1 is reported although it is finite, and an infinite bound of a TruncatedNormal
    is not. Validation, which would stop the run at the first bad parameter, is off meanwhile.
    If the run itself fails, what there was until then is looked at.

    The draws are those that the next run of the model will make; the random stream is left as
    it was, and so is the last run of a net in class style.

    :param model: callable from a dict of observations to a
        :class:`~zhusuan.framework.bn.BayesianNet`; a net that was run already, whose last run is
        looked at when ``observed`` is left out; or an objective over two nets, such as
        :class:`~zhusuan.variational.ELBO`, both of which are run before its loss.
    :param observed: name -> value of the observed nodes.
    :param loss: a loss, to be looked at together with its gradients with respect to the weights
        of the model. An objective computes its own.
    :param weights: look at the weights (and gradients) of the model, if it is a ``jt.Module``.
    :param raise_if_bad: raise an error where a report would come back that is true.
    :return: the report.
    :raises FloatingPointError: if ``raise_if_bad`` and something is wrong.
    :raises TypeError: if it is no model.
    :raises ValueError: if ``observed`` is given with a net that was built node by node.
    """
    with validation(False):
        named = dict(model.named_parameters()) if weights and isinstance(model, nn.Module) else {}
        parts = [_Part(name, f"weight {name!r}", var) for name, var in named.items()]
        error: Exception | None = None
        for role, traced in _runs(model, observed):
            parts += _parts_of(traced, role)
            error = error or traced.error
        issues = _issues(parts)
        if error is not None and not issues:
            raise error
        if error is None and loss is None and isinstance(model, VariationalObjective):
            with as_it_was(model.variational, model.generator):
                loss = model({} if observed is None else observed)
        if error is None and loss is not None:
            of_loss = _loss_parts(loss, named)
            parts += of_loss
            issues += _issues(of_loss)
    report = NumericsReport(tuple(issues), len(parts))
    if report and raise_if_bad:
        raise FloatingPointError(str(report))
    return report


def _runs(model: Any, observed: Mapping[str, Any] | None) -> Iterator[tuple[str, Traced]]:
    if not isinstance(model, VariationalObjective):
        yield "", trace(model, observed)
        return
    with judged_together():
        q = trace(model.variational, observed)
        yield "variational: ", q
        latents = {n: node.tensor for n, node in q.run.nodes.items() if not node.is_observed()}
        if q.error is None:
            yield "generator: ", trace(model.generator, {**(observed or {}), **latents})


def _parts_of(traced: Traced, role: str) -> Iterator[_Part]:
    for name, var in traced.data.items():
        yield _Part(name, f"{role}observed {name!r}", var)
    run = traced.run
    for name in in_order(traced):
        if name not in run.nodes:
            for var in vars_in(run.cache[name]):
                yield _Part(name, f"{role}deterministic value {name!r}", var)
            continue
        node, begin = run.nodes[name], f"{role}node {name!r}: "
        for parameter in parameters_of(node.dist):
            text = f"{begin}parameter {parameter.name!r}"
            yield _Part(name, text, parameter.value, parameter.constraint)
        what = "observed value" if node.is_observed() else "value"
        yield _Part(name, begin + what, node.tensor)
        if isinstance(node.dist, JointPart):
            continue  # it has no density of its own
        yield _Part(name, begin + "log-probability", node.log_prob())


def _loss_parts(loss: Any, named: Mapping[str, Var]) -> list[_Part]:
    loss = as_var(loss, what="loss")
    trained = {name: var for name, var in named.items() if var.requires_grad}
    gradients = jt.grad(loss, list(trained.values())) if trained else []
    return [
        _Part("", "loss", loss),
        *(_Part(n, f"gradient of weight {n!r}", g) for n, g in zip(trained, gradients)),
    ]


# -- looking at values


def _issues(parts: list[_Part]) -> list[NumericalIssue]:
    # All at once: one by one, these would be many small executions. If one of them can't be
    # computed at all, the loop below finds out which.
    with contextlib.suppress(Exception):
        jt.sync([part.var for part in parts])
    issues: list[NumericalIssue] = []
    for part in parts:
        try:
            # Or else .data shows the memory of a Var that failed above, whatever is in it.
            part.var.sync()
            values = host_view(part.var)
        except Exception as error:
            message = f"can't be computed, {type(error).__name__}: {_first_line(error)}"
            return [*issues, NumericalIssue(part.name, part.text, message)]
        issue = _issue(part, values)
        if issue is not None:
            issues.append(issue)
    return issues


def _issue(part: _Part, values: np.ndarray) -> NumericalIssue | None:
    if part.constraint is not None:
        violation = part.constraint.violation(values)
        if violation is None:
            return None
    elif values.dtype.kind != "f" or np.isfinite(values).all():
        return None
    finite = values[np.isfinite(values)]
    n_nan = int(np.isnan(values).sum())
    # Where a constraint allows infinity, NaN alone is wrong.
    bad = np.isnan(values) if n_nan and part.constraint is not None else ~np.isfinite(values)
    n_bad = int(bad.sum())
    minimum, maximum = (float(finite.min()), float(finite.max())) if finite.size else (None, None)
    index = None
    if n_bad:
        index = tuple(int(i) for i in np.unravel_index(int(bad.argmax()), values.shape))
        message = _describe(n_nan, n_bad - n_nan, values, index, minimum, maximum)
    else:
        assert part.constraint is not None
        message = f"must be {part.constraint.name}, but {violation}"
    return NumericalIssue(
        part.name, part.text, message, n_nan, n_bad - n_nan, values.size, index, minimum, maximum
    )


def _describe(
    n_nan: int,
    n_inf: int,
    values: np.ndarray,
    index: tuple[int, ...],
    minimum: float | None,
    maximum: float | None,
) -> str:
    kinds = [f"{n} of {values.size} {what}" for n, what in ((n_nan, "NaN"), (n_inf, "infinite"))
             if n]
    rest = "no finite value" if minimum is None else f"finite ones in [{minimum:g}, {maximum:g}]"
    first = f"the first, {values[index]:g}, at {list(index)}"
    return f"{' and '.join(kinds)} (shape {list(values.shape)}); {first}; {rest}"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0]
