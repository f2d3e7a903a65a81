"""Couplings: one part of x decides how the other part is moved."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jittor as jt
from jittor import nn

from zhusuan._tensor import Shape, Var, broadcast_shapes, shape_of
from zhusuan.transforms._events import no_change
from zhusuan.transforms.base import Transform
from zhusuan.transforms.invertible._rows import as_rows, per_event, row_sums
from zhusuan.transforms.invertible.conditioner import Conditioner
from zhusuan.transforms.invertible.masks import checked_mask, get_coupling_mask

__all__ = ["AdditiveCoupling", "AffineCoupling", "get_coupling_mask"]


class _Coupling(Transform):
    """What both have in common: a mask, and a network that sees what the mask lets through.

    Parameters as for :class:`AdditiveCoupling`.
    """

    _n_outputs = 1  # of the network, for each entry of x

    def __init__(
        self,
        in_out_dim: int = -1,
        mid_dim: int = -1,
        hidden: int = -1,
        mask: Any = None,
        inner_nn: nn.Module | None = None,
        context_size: int = 0,
        activation: Callable[[Var], Var] | None = None,
    ) -> None:
        super().__init__()
        if context_size < 0:
            raise ValueError(f"{self._name}: context_size must not be negative: {context_size}")
        if inner_nn is None and min(in_out_dim, mid_dim, hidden) < 1:
            raise ValueError(
                f"{self._name}: give inner_nn, or sizes of at least 1: got in_out_dim="
                f"{in_out_dim}, mid_dim={mid_dim}, hidden={hidden}"
            )
        if inner_nn is None:
            activation = nn.relu if activation is None else activation
            n_out = self._n_outputs * in_out_dim
            inner_nn = Conditioner(in_out_dim, n_out, mid_dim, hidden, context_size, activation)
        elif activation is not None:
            raise ValueError(f"{self._name}: activation is for the default net, not for inner_nn")
        array = checked_mask(self._name, mask, (in_out_dim,) if in_out_dim > 0 else None)
        self.nn = inner_nn
        self.context_size = context_size
        self.context_names = ("context",) if context_size else ()
        self.event_ndims_in = self.event_ndims_out = array.ndim
        # Not trained, and no parameters: names that begin with _.
        self._event = array.shape
        self._mask = jt.array(array.ravel()).stop_grad()
        self._moved = jt.array(1.0 - array.ravel()).stop_grad()
        jt.sync([self._mask, self._moved])

    def _outputs(self, x: Var, context: Any) -> Var:
        """Return the network's outputs for what the mask lets through.

        :param x: shape ``batch + event``.
        :return: shape [n, n_outputs, size]: the batch as one dim, events as vectors.
        """
        rows = as_rows(x, self.event_ndims_in)
        n, size = rows.shape
        seen = (rows * self._mask).reshape([n, *self._event])
        batch = shape_of(x)[: len(x.shape) - self.event_ndims_in]
        args = (seen,) if context is None else (seen, self._rows_of(context, batch))
        outputs = self.nn(*args)
        wanted = [n, self._n_outputs * self._event[0], *self._event[1:]]
        if list(outputs.shape) != wanted:
            raise ValueError(
                f"{self._name}: for rows of shape {list(seen.shape)} the net must return shape "
                f"{wanted}, it returned {list(outputs.shape)}"
            )
        return outputs.reshape([n, self._n_outputs, size])

    def _rows_of(self, context: Any, batch: Shape) -> Var:
        shape = shape_of(context)
        if shape[-1:] != (self.context_size,) or broadcast_shapes(shape[:-1], batch) != batch:
            raise ValueError(
                f"{self._name}: context must have shape (..., {self.context_size}), its leading "
                f"dims broadcasting to the batch {list(batch)} of x; got {list(shape)}"
            )
        full = [*batch, self.context_size]
        same = context if list(shape) == full else context.broadcast(full)
        return same.reshape([math.prod(batch), self.context_size])

    def _checked(self, context: dict[str, Any]) -> dict[str, Any]:
        checked = super()._checked(context)
        if self.context_size and checked.get("context") is None:
            raise ValueError(f"{self._name}: context of {self.context_size} entries is missing")
        return checked

    def _event_shape_out(self, event: Shape) -> Shape:
        if event != self._event:
            raise ValueError(
                f"{self._name}: events must have the shape of the mask, {list(self._event)}, got "
                f"{list(event)}"
            )
        return event

    _event_shape_in = _event_shape_out

    def _describe(self) -> str:
        return f"events of shape {list(self._event)}"


class AdditiveCoupling(_Coupling):
    r"""One part of x is shifted by a function of the other part, which stays.

    .. math:: y = x + (1 - b) \odot m(b \odot x)

    with a mask b of zeros and ones (NICE; Dinh, Krueger and Bengio 2015, sec. 3.2). It keeps
    volumes: the log-determinant is 0.

    :param in_out_dim: entries of vectors; not needed with ``inner_nn`` and a mask.
    :param mid_dim: units of each hidden layer of the default net, a fully connected one.
    :param hidden: number of its hidden layers.
    :param mask: b, of the shape of an event: 1 stays, 0 is changed; from
        :func:`get_coupling_mask`. By default the entries 0, 2, 4, ... of vectors are changed.
    :param inner_nn: m, a module of one's own: from ``[n] + event`` to the same shape, and with
        the context, shape [n, context_size], as second argument if there is any.
    :param context_size: entries of the context that m is conditioned on; 0 for none.
    :param activation: function of a Var after the default net's hidden layers, ``nn.relu`` by
        default.
    :raises ValueError: for sizes below 1, or a mask that does not fit.
    :ivar nn: the network.
    """

    def _forward(self, x: Var, context: Any = None) -> Var:
        return self._moved_by(x, context, 1.0)

    def _inverse(self, y: Var, context: Any = None) -> Var:
        return self._moved_by(y, context, -1.0)

    def _log_det(self, x: Var, y: Var, context: Any = None) -> Var:
        return no_change(x, self.event_ndims_in)

    def _moved_by(self, x: Var, context: Any, sign: float) -> Var:
        rows = as_rows(x, self.event_ndims_in)
        shift = self._outputs(x, context).reshape(list(rows.shape)) * self._moved
        moved = rows + shift if sign > 0.0 else rows - shift
        return moved.reshape(list(x.shape))


class AffineCoupling(_Coupling):
    r"""One part of x is scaled and shifted by functions of the other part, which stays.

    .. math:: y = b \odot x + (1 - b) \odot \big(x \odot e^{s(b \odot x)} + t(b \odot x)\big)

    with a mask b of zeros and ones (RealNVP; Dinh, Sohl-Dickstein and Bengio 2017, eq. 9). The
    log-determinant is the sum of the s that are used (eq. 6). They are kept within a bound by a
    hyperbolic tangent, :math:`s = c \tanh(r / c)`, as the paper does (sec. 4.1) with a factor
    that is learned.

    :param in_out_dim: as for :class:`AdditiveCoupling`.
    :param mid_dim: likewise.
    :param hidden: likewise.
    :param mask: likewise; for images from ``get_coupling_mask((height, width), channels, n)``.
    :param inner_nn: a module of one's own: from ``[n] + event`` to twice as many entries in the
        first dim of an event (twice the channels): t first, then r. It may take a context.
    :param context_size: as for :class:`AdditiveCoupling`.
    :param activation: likewise.
    :param bound: c, positive: scales lie within :math:`e^{\pm c}`.
    :raises ValueError: for sizes below 1, a mask that does not fit, or a bound that is not
        positive.
    :ivar nn: the network.
    """

    _n_outputs = 2

    def __init__(
        self,
        in_out_dim: int = -1,
        mid_dim: int = -1,
        hidden: int = -1,
        mask: Any = None,
        inner_nn: nn.Module | None = None,
        context_size: int = 0,
        activation: Callable[[Var], Var] | None = None,
        bound: float = 3.0,
    ) -> None:
        super().__init__(in_out_dim, mid_dim, hidden, mask, inner_nn, context_size, activation)
        if not 0.0 < bound < math.inf:
            raise ValueError(f"AffineCoupling: bound must be positive and finite, got {bound}")
        self.bound = float(bound)

    def _forward_and_log_det(self, x: Var, context: Any = None) -> tuple[Var, Var]:
        rows = as_rows(x, self.event_ndims_in)
        shift, log_scale = self._shift_and_log_scale(x, context)
        y = rows * jt.exp(log_scale) + shift
        return y.reshape(list(x.shape)), per_event(row_sums(log_scale), x, self.event_ndims_in)

    def _inverse_and_log_det(self, y: Var, context: Any = None) -> tuple[Var, Var]:
        rows = as_rows(y, self.event_ndims_in)
        shift, log_scale = self._shift_and_log_scale(y, context)
        x = (rows - shift) * jt.exp(-log_scale)
        return x.reshape(list(y.shape)), per_event(-row_sums(log_scale), y, self.event_ndims_in)

    def _shift_and_log_scale(self, x: Var, context: Any) -> tuple[Var, Var]:
        """Return both as rows, 0 where x stays."""
        outputs = self._outputs(x, context)
        shift, raw = outputs[:, 0], outputs[:, 1]
        log_scale = jt.tanh(raw * (1.0 / self.bound)) * self.bound
        return shift * self._moved, log_scale * self._moved
