"""The multinomial distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jittor as jt

from zhusuan import random, special
from zhusuan._tensor import Shape, Var, host_view, sum_dims
from zhusuan.distributions import constraints
from zhusuan.distributions._categories import Categories
from zhusuan.distributions._vectors import batch_beside_numbers, beside_vectors, double
from zhusuan.distributions.base import Options, exactly_one
from zhusuan.distributions.constraints import Counts
from zhusuan.distributions.parameter import Parameter
from zhusuan.formula import Formula

if TYPE_CHECKING:
    from typing_extensions import Unpack

_terms = Formula(
    "x, log_p",
    """
    if (x < 0.0 || !is_whole(x)) return T(-INF);
    if (x == 0.0) return T(0.0);
    return is_inf(value(log_p)) ? T(-INF) : x * log_p - lgamma(value(x) + 1.0);
    """,
    constants="x",
)
_log_prob = Formula(
    "sum, n, total",
    """
    // One impossible count makes the whole vector impossible, without gradients.
    if (n != total || is_inf(value(sum))) return T(-INF);
    return sum + lgamma(value(n) + 1.0);
    """,
    constants="n, total",
)


class Multinomial(Categories):
    r"""Multinomial distribution: how often each of K categories comes up in n trials.

    .. math::

        \log p(x) = \log n! + \sum_k (x_k \log p_k - \log x_k!),
        \qquad p_k = e^{l_k} / \sum_j e^{l_j}

    (Bishop 2006, eq. 2.34). The log-mass is :math:`-\infty` for counts that are not whole, are
    negative, or do not add up to n.

    :param logits: log-weights :math:`l` of shape (..., K), any constant apart; ``-inf`` excludes
        a category, but not all of them. Give exactly one of ``logits`` and ``probs``.
    :param n_experiments: number of trials n, whole and >= 0; a number, or an array or Var that
        broadcasts with the batch (of shape [1] it counts as a number). No gradient. None: the
        log-mass takes n from the counts, and there is no sampling.
    :param normalize_logits: False if the logits are log-probabilities already; the
        log-mass then uses them as they are.
    :param probs: probabilities of shape (..., K), on the simplex; divided by their sum.
    :param options: see :class:`~zhusuan.distributions.base.Distribution`. Samples are float32;
        ``dtype='int32'`` makes them integers.
    :raises ValueError: if not exactly one of ``logits`` and ``probs`` is given, or a value is
        outside its domain.
    """

    n_experiments = Parameter(constraints.nonnegative_integer, derive=lambda self: None)

    def __init__(
        self,
        logits: Any = None,
        n_experiments: Any = None,
        normalize_logits: bool = True,
        probs: Any = None,
        **options: Unpack[Options],
    ) -> None:
        exactly_one("Multinomial", logits=logits, probs=probs)
        self.normalize_logits = normalize_logits
        super().__init__(
            {"logits": logits, "n_experiments": n_experiments, "probs": probs}, **options
        )

    @property
    def support(self) -> Counts:  # type: ignore[override]
        """Whole numbers >= 0 that add up to ``n_experiments``."""
        return Counts(self.n_experiments)

    def _shapes(self) -> tuple[Shape, Shape]:
        _, value_shape = super()._shapes()
        return batch_beside_numbers(self), value_shape

    def _value_shape(self) -> Shape:
        return (self.n_categories,)

    def _sample(self, n_samples: int | None) -> Var:
        n = host_view(self._n("a sample"))
        return random.multinomial(
            n.reshape(()) if n.shape == (1,) else n,
            jt.exp(self._log_probs()),
            self.sample_shape(n_samples),
            self.dtype,
        )

    def _log_prob(self, given: Var) -> Var:
        counts = double(given)
        last = [len(given.shape) - 1]
        total = counts.sum(last)
        terms = _terms(counts, self._log_probs())
        n = total if self.n_experiments is None else self.n_experiments
        log_prob = _log_prob(sum_dims(terms, [len(terms.shape) - 1]), n, total)
        return log_prob.cast(self._param_dtype)

    @property
    def mean(self) -> Var:
        """The mean, n p, shape ``batch_shape + [K]``.

        :raises ValueError: if ``n_experiments`` was not given.
        """
        return self._full(beside_vectors(self._n("the mean")) * self.probs)

    @property
    def variance(self) -> Var:
        """The variance n p (1 - p) of each count, shape ``batch_shape + [K]``.

        :raises ValueError: if ``n_experiments`` was not given.
        """
        log_probs = self._log_probs()
        one = (jt.exp(log_probs) * -special.expm1(log_probs)).cast(self._param_dtype)
        return self._full(beside_vectors(self._n("the variance")) * one)

    def _n(self, what: str) -> Var:
        if self.n_experiments is None:
            raise ValueError(f"{self._name}: {what} needs n_experiments, which was not given")
        return self.n_experiments
