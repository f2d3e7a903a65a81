"""Divergences between families over positive numbers and over intervals."""

from __future__ import annotations

from typing import Any

import jittor as jt

from zhusuan._tensor import Var
from zhusuan.distributions.base import Distribution
from zhusuan.distributions.beta import Beta
from zhusuan.distributions.chi2 import Chi2
from zhusuan.distributions.exponential import Exponential
from zhusuan.distributions.gamma import Gamma
from zhusuan.distributions.half_normal import HalfNormal
from zhusuan.distributions.inverse_gamma import InverseGamma
from zhusuan.distributions.kl.registry import register_formula, register_kl
from zhusuan.distributions.log_normal import LogNormal
from zhusuan.distributions.pareto import Pareto
from zhusuan.distributions.uniform import Uniform
from zhusuan.distributions.weibull import Weibull

# Two gammas with shapes a, c and rates b, d (Penny 2001, eq. 21).
_GAMMA = """
    return (a - c) * digamma(a) - lgamma(a) + lgamma(c) + c * log(b / d) + a * (d - b) / b;
"""
# The families that are gammas, and their shape and rate.
_GAMMAS: dict[type[Distribution], tuple[str, str, str]] = {
    Gamma: ("alpha, beta", "{}_alpha", "{}_beta"),
    Exponential: ("rate", "T(1.0)", "{}_rate"),
    Chi2: ("df", "T(0.5 * {}_df)", "T(0.5)"),
}


def _prefixed(side: str, names: str) -> str:
    return ", ".join(f"{side}_{name}" for name in names.split(", "))


for _p, (_names_p, _shape_p, _rate_p) in _GAMMAS.items():
    for _q, (_names_q, _shape_q, _rate_q) in _GAMMAS.items():
        _define = (
            f"T a = {_shape_p.format('p')}, b = {_rate_p.format('p')}, "
            f"c = {_shape_q.format('q')}, d = {_rate_q.format('q')};"
        )
        register_formula(
            _p, _q, f"{_prefixed('p', _names_p)}, {_prefixed('q', _names_q)}", _define + _GAMMA
        )

