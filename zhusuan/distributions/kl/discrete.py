"""Divergences between families over whole numbers and categories."""

from __future__ import annotations

from typing import Any

import jittor as jt
import numpy as np

from zhusuan import special
from zhusuan._tensor import Var, host_view
from zhusuan.distributions.bernoulli import Bernoulli
from zhusuan.distributions.binomial import Binomial
from zhusuan.distributions.categorical import Categorical
from zhusuan.distributions.geometric import Geometric
from zhusuan.distributions.kl.registry import register_formula, register_kl
from zhusuan.distributions.multinomial import Multinomial
from zhusuan.distributions.negative_binomial import NegativeBinomial
from zhusuan.distributions.onehot_categorical import OnehotCategorical
from zhusuan.distributions.poisson import Poisson
from zhusuan.formula import Formula

# Cover and Thomas 2006, eq. 2.26, term by term; a term whose probability is 0 counts for nothing.
_bernoulli = Formula(
    "p, q",
    """
    T one = sigmoid(p), zero = sigmoid(T(-p)), sum = 0.0;
    if (one > 0.0) sum += one * (softplus(T(-q)) - softplus(T(-p)));
    if (zero > 0.0) sum += zero * (softplus(q) - softplus(p));
    return sum;
    """,
)
register_formula(
    Poisson, Poisson, "p_rate, q_rate",
    """
    return (p_rate > 0.0 ? p_rate * log(p_rate / q_rate) : T(0.0)) - p_rate + q_rate;
    """,
)
register_formula(
    Geometric, Geometric, "p_logits, q_logits",
    """
    // exp(-logits) is the mean number of failures.
    return log_sigmoid(p_logits) - log_sigmoid(q_logits)
        + exp(-p_logits) * (log_sigmoid(T(-p_logits)) - log_sigmoid(T(-q_logits)));
    """,
)


@register_kl(Bernoulli, Bernoulli)
def _kl_bernoulli(p: Bernoulli, q: Bernoulli) -> Var:
    return _bernoulli(p.logits, q.logits)


def _check_same_count(p: Any, q: Any, name: str) -> None:
    ours, theirs = getattr(p, name), getattr(q, name)
    counts = [host_view(n) if isinstance(n, jt.Var) else np.asarray(n) for n in (ours, theirs)]
    if (counts[0] != counts[1]).any():
        raise NotImplementedError(
            f"the KL divergence of two {type(p).__name__} distributions has a closed form for "
            f"equal {name} only, got {counts[0].reshape(-1)[:8]} and {counts[1].reshape(-1)[:8]}"
        )


@register_kl(Binomial, Binomial)
def _kl_binomial(p: Binomial, q: Binomial) -> Var:
    _check_same_count(p, q, "n_experiments")
    return p.n_experiments * _bernoulli(p.logits, q.logits)


@register_kl(NegativeBinomial, NegativeBinomial)
def _kl_negative_binomial(p: NegativeBinomial, q: NegativeBinomial) -> Var:
    _check_same_count(p, q, "total_count")
    # exp(logits) successes are expected for each failure.
    return p.total_count * _negative_binomial(p.logits, q.logits)


_negative_binomial = Formula(
    "p, q",
    """
    return log_sigmoid(T(-p)) - log_sigmoid(T(-q)) + exp(p) * (log_sigmoid(p) - log_sigmoid(q));
    """,
)


def _categories(p: Any, q: Any) -> Var:
    log_p, log_q = special.log_softmax(p.logits), special.log_softmax(q.logits)
    # Masked before the product: 0 * (-inf) is NaN. A category that only q has counts for nothing.
    possible = log_p > -1e30
    safe_p = jt.ternary(possible, log_p, jt.zeros_like(log_p))
    difference = jt.ternary(possible, safe_p - log_q, jt.zeros_like(log_p + log_q))
    return (jt.exp(log_p) * difference).stop_fuse().sum(-1)


register_kl(Categorical, Categorical)(_categories)
register_kl(OnehotCategorical, OnehotCategorical)(_categories)


@register_kl(Multinomial, Multinomial)
def _kl_multinomial(p: Multinomial, q: Multinomial) -> Var:
    _check_same_count(p, q, "n_experiments")
    return p.n_experiments * _categories(p, q)
