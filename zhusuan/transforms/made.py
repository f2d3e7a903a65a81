"""MADE: a network each of whose outputs depends on the inputs before it alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import jittor as jt
import numpy as np
from jittor import nn

from zhusuan import random
from zhusuan._tensor import Var, shape_of


class MaskedLinear(nn.Module):
    r"""A linear layer some of whose weights are held at 0: :math:`y = (M \odot W) x + b`.

    As in Germain et al. 2015.

    :param mask: M, an array of zeros and ones of shape [outputs, inputs].
    :param scale: factor of the weights that it starts from, which are uniform within
        :math:`\pm 1 / \sqrt{\mathrm{inputs}}`; the bias starts at 0.
    :param bias: whether there is a bias.
    :ivar weight: W, shape [outputs, inputs].
    """

    def __init__(self, mask: np.ndarray, scale: float = 1.0, bias: bool = True) -> None:
        super().__init__()
        n_out, n_in = mask.shape
        limit = scale / math.sqrt(n_in)
        self.weight = ((random.uniform((n_out, n_in)) * 2.0 - 1.0) * limit).detach()
        self.bias = jt.zeros([n_out]) if bias else None
        self._mask = jt.array(np.asarray(mask, dtype="float32")).stop_grad()

    def execute(self, x: Var) -> Var:
        """Return the outputs of the layer.

        :param x: shape (..., inputs).
        :return: Var of shape (..., outputs).
        """
        shape = shape_of(x)
        rows = x.reshape([math.prod(shape[:-1]), shape[-1]])
        y = nn.matmul_transpose(rows, self.weight * self._mask)
        y = y if self.bias is None else y + self.bias
        return y.reshape([*shape[:-1], int(y.shape[-1])])


class MADE(nn.Module):
    r"""A masked autoencoder for distribution estimation (Germain et al. 2015).

    Its outputs for entry i depend on those entries of x alone that come before i in the order,
    whatever the weights are: input i has the degree of its place, 1 .. n; a hidden unit, with a
    degree below n, sees those of at most its own degree; outputs for i see hidden units of lower
    degree (eq. 8 and 9). Units of degree 0 see the context alone.

    The last layer starts at a hundredth of the usual size: an autoregressive map begins
    near the identity.

    :param n_dim: n, entries of x.
    :param hidden: sizes of the hidden layers.
    :param n_outputs: outputs for each entry: 2 for a shift and a scale.
    :param context_size: entries of what it is conditioned on; 0 for none.
    :param order: place of each entry, each of 0 .. n - 1 once; by default the order of x.
    :param activation: function of a Var between the layers, ``nn.relu`` by default.
    :raises ValueError: for sizes below 1, or an order that is none.
    :ivar layers: the masked layers, trained.
    :ivar context_layer: what takes the context to the first hidden layer; None without one.
    """

    def __init__(
        self,
        n_dim: int,
        hidden: Sequence[int] = (64, 64),
        n_outputs: int = 2,
        context_size: int = 0,
        order: Sequence[int] | None = None,
        activation: Callable[[Var], Var] | None = None,
    ) -> None:
        super().__init__()
        sizes = [n_dim, *hidden, n_outputs]
        if min(sizes) < 1 or not hidden or context_size < 0:
            raise ValueError(
                f"MADE: sizes must be at least 1, got n_dim={n_dim}, hidden={list(hidden)}, "
                f"n_outputs={n_outputs}, context_size={context_size}"
            )
        self.n_dim, self.n_outputs, self.context_size = n_dim, n_outputs, context_size
        self.order = _checked_order(n_dim, order)
        self._activation = nn.relu if activation is None else activation
        lowest = 0 if context_size else 1
        degrees = [self.order + 1] + [_degrees(n_dim, size, lowest) for size in hidden]
        layers = [
            MaskedLinear(after[:, None] >= before[None, :])
            for before, after in zip(degrees, degrees[1:])
        ]
        last = np.tile(self.order + 1, n_outputs)[:, None] > degrees[-1][None, :]
        self.layers = nn.ModuleList([*layers, MaskedLinear(last, scale=0.01)])
        self.context_layer = (
            MaskedLinear(np.ones((hidden[0], context_size)), bias=False) if context_size else None
        )

    def execute(self, x: Var, context: Var | None = None) -> Var:
        """Return the outputs for each entry of x.

        :param x: shape ``batch + [n_dim]``.
        :param context: shape (..., context_size), whose leading dims broadcast to the batch.
        :return: Var of shape ``batch + [n_outputs, n_dim]``.
        :raises ValueError: if context is missing or not expected, or a shape does not fit.
        """
        shape = shape_of(x)
        if shape[-1:] != (self.n_dim,):
            raise ValueError(f"MADE: x must have shape (..., {self.n_dim}), got {list(shape)}")
        first, *rest = self.layers
        h = first(x)
        if self.context_layer is not None or context is not None:
            h = h + self._of_context(context)
        for layer in rest:
            h = layer(self._activation(h))
        return h.reshape([*shape[:-1], self.n_outputs, self.n_dim])

    def _of_context(self, context: Any) -> Var:
        if self.context_layer is None:
            raise ValueError("MADE: context is given, but context_size is 0")
        if context is None:
            raise ValueError(f"MADE: context of {self.context_size} entries is missing")
        if shape_of(context)[-1:] != (self.context_size,):
            raise ValueError(
                f"MADE: context must have shape (..., {self.context_size}), "
                f"got {list(shape_of(context))}"
            )
        return self.context_layer(context)


def _degrees(n_dim: int, size: int, lowest: int) -> np.ndarray:
    """Return degrees from ``lowest`` to n_dim - 1, spread evenly over the units of a layer."""
    count = max(n_dim - lowest, 1)
    return lowest + np.arange(size) * count // size


def _checked_order(n_dim: int, order: Sequence[int] | None) -> np.ndarray:
    places = np.arange(n_dim) if order is None else np.asarray(list(order))
    if places.shape != (n_dim,) or not np.array_equal(np.sort(places), np.arange(n_dim)):
        raise ValueError(
            f"MADE: order must hold each of 0 .. {n_dim - 1} once, got {list(places)}"
        )
    return places