# The divergence does not change under x -> 1 / x.
register_formula(
    InverseGamma, InverseGamma, "p_alpha, p_beta, q_alpha, q_beta",
    "const T &a = p_alpha, &b = p_beta, &c = q_alpha, &d = q_beta;" + _GAMMA,
)
# Below: minus the entropy of p, plus E_p[-log q] by E[x] and E[log x].
register_formula(
    LogNormal, Gamma, "p_loc, p_std, q_alpha, q_beta",
    """
    T mean = exp(p_loc + 0.5 * p_std * p_std);
    return -(p_loc + log(p_std) + 0.5 * (LOG_2PI + 1.0)) + lgamma(q_alpha)
        - q_alpha * log(q_beta) - (q_alpha - 1.0) * p_loc + q_beta * mean;
    """,
)
register_formula(
    Gamma, LogNormal, "p_alpha, p_beta, q_loc, q_std",
    """
    // log x has mean psi(alpha) - log(beta) and variance psi'(alpha).
    T psi = digamma(p_alpha), away = psi - log(p_beta) - q_loc;
    T entropy = p_alpha - log(p_beta) + lgamma(p_alpha) + (1.0 - p_alpha) * psi;
    return -entropy + psi - log(p_beta) + 0.5 * LOG_2PI + log(q_std)
        + 0.5 * (polygamma(1, p_alpha) + away * away) / (q_std * q_std);
    """,
)
register_formula(
    Weibull, Weibull, "p_scale, p_concentration, q_scale, q_concentration",
    """
    // Bauckhage 2013, eq. 20.
    const T &k = p_concentration, &l = q_concentration;
    T ratio = log(p_scale / q_scale);
    return log(k / l) - (k - l) * EULER_GAMMA / k - l * ratio
        + exp(l * ratio + lgamma(l / k + 1.0)) - 1.0;
    """,
)
register_formula(
    Weibull, Gamma, "p_scale, p_concentration, q_alpha, q_beta",
    """
    const T &k = p_concentration;
    T mean = p_scale * exp(lgamma(1.0 + 1.0 / k));
    return EULER_GAMMA * q_alpha / k - q_alpha * log(p_scale) + log(k) + q_beta * mean
        - EULER_GAMMA - 1.0 - q_alpha * log(q_beta) + lgamma(q_alpha);
    """,
)
register_formula(
    Pareto, Pareto, "p_scale, p_alpha, q_scale, q_alpha",
    """
    if (p_scale < q_scale) return T(INF);
    return log(p_alpha / q_alpha) + q_alpha * log(p_scale / q_scale)
        + (q_alpha - p_alpha) / p_alpha;
    """,
)
register_formula(
    Pareto, Gamma, "p_scale, p_alpha, q_alpha, q_beta",
    """
    if (p_alpha <= 1.0) return T(INF);
    T entropy = log(p_scale / p_alpha) + 1.0 + 1.0 / p_alpha;
    T mean = p_alpha * p_scale / (p_alpha - 1.0), mean_log = log(p_scale) + 1.0 / p_alpha;
    return -entropy - q_alpha * log(q_beta) + lgamma(q_alpha)
        - (q_alpha - 1.0) * mean_log + q_beta * mean;
    """,
)
register_formula(
    Beta, Beta, "p_alpha, p_beta, q_alpha, q_beta",
    """
    T a = p_alpha - q_alpha, b = p_beta - q_beta;
    return betaln(q_alpha, q_beta) - betaln(p_alpha, p_beta) + a * digamma(p_alpha)
        + b * digamma(p_beta) - (a + b) * digamma(p_alpha + p_beta);
    """,
)
register_formula(
    Beta, Gamma, "p_alpha, p_beta, q_alpha, q_beta",
    """
    T total = p_alpha + p_beta, psi = digamma(total), psi_a = digamma(p_alpha);
    T entropy = betaln(p_alpha, p_beta) - (p_alpha - 1.0) * psi_a
        - (p_beta - 1.0) * digamma(p_beta) + (total - 2.0) * psi;
    return -entropy - q_alpha * log(q_beta) + lgamma(q_alpha)
        - (q_alpha - 1.0) * (psi_a - psi) + q_beta * p_alpha / total;
    """,
)
register_formula(
    Beta, Uniform, "p_alpha, p_beta, q_minval, q_maxval",
    """
    if (q_minval > 0.0 || q_maxval < 1.0) return T(INF);
    T total = p_alpha + p_beta;
    return log(q_maxval - q_minval) - betaln(p_alpha, p_beta) + (p_alpha - 1.0) * digamma(p_alpha)
        + (p_beta - 1.0) * digamma(p_beta) - (total - 2.0) * digamma(total);
    """,
)
# E[log x] of a uniform on [a, b].
_MEAN_LOG = "T width = b - a, mean_log = (xlogy(b, b) - xlogy(a, a)) / width - 1.0;"
_FROM_UNIFORM = "const T &a = p_minval, &b = p_maxval;"
register_formula(
    Uniform, Uniform, "p_minval, p_maxval, q_minval, q_maxval",
    """
    if (p_minval < q_minval || p_maxval > q_maxval) return T(INF);
    return log((q_maxval - q_minval) / (p_maxval - p_minval));
    """,
)
register_formula(
    Uniform, Beta, "p_minval, p_maxval, q_alpha, q_beta",
    _FROM_UNIFORM + "if (a < 0.0 || b > 1.0) return T(INF);" + _MEAN_LOG
    + """
    T c = 1.0 - b, d = 1.0 - a;
    T mean_log1m = (xlogy(d, d) - xlogy(c, c)) / width - 1.0;
    return -log(width) + betaln(q_alpha, q_beta) - (q_alpha - 1.0) * mean_log
        - (q_beta - 1.0) * mean_log1m;
    """,
)
register_formula(
    Uniform, Gamma, "p_minval, p_maxval, q_alpha, q_beta",
    _FROM_UNIFORM + "if (a < 0.0) return T(INF);" + _MEAN_LOG
    + """
    return -log(width) - q_alpha * log(q_beta) + lgamma(q_alpha)
        - (q_alpha - 1.0) * mean_log + 0.5 * q_beta * (a + b);
    """,
)
register_formula(
    Uniform, Pareto, "p_minval, p_maxval, q_scale, q_alpha",
    _FROM_UNIFORM + "if (a < q_scale) return T(INF);" + _MEAN_LOG
    + "return -log(width) - log(q_alpha) - q_alpha * log(q_scale) + (q_alpha + 1.0) * mean_log;",
)
register_formula(
    Uniform, Exponential, "p_minval, p_maxval, q_rate",
    """
    if (p_minval < 0.0) return T(INF);
    return -log(p_maxval - p_minval) - log(q_rate) + 0.5 * q_rate * (p_minval + p_maxval);
    """,
)


def _to_exponential(p: Any, q: Exponential) -> Var:
    # -log q is linear: the entropy and the mean of p are all it takes.
    return q.rate * p.mean - jt.log(q.rate) - p._entropy()


for _family in (Beta, HalfNormal, InverseGamma, LogNormal, Pareto, Weibull):
    register_kl(_family, Exponential)(_to_exponential)
