"""Mixtures of any distributions."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jittor as jt

from zhusuan import random, special
from zhusuan._tensor import Shape, Var, as_var, broadcast_shapes, shape_of
from zhusuan.distributions import constraints
from zhusuan.distributions.base import Distribution, Options, exactly_one
from zhusuan.distributions.constraints import Constraint
from zhusuan.distributions.implicit import from_cdf
from zhusuan.distributions.parameter import Parameter

if TYPE_CHECKING:
    from typing_extensions import Unpack

# An interval shrinks by 2^-64: to the last bit in float64 wherever the ends are of like size.
_HALVINGS = 64


class Mixture(Distribution):
    r"""A mixture :math:`p(x) = \sum_k w_k\, p_k(x)` (McLachlan and Peel 2000, eq. 1.1).

    The components are one distribution whose last batch dim counts them, or a list of
    distributions of any families::

        Mixture(components=Normal(np.array([-1.0, 2.0]), 1.0), probs=[0.3, 0.7])
        Mixture(components=[Normal(0.0, 1.0), StudentT(3.0, 0.0, 5.0)], logits=[2.0, 0.0])

    Samples of univariate mixtures whose components are reparameterised and have a cdf carry
    gradients to the parameters of the components and to the weights, by the implicit derivative
    of the mixture's cdf (Figurnov, Mohamed and Mnih 2018, sec. 4.3).

    :param components: one distribution of batch shape ``batch_shape + [K]``, or a sequence of K.
        Their ``group_ndims`` must be 0; group the mixture instead.
    :param logits: log-weights, not normalised, :math:`-\infty` for none; shape
        ``batch_shape + [K]``. Give exactly one of ``logits`` and ``probs``.
    :param probs: weights, not negative, scaled to sum to 1; shape as ``logits``.
    :param options: see :class:`~zhusuan.distributions.base.Distribution`.
    :raises TypeError: if a component is not a distribution.
    :raises ValueError: if the components differ in ``value_shape``, are grouped, or the number of
        weights is not theirs.
    """

    logits = Parameter(
        constraints.log_weight, value_ndims=1, derive=lambda self: jt.log(self.probs)
    )
    probs = Parameter(
        constraints.nonnegative,
        value_ndims=1,
        derive=lambda self: jt.exp(special.log_softmax(self.logits)),
    )
    is_continuous = True
    is_reparameterizable = True

    def __init__(
        self,
        components: Distribution | Sequence[Distribution],
        logits: Any = None,
        probs: Any = None,
        **options: Unpack[Options],
    ) -> None:
        exactly_one("Mixture", logits=logits, probs=probs)
        self._one = components if isinstance(components, Distribution) else None
        self.components: list[Distribution] = (
            [components] if isinstance(components, Distribution) else list(components)
        )
        _check_components(self.components)
        if any(c._param_dtype == "float64" for c in self.components):
            logits = logits if logits is None else as_var(logits, "float64", "Mixture: logits")
            probs = probs if probs is None else as_var(probs, "float64", "Mixture: probs")
        # These depend on the components, so they are the instance's own.
        self.is_continuous = self.components[0].is_continuous  # type: ignore[misc]
        self.is_reparameterizable = all(  # type: ignore[misc]
            c.is_reparameterized and not c.value_shape and type(c)._cdf is not Distribution._cdf
            for c in self.components
        )
        options.setdefault("dtype", self.components[0].dtype)
        super().__init__({"logits": logits, "probs": probs}, **options)

    def _shapes(self) -> tuple[Shape, Shape]:
        weights = shape_of(next(iter(self._given.values())))
        if self._one is None:
            count, batches = len(self.components), [c.batch_shape for c in self.components]
        else:
            count = self._one.batch_shape[-1] if self._one.batch_shape else 0
            batches = [self._one.batch_shape[:-1]]
        if weights[-1] != count:
            raise ValueError(
                f"Mixture: {weights[-1]} weights (shape {list(weights)}) for {count} components"
            )
        batch = broadcast_shapes(weights[:-1], *batches)
        if batch is None:
            shapes = ", ".join(str(list(b)) for b in batches)
            raise ValueError(
                f"Mixture: weights of shape {list(weights)} and components of batch shape "
                f"{shapes} do not broadcast"
            )
        return batch, self.components[0].value_shape

    @property
    def support(self) -> Constraint:  # type: ignore[override]
        """The components' support if they share it, otherwise all numbers."""
        first = self.components[0].support
        shared = all(c.support is first for c in self.components)
        return first if shared else constraints.not_nan

    def _sample(self, n_samples: int | None) -> Var:
        lead = () if n_samples is None else (n_samples,)
        shape = list(lead + self.batch_shape)
        n_values = len(self.value_shape)
        drawn = self._draw_all(lead).detach()
        count = shape_of(drawn)[-1]
        weights = self._log_weights().broadcast([*self.batch_shape, count])
        chosen = random.categorical(weights, lead, "int32")
        # One-hot times the draws would make NaN of an infinite draw that was not chosen.
        here = chosen.reshape(shape + [1] * n_values + [1]) == jt.arange(count)
        picked = jt.ternary(here.broadcast(list(drawn.shape)), drawn, jt.zeros_like(drawn)).sum(-1)
        if not self.is_reparameterized:
            return picked
        return from_cdf(picked, self._cdf, lambda x: jt.exp(self._log_prob(x)))

    def _draw_all(self, lead: Shape) -> Var:
        """Return a draw of every component, shape lead + batch + value + [K]."""
        n_values = len(self.value_shape)
        whole = lead + self.batch_shape
        size = 1
        for n in whole:
            size *= n
        if self._one is None:
            draws = [
                _draw(c, lead, self.batch_shape).unsqueeze(-1) for c in self.components
            ]
            return jt.concat(draws, -1)
        count = self._one.batch_shape[-1]
        drawn = _draw(self._one, lead, (*self.batch_shape, count))
        order = list(range(len(drawn.shape)))
        place = len(whole)
        order = order[:place] + order[place + 1 :] + [place]
        return drawn.permute(order) if n_values else drawn

    def _log_weights(self) -> Var:
        return special.log_softmax(self.logits)

    def _over_components(self, method: str, given: Var) -> Var:
        """Return what a method of the components gives for ``given``, along a new last dim."""
        if self._one is not None:
            place = len(given.shape) - len(self.value_shape)
            return getattr(self._one, method)(given.unsqueeze(place))
        results = [getattr(c, method)(given) for c in self.components]
        shape = broadcast_shapes(*(shape_of(r) for r in results)) or ()
        return jt.concat([r.broadcast(list(shape)).unsqueeze(-1) for r in results], -1)

    def _moment(self, name: str) -> Var:
        """Return a moment of the components with their dim last: batch + value + [K]."""
        if self._one is None:
            shape = list(self.batch_shape + self.value_shape)
            moments = [getattr(c, name).broadcast(shape) for c in self.components]
            return jt.concat([m.unsqueeze(-1) for m in moments], -1)
        count = self._one.batch_shape[-1]
        full = getattr(self._one, name).broadcast(
            list((*self.batch_shape, count, *self.value_shape))
        )
        place = len(self.batch_shape)
        order = list(range(len(full.shape)))
        return full.permute(order[:place] + order[place + 1 :] + [place])

    def _weights_for_moments(self) -> Var:
        weights = jt.exp(self._log_weights())
        for _ in self.value_shape:
            weights = weights.unsqueeze(len(weights.shape) - 1)
        return weights

    def _log_prob(self, given: Var) -> Var:
        return special.log_sum_exp(self._over_components("log_prob", given) + self._log_weights())

    @property
    def mean(self) -> Var:
        """The weighted mean of the components' means."""
        return self._full((self._weights_for_moments() * self._moment("mean")).sum(-1))

    @property
    def variance(self) -> Var:
        """The law of total variance: within the components and between their means."""
        weights, means = self._weights_for_moments(), self._moment("mean")
        away = means - (weights * means).sum(-1, keepdims=True)
        return self._full((weights * (self._moment("variance") + away * away)).sum(-1))

    def _cdf(self, given: Var) -> Var:
        return (jt.exp(self._log_weights()) * self._over_components("cdf", given)).sum(-1)

    def _icdf(self, probability: Var) -> Var:
        # The quantile lies between the least and the greatest of the components' quantiles.
        # Halving the interval finds it; one Newton step, of length 0, then gives it the
        # derivative of the inverse function.
        with jt.no_grad():
            ends = self._over_components("icdf", probability.detach())
            shape = list(shape_of(ends)[:-1]) or [1]
            first, last = ends.min(-1).reshape(shape), ends.max(-1).reshape(shape)
            low, high = first, last
            p = probability.detach().broadcast(shape)
            for _ in range(_HALVINGS):
                middle = low + 0.5 * (high - low)
                below = self._cdf(middle) < p
                low = jt.ternary(below, middle, low)
                high = jt.ternary(below, high, middle)
                jt.sync([low, high])
            # At 0 and 1 the ends may be infinite: there is nothing to halve.
            outside = jt.ternary(p == 0, first, jt.full_like(p, math.nan))
            outside = jt.ternary(p == 1, last, outside)
            x = jt.ternary((p > 0) & (p < 1), high, outside)
        if not self.is_continuous:
            whole = all(getattr(c.support, "integer", False) for c in self.components)
            return jt.floor(x) if whole else x
        density = jt.exp(self._log_prob(x)).detach()
        step = (probability - self._cdf(x)) / jt.maximum(density, 1e-37)
        return jt.ternary((density > 0) & jt.isfinite(x), x + (step - step.detach()), x)

    def _without_gradients(self) -> Distribution:
        twin = copy.copy(super()._without_gradients())
        assert isinstance(twin, Mixture)
        twin.components = [c._without_gradients() for c in self.components]
        twin._one = None if self._one is None else twin.components[0]
        return twin


