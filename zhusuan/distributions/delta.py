"""The distribution that has all its mass in one point."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import jittor as jt

from zhusuan._tensor import Shape, Var, shape_of
from zhusuan.distributions import constraints
from zhusuan.distributions.base import Distribution, Options
from zhusuan.distributions.parameter import Parameter

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Delta(Distribution):
    r"""A point mass at ``value``: :math:`\log p(x)` is ``log_density`` there, else -inf.

    For maximum a posteriori estimates by variational inference, and for nodes that are known.
    Samples are the point itself, with its gradient. Source: the definition of a point mass.

    :param value: the point; number, array or Var of shape ``batch_shape + value_shape``.
    :param log_density: log-density at the point in nats, 0 by default; broadcasts with the batch.
    :param value_ndims: how many trailing dims of ``value`` make up one value, 0 by default.
    :param options: see :class:`~zhusuan.distributions.base.Distribution`.
    :raises ValueError: if ``value_ndims`` is not between 0 and the dims of ``value``.
    """

    value = Parameter(constraints.not_nan)
    log_density = Parameter(constraints.not_nan)
    support = constraints.not_nan
    is_continuous = True
    is_reparameterizable = True

    def __init__(
        self,
        value: Any,
        log_density: Any = 0.0,
        value_ndims: int = 0,
        **options: Unpack[Options],
    ) -> None:
        self._value_ndims = value_ndims
        super().__init__({"value": value, "log_density": log_density}, **options)

    def _shapes(self) -> tuple[Shape, Shape]:
        whole = shape_of(self.value)
        n = self._value_ndims
        if not 0 <= n <= len(whole):
            raise ValueError(
                f"Delta: value_ndims must be between 0 and the {len(whole)} dims of value "
                f"{list(whole)}, got {n}"
            )
        return whole[: len(whole) - n], whole[len(whole) - n :]

    def _sample(self, n_samples: int | None) -> Var:
        return self.value.broadcast(list(self.sample_shape(n_samples)))

    def _log_prob(self, given: Var) -> Var:
        same = given == self.value
        n = len(same.shape)
        if self._value_ndims:
            dims = list(range(n - self._value_ndims, n))
            same = (1.0 - same.cast("float32")).stop_fuse().sum(dims) == 0
        log_density = self.log_density.broadcast(list(same.shape))
        # The gradient reaches log_density alone: as a function of the point, the density is none.
        return jt.ternary(same, log_density, jt.full_like(log_density, -math.inf))

    @property
    def mean(self) -> Var:
        """The point."""
        return self.value

    @property
    def variance(self) -> Var:
        """Zero, shape ``batch_shape + value_shape``."""
        return jt.zeros_like(self.value)

    @property
    def mode(self) -> Var:
        """The point."""
        return self.value

    def _cdf(self, given: Var) -> Var:
        if self._value_ndims:
            raise self._not_implemented("the cdf of vectors")
        return (given >= self.value).cast(self._param_dtype)

    def _icdf(self, probability: Var) -> Var:
        if self._value_ndims:
            raise self._not_implemented("the icdf of vectors")
        inside = (probability >= 0) & (probability <= 1)
        value = self.value.broadcast(list((probability + self.value).shape))
        return jt.ternary(inside, value, jt.full_like(value, math.nan))
