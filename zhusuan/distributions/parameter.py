"""The descriptor by which a family declares its parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jittor as jt

from zhusuan._tensor import Var
from zhusuan.distributions.constraints import Constraint

if TYPE_CHECKING:
    from zhusuan.distributions.base import Distribution


class Parameter:
    """Declares one parameter of a family: its constraint, its value dims, how to derive it.

    A family that can be written in two ways (``std`` or ``logstd``) declares both, each with the
    formula that derives it from the other; a derived value is computed on first use and kept.

    :param constraint: the values that the parameter may take.
    :param value_ndims: how many trailing dims of the parameter belong to one value (1 for the
        logits of a Categorical), 0 for univariate families.
    :param derive: function of the distribution that computes this parameter when it was not
        given.
    :param argument: name of the constructor's argument where it is not that of the attribute.
        LogNormal's ``mean`` is the attribute ``loc``, since ``mean`` is the mean of every
        distribution.
    :ivar name: name of the attribute, once a family has it.
    """

    def __init__(
        self,
        constraint: Constraint,
        value_ndims: int = 0,
        derive: Callable[[Any], Var] | None = None,
        argument: str = "",
    ) -> None:
        self.constraint = constraint
        self.value_ndims = value_ndims
        self.derive = derive
        self.name = ""
        self.argument = argument

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.argument = self.argument or name

    def __repr__(self) -> str:
        return f"Parameter({self.argument!r}, {self.constraint.name})"

    def __get__(self, instance: Distribution | None, owner: type | None = None) -> Any:
        if instance is None:
            return self
        for values in (instance._given, instance._derived):
            if self.name in values:
                return values[self.name]
        if self.derive is None:
            raise AttributeError(f"{type(instance).__name__} was made without {self.name!r}")
        value = self.derive(instance)
        if not jt.flags.no_grad:  # what is made under no_grad leads to no parameter, ever
            instance._derived[self.name] = value
        return value
