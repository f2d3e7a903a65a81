"""The univariate normal distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jittor as jt

from zhusuan import random, special
from zhusuan._tensor import Var, constant
from zhusuan.distributions import constraints
from zhusuan.distributions.base import Distribution, Options, exactly_one
from zhusuan.distributions.parameter import Parameter
from zhusuan.special import LOG_2PI

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Normal(Distribution):
    r"""Normal distribution :math:`\mathrm{N}(x \mid \mu, \sigma^2)`.

    .. math:: \log p(x) = -\tfrac12 \log 2\pi - \log\sigma - \frac{(x - \mu)^2}{2\sigma^2}

    (Johnson, Kotz and Balakrishnan 1994, vol. 1, eq. 13.1).

    :param mean: :math:`\mu`, finite; number, array or Var.
    :param std: :math:`\sigma`, positive; broadcasts with ``mean``. Give exactly one of ``std``
        and ``logstd``.
    :param logstd: :math:`\log\sigma`, likewise, finite.
    :param options: see :class:`~zhusuan.distributions.base.Distribution`.
    :raises ValueError: if not exactly one of ``std`` and ``logstd`` is given, or a value is
        outside its domain.
    """

    mean = Parameter(constraints.real)
    std = Parameter(constraints.positive, derive=lambda self: jt.exp(self.logstd))
    logstd = Parameter(constraints.real, derive=lambda self: jt.log(self.std))
    support = constraints.real
    is_continuous = True
    is_reparameterizable = True

    def __init__(
        self, mean: Any = 0.0, std: Any = None, logstd: Any = None, **options: Unpack[Options]
    ) -> None:
        exactly_one("Normal", std=std, logstd=logstd)
        super().__init__({"mean": mean, "std": std, "logstd": logstd}, **options)

    def _sample(self, n_samples: int | None) -> Var:
        noise = random.standard_normal(self.sample_shape(n_samples), self._param_dtype)
        return self.mean + self.std * noise

    def _log_prob(self, given: Var) -> Var:
        standard = (given - self.mean) / self.std
        half_log_2pi = constant(0.5 * LOG_2PI, standard)
        return -0.5 * standard * standard - self.logstd - half_log_2pi

    @property
    def variance(self) -> Var:
        """The square of ``std``, shape ``batch_shape``."""
        return (self.std * self.std).broadcast(list(self.batch_shape))

    @property
    def mode(self) -> Var:
        """The mean."""
        return self.mean

    def _entropy(self) -> Var:
        # Cover and Thomas 2006, eq. 8.9.
        return self.logstd + constant(0.5 * (1.0 + LOG_2PI), self.logstd)

    def _cdf(self, given: Var) -> Var:
        return special.ndtr((given - self.mean) / self.std)

    def _icdf(self, probability: Var) -> Var:
        return self.mean + self.std * special.ndtri(probability)
