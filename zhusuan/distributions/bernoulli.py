"""The Bernoulli distribution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import jittor as jt

from zhusuan import random, special
from zhusuan._tensor import Var
from zhusuan.distributions import constraints
from zhusuan.distributions.base import Distribution, Options, exactly_one
from zhusuan.distributions.parameter import Parameter
from zhusuan.formula import Formula

if TYPE_CHECKING:
    from typing_extensions import Unpack

_cdf = Formula("x, q", "return x < 0.0 ? T(0.0) : x < 1.0 ? q : T(1.0);")
_icdf = Formula(
    "p, q", "return p < 0.0 || p > 1.0 ? NOT_A_NUMBER : T(p <= q ? 0.0 : 1.0);", constants="p, q"
)


class Bernoulli(Distribution):
    r"""Bernoulli distribution over 0 and 1 with :math:`P(x = 1) = p`.

    .. math::

        \log p(x) &= x \log p + (1 - x) \log(1 - p) \\
                  &= -x\,\mathrm{softplus}(-l) - (1 - x)\,\mathrm{softplus}(l),
        \qquad l = \log\frac{p}{1 - p}.

    The first form is Bishop 2006, eq. 2.2. Prefer ``logits`` where they are at hand: float32
    probabilities round to exactly 1 above logits of 17, where the log-mass of a 0 is then
    :math:`-\infty`.

    A value between 0 and 1, such as the grey level of a pixel, is scored by the same formula: the
    negative cross-entropy, as variational auto-encoders on real-valued pixels use it.

    :param logits: log-odds :math:`l`, finite; number, array or Var. Give exactly one of
        ``logits`` and ``probs``.
    :param probs: :math:`p`, likewise, in [0, 1]; exactly 0 and 1 are allowed.
    :param options: see :class:`~zhusuan.distributions.base.Distribution`. Samples are float32,
        so that they can be fed to a network; ``dtype='int32'`` makes them integers.
    :raises ValueError: if not exactly one of ``logits`` and ``probs`` is given, or a value is
        outside its domain.
    """

    logits = Parameter(
        constraints.real,
        derive=lambda self: jt.log(self.probs) - special.log1p(-self.probs),
    )
    probs = Parameter(constraints.unit_interval, derive=lambda self: special.sigmoid(self.logits))
    support = constraints.boolean
    is_continuous = False
    is_reparameterizable = False

    def __init__(
        self, logits: Any = None, probs: Any = None, **options: Unpack[Options]
    ) -> None:
        exactly_one("Bernoulli", logits=logits, probs=probs)
        super().__init__({"logits": logits, "probs": probs}, **options)

    def _sample(self, n_samples: int | None) -> Var:
        # u < p with u in [0, 1): never 1 for p = 0, always 1 for p = 1.
        return random.uniform(self.sample_shape(n_samples), self._param_dtype) < self.probs

    def _log_prob(self, given: Var) -> Var:
        if "probs" in self._given:
            log_prob = special.xlogy(given, self.probs) + special.xlog1py(1.0 - given, -self.probs)
            inside = ((given >= 0) & (given <= 1)).broadcast(list(log_prob.shape))
            return jt.ternary(inside, log_prob, jt.full_like(log_prob, -math.inf))
        return special.bernoulli_log_prob(self.logits, given)

    @property
    def mean(self) -> Var:
        """The probability of a 1, shape ``batch_shape``."""
        return self.probs

    @property
    def variance(self) -> Var:
        """The variance p (1 - p), shape ``batch_shape``."""
        return self.probs * self._prob_of_zero()

    @property
    def mode(self) -> Var:
        """The likelier of 0 and 1; 0 where both are."""
        return (self.probs > 0.5).cast(self._param_dtype)

    def _cdf(self, given: Var) -> Var:
        return _cdf(given, self._prob_of_zero())

    def _icdf(self, probability: Var) -> Var:
        return _icdf(probability, self._prob_of_zero())

    def _entropy(self) -> Var:
        p, q = self.probs, self._prob_of_zero()
        if "probs" in self._given:
            return -(special.xlogy(p, p) + special.xlog1py(q, -p))
        return p * special.softplus(-self.logits) + q * special.softplus(self.logits)

    def _prob_of_zero(self) -> Var:
        # 1 - p has no digits left where p rounds to 1; the logits still have them all.
        return 1.0 - self.probs if "probs" in self._given else special.sigmoid(-self.logits)
