"""The multinomial distribution without its combinatorial term."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zhusuan._tensor import Shape, Var, sum_dims
from zhusuan.distributions._categories import Categories
from zhusuan.distributions._vectors import double
from zhusuan.distributions.base import Options, exactly_one
from zhusuan.distributions.constraints import Counts
from zhusuan.formula import Formula

if TYPE_CHECKING:
    from typing_extensions import Unpack

_terms = Formula(
    "x, log_p",
    """
    if (x < 0.0) return T(-INF);
    if (is_inf(value(log_p))) return T(x == 0.0 ? 0.0 : -INF);
    return x * log_p;
    """,
)
# One impossible count makes the whole vector impossible, without gradients.
_log_prob = Formula("sum", "return is_inf(value(sum)) ? T(-INF) : sum;")


class UnnormalizedMultinomial(Categories):
    r"""Bag of categoricals: the counts of a sequence of draws from K categories.

    .. math:: \log p(x) = \sum_k x_k \log p_k, \qquad p_k = e^{l_k} / \sum_j e^{l_j}

    This is the log-probability of one sequence with these counts, without the number
    :math:`n! / \prod_k x_k!` of sequences that has
    :class:`~zhusuan.distributions.multinomial.Multinomial`: a constant for observed counts, such
    as the words of a document. So it is not normalised over counts, and there is no sampling.

    Counts that are not whole, such as weighted word counts, are scored by the same formula.

    The formula is Bishop 2006, eq. 2.29.

    :param logits: log-weights :math:`l` of shape (..., K), any constant apart; ``-inf`` excludes
        a category, but not all of them. Give exactly one of ``logits`` and ``probs``.
    :param normalize_logits: False if the logits are log-probabilities already; the
        log-probability then uses them as they are.
    :param probs: probabilities of shape (..., K), on the simplex; divided by their sum.
    :param options: see :class:`~zhusuan.distributions.base.Distribution`.
    :raises ValueError: if not exactly one of ``logits`` and ``probs`` is given, or a value is
        outside its domain.
    """

    support = Counts()

    def __init__(
        self,
        logits: Any = None,
        normalize_logits: bool = True,
        probs: Any = None,
        **options: Unpack[Options],
    ) -> None:
        exactly_one("UnnormalizedMultinomial", logits=logits, probs=probs)
        self.normalize_logits = normalize_logits
        super().__init__({"logits": logits, "probs": probs}, **options)

    def _value_shape(self) -> Shape:
        return (self.n_categories,)

    def _sample(self, n_samples: int | None) -> Var:
        raise NotImplementedError(
            f"{self._name} has no samples: the number of draws is not part of it; "
            "use Multinomial with n_experiments"
        )

    def _log_prob(self, given: Var) -> Var:
        terms = _terms(double(given), self._log_probs())
        return _log_prob(sum_dims(terms, [len(terms.shape) - 1])).cast(self._param_dtype)


BagofCategoricals = UnnormalizedMultinomial
