"""The binary Concrete distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jittor as jt

from zhusuan import random, special
from zhusuan._tensor import Var
from zhusuan.distributions import constraints
from zhusuan.distributions._limits import unit_range
from zhusuan.distributions.base import Distribution, Options
from zhusuan.distributions.parameter import Parameter
from zhusuan.formula import Formula

if TYPE_CHECKING:
    from typing_extensions import Unpack

_log_prob = Formula(
    "x, temperature, logits",
    """
    if (x <= 0.0 || x >= 1.0) return T(-INF);
    T log_x = log(x), log_rest = log1p(-x);
    T d = fabs(logits - temperature * (log_x - log_rest));
    // log sigmoid(d) + log sigmoid(-d), the same for -d.
    return log(temperature) - d - 2.0 * log1p(exp(-d)) - log_x - log_rest;
    """,
)
_cdf = Formula(
    "x, temperature, logits",
    """
    if (x <= 0.0 || x >= 1.0) return T(x > 0.0 ? 1.0 : 0.0);
    return sigmoid(T(temperature * logit(x) - logits));
    """,
)
_icdf = Formula(
    "p, temperature, logits",
    """
    if (p == 0.0 || p == 1.0) return T(value(p));
    return sigmoid(T((logits + logit(p)) / temperature));
    """,
)


class BinConcrete(Distribution):
    r"""Binary Concrete (Gumbel-softmax) distribution: a Bernoulli variable relaxed to (0, 1).

    With temperature :math:`\lambda` and logits :math:`l`,

    .. math:: x = \mathrm{sigmoid}\left(\frac{l + L}{\lambda}\right), \qquad
              L \sim \mathrm{Logistic}(0, 1)

    .. math:: \log p(x) = \log\lambda + d - 2 \log(1 + e^d) - \log x - \log(1 - x), \qquad
              d = l - \lambda \log\frac{x}{1 - x}

    (Maddison, Mnih and Teh 2017, app. B, divided through by :math:`(1 - x)^{-2\lambda}`;
    Jang, Gu and Poole 2017). The probability that x > 1/2 is :math:`\mathrm{sigmoid}(l)` at
    every temperature.

    A float32 is at most :math:`1 - 6 \cdot 10^{-8}`: at low temperatures many samples round to
    1 and are moved to that number, while small ones keep their digits down to
    :math:`10^{-38}`. So put the more likely outcome at 0 where densities of samples matter.

    :param temperature: :math:`\lambda`, positive; number, array or Var.
    :param logits: log-odds :math:`l`, finite; broadcasts with ``temperature``.
    :param options: see :class:`~zhusuan.distributions.base.Distribution`.
    :raises ValueError: for a value outside its domain.
    """

    temperature = Parameter(constraints.positive)
    logits = Parameter(constraints.real)
    support = constraints.open_unit_interval
    is_continuous = True
    is_reparameterizable = True

    def __init__(self, temperature: Any, logits: Any, **options: Unpack[Options]) -> None:
        super().__init__({"temperature": temperature, "logits": logits}, **options)

    def _sample(self, n_samples: int | None) -> Var:
        noise = random.standard_logistic(self.sample_shape(n_samples), self._param_dtype)
        x = special.sigmoid((self.logits + noise) / self.temperature)
        smallest, largest = unit_range(self.dtype, self._param_dtype)
        return jt.maximum(jt.minimum(x, largest), smallest)

    def _log_prob(self, given: Var) -> Var:
        return _log_prob(given, self.temperature, self.logits)

    def _cdf(self, given: Var) -> Var:
        return _cdf(given, self.temperature, self.logits)

    def _icdf(self, probability: Var) -> Var:
        return _icdf(probability, self.temperature, self.logits)


BinGumbelSoftmax = BinConcrete
