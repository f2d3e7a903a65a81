"""The distribution under test: made anew with other parameters, in float64, and asked in numpy."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jittor as jt
import numpy as np

from zhusuan._tensor import Var
from zhusuan.distributions import constraints
from zhusuan.distributions.base import Distribution, Options
from zhusuan.distributions.constraints import Constraint, Counts, Interval

Array = np.ndarray
Build = Callable[..., Distribution]


class Subject:
    """A distribution and the ways to make others like it.

    :param d: the distribution.
    :param build: called with the parameters and options by name, returns a distribution; None
        for the constructor of ``type(d)``, whose arguments that are no Parameters are read from
        attributes of the same name.
    :param n_samples: how many samples the statistical checks draw.
    :param rng: for directions, and for what else has to be arbitrary.
    """

    def __init__(
        self, d: Distribution, build: Build | None, n_samples: int, rng: np.random.Generator
    ) -> None:
        self.d = d
        self.name = type(d).__name__
        self.rng = rng
        self.n_samples = n_samples
        self._fixed = {} if build else _fixed_arguments(d)
        self._build: Build = build or type(d)
        self.given = {name: var.numpy() for name, var in d._given.items()}
        self.moving = [name for name in self.given if not _is_whole(d.parameters[name].constraint)]
        self.parameters64 = {name: _float64(value) for name, value in self.given.items()}

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """The distribution's batch shape."""
        return self.d.batch_shape

    @property
    def is_univariate(self) -> bool:
        """Whether a value is one number."""
        return not self.d.value_shape

    def make(self, given: Mapping[str, Any] | None = None, **options: Any) -> Distribution:
        """Return a distribution of the same family.

        :param given: parameters by their attributes' names; by default the same Vars.
        :param options: those of :class:`~zhusuan.distributions.Distribution`.
        """
        given = self.d._given if given is None else given
        arguments = {self.d.parameters[name].argument: value for name, value in given.items()}
        return self._build(**arguments, **self._fixed, **options)

    def vars64(self, given: Mapping[str, Array] | None = None) -> dict[str, Var]:
        """Return float64 Vars of arrays by name.

        :param given: by default the distribution's own parameters.
        """
        given = self.parameters64 if given is None else given
        return {name: as_is(value) for name, value in given.items()}

    def make64(self, given: Mapping[str, Array] | None = None, **options: Any) -> Distribution:
        """Return a distribution of the same family that computes in float64.

        :param given: arrays by name, by default the distribution's own parameters.
        :param options: as for :meth:`make`.
        """
        return self.make(self.vars64(given), **options)

    def log_prob64(self, value: Array, given: Mapping[str, Array] | None = None) -> Array:
        """Return the log-density in float64.

        :param value: array.
        :param given: as for :meth:`make64`.
        """
        return self.make64(given).log_prob(as_is(np.asarray(value, dtype=np.float64))).numpy()

    def spread(self, lead: tuple[int, ...] = ()) -> dict[str, Array]:
        """Return the parameters with one copy for each member of the batch, and of ``lead``.

        :param lead: dims in front of the batch.
        """
        spread = {}
        for name, value in self.parameters64.items():
            own = value.shape[value.ndim - self.d.parameters[name].value_ndims :]
            spread[name] = np.ascontiguousarray(
                np.broadcast_to(value, (*lead, *self.batch_shape, *own))
            )
        return spread

    def directions(self, name: str, count: int = 2) -> list[Array]:
        """Return ways in which a parameter may be moved, one step of each for every member.

        :param name: the parameter.
        :param count: how many where a value has several dims.
        """
        parameter = self.d.parameters[name]
        value = self.spread()[name]
        return directions(parameter.constraint, parameter.value_ndims, value, count, self.rng)

    def bounds(self) -> tuple[Array, Array]:
        """Return the bounds of a univariate support, over the batch; infinite where unknown."""
        support = self.d.support
        low, high = (
            (support.lower, support.upper) if isinstance(support, Interval) else (-np.inf, np.inf)
        )
        full = self.batch_shape
        return tuple(  # type: ignore[return-value]
            np.broadcast_to(bound.numpy() if isinstance(bound, jt.Var) else bound, full).astype(
                np.float64
            )
            for bound in (low, high)
        )


def as_is(value: Array) -> Var:
    """Return a Var of the array's own dtype.

    It is synced: a float64 Var of one element that is still pending when it gets into a
    ``jt.Function`` turns, without a word, into whatever its memory held before.

    :param value: array.
    """
    var = jt.array(value, dtype=str(value.dtype))
    var.sync()
    return var


