"""What the families over K categories share: log-probabilities from logits or probabilities."""

from __future__ import annotations

import jittor as jt
import numpy as np

from zhusuan import special
from zhusuan._tensor import Var, shape_of
from zhusuan.distributions import constraints
from zhusuan.distributions._vectors import double
from zhusuan.distributions.base import Distribution
from zhusuan.distributions.constraints import Constraint, Interval
from zhusuan.distributions.parameter import Parameter
from zhusuan.formula import Formula

# The logarithm of a probability of 0 has no gradient: a category that never occurs gets none.
_log = Formula("p", "return p > 0.0 ? log(p) : T(-INF);")
_log_over = Formula("p, total", "return p > 0.0 ? log(p / total) : T(-INF);")
_entropy_terms = Formula("log_p", "return is_inf(value(log_p)) ? T(0.0) : -exp(log_p) * log_p;")


class _LogWeights(Constraint):
    name = "below infinity, and in each vector one finite at least"
    event_ndims = 1

    _below_infinity = Interval(name, open_lower=False)

    def violation(self, values: np.ndarray) -> str | None:
        wrong = self._below_infinity.violation(values)
        if wrong is None and (values.max(-1, initial=-np.inf) == -np.inf).any():
            return "a vector is -inf everywhere"
        return wrong


class Categories(Distribution):
    """A family whose parameter is the probability of each of K categories.

    ``logits`` may be ``-inf`` for a category that never occurs. Probabilities are divided by
    their sum, which is 1 to rounding.
    """

    logits = Parameter(_LogWeights(), value_ndims=1, derive=lambda self: _log(self.probs))
    probs = Parameter(
        constraints.simplex,
        value_ndims=1,
        derive=lambda self: jt.exp(self._log_probs()).cast(self._param_dtype),
    )
    is_continuous = False
    is_reparameterizable = False
    normalize_logits = True

    @property
    def n_categories(self) -> int:
        """The number K of categories."""
        return shape_of(self._weights())[-1]

    def _weights(self) -> Var:
        return self._given["probs" if "probs" in self._given else "logits"]

    def _log_probs(self) -> Var:
        """Return the log-probabilities, float64: at logits of 100 float32 leaves them no digits."""
        if "probs" in self._given:
            probs = double(self._given["probs"])
            return _log_over(probs, probs.sum([len(probs.shape) - 1], keepdims=True))
        logits = double(self._given["logits"])
        if not self.normalize_logits:
            return logits
        return logits - special.log_sum_exp(logits, keepdims=True)

    def _entropy_of_category(self) -> Var:
        """Return the entropy of one draw of a category (Cover and Thomas 2006, eq. 2.1)."""
        terms = _entropy_terms(self._log_probs())
        return terms.sum([len(terms.shape) - 1]).cast(self._param_dtype)

    def _likeliest(self) -> Var:
        """Return the index of the likeliest category, the first one of several."""
        weights = self._weights()
        winner, _ = jt.argmax(weights, len(weights.shape) - 1)
        return winner