def _draw(component: Distribution, lead: Shape, batch: Shape) -> Var:
    """Return independent draws of shape lead + batch + value, however the component broadcasts."""
    own = component.batch_shape
    if batch == own:
        return component.sample(lead[0]) if lead else component.sample()
    # Where the mixture's batch is larger, each member needs a draw of its own.
    n_new = 1
    padded = (1,) * (len(batch) - len(own)) + own
    for n, m in zip(batch, padded):
        n_new *= n if m == 1 else 1
    n_lead = lead[0] if lead else 1
    drawn = component.sample(n_lead * n_new)
    copied = [n if m == 1 else 1 for n, m in zip(batch, padded)]
    value = list(component.value_shape)
    # [lead, copies of each dim..., own dims..., value] -> lead, (copy, own) of each dim, value
    split = drawn.reshape([n_lead, *copied, *padded, *value])
    k = len(batch)
    order = [0] + [axis for d in range(k) for axis in (1 + d, 1 + k + d)]
    order += list(range(1 + 2 * k, len(split.shape)))
    return split.permute(order).reshape([*lead, *batch, *value] or [1])


def _check_components(components: Sequence[Any]) -> None:
    if not components:
        raise ValueError("Mixture: at least one component is needed")
    for c in components:
        if not isinstance(c, Distribution):
            raise TypeError(f"Mixture: components must be distributions, got {c!r}")
        if c.group_ndims:
            raise ValueError(
                f"Mixture: a component has group_ndims={c.group_ndims}; leave it 0 and group "
                "the mixture"
            )
        if c.value_shape != components[0].value_shape:
            raise ValueError(
                f"Mixture: components of value_shape {list(components[0].value_shape)} and "
                f"{list(c.value_shape)} can't be mixed"
            )
        if c.is_continuous != components[0].is_continuous:
            raise ValueError("Mixture: continuous and discrete components can't be mixed")
