"""One table: from where values may lie to a transform that leads there from the real numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jittor as jt

from zhusuan.distributions import constraints
from zhusuan.distributions.constraints import Constraint
from zhusuan.distributions.validation import validation
from zhusuan.transforms.base import Transform
from zhusuan.transforms.correlation import CorrelationCholesky
from zhusuan.transforms.interval import Exp, Interval, Sigmoid
from zhusuan.transforms.simple import Identity
from zhusuan.transforms.simplex import LogStickBreaking, StickBreaking
from zhusuan.transforms.triangular import LowerCholesky, PositiveDefinite

Factory = Callable[[Any], Transform]

_table: dict[type[Constraint], Factory] = {}


def register_transform(constraint: type[Constraint] | Constraint) -> Callable[[Factory], Factory]:
    """Tell :func:`transform_to` how to reach the values that a constraint allows; a decorator.

    ::

        @register_transform(Increasing)
        def _(constraint):
            return Ordered()

    :param constraint: a class of constraints, or one of its instances, which stands for its
        class. A later registration replaces an earlier one.
    :return: a decorator, which gives the function back.
    :raises TypeError: if it is neither.
    """
    cls = constraint if isinstance(constraint, type) else type(constraint)
    if not issubclass(cls, Constraint):
        raise TypeError(
            f"register_transform: expected a Constraint or a class of them, got {constraint!r}"
        )

    def register(factory: Factory) -> Factory:
        _table[cls] = factory
        return factory

    return register


def transform_to(constraint: Constraint, name: str | None = None) -> Transform:
    """Return a transform from the real numbers to the values that a constraint allows.

    For a support whose values are vectors or matrices, x is a vector, whose size
    ``transform.inverse_shape`` tells: K - 1 for K probabilities. A bound that belongs to the
    support (0 for a Gamma variable) is never reached: all values are inside.

    :param constraint: such as ``distribution.support``; bounds may be Vars, through which
        gradients flow.
    :param name: name of the node that it belongs to, for messages.
    :return: a transform whose codomain is that set.
    :raises ValueError: if the values are discrete, or no transform is registered.
    :raises TypeError: if it is no constraint.
    """
    if not isinstance(constraint, Constraint):
        raise TypeError(
            f"transform_to: expected a Constraint, such as distribution.support, got {constraint!r}"
        )
    where = "transform_to" if name is None else f"node {name!r}"
    if _is_discrete(constraint):
        raise ValueError(
            f"{where} has discrete support ({constraint.name}): no transform leads there from "
            "the real numbers"
        )
    for cls in type(constraint).__mro__:
        if cls in _table:
            return _table[cls](constraint)
    raise ValueError(
        f"{where}: no transform is registered for values that are {constraint.name} "
        f"({type(constraint).__name__}); zhusuan.transforms.register_transform adds one"
    )


def _is_discrete(constraint: Constraint) -> bool:
    discrete = type(constraints.one_hot), constraints.Counts
    return isinstance(constraint, discrete) or bool(getattr(constraint, "integer", False))


@register_transform(constraints.Interval)
def _interval(constraint: Any) -> Transform:
    low, high = constraint.lower, constraint.upper
    if not isinstance(low, jt.Var) and not isinstance(high, jt.Var):
        infinite = -float("inf"), float("inf")
        if (low, high) == infinite:
            return Identity()
        if (low, high) == (0.0, infinite[1]):
            return Exp()
        if (low, high) == (0.0, 1.0):
            return Sigmoid()
    with validation(False):  # the distribution has looked at its bounds
        return Interval(low, high)


@register_transform(constraints.simplex)
def _simplex(constraint: Constraint) -> Transform:
    return StickBreaking()


@register_transform(constraints.log_simplex)
def _log_simplex(constraint: Constraint) -> Transform:
    return LogStickBreaking()


@register_transform(constraints.lower_cholesky)
def _lower_cholesky(constraint: Constraint) -> Transform:
    return LowerCholesky()


@register_transform(constraints.correlation_cholesky)
def _correlation_cholesky(constraint: Constraint) -> Transform:
    return CorrelationCholesky()


@register_transform(constraints.positive_definite)
def _positive_definite(constraint: Constraint) -> Transform:
    return PositiveDefinite()
