"""What the functions of :mod:`zhusuan.linalg` accept, and what they say about the rest."""

from __future__ import annotations

import math
from typing import Any

import jittor as jt

from zhusuan._tensor import FLOAT_DTYPES, Shape, Var, as_var, broadcast_shapes, settled, shape_of


def float_vars(function: str, **operands: Any) -> list[Var]:
    """Return the operands as Vars of one float dtype: float64 if one of them has it.

    :param function: the name for error messages.
    :param operands: Vars, or what :func:`zhusuan._tensor.as_var` converts.
    :raises TypeError: if a Var is of another dtype.
    """
    dtype = "float32"
    for name, value in operands.items():
        if not isinstance(value, jt.Var):
            continue
        if str(value.dtype) not in FLOAT_DTYPES:
            raise TypeError(
                f"{function}: {name} of shape {list(value.shape)} must be float32 or float64, "
                f"not {value.dtype}"
            )
        if str(value.dtype) == "float64":
            dtype = "float64"
    return [
        settled(as_var(value, dtype, f"{function}: {name}")) for name, value in operands.items()
    ]


def check_dims(function: str, name: str, a: Var, what: str, dims: int) -> None:
    """Raise ValueError unless ``a`` has at least that many dims and elements in the last ones.

    :param what: the shape that is wanted, for people.
    """
    shape = shape_of(a)
    if len(shape) < dims or 0 in shape[-dims:]:
        raise ValueError(f"{function}: {name} of shape {list(shape)} must be {what}")


def check_square(function: str, name: str, a: Var) -> int:
    """Return n for ``a`` of shape (..., n, n).

    :raises ValueError: for any other shape.
    """
    check_dims(function, name, a, "(..., n, n)", 2)
    rows, columns = shape_of(a)[-2:]
    if rows != columns:
        raise ValueError(f"{function}: {name} of shape {list(a.shape)} must be (..., n, n)")
    return rows


def check_size(function: str, name: str, a: Var, dim: int, size: int, other: str) -> None:
    """Raise ValueError unless dim -1 or -2 of ``a`` has ``size`` elements.

    :param other: the operand that asks for it, with its shape.
    """
    wanted = f"(..., {size})" if dim == -1 else f"(..., {size}, k)"
    check_dims(function, name, a, wanted, -dim)
    if shape_of(a)[dim] != size:
        raise ValueError(
            f"{function}: {name} of shape {list(a.shape)} must be {wanted} to go with {other}"
        )


def describe(name: str, a: Var) -> str:
    """Return ``'l of shape [3, 3]'``."""
    return f"{name} of shape {list(a.shape)}"


def common_batch(function: str, **operands: tuple[Var, int]) -> Shape:
    """Return what the leading dims of the operands broadcast to.

    :param operands: each with its number of trailing dims that are no batch.
    :raises ValueError: if they do not broadcast.
    """
    batch = broadcast_shapes(*(shape_of(a)[: len(a.shape) - core] for a, core in operands.values()))
    if batch is None:
        listed = " and ".join(describe(name, a) for name, (a, _) in operands.items())
        raise ValueError(f"{function}: the leading dims of {listed} do not broadcast")
    return batch


def count(shape: Shape) -> int:
    """Return the number of members of a batch."""
    return math.prod(shape)


def from_batch(result: Var, batch: Shape, like: Var) -> Var:
    """Give a result its leading dims and the dtype of ``like``.

    :param result: its first dim is the batch; a scalar gets shape [1].
    """
    shape = (*batch, *shape_of(result)[1:]) or (1,)
    if result.dtype != like.dtype:
        result = result.cast(str(like.dtype))
    return result if shape_of(result) == shape else result.reshape(list(shape))
