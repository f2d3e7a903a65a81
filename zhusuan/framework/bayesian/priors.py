"""Priors of a network's parameters."""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import jittor as jt
import numpy as np
from jittor import nn

from zhusuan._tensor import Shape, broadcast_shapes
from zhusuan.distributions.base import Distribution
from zhusuan.distributions.normal import Normal
from zhusuan.framework.bayesian.parameters import Parameter

# Layers whose weights have the outputs in their first dim and what is summed over in the others.
_SUMMING = (nn.Linear, nn.Conv, nn.Conv1d, nn.Conv3d)


class ScaledNormal:
    """What :func:`scaled_normal` returns: a function of a parameter's name and shape.

    :param gain: factor of the weights' standard deviations.
    :param bias_std: standard deviation of parameters with one dim.
    """

    def __init__(self, gain: float, bias_std: float) -> None:
        self._gain = _positive("gain", gain)
        self._bias_std = _positive("bias_std", bias_std)

    def __call__(self, name: str, shape: Shape) -> float:
        """Return the standard deviation."""
        if len(shape) < 2:
            return self._bias_std
        return self._gain / math.sqrt(math.prod(shape[1:]))

    def __repr__(self) -> str:
        return f"scaled_normal(gain={self._gain:g}, bias_std={self._bias_std:g})"


def scaled_normal(gain: float = 1.0, bias_std: float = 1.0) -> Callable[[str, Shape], float]:
    r"""Return a prior under which wide layers give outputs as large as narrow ones.

    Weights are :math:`\mathrm{N}(0, g^2 / n)`, where n counts the inputs that one output sums
    over: the columns of a linear layer, the channels times the pixels of a convolution's window.
    With it, the prior over functions has a limit as the layers grow (Neal 1996, section 2.1).

    :param gain: g, positive.
    :param bias_std: standard deviation of parameters with one dim, such as biases.
    :return: a prior for :func:`zhusuan.bayesian`; it takes a name and a shape and gives the
        standard deviation.
    :raises ValueError: if a number is not positive.
    """
    return ScaledNormal(gain, bias_std)


class Priors:
    """The priors of the chosen parameters.

    :param prior: as :func:`zhusuan.bayesian` takes it.
    :param chosen: the parameters.
    :raises TypeError: for a prior of the wrong kind.
    :raises ValueError: for patterns that leave a parameter out or match none, and a scale that
        does not apply.
    """

    def __init__(self, prior: Any, chosen: list[Parameter]) -> None:
        self._specs = _by_name(prior, [parameter.name for parameter in chosen])
        self._normals: dict[str, tuple[float, Normal]] = {}
        for parameter in chosen:
            _check_spec(self._specs[parameter.name], parameter)

    def of(self, parameter: Parameter) -> Distribution:
        """Return the prior of a parameter: batch and value dims its shape, all of them one event.

        A function is called, and a distribution taken anew, at every run: they may depend on
        what is trained or drawn.

        :param parameter: the parameter.
        :raises TypeError: if a function gives neither a distribution nor a number.
        :raises ValueError: if the shapes do not fit.
        """
        spec = self._specs[parameter.name]
        if not isinstance(spec, Distribution) and callable(spec):
            spec = spec(parameter.name, parameter.shape)
            _check_spec(spec, parameter, "what the function gives")
        if isinstance(spec, Distribution):
            return fitted(spec, parameter.name, parameter.shape)
        return self._normal(parameter, float(spec))

    def _normal(self, parameter: Parameter, std: float) -> Normal:
        made = self._normals.get(parameter.name)
        if made is None or made[0] != std:
            mean = jt.zeros(list(parameter.shape), parameter.dtype).stop_grad()
            mean.sync()
            made = std, Normal(mean, std=std, group_ndims=len(parameter.shape))
            self._normals[parameter.name] = made
        return made[1]


