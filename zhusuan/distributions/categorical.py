"""The categorical distribution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import jittor as jt

from zhusuan import random
from zhusuan._tensor import Var, scalar, sum_dims
from zhusuan.distributions._categories import Categories
from zhusuan.distributions.base import Options, exactly_one
from zhusuan.distributions.constraints import Interval
from zhusuan.formula import Formula

if TYPE_CHECKING:
    from typing_extensions import Unpack

_log_prob = Formula(
    "x, n, log_p",
    "return x >= 0.0 && x < n && is_whole(x) ? log_p : T(-INF);",
    constants="x, n",
)
_cdf = Formula(
    "x, n, below",
    "return x < 0.0 ? T(0.0) : x >= n - 1.0 ? T(1.0) : below;",
    constants="x, n",
)
_icdf = Formula(
    "p, count, last",
    """
    if (p < 0.0 || p > 1.0) return T(NOT_A_NUMBER);
    return p == 1.0 || count > last ? last : count;
    """,
    constants="p, count, last",
)


class Categorical(Categories):
    r"""Categorical distribution over the indices 0, 1, ..., K - 1.

    .. math:: \log p(x) = \log p_x = l_x - \log \sum_k e^{l_k}

    (Bishop 2006, eq. 2.26, of the index instead of the one-hot vector). The log-mass of an index
    outside of 0 ... K - 1, or of a number that is not whole, is :math:`-\infty`. Mean, variance,
    cdf and quantile are those of the index as a number.

    :param logits: log-weights :math:`l` of shape (..., K), any constant apart; ``-inf`` excludes
        a category, but not all of them. Give exactly one of ``logits`` and ``probs``.
    :param probs: probabilities of shape (..., K), on the simplex; divided by their sum.
    :param options: see :class:`~zhusuan.distributions.base.Distribution`. Samples are float32;
        ``dtype='int32'`` makes them integers.
    :raises ValueError: if not exactly one of ``logits`` and ``probs`` is given, or a value is
        outside its domain.
    """

    def __init__(self, logits: Any = None, probs: Any = None, **options: Unpack[Options]) -> None:
        exactly_one("Categorical", logits=logits, probs=probs)
        super().__init__({"logits": logits, "probs": probs}, **options)

    @property
    def support(self) -> Interval:  # type: ignore[override]
        """Whole numbers from 0 to K - 1."""
        last = self.n_categories - 1
        return Interval(f"a whole number from 0 to {last}", 0.0, last, False, False, integer=True)

    def _sample(self, n_samples: int | None) -> Var:
        return random.categorical(
            self.logits, () if n_samples is None else (n_samples,), self.dtype
        )

    def _log_prob(self, given: Var) -> Var:
        log_probs = self._log_probs()
        n = self.n_categories
        # Looked up in the flattened table: broadcasting it to all samples would take K times
        # the memory. An index that is out of range must not reach the table, where it would
        # read a 0.
        row = jt.arange(math.prod(self.batch_shape)).reshape(list(self.batch_shape) or [1]) * n
        index = jt.clamp(given.cast("int32"), 0, n - 1) + row
        found = log_probs.reshape([-1])[index]
        log_prob = _log_prob(given, scalar(float(n), "float64"), found)
        return log_prob.cast(self._param_dtype)

    @property
    def mean(self) -> Var:
        """The mean of the index, shape ``batch_shape``."""
        return self._expect(self._indices()).cast(self._param_dtype)

    @property
    def variance(self) -> Var:
        """The variance of the index, shape ``batch_shape``."""
        index = self._indices()
        mean = self._expect(index)
        away = index - (mean.unsqueeze(-1) if self.batch_shape else mean)
        return self._expect(away * away).cast(self._param_dtype)

    @property
    def mode(self) -> Var:
        """The likeliest index, the smallest of several."""
        return self._likeliest().cast(self._param_dtype)

    def _entropy(self) -> Var:
        return self._entropy_of_category()

    def _cdf(self, given: Var) -> Var:
        index = self._indices()
        probs = jt.exp(self._log_probs())
        reached = given.unsqueeze(-1) >= index
        below = jt.ternary(reached, probs, jt.zeros_like(probs))
        below = sum_dims(below, [len(below.shape) - 1])
        n = scalar(float(self.n_categories), "float64")
        return _cdf(given, n, below).cast(self._param_dtype)

    def _icdf(self, probability: Var) -> Var:
        probs = jt.exp(self._log_probs().detach())
        index = self._indices()
        last = (index * (probs > 0.0)).max([len(probs.shape) - 1])
        # Rounded as the cdf is: the quantile of what it has returned for k has to be k.
        below = jt.cumsum(probs, len(probs.shape) - 1).cast(probability.dtype)
        count = (below < probability.unsqueeze(-1)).cast("float64")
        count = sum_dims(count, [len(count.shape) - 1])
        return _icdf(probability, count, last).cast(self._param_dtype)

    def _expect(self, values: Var) -> Var:
        terms = jt.exp(self._log_probs()) * values
        return sum_dims(terms, [len(terms.shape) - 1])

    def _indices(self) -> Var:
        return jt.arange(self.n_categories).cast("float64")


Discrete = Categorical
