r"""The operations of ``kernels/linalg.h`` as functions of Vars, with derivatives of any order.

All Vars are 3-d, ``[batch, rows, columns]``, so that one kernel serves every number of leading
dims, and float64 unless said otherwise. A batch of one member stands for as many as the other
operand has, without being copied.

Gradients are built from the Vars that a function was called with, not from what ``execute``
receives: that is cut off from the graph, and second derivatives would be zero without a word.
Where a gradient needs the function's own result, ``value`` hands over what was computed already;
the result itself cannot be kept, since it would keep the function that keeps it.

Python numbers stand on the right: ``2.0 * x`` is float32 if the float64 ``x`` is a sum of shape
[1], since Jittor takes both for scalars and the dtype from the first; ``x * 2.0`` is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import jittor as jt

from zhusuan._tensor import Var, shape_of

_HEADER = f'#include "{Path(__file__).resolve().parents[1] / "kernels" / "linalg.h"}"'

PLAIN, SECOND_TRANSPOSED, FIRST_TRANSPOSED = range(3)
"""What :func:`product` multiplies: :math:`A B`, :math:`A B^\\top` or :math:`A^\\top B`."""


def _code(shape: Sequence[int], inputs: list[Var], source: str, **data: float) -> Var:
    """Run a function of the header; its text serves CPU and CUDA, the numbers are no part of it."""
    return jt.code(
        list(shape),
        inputs[0].dtype,
        inputs,
        cpu_src=source,
        cpu_header=_HEADER,
        cuda_src=source,
        cuda_header=_HEADER,
        data=data,
    )


def _members(a: Var, b: Var) -> int:
    """Return the size of the common batch, which may be 0."""
    return int(b.shape[0] if a.shape[0] == 1 else a.shape[0])


def transpose(a: Var) -> Var:
    """Swap rows and columns."""
    return a.transpose(0, 2, 1)


def sum_batch(a: Var, batch: int) -> Var:
    """Sum over the batch if only one member is wanted."""
    return a.sum([0], keepdims=True) if batch == 1 and a.shape[0] != 1 else a


class _Cholesky(jt.Function):
    def __init__(self, a: Var, value: Var = None) -> None:
        self.a, self.value = a, value

    def execute(self, a: Var) -> Var:
        if self.value is None:
            source = "zs::linalg::cholesky_batch(in0_p, out0_p, in0_shape0, in0_shape1);"
            self.value = _code(a.shape, [a], source)
        return self.value

    def grad(self, upstream: Var) -> Var:
        # With Phi the lower triangle with its diagonal halved and P = Phi(L^T dL), the gradient
        # is 1/2 L^-T (P + P^T) L^-1; P + P^T is the lower triangle of L^T dL, mirrored.
        factor = _Cholesky(self.a, self.value)(self.a)
        inner = product(factor, lower(upstream, 0), FIRST_TRANSPOSED)
        mirrored = lower(inner, 0) + transpose(lower(inner, -1))
        half = solve(factor, mirrored, transposed=True)
        return solve(factor, transpose(half), transposed=True) * 0.5


def cholesky(a: Var) -> Var:
    """Factorise ``a`` of shape [batch, n, n]; NaNs for a member that isn't positive definite."""
    return _Cholesky(a)(a)


class _Solve(jt.Function):
    def __init__(self, matrix: Var, b: Var, transposed: bool, value: Var = None) -> None:
        self.matrix, self.b, self.transposed, self.value = matrix, b, transposed, value

    def execute(self, matrix: Var, b: Var) -> Var:
        if self.value is None:
            batch = _members(matrix, b)
            source = """
                zs::linalg::solve_batch(in0_p, in0_shape0, in1_p, in1_shape0, out0_p, out0_shape0,
                                        in1_shape1, in1_shape2, data["transposed"] != 0);
            """
            shape = (batch, b.shape[1], b.shape[2])
            self.value = _code(shape, [matrix, b], source, transposed=float(self.transposed))
        return self.value

    def grad(self, upstream: Var) -> tuple[Var, Var]:
        x = _Solve(self.matrix, self.b, self.transposed, self.value)(self.matrix, self.b)
        to_b = solve(self.matrix, upstream, not self.transposed)
        left, right = (x, to_b) if self.transposed else (to_b, x)
        to_matrix = product(left, right, SECOND_TRANSPOSED, self.matrix.shape[0])
        return -lower(to_matrix, 0), sum_batch(to_b, self.b.shape[0])


