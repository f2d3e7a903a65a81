"""Sylvester flows."""

from __future__ import annotations

import functools
import math

import jittor as jt
import numpy as np

from zhusuan import random
from zhusuan._tensor import Var, sum_dims
from zhusuan.transforms import _scalar_equation as scalar_equation
from zhusuan.transforms._amortised import _Amortisable, check_size
from zhusuan.transforms.householder import orthonormal_columns


class Sylvester(_Amortisable):
    r"""A push along several orthogonal directions at once: a planar flow with m hidden units.

    .. math:: y &= x + Q R \tanh(a), \qquad a = \tilde R\, Q^\top x + b, \\
              \det &= \prod_{i=1}^m \big(1 + R_{ii} \tilde R_{ii} (1 - \tanh^2 a_i)\big)

    (van den Berg et al. 2018, sec. 3), with upper triangular R and :math:`\tilde R` and m
    orthonormal columns Q. Q is the beginning of a product of Householder reflections, one of their
    variants; without reflections, of the identity (with permutations between layers, their
    triangular variant). The diagonals of R and :math:`\tilde R` are hyperbolic tangents, so that
    their product is above -1 and the map invertible (theorem 2).

    The paper has no inverse; since both matrices are triangular it can be had entry by entry,
    from the last: each takes Newton's method on the scalar equation of a planar flow.

    :param n_dim: entries of x.
    :param n_hidden: m, at most ``n_dim``, which is the default.
    :param n_reflections: how many reflections make Q; 0 for the identity.
    :param amortised: take R, :math:`\tilde R`, b and the reflections' vectors,
        ``n_parameters`` = (2 m + 1) m + n_reflections n_dim numbers in this order, matrices by
        rows, from ``context``, shape (..., n_parameters), whose leading dims broadcast to the
        batch of x.
    :raises ValueError: for a size below 1, or ``n_hidden`` above ``n_dim``.
    :ivar raw: the parameters, shape [n_parameters]; None if they come from the context.
    :ivar n_parameters: entries that a context must have.
    """

    def __init__(
        self,
        n_dim: int,
        n_hidden: int | None = None,
        n_reflections: int = 4,
        amortised: bool = False,
    ) -> None:
        m = n_dim if n_hidden is None else n_hidden
        check_size("Sylvester", n_dim=n_dim, n_hidden=m)
        if m > n_dim or n_reflections < 0:
            raise ValueError(
                f"Sylvester: n_hidden must be at most n_dim={n_dim} and n_reflections at least 0, "
                f"got {m} and {n_reflections}"
            )
        noise = random.standard_normal((2, m * m)).numpy()
        vectors = random.standard_normal((max(n_reflections, 1), n_dim)).numpy()[:n_reflections]
        start = [0.01 * noise[0], noise[1] / math.sqrt(m), np.zeros(m), *vectors]
        super().__init__(n_dim, start, amortised)
        self.n_hidden, self.n_reflections = m, n_reflections

    def _map(self, x: Var, *parameters: Var) -> tuple[Var, Var]:
        r_raw, r2_raw, b, *vectors = parameters
        q = self._q(vectors)
        (above, diagonal), (above2, diagonal2) = self._triangle(r_raw), self._triangle(r2_raw)
        s = _from_the_left(x, q)
        a = _times(above2, s) + diagonal2 * s + b
        h = jt.tanh(a)
        y = x + _times(q, _times(above, h) + diagonal * h)
        return y, sum_dims(scalar_equation.log_slope(a, 1.0 + diagonal * diagonal2), [1])

    def _solve(self, y: Var, *parameters: Var) -> Var:
        r_raw, r2_raw, b, *vectors = parameters
        q = self._q(vectors)
        (above, diagonal), (above2, diagonal2) = self._triangle(r_raw), self._triangle(r2_raw)
        slope = 1.0 + diagonal * diagonal2
        v = s = _from_the_left(y, q)
        h = jt.zeros_like(v)
        # Entry i needs those after it alone: pass k settles the k-th from the end, for good.
        for _ in range(self.n_hidden):
            rest = v - _times(above, h)
            a = scalar_equation.root(diagonal2 * rest + _times(above2, s) + b, slope)
            h = jt.tanh(a)
            s = rest - diagonal * h
        return y - _times(q, v - s)

    def _q(self, vectors: list[Var]) -> Var:
        return orthonormal_columns(vectors, _identity(self.n_dim, self.n_hidden))

    def _triangle(self, raw: Var) -> tuple[Var, Var]:
        """Return what is above the diagonal, shape [n, m, m], and the diagonal, [n, m]."""
        m = self.n_hidden
        matrix = raw.reshape([-1, m, m])
        diagonal = jt.tanh((matrix * _identity(m, m)).sum(2))
        return matrix * _above(m), diagonal

    def _describe(self) -> str:
        return f"{super()._describe()}, {self.n_hidden} hidden, {self.n_reflections} reflections"


def _times(matrix: Var, vector: Var) -> Var:
    """Return products of matrices [n or 1, d, m] and vectors [n, m]."""
    return (matrix * vector.unsqueeze(1)).sum(2)


def _from_the_left(vector: Var, matrix: Var) -> Var:
    """Return products of vectors [n, d] and matrices [n or 1, d, m]."""
    return (matrix * vector.unsqueeze(2)).sum(1)


@functools.lru_cache(maxsize=64)
def _identity(rows: int, columns: int) -> Var:
    return _constant(np.eye(rows, columns))


@functools.lru_cache(maxsize=64)
def _above(n: int) -> Var:
    return _constant(np.triu(np.ones((n, n)), 1))


def _constant(matrix: np.ndarray) -> Var:
    var = jt.array(matrix[None].astype("float32"))
    var.sync()
    return var.stop_grad()