def fitted(dist: Distribution, name: str, shape: Shape) -> Distribution:
    """Return ``dist`` as the distribution of one array.

    :param dist: a distribution; its batch broadcasts to the shape. Dims in front of it are
        particles of a parent.
    :param name: name of the parameter, for messages.
    :param shape: shape of the array.
    :return: one of batch shape ``(... +) shape``, less the dims of a value, grouped over these.
    :raises ValueError: if the shapes do not fit.
    """
    n = len(shape) - len(dist.value_shape)
    target = shape[: max(n, 0)]
    common = broadcast_shapes(dist.batch_shape, target)
    fits = n >= 0 and shape[n:] == dist.value_shape and common is not None
    if not fits or common is None or common[len(common) - n :] != target:
        raise ValueError(
            f"bayesian: the prior of {name!r} must broadcast to its shape {list(shape)}, got "
            f"{dist!r}"
        )
    twin = copy.copy(dist)
    twin.group_ndims = n
    if common != dist.batch_shape:
        # One parameter in full size is enough to give the draws theirs.
        first, value = next(iter(dist._given.items()))
        own = tuple(value.shape)[len(value.shape) - dist.parameters[first].value_ndims :]
        twin._given = {**dist._given, first: value.broadcast([*common, *own])}
        twin.batch_shape = common
        if twin._shapes() != (common, dist.value_shape):
            raise ValueError(
                f"bayesian: {type(dist).__name__} can't be widened to the shape {list(shape)} of "
                f"{name!r}: make the prior of that shape, by a function of name and shape"
            )
    # What was derived may be from parameters that have been trained since.
    twin._derived = {}
    return twin


def _by_name(prior: Any, names: list[str]) -> dict[str, Any]:
    if not isinstance(prior, Mapping):
        return dict.fromkeys(names, _spec(prior))
    specs: dict[str, Any] = {}
    unused = dict.fromkeys(prior)
    for name in names:
        pattern = next((p for p in prior if isinstance(p, str) and fnmatchcase(name, p)), None)
        if pattern is None:
            raise ValueError(
                f"bayesian: prior has no pattern that matches {name!r}; its patterns are "
                f"{list(prior)}"
            )
        unused.pop(pattern, None)
        specs[name] = _spec(prior[pattern])
    if unused:
        raise ValueError(
            f"bayesian: pattern {next(iter(unused))!r} of prior is used for no parameter; the "
            f"first that matches counts, and the parameters are {names}"
        )
    return specs


def _spec(prior: Any) -> Any:
    if prior is None:
        return 1.0
    if isinstance(prior, str):
        if prior != "scaled":
            raise ValueError(f"bayesian: the only prior with a name is 'scaled', got {prior!r}")
        return scaled_normal()
    return prior


def _check_spec(spec: Any, parameter: Parameter, what: str = "the prior") -> None:
    if isinstance(spec, ScaledNormal):
        owner = parameter.places[0].owner
        if len(parameter.shape) > 1 and not isinstance(owner, _SUMMING):
            raise ValueError(
                f"bayesian: {spec!r} doesn't know over what {parameter.name!r} "
                f"({type(owner).__name__}, shape {list(parameter.shape)}) is summed; give it a "
                "prior of its own, prior={'NAME': ..., '*': 'scaled'}"
            )
    elif isinstance(spec, Distribution):
        fitted(spec, parameter.name, parameter.shape)
    elif inspect.isclass(spec) or not (_is_number(spec) or callable(spec)):
        raise TypeError(
            f"bayesian: {what} of {parameter.name!r} must be a distribution, a number (the "
            "standard deviation of a normal around 0), 'scaled', or a function of name and shape "
            f"that gives a distribution or a number; got {spec!r}"
        )
    elif _is_number(spec):
        _positive(f"{what} of {parameter.name!r}", spec)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def _positive(what: str, value: Any) -> float:
    if not (_is_number(value) and math.isfinite(value) and value > 0):
        raise ValueError(f"bayesian: {what} must be a positive number, got {value!r}")
    return float(value)
