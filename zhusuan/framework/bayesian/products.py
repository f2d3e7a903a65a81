"""Products of many pairs of small matrices, as networks of particles need them."""

from __future__ import annotations

import jittor as jt

from zhusuan import kernels
from zhusuan._tensor import Var, shape_of

_HEADER = kernels.include("products.h")
_SOURCE = """
    zs::products::Shape s = {
        in0_shape0, in1_shape0, out0_shape0, out0_shape1, (long long)data["terms"], out0_shape2,
        zs::products::Mode(int(data["mode"]))
    };
    zs::products::batch(in0_p, in1_p, out0_p, s);
"""

PLAIN, SECOND_TRANSPOSED, FIRST_TRANSPOSED = range(3)
"""What :func:`product` multiplies: :math:`A B`, :math:`A B^\\top` or :math:`A^\\top B`."""


class _Product(jt.Function):
    """:func:`product`.

    Jittor's own gradient of a batched product reads memory across its order: at [10, 100, 784]
    times [10, 784, 400] a step took 930 ms with it.
    """

    def __init__(self, a: Var, b: Var, mode: int) -> None:
        # Kept from outside of execute, which is cut off the graph: for second derivatives.
        self.a, self.b, self.mode = a, b, mode

    def execute(self, a: Var, b: Var) -> Var:
        first, second = self.mode == FIRST_TRANSPOSED, self.mode == SECOND_TRANSPOSED
        if jt.flags.use_cuda or a.dtype != b.dtype or str(a.dtype) not in ("float32", "float64"):
            return jt.matmul(
                a.transpose(0, 2, 1) if first else a, b.transpose(0, 2, 1) if second else b
            )
        (of_a, *of_matrix), of_b = shape_of(a), shape_of(b)
        rows, terms = reversed(of_matrix) if first else of_matrix
        shape = [max(of_a, of_b[0]), rows, of_b[1 if second else 2]]
        data = {"terms": float(terms), "mode": float(self.mode)}
        return jt.code(shape, a.dtype, [a, b], cpu_src=_SOURCE, cpu_header=_HEADER, data=data)

    def grad(self, g: Var) -> tuple[Var, Var]:
        a, b = self.a, self.b
        if self.mode == PLAIN:
            to_a, to_b = product(g, b, SECOND_TRANSPOSED), product(a, g, FIRST_TRANSPOSED)
        elif self.mode == SECOND_TRANSPOSED:
            to_a, to_b = product(g, b), product(g, a, FIRST_TRANSPOSED)
        else:
            to_a, to_b = product(b, g, SECOND_TRANSPOSED), product(a, g)
        return _summed(to_a, a), _summed(to_b, b)


def _summed(gradient: Var, operand: Var) -> Var:
    """Sum over the batch for an operand of one member, which stood for all."""
    if operand.shape[0] == 1 and gradient.shape[0] != 1:
        return gradient.sum(0, keepdims=True)
    return gradient


def product(a: Var, b: Var, mode: int = PLAIN) -> Var:
    """Return the products of a batch of pairs of matrices, with derivatives of any order.

    :param a: shape ``[batch, n, p]``, or ``[batch, p, n]`` where the mode transposes it; a batch
        of 1 stands for that of ``b``.
    :param b: shape ``[batch, p, m]``, or ``[batch, m, p]`` where the mode transposes it; a batch
        of 1 stands for that of ``a``.
    :param mode: which of the two is transposed.
    :return: shape ``[batch, n, m]``.
    """
    return _Product(a, b, mode)(a, b)
