"""Divergences between families over vectors and matrices."""

from __future__ import annotations

from typing import Any

from zhusuan import linalg, special
from zhusuan._tensor import Var, shape_of
from zhusuan.distributions.dirichlet import Dirichlet
from zhusuan.distributions.kl.registry import register_kl
from zhusuan.distributions.low_rank_multivariate_normal import LowRankMultivariateNormal
from zhusuan.distributions.matrix_variate_normal_cholesky import MatrixVariateNormalCholesky
from zhusuan.distributions.multivariate_normal import MultivariateNormal
from zhusuan.distributions.multivariate_normal_cholesky import MultivariateNormalCholesky
from zhusuan.distributions.wishart import Wishart


@register_kl(Dirichlet, Dirichlet)
def _kl_dirichlet(p: Dirichlet, q: Dirichlet) -> Var:
    # Penny 2001, eq. 23. In double: the terms cancel where alpha is large.
    a, b = p.alpha.cast("float64"), q.alpha.cast("float64")
    sum_a, sum_b = a.sum(-1, keepdims=True), b.sum(-1, keepdims=True)
    terms = special.lgamma(b) - special.lgamma(a)
    terms = terms + (a - b) * (special.digamma(a) - special.digamma(sum_a))
    value = terms.sum(-1) + (special.lgamma(sum_a) - special.lgamma(sum_b)).sum(-1)
    return value.cast(p.alpha.dtype)


def _squared_norm(matrix: Var) -> Var:
    """Return the squared Frobenius norm of matrices (..., n, m)."""
    return (matrix * matrix).stop_fuse().sum([len(matrix.shape) - 2, len(matrix.shape) - 1])


def _kl_normal(p: Any, q: Any) -> Var:
    # Rasmussen and Williams 2006, eq. A.23, by the Cholesky factors of both covariances.
    lower, target = p.cov_tril, q.cov_tril
    away = (p.mean - q.mean).unsqueeze(-1)
    log_det = linalg.log_det_triangular(target) - linalg.log_det_triangular(lower)
    spread = _squared_norm(linalg.solve_triangular(target, lower))
    distance = _squared_norm(linalg.solve_triangular(target, away))
    return log_det + 0.5 * (spread + distance - shape_of(lower)[-1])


_NORMALS = (MultivariateNormalCholesky, MultivariateNormal, LowRankMultivariateNormal)
for _p in _NORMALS:
    for _q in _NORMALS:
        register_kl(_p, _q)(_kl_normal)


@register_kl(MatrixVariateNormalCholesky, MatrixVariateNormalCholesky)
def _kl_matrix_normal(p: MatrixVariateNormalCholesky, q: MatrixVariateNormalCholesky) -> Var:
    # A multivariate normal whose covariance is a Kronecker product (Gupta and Nagar 1999,
    # theorem 2.2.1): traces multiply, log-determinants are weighted by the other dimension.
    n, m = p.value_shape
    rows = linalg.solve_triangular(q.u_tril, p.u_tril)
    columns = linalg.solve_triangular(q.v_tril, p.v_tril)
    whitened = linalg.solve_triangular(q.u_tril, p.mean - q.mean)
    whitened = linalg.solve_triangular(q.v_tril, whitened.transpose(-1, -2))
    log_det = m * (linalg.log_det_triangular(q.u_tril) - linalg.log_det_triangular(p.u_tril))
    log_det = log_det + n * (
        linalg.log_det_triangular(q.v_tril) - linalg.log_det_triangular(p.v_tril)
    )
    spread = _squared_norm(rows) * _squared_norm(columns)
    return log_det + 0.5 * (spread + _squared_norm(whitened) - n * m)


@register_kl(Wishart, Wishart)
def _kl_wishart(p: Wishart, q: Wishart) -> Var:
    # Penny 2001, eq. 26, with the multivariate gamma function written out (DLMF 35.3.4).
    n = p.value_shape[-1]
    ours, theirs = 0.5 * p.df.cast("float64"), 0.5 * q.df.cast("float64")
    gammas, psi = 0.0 * ours * theirs, 0.0 * ours
    for i in range(n):
        gammas = gammas + special.lgamma(theirs - 0.5 * i) - special.lgamma(ours - 0.5 * i)
        psi = psi + special.digamma(ours - 0.5 * i)
    log_det = linalg.log_det_triangular(q.scale_tril) - linalg.log_det_triangular(p.scale_tril)
    spread = _squared_norm(linalg.solve_triangular(q.scale_tril, p.scale_tril))
    counts = (gammas + (ours - theirs) * psi).cast(p.df.dtype)
    return counts + q.df * log_det + 0.5 * p.df * (spread - n)