def solve(matrix: Var, b: Var, transposed: bool) -> Var:
    """Solve with the lower triangle of ``matrix`` [batch, n, n] or its transpose; b [batch, n, k].

    :param matrix: its batch is that of ``b``, or one of the two has one member.
    """
    return _Solve(matrix, b, transposed)(matrix, b)


class _Product(jt.Function):
    def __init__(self, a: Var, b: Var, mode: int) -> None:
        self.a, self.b, self.mode = a, b, mode

    def execute(self, a: Var, b: Var, batch: int) -> Var:
        first, second = self.mode == FIRST_TRANSPOSED, self.mode == SECOND_TRANSPOSED
        shape = (batch, a.shape[2 if first else 1], b.shape[1 if second else 2])
        source = """
            zs::linalg::ProductShape s = {
                in0_shape0, in1_shape0, out0_shape0, out0_shape1, (long long)data["terms"],
                out0_shape2, zs::linalg::Mode(int(data["mode"]))
            };
            zs::linalg::product_batch(in0_p, in1_p, out0_p, s);
        """
        terms = a.shape[1 if first else 2]
        return _code(shape, [a, b], source, terms=float(terms), mode=float(self.mode))

    def grad(self, g: Var) -> tuple[Var, Var, None]:
        a, b, for_a, for_b = self.a, self.b, self.a.shape[0], self.b.shape[0]
        if self.mode == PLAIN:
            to_a = product(g, b, SECOND_TRANSPOSED, for_a)
            return to_a, product(a, g, FIRST_TRANSPOSED, for_b), None
        if self.mode == SECOND_TRANSPOSED:
            return product(g, b, PLAIN, for_a), product(g, a, FIRST_TRANSPOSED, for_b), None
        return product(b, g, SECOND_TRANSPOSED, for_a), product(a, g, PLAIN, for_b), None


def product(a: Var, b: Var, mode: int, batch: int | None = None) -> Var:
    """Multiply batches of matrices, one of them transposed if ``mode`` says so.

    :param batch: members of the result, by default as many as the operands have; 1 sums the
        products over the batch.
    """
    return _Product(a, b, mode)(a, b, _members(a, b) if batch is None else batch)


class _Lower(jt.Function):
    def execute(self, a: Var, k: int) -> Var:
        self.k = k
        source = """
            zs::linalg::lower_batch(in0_p, out0_p, in0_shape0, in0_shape1, in0_shape2,
                                    (long long)data["k"]);
        """
        return _code(a.shape, [a], source, k=float(k))

    def grad(self, upstream: Var) -> tuple[Var, None]:
        return lower(upstream, self.k), None


def lower(a: Var, k: int) -> Var:
    """Return ``a`` [batch, n, m] with zeros above its k-th diagonal; float32 or float64."""
    return _Lower()(a, k)


class _ReadDiagonal(jt.Function):
    def execute(self, a: Var) -> Var:
        source = "zs::linalg::read_diagonal_batch(in0_p, out0_p, in0_shape0, in0_shape1);"
        return _code(a.shape[:2], [a], source)

    def grad(self, upstream: Var) -> Var:
        return write_diagonal(upstream)


def read_diagonal(a: Var) -> Var:
    """Return the diagonals [batch, n] of ``a`` [batch, n, n]; float32 or float64."""
    return _ReadDiagonal()(a)


class _WriteDiagonal(jt.Function):
    def execute(self, v: Var) -> Var:
        source = "zs::linalg::write_diagonal_batch(in0_p, out0_p, in0_shape0, in0_shape1);"
        return _code((v.shape[0], v.shape[1], v.shape[1]), [v], source)

    def grad(self, upstream: Var) -> Var:
        return read_diagonal(upstream)


def write_diagonal(v: Var) -> Var:
    """Return diagonal matrices [batch, n, n] of ``v`` [batch, n]; float32 or float64."""
    return _WriteDiagonal()(v)


def identity(n: int) -> Var:
    """Return the identity, shape [1, n, n]."""
    return write_diagonal(jt.ones([1, n], dtype="float64"))


def shape_3d(a: Var, batch: tuple[int, ...]) -> Var:
    """Return ``a`` (..., n, m) as a 3-d Var for a computation on ``batch``, as float64.

    Its own batch keeps one member if it has one, and is expanded if it is neither that nor whole.
    """
    shape = shape_of(a)
    own, matrix = shape[:-2], shape[-2:]
    count = 1
    for size in own:
        count *= size
    if count != 1 and own != batch:
        a = a.broadcast(list(batch + matrix))
        count = 1
        for size in batch:
            count *= size
    if shape_of(a) != (count, *matrix):
        a = a.reshape([count, *matrix])
    return a.cast("float64") if str(a.dtype) != "float64" else a
