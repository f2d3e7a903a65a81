"""Divergences between families over the real line, and from any family to a normal."""

from __future__ import annotations

import math
from typing import Any

import jittor as jt

from zhusuan._tensor import Var
from zhusuan.distributions.beta import Beta
from zhusuan.distributions.cauchy import Cauchy
from zhusuan.distributions.chi2 import Chi2
from zhusuan.distributions.exponential import Exponential
from zhusuan.distributions.gamma import Gamma
from zhusuan.distributions.gumbel import Gumbel
from zhusuan.distributions.half_cauchy import HalfCauchy
from zhusuan.distributions.half_normal import HalfNormal
from zhusuan.distributions.kl.registry import register_formula, register_kl
from zhusuan.distributions.laplace import Laplace
from zhusuan.distributions.log_normal import LogNormal
from zhusuan.distributions.logistic import Logistic
from zhusuan.distributions.normal import Normal
from zhusuan.distributions.pareto import Pareto
from zhusuan.distributions.uniform import Uniform
from zhusuan.distributions.von_mises import VonMises
from zhusuan.distributions.weibull import Weibull

# log(s) cancels with log(t) and 1/2 with r^2 / 2 where the two are alike, hence the ratio.
_NORMAL = """
    T r = s / t, d = (m - n) / t;
    return 0.5 * (r - 1.0) * (r + 1.0) - log(r) + 0.5 * d * d;
"""
# Any two normals: Kullback and Leibler 1951; Rasmussen and Williams 2006, eq. A.23.
register_formula(
    Normal, Normal, "p_mean, p_std, q_mean, q_std",
    "const T &m = p_mean, &s = p_std, &n = q_mean, &t = q_std;" + _NORMAL,
)
# The divergence does not change under an invertible map of the values, here exp.
register_formula(
    LogNormal, LogNormal, "p_loc, p_std, q_loc, q_std",
    "const T &m = p_loc, &s = p_std, &n = q_loc, &t = q_std;" + _NORMAL,
)
# Both halves of a symmetric density contribute alike.
register_formula(
    HalfNormal, HalfNormal, "p_scale, q_scale",
    "T m = 0.0, n = 0.0; const T &s = p_scale, &t = q_scale;" + _NORMAL,
)
# Chyzak and Nielsen 2019, theorem 1.
_CAUCHY = "return log(((s + t) * (s + t) + d * d) / (4.0 * s * t));"
register_formula(
    Cauchy, Cauchy, "p_loc, p_scale, q_loc, q_scale",
    "T d = p_loc - q_loc; const T &s = p_scale, &t = q_scale;" + _CAUCHY,
)
register_formula(
    HalfCauchy, HalfCauchy, "p_scale, q_scale",
    "T d = 0.0; const T &s = p_scale, &t = q_scale;" + _CAUCHY,
)
# Below: minus the entropy of p, plus E_p[-log q], each an elementary expectation.
register_formula(
    Laplace, Laplace, "p_loc, p_scale, q_loc, q_scale",
    """
    T d = fabs(p_loc - q_loc);
    return log(q_scale / p_scale) + (p_scale * exp(-d / p_scale) + d) / q_scale - 1.0;
    """,
)
register_formula(
    Normal, Laplace, "p_mean, p_std, q_loc, q_scale",
    """
    // E|x - loc| is the mean of a folded normal (Leone et al. 1961).
    T d = p_mean - q_loc, z = d / p_std;
    T far = p_std * sqrt(T(2.0 / PI)) * exp(-0.5 * z * z) + d * erf(z / SQRT_2);
    return log(q_scale / p_std) + LOG_2 - 0.5 * (LOG_2PI + 1.0) + far / q_scale;
    """,
)
register_formula(
    Normal, Gumbel, "p_mean, p_std, q_loc, q_scale",
    """
    T d = (p_mean - q_loc) / q_scale, r = p_std / q_scale;
    return -log(r) - 0.5 * (LOG_2PI + 1.0) + d + exp(0.5 * r * r - d);
    """,
)
register_formula(
    Gumbel, Gumbel, "p_loc, p_scale, q_loc, q_scale",
    """
    T d = (p_loc - q_loc) / q_scale, r = p_scale / q_scale;
    return d - log(r) + EULER_GAMMA * (r - 1.0) + exp(lgamma(1.0 + r) - d) - 1.0;
    """,
)
register_formula(
    VonMises, VonMises, "p_loc, p_concentration, q_loc, q_concentration",
    """
    // Mardia and Jupp 2000, sec. 3.5.4: E[cos(x - loc)] is I1 / I0.
    return log_i0(q_concentration) - log_i0(p_concentration) + i1_over_i0(p_concentration)
        * (p_concentration - q_concentration * cos(p_loc - q_loc));
    """,
)


def _to_normal(p: Any, q: Normal) -> Var:
    # -log q is quadratic: the entropy and two moments of p are all it takes.
    distance = (p.mean - q.mean) / q.std
    spread = p.variance / (q.std * q.std)
    half = 0.5 * (spread + distance * distance)
    return half + jt.log(q.std) + 0.5 * math.log(2.0 * math.pi) - p._entropy()


for _family in (
    Beta, Chi2, Exponential, Gamma, Gumbel, HalfNormal, Laplace, LogNormal, Logistic, Pareto,
    Uniform, Weibull,
):
    register_kl(_family, Normal)(_to_normal)
