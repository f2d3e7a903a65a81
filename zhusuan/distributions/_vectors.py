"""What the families over vectors and matrices share."""

from __future__ import annotations

import math
from collections.abc import Callable

import jittor as jt

from zhusuan._tensor import Shape, Var, broadcast_shapes, shape_of
from zhusuan.distributions.base import Distribution
from zhusuan.distributions.constraints import simplex


def double(x: Var) -> Var:
    """Return ``x`` as float64: for sums and differences whose terms cancel."""
    return x if str(x.dtype) == "float64" else x.cast("float64")


def batch_beside_numbers(distribution: Distribution) -> Shape:
    """Return the batch shape in which numbers, Vars of shape [1], take no part.

    Jittor has no 0-d Var: counted as a batch of one, a temperature would make a batch of a
    single vector of logits.
    """
    shapes = []
    for name, value in distribution._given.items():
        shape, n = shape_of(value), distribution.parameters[name].value_ndims
        if n or shape != (1,):
            shapes.append(shape[: len(shape) - n])
    batch = broadcast_shapes(*shapes)
    assert batch is not None, "the base class has checked that they broadcast"
    return batch


def beside_vectors(scalars: Var) -> Var:
    """Return one number for each member of a batch, (...), in the shape (..., 1)."""
    shape = shape_of(scalars)
    return scalars if shape == (1,) else scalars.reshape([*shape, 1])


def distance_from_simplex(x: Var) -> Var:
    """Return how far vectors (..., n) are from the simplex: inf for a negative entry.

    No gradient; NaN if an entry is.
    """
    x = double(x.detach())
    last = [len(x.shape) - 1]
    excess = jt.abs(x.sum(last) - 1.0)
    negative = x.min(last) < 0.0
    return jt.ternary(negative, jt.full_like(excess, math.inf), excess)


ON_SIMPLEX = f"distance <= {simplex.tolerance}"
"""C++: whether a value whose :func:`distance_from_simplex` is ``distance`` is in the support."""


def side_by_side(operation: Callable[[Var, Var], Var], matrix: Var, x: Var) -> Var:
    """Return ``operation(matrix, x)``, a product or a solution, for samples of a batch.

    The leading dims that ``x`` has beyond those of ``matrix`` become further columns, so that
    the matrix is not copied for each sample.

    :param operation: function of matrices (..., m, n) and columns (..., n, k).
    :param matrix: shape (..., m, n).
    :param x: shape (..., n, k); leading dims broadcast.
    :return: shape (..., m, k).
    """
    core, own, value = shape_of(matrix)[-2:], shape_of(matrix)[:-2], shape_of(x)[-2:]
    full = broadcast_shapes(own, shape_of(x)[:-2])
    assert full is not None, "the caller has checked that they broadcast"
    if own and math.prod(own) == 1:  # one matrix for all
        matrix, own = matrix.reshape(list(core)), ()
    lead, batch = full[: len(full) - len(own)], full[len(full) - len(own) :]
    if own != batch:
        matrix = matrix.broadcast([*batch, *core])
    if full + value != shape_of(x):
        x = x.broadcast([*full, *value])
    if not lead:
        return operation(matrix, x)
    n_samples, n_batch, (n, k) = math.prod(lead), math.prod(batch), value
    columns = x.reshape([n_samples, n_batch, n, k]).transpose(1, 2, 0, 3)
    result = operation(matrix, columns.reshape([*batch, n, n_samples * k]))
    m = shape_of(result)[-2]
    result = result.reshape([n_batch, m, n_samples, k]).transpose(2, 0, 1, 3)
    return result.reshape([*full, m, k])


def column(x: Var) -> Var:
    """Return vectors (..., n) as matrices (..., n, 1)."""
    return x.reshape([*shape_of(x), 1])


def without_column(x: Var) -> Var:
    """Return matrices (..., n, 1) as vectors (..., n)."""
    return x.reshape(list(shape_of(x)[:-1]))


def sum_of_squares(x: Var, n_dims: int = 1) -> Var:
    """Return the sums of squares over the last ``n_dims`` dims."""
    n = len(x.shape)
    return (x * x).stop_fuse().sum(list(range(n - n_dims, n)))


def check_square_beside(family: str, mean: Var, name: str, matrix: Var) -> Shape:
    """Return (D,) for a mean (..., D) and a matrix (..., D, D).

    :param name: what the matrix is called.
    :raises ValueError: for other shapes.
    """
    value, core = shape_of(mean)[-1:], shape_of(matrix)[-2:]
    if core != value * 2:
        raise ValueError(
            f"{family}: {name} must be (..., D, D) beside a mean of (..., D), got {name} "
            f"{list(shape_of(matrix))} and mean {list(shape_of(mean))}"
        )
    return value