def _fixed_arguments(d: Distribution) -> dict[str, Any]:
    cls = type(d)
    parameters = {p.argument for p in cls.parameters.values()}
    fixed = {}
    for argument, parameter in inspect.signature(cls).parameters.items():
        if argument in parameters or argument in Options.__annotations__:
            continue
        missing = inspect.Parameter.empty
        value = getattr(d, argument, missing)
        if value is not missing:
            fixed[argument] = value
        elif parameter.default is missing and parameter.kind in (
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            inspect.Parameter.KEYWORD_ONLY,
        ):
            raise TypeError(
                f"{cls.__name__} can't be made again: it takes {argument!r}, which is neither a "
                "Parameter nor an attribute; give build=, a function that makes one"
            )
    return fixed


def _float64(value: Array) -> Array:
    return value.astype(np.float64) if value.dtype.kind == "f" else value


def _is_whole(constraint: Constraint) -> bool:
    if isinstance(constraint, Interval):
        return constraint.integer
    return isinstance(constraint, Counts) or constraint is constraints.one_hot


def directions(
    constraint: Constraint, event_ndims: int, value: Array, count: int, rng: np.random.Generator
) -> list[Array]:
    """Return directions that keep ``value`` where it must be, of the size of ``value``.

    :param constraint: where it must be.
    :param event_ndims: how many trailing dims belong together.
    :param value: array.
    :param count: how many, if ``event_ndims`` is not 0.
    :param rng: source of directions.
    """
    if event_ndims == 0 and constraint.event_ndims == 0:
        return [reach(constraint, value)]
    return [_direction(constraint, value, rng) for _ in range(count)]


def reach(constraint: Constraint, value: Array) -> Array:
    """Return the scale on which a number may be moved: its size, or the distance to a bound.

    :param constraint: where it must be.
    :param value: array.
    """
    size = np.maximum(np.abs(value), 1.0)
    if isinstance(constraint, Interval):
        for bound in (constraint.lower, constraint.upper):
            limit = bound.numpy() if isinstance(bound, jt.Var) else np.asarray(bound)
            with np.errstate(invalid="ignore"):
                distance = np.abs(value - limit)
            size = np.where(np.isfinite(distance), np.minimum(size, distance), size)
    # An infinite parameter, such as a bound of a truncation that is not there, stays.
    return np.where(np.isfinite(value), size, 0.0)


def _direction(constraint: Constraint, value: Array, rng: np.random.Generator) -> Array:
    noise = rng.standard_normal(value.shape)
    if constraint is constraints.simplex:
        # Each element moves in proportion to itself.
        return value * (noise - (value * noise).sum(-1, keepdims=True))
    if constraint is constraints.log_simplex:
        return noise - (np.exp(value) * noise).sum(-1, keepdims=True)
    if constraint is constraints.lower_cholesky:
        return value @ np.tril(noise)
    if constraint is constraints.correlation_cholesky:
        # Along the sphere on which each row lies.
        lower = np.tril(noise) * (np.abs(value) > 0)
        return lower - (lower * value).sum(-1, keepdims=True) * value
    if constraint is constraints.positive_definite:
        root = np.linalg.cholesky(value)
        middle = noise + np.swapaxes(noise, -1, -2)
        return 0.5 * root @ middle @ np.swapaxes(root, -1, -2)
    return noise * reach(constraint, value)


def contract(gradient: Array, direction: Array, event_ndims: int) -> Array:
    """Return the derivative along a direction, member by member.

    :param gradient: array of the shape of the direction, possibly with leading dims.
    :param direction: array.
    :param event_ndims: dims that are summed.
    """
    product = np.where(direction == 0, 0.0, gradient * direction)
    return product.sum(tuple(range(-event_ndims, 0))) if event_ndims else product


def slope(f: Callable[[float], Array], step: float = 1e-4) -> tuple[Array, Array]:
    """Return the derivative of f(t) at 0 and an estimate of its error.

    Central differences at two steps, extrapolated (Richardson): error of order step^4.

    :param f: function of one number.
    :param step: the larger of the two steps.
    """
    with np.errstate(all="ignore"):
        wide = (f(step) - f(-step)) / (2 * step)
        narrow = (f(step / 2) - f(-step / 2)) / step
        return (4 * narrow - wide) / 3, np.abs(narrow - wide)
