"""The Concrete distribution: a relaxed one-hot vector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jittor as jt
import numpy as np

from zhusuan._tensor import Shape, Var, constant, sum_dims
from zhusuan.distributions import constraints
from zhusuan.distributions._vectors import (
    ON_SIMPLEX,
    batch_beside_numbers,
    distance_from_simplex,
    double,
)
from zhusuan.distributions.base import Distribution, Options
from zhusuan.distributions.exp_concrete import (
    concrete_log_density,
    concrete_value_shape,
    exp_concrete_sample,
)
from zhusuan.distributions.parameter import Parameter
from zhusuan.formula import Formula

if TYPE_CHECKING:
    from typing_extensions import Unpack

# See exp_concrete.py: -1e30 is the log of 0 in what tends to inf or -inf.
_log = Formula("x", "return x > 0.0 ? log(x) : T(-1e30);")
_log_prob = Formula(
    "log_density, log_volume, distance",
    f"""
    if (!({ON_SIMPLEX})) return T(-INF);
    T density = log_density - log_volume;
    if (fabs(value(density)) > 1e20) return value(density) > 0.0 ? T(INF) : T(-INF);
    return density;
    """,
    constants="distance",
)


class Concrete(Distribution):
    r"""Concrete distribution (Gumbel-softmax): a relaxed one-hot vector of K >= 2 weights.

    .. math::

        \log p(x) = \log\Gamma(K) + (K - 1) \log\tau
                    + \sum_k \big[l_k - (\tau + 1) \log x_k\big]
                    - K \log \sum_k e^{l_k} x_k^{-\tau}

    (Maddison, Mnih and Teh 2017, eq. 10 with :math:`l_k = \log\alpha_k`; Jang, Gu and Poole
    2017), a density on the simplex. Samples are the softmax of :math:`(l_k + g_k) / \tau` with
    standard Gumbel :math:`g_k` and carry gradients to both parameters.

    Weights of samples stay inside (0, 1): one that would round to 0 is the smallest normal
    number of the dtype, and one that would round to 1 the largest below it. In float32 that
    happens to most of them at temperatures below about 0.1, and the log-density is then that of
    the number which stands in; :class:`~zhusuan.distributions.exp_concrete.ExpConcrete` has no
    such limit.

    :param temperature: :math:`\tau`, positive; a number, or a Var that broadcasts with the batch
        (of shape [1] it counts as a number).
    :param logits: unnormalised log-weights :math:`l`, finite, shape (..., K).
    :param options: see :class:`~zhusuan.distributions.base.Distribution`.
    :raises ValueError: for a value outside its domain or K below 2.
    """

    temperature = Parameter(constraints.positive)
    logits = Parameter(constraints.real, value_ndims=1)
    support = constraints.simplex
    is_continuous = True
    is_reparameterizable = True

    def __init__(self, temperature: Any, logits: Any, **options: Unpack[Options]) -> None:
        super().__init__({"temperature": temperature, "logits": logits}, **options)

    def _shapes(self) -> tuple[Shape, Shape]:
        _, value_shape = super()._shapes()
        return batch_beside_numbers(self), value_shape

    def _value_shape(self) -> Shape:
        return concrete_value_shape(self._name, self.logits)

    def _sample(self, n_samples: int | None) -> Var:
        shape = self.sample_shape(n_samples)
        x = jt.exp(exp_concrete_sample(self.temperature, self.logits, shape))
        limits = np.finfo(self._param_dtype)
        x = jt.maximum(x, constant(float(limits.tiny), x))
        return jt.minimum(x, constant(1.0 - float(limits.epsneg), x)).cast(self._param_dtype)

    def _log_prob(self, given: Var) -> Var:
        y = _log(double(given))
        density = concrete_log_density(y, self.temperature, self.logits)
        log_volume = sum_dims(y, [len(y.shape) - 1])
        log_prob = _log_prob(density, log_volume, distance_from_simplex(given))
        return log_prob.cast(self._param_dtype)


GumbelSoftmax = Concrete
