"""Layers that compute with many sets of weights at once."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import jittor as jt
from jittor import nn

from zhusuan import special
from zhusuan._tensor import Shape, Var, broadcast_shapes, shape_of
from zhusuan.framework.bayesian.products import SECOND_TRANSPOSED, product

# How many leading dims of Vars count particles, while a network of particles is at work.
_n_leading: ContextVar[int] = ContextVar("n_leading", default=0)

# Each number of the output comes from one number of the input.
_POINTWISE = (
    nn.Identity, nn.Dropout, nn.Tanh, nn.Sigmoid, nn.Softplus, nn.ELU, nn.Mish,
    nn.Relu, nn.LeakyReLU, nn.ReLU6, nn.GELU, nn.SiLU,
)  # fmt: skip
_POINTWISE_FUNCTIONS = (
    nn.identity, nn.relu, nn.leaky_relu, nn.relu6, nn.elu, nn.gelu, nn.silu, nn.softplus,
    jt.tanh, jt.sigmoid, jt.sin, jt.cos, jt.exp, special.softplus, special.sigmoid,
)  # fmt: skip

# Multiplications from which oneDNN's product of two matrices, which sets up threads, is the faster.
_LARGE = 2**27

# Dims of the input that the first layer with a definite number of them takes.
_INPUT_NDIMS = (
    (nn.Linear, 2), (nn.Conv, 4), (nn.ConvTranspose, 4), (nn.Conv1d, 3), (nn.Conv3d, 5),
)  # fmt: skip


@contextlib.contextmanager
def particles_in_front(n: int) -> Iterator[None]:
    """Let the layers of this file take the first ``n`` dims of all Vars for particles.

    :param n: number of dims.
    """
    token = _n_leading.set(n)
    try:
        yield
    finally:
        _n_leading.reset(token)


class LinearOfParticles(nn.Linear):
    """``nn.Linear`` with weights ``[*particles, out, in]`` and biases ``[*particles, out]``."""

    def execute(self, x: Var) -> Var:
        """Return ``x`` of shape ``[*particles, ..., in]`` times the weights, plus the bias."""
        n = _n_leading.get()
        if not n:
            return super().execute(x)
        is_shared = len(self.weight.shape) == 2  # it was not chosen
        y = nn.matmul_transpose(x, self.weight) if is_shared else _times(x, self.weight, n)
        if self.bias is None:
            return y
        if len(self.bias.shape) == 1:
            return y + self.bias
        lead, between = shape_of(self.bias)[:-1], len(y.shape) - n - 1
        return y + self.bias.reshape([*lead, *[1] * between, shape_of(self.bias)[-1]])


class FlattenOfParticles(nn.Flatten):
    """``nn.Flatten`` that leaves the dims of the particles alone."""

    def execute(self, x: Var) -> Var:
        """Return ``x`` with the dims from start to end as one; counted behind the particles."""
        n = _n_leading.get()
        start, end = (d + n if d >= 0 else d for d in (self.start_dim, self.end_dim))
        return x.flatten(start, end)


def prepare(module: nn.Module) -> None:
    """Turn the linear and flattening layers inside a module into those of this file.

    :param module: the module; it is changed.
    """
    replaced = {nn.Linear: LinearOfParticles, nn.Flatten: FlattenOfParticles}
    for layer in module.modules():
        layer.__class__ = replaced.get(type(layer), type(layer))


def is_vectorizable(layer: Any, chosen_owners: set[int]) -> bool:
    """Return whether a layer is known to treat leading dims of its input alike.

    :param layer: a layer, or a function in a ``Sequential``.
    :param chosen_owners: ids of the layers with parameters that become nodes.
    """
    kind = type(layer)
    if kind is nn.Sequential:
        return all(is_vectorizable(child, chosen_owners) for child in layer.values())
    if kind is nn.LayerNorm:  # over the last dims; it has no room for particles of weights
        return id(layer) not in chosen_owners
    if kind is nn.Softmax:
        dim = layer.kw.get("dim", layer.args[0] if layer.args else None)
        return isinstance(dim, int) and dim < 0
    known = (nn.Linear, nn.Flatten, LinearOfParticles, FlattenOfParticles, *_POINTWISE)
    return kind in known or any(layer is function for function in _POINTWISE_FUNCTIONS)


def input_ndims_of(layer: Any) -> int | None:
    """Return how many dims the input of a network has without particles, None if unknown.

    :param layer: the network.
    """
    if type(layer) is nn.Sequential:
        for child in layer.values():
            if type(child) not in _POINTWISE:
                return input_ndims_of(child)
        return None
    return next((n for kind, n in _INPUT_NDIMS if isinstance(layer, kind)), None)


def _times(x: Var, weight: Var, n: int) -> Var:
    """Return ``x`` times the transposed weights.

    :param x: shape ``[*particles, ..., in]``; particle dims broadcast.
    :param weight: shape ``[*particles, out, in]``.
    :param n: number of particle dims.
    """
    of_x, of_weight = shape_of(x)[:n], shape_of(weight)[:n]
    between, (out, size) = shape_of(x)[n:-1], shape_of(weight)[n:]
    n_x, n_weight, n_between = math.prod(of_x), math.prod(of_weight), math.prod(between)
    lead = broadcast_shapes(of_x, of_weight)
    if lead is None or shape_of(x)[-1] != size:
        raise ValueError(
            f"Linear of particles: x {list(x.shape)} does not fit weights {list(weight.shape)}; "
            f"the first {n} dims are particles"
        )
    if n_x == 1 and n_between * size * n_weight * out >= _LARGE:
        # One input for all: one large product, instead of many small ones.
        flat = nn.matmul_transpose(
            x.reshape([n_between, size]), weight.reshape([n_weight * out, size])
        )
        y = flat.reshape([n_between, n_weight, out]).permute(1, 0, 2)
    else:
        # What all particles share is not copied for each.
        x = (x if n_x == 1 else _spread(x, of_x, lead)).reshape([-1, n_between, size])
        weight = weight if n_weight == 1 else _spread(weight, of_weight, lead)
        weight = weight.reshape([-1, out, size])
        if out == 1:
            y = (x * weight).sum(-1, keepdims=True)
        else:
            y = product(x, weight, SECOND_TRANSPOSED)
    return y.reshape([*lead, *between, out])


def _spread(var: Var, own: Shape, lead: Shape) -> Var:
    return var if own == lead else var.broadcast([*lead, *shape_of(var)[len(lead) :]])
