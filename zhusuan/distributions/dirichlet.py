"""The Dirichlet distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jittor as jt
import numpy as np

from zhusuan import random, special
from zhusuan._tensor import Shape, Var, constant, shape_of, sum_dims
from zhusuan.distributions import constraints
from zhusuan.distributions._vectors import (
    ON_SIMPLEX,
    beside_vectors,
    distance_from_simplex,
    double,
)
from zhusuan.distributions.base import Distribution, Options
from zhusuan.distributions.implicit import with_gradient
from zhusuan.distributions.parameter import Parameter
from zhusuan.formula import Formula

if TYPE_CHECKING:
    from typing_extensions import Unpack

# At the border log x stands for its limit as a number so large that nothing else counts beside
# it, and not for -inf: where one entry pulls to inf and another to -inf, the density tends to
# what it tends to when all of them go to 0 alike.
_term = Formula("x, alpha", "return (alpha - 1.0) * (x > 0.0 ? log(x) : T(-1e300));")
_log_prob = Formula(
    "terms, log_normaliser, distance",
    f"""
    if (!({ON_SIMPLEX})) return T(-INF);
    if (fabs(value(terms)) > 1e250) return value(terms) > 0.0 ? T(INF) : T(-INF);
    return terms - log_normaliser;
    """,
    constants="distance",
)
_entropy_term = Formula("alpha, shift", "return lgamma(alpha) - (alpha - shift) * digamma(alpha);")
_slope = Formula(
    "log_z, alpha",
    "return T(log_gamma_sample_da(value(alpha), value(log_z)));",
    constants="log_z, alpha",
)


class Dirichlet(Distribution):
    r"""Dirichlet distribution over the simplex of K >= 2 weights.

    .. math:: \log p(x) = \log\Gamma\Big(\sum_k \alpha_k\Big) +
              \sum_k \big[(\alpha_k - 1) \log x_k - \log\Gamma(\alpha_k)\big]

    (Kotz, Balakrishnan and Johnson 2000, Continuous Multivariate Distributions, eq. 49.1). A
    sample is the softmax of the logs of K gamma draws, which are right also where the draws
    themselves underflow; each log carries implicit gradients to its :math:`\alpha_k`
    (:mod:`zhusuan.distributions.implicit`). A weight below the smallest normal number of the
    dtype (1e-38 in float32) is that number and never 0, so that the log-density of a sample is
    finite.

    :param alpha: concentrations, positive, shape (..., K).
    :param options: see :class:`~zhusuan.distributions.base.Distribution`.
    :raises ValueError: for a value outside its domain or K below 2.
    """

    alpha = Parameter(constraints.positive, value_ndims=1)
    support = constraints.simplex
    is_continuous = True
    is_reparameterizable = True

    def __init__(self, alpha: Any, **options: Unpack[Options]) -> None:
        super().__init__({"alpha": alpha}, **options)

    def _value_shape(self) -> Shape:
        shape = shape_of(self.alpha)
        if shape[-1] < 2:
            raise ValueError(
                f"{self._name}: alpha must have at least 2 weights in its last dim, "
                f"got shape {list(shape)}"
            )
        return shape[-1:]

    def _sample(self, n_samples: int | None) -> Var:
        # In float64: the draw for alpha = 1e10 differs from its mean in the 6th digit only.
        alpha, shape = double(self.alpha), self.sample_shape(n_samples)
        log_g = random.log_standard_gamma(self.alpha, shape, "float64")
        log_g = with_gradient(log_g, {"alpha": alpha}, alpha=_slope)
        last = [len(shape) - 1]
        weights = jt.exp(log_g - log_g.detach().max(last, keepdims=True))
        x = weights / weights.sum(last, keepdims=True)
        smallest = constant(float(np.finfo(self._param_dtype).tiny), x)
        return jt.maximum(x, smallest).cast(self._param_dtype)

    def _log_prob(self, given: Var) -> Var:
        terms = _sum(_term(double(given), double(self.alpha)))
        log_prob = _log_prob(terms, self._log_normaliser(), distance_from_simplex(given))
        return log_prob.cast(self._param_dtype)

    def _log_normaliser(self) -> Var:
        alpha = double(self.alpha)
        return _sum(special.lgamma(alpha)) - special.lgamma(_sum(alpha))

    @property
    def mean(self) -> Var:
        """The mean, alpha over its sum."""
        return self._mean().cast(self._param_dtype)

    def _mean(self) -> Var:
        alpha = double(self.alpha)
        return alpha / beside_vectors(_sum(alpha))

    @property
    def variance(self) -> Var:
        """The variance of each weight, m (1 - m) / (1 + the sum of alpha) for its mean m."""
        # Kotz, Balakrishnan and Johnson 2000, eq. 49.9.
        mean, total = self._mean(), beside_vectors(_sum(double(self.alpha)))
        return (mean * (1.0 - mean) / (total + 1.0)).cast(self._param_dtype)

    @property
    def mode(self) -> Var:
        """The mode, alpha - 1 over its sum, with 0 where alpha is below 1.

        A vertex with the largest alpha where all are at most 1: the density is unbounded there,
        or the same everywhere.
        """
        alpha = double(self.alpha)
        above = jt.maximum(alpha - 1.0, jt.zeros_like(alpha))
        total = beside_vectors(_sum(above))
        largest, _ = jt.argmax(alpha, len(alpha.shape) - 1)
        index = jt.array(np.arange(self.value_shape[0], dtype=np.int32))
        vertex = (beside_vectors(largest) == index).cast("float64").broadcast(alpha.shape)
        inside = (total > 0.0).broadcast(alpha.shape)
        mode = jt.ternary(inside, above / jt.ternary(inside, total, jt.ones_like(alpha)), vertex)
        return mode.cast(self._param_dtype)

    def _entropy(self) -> Var:
        # Kotz, Balakrishnan and Johnson 2000, sec. 49.2: log B + sum of (1 - alpha_k) E log x_k.
        alpha = double(self.alpha)
        one, n = constant(1.0, alpha), constant(float(self.value_shape[0]), alpha)
        entropy = _sum(_entropy_term(alpha, one)) - _entropy_term(_sum(alpha), n)
        return entropy.cast(self._param_dtype)


def _sum(x: Var) -> Var:
    return sum_dims(x, [len(x.shape) - 1])
