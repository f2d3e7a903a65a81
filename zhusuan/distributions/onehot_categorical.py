"""The categorical distribution over one-hot vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jittor as jt

from zhusuan import random, special
from zhusuan._tensor import Shape, Var, sum_dims
from zhusuan.distributions import constraints
from zhusuan.distributions._categories import Categories
from zhusuan.distributions._vectors import ON_SIMPLEX, distance_from_simplex, double
from zhusuan.distributions.base import Options, exactly_one
from zhusuan.formula import Formula

if TYPE_CHECKING:
    from typing_extensions import Unpack

_terms = Formula(
    "x, log_p",
    """
    if (is_inf(value(log_p))) return T(x == 0.0 ? 0.0 : -INF);
    return x * log_p;
    """,
)
_inside = Formula(
    "log_prob, distance",
    f"return {ON_SIMPLEX} ? log_prob : T(-INF);",
    constants="distance",
)


class OnehotCategorical(Categories):
    r"""Categorical distribution over one-hot vectors of K elements.

    .. math:: \log p(x) = \sum_k x_k \log p_k, \qquad p_k = e^{l_k} / \sum_j e^{l_j}

    (Bishop 2006, eq. 2.26). Another point of the simplex, such as a sample of
    :class:`~zhusuan.distributions.concrete.Concrete` that stands for a one-hot vector, is scored
    by the same formula: the negative cross-entropy. It carries gradients to :math:`x`.

    :param logits: log-weights :math:`l` of shape (..., K), any constant apart; ``-inf`` excludes
        a category, but not all of them. Give exactly one of ``logits`` and ``probs``.
    :param probs: probabilities of shape (..., K), on the simplex; divided by their sum.
    :param options: see :class:`~zhusuan.distributions.base.Distribution`. Samples are float32;
        ``dtype='int32'`` makes them integers.
    :raises ValueError: if not exactly one of ``logits`` and ``probs`` is given, or a value is
        outside its domain.
    """

    support = constraints.one_hot

    def __init__(self, logits: Any = None, probs: Any = None, **options: Unpack[Options]) -> None:
        exactly_one("OnehotCategorical", logits=logits, probs=probs)
        super().__init__({"logits": logits, "probs": probs}, **options)

    def _value_shape(self) -> Shape:
        return (self.n_categories,)

    def _sample(self, n_samples: int | None) -> Var:
        lead = () if n_samples is None else (n_samples,)
        drawn = random.categorical(self.logits, lead)
        return self._onehot(drawn.reshape([*lead, *self.batch_shape, 1]), self.dtype)

    def _log_prob(self, given: Var) -> Var:
        terms = _terms(double(given), self._log_probs())
        total = sum_dims(terms, [len(terms.shape) - 1])
        return _inside(total, distance_from_simplex(given)).cast(self._param_dtype)

    @property
    def mean(self) -> Var:
        """The probabilities, shape ``batch_shape + [K]``."""
        return self.probs

    @property
    def variance(self) -> Var:
        """The variance p (1 - p) of each element, shape ``batch_shape + [K]``."""
        log_probs = self._log_probs()
        # 1 - p has no digits left where p rounds to 1; in double it has those of float32.
        return (jt.exp(log_probs) * -special.expm1(log_probs)).cast(self._param_dtype)

    @property
    def mode(self) -> Var:
        """The one-hot vector of the likeliest category, the first one of several."""
        likeliest = self._likeliest().reshape([*self.batch_shape, 1])
        return self._onehot(likeliest, self._param_dtype)

    def _entropy(self) -> Var:
        return self._entropy_of_category()

    def _onehot(self, index: Var, dtype: str) -> Var:
        return (index == jt.arange(self.n_categories)).cast(dtype)


OnehotDiscrete = OnehotCategorical
