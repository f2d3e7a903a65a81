"""Affine autoregressive maps: quick one way (IAF) or the other (MAF)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jittor as jt
from jittor import nn

from zhusuan import special
from zhusuan._tensor import Shape, Var, broadcast_shapes, scalar, shape_of
from zhusuan.transforms._events import sum_events
from zhusuan.transforms.base import Transform

Update = Callable[[Var], tuple[Var, Var]]
Entries = Callable[[Var, Var, Var], Var]

UPDATES = ("affine", "gated")


class _Autoregressive(Transform):
    """What all have in common: a net that gives each entry's map from the entries before it.

    :param net: a :class:`~zhusuan.transforms.MADE`, or a module with its attributes ``n_dim``,
        ``n_outputs``, ``order`` and ``context_size``.
    :param n_outputs: how many outputs for each entry it must have.
    :param what: what these are, for messages.
    :raises ValueError: for a net with another number of outputs.
    """

    event_ndims_in = 1
    event_ndims_out = 1

    def __init__(self, net: nn.Module, n_outputs: int, what: str) -> None:
        super().__init__()
        if net.n_outputs != n_outputs:
            raise ValueError(
                f"{self._name}: the net must have {n_outputs} outputs for each entry, {what}, "
                f"got n_outputs={net.n_outputs}"
            )
        self.net = net
        self.context_names = ("context",) if net.context_size else ()
        self._place = jt.array(net.order.astype("float32")).stop_grad()

    def _outputs(self, x: Var, context: Any) -> Var:
        return self.net(x) if context is None else self.net(x, context)

    def _one_by_one(self, start: Var, update: Update) -> tuple[Var, Var]:
        """Fill in the entries in their order, each given those before it; n passes of the net.

        :param start: Var of the shape of what is filled in.
        :param update: function that returns, from the entries that are known, all entries (right
            where those before are) and their log-scales.
        :return: all entries, and their log-scales.
        """
        known = log_scale = jt.zeros_like(start)
        for i in range(self.net.n_dim):
            entries, log_scale = update(known)
            there = self._place < scalar(i + 1.0).stop_grad()
            # The others are no entries yet: they could grow from pass to pass.
            zeros = jt.zeros_like(entries)
            known = jt.ternary(there.broadcast(list(entries.shape)), entries, zeros)
        return known, log_scale

    def _checked(self, context: dict[str, Any]) -> dict[str, Any]:
        checked = super()._checked(context)
        if self.context_names and checked.get("context") is None:
            raise ValueError(f"{self._name}: context of {self.net.context_size} entries is missing")
        return checked

    def _check_context(self, x: Var, context: Var | None) -> None:
        if context is None:
            return
        batch = shape_of(x)[:-1]
        if broadcast_shapes(shape_of(context)[:-1], batch) != batch:
            raise ValueError(
                f"{self._name}: context of shape {list(shape_of(context))} does not broadcast to "
                f"the batch {list(batch)} of x"
            )

    def _event_shape_out(self, event: Shape) -> Shape:
        if event[0] != self.net.n_dim:
            raise ValueError(
                f"{self._name}: vectors must have {self.net.n_dim} entries, got {event[0]}"
            )
        return event

    _event_shape_in = _event_shape_out

    def _describe(self) -> str:
        return f"{self.net.n_dim} entries"


class _AffineAutoregressive(_Autoregressive):
    """What both affine ones have in common: a shift and a scale for each entry.

    :param net: see :class:`InverseAutoregressive`.
    :param update: likewise.
    """

    def __init__(self, net: nn.Module, update: str = "affine") -> None:
        if update not in UPDATES:
            raise ValueError(f"{self._name}: update must be one of {UPDATES}, got {update!r}")
        super().__init__(net, 2, "a shift and a scale")
        self.update = update

    def _conditional(self, x: Var, context: Any) -> tuple[Var, Var]:
        """Return shift and log-scale of each entry given those before it."""
        outputs = self._outputs(x, context)
        shift, raw = outputs[..., 0, :], outputs[..., 1, :]
        if self.update == "gated":
            # Kingma et al. 2016, eq. 14: a gate that starts nearly open.
            gate = raw + 2.0
            return shift * special.sigmoid(-gate), special.log_sigmoid(gate)
        # Within (-5, 5), smoothly: e^x of an untamed network overflows.
        return shift, jt.tanh(raw * 0.2) * 5.0

    def _filled_in(self, given: Var, context: Any, entries: Entries) -> tuple[Var, Var]:
        """Fill in the entries, each a function of what is given, its shift and its log-scale."""

        def update(known: Var) -> tuple[Var, Var]:
            shift, log_scale = self._conditional(known, context)
            return entries(given, shift, log_scale), log_scale

        return self._one_by_one(given, update)

    def _describe(self) -> str:
        return f"{super()._describe()}, {self.update}"


class InverseAutoregressive(_AffineAutoregressive):
    r"""An affine map each of whose shifts and scales depends on the entries of x before it.

    .. math:: y_i = \mu_i(x_{<i}) + \sigma_i(x_{<i})\, x_i

    (inverse autoregressive flow, Kingma et al. 2016, eq. 10 and 11). Forward takes one pass of
    the net, the inverse as many as x has entries. ``update='affine'`` lets the net give
    :math:`\mu` and :math:`\log\sigma`, kept within (-5, 5); ``'gated'`` is the stable form of
    eq. 14, :math:`y = \sigma x + (1 - \sigma) m` with :math:`\sigma = \mathrm{sigmoid}(s)`, which
    never expands.

    Kept in float32; the inverse loses digits where scales are small.

    :param net: a :class:`~zhusuan.transforms.MADE` with ``n_outputs=2``.
    :param update: ``'affine'`` or ``'gated'``.
    :raises ValueError: for another update, or a net with another number of outputs.
    """

    def _forward_and_log_det(self, x: Var, context: Any = None) -> tuple[Var, Var]:
        self._check_context(x, context)
        shift, log_scale = self._conditional(x, context)
        return x * jt.exp(log_scale) + shift, sum_events(log_scale, 1)

    def _inverse_and_log_det(self, y: Var, context: Any = None) -> tuple[Var, Var]:
        self._check_context(y, context)
        x, log_scale = self._filled_in(y, context, _unscaled)
        return x, -sum_events(log_scale, 1)


class MaskedAutoregressive(_AffineAutoregressive):
    r"""An affine map each of whose shifts and scales depends on the entries of y before it.

    .. math:: y_i = \mu_i(y_{<i}) + \sigma_i(y_{<i})\, x_i

    (masked autoregressive flow, Papamakarios, Pavlakou and Murray 2017, eq. 3 and 4). The inverse,
    and so the density of given values, takes one pass of the net; forward, and so a draw, as many
    as x has entries. ``update`` as for :class:`InverseAutoregressive`.

    :param net: a :class:`~zhusuan.transforms.MADE` with ``n_outputs=2``.
    :param update: ``'affine'`` or ``'gated'``.
    :raises ValueError: for another update, or a net with another number of outputs.
    """

    def _forward_and_log_det(self, x: Var, context: Any = None) -> tuple[Var, Var]:
        self._check_context(x, context)
        y, log_scale = self._filled_in(x, context, _scaled)
        return y, sum_events(log_scale, 1)

    def _inverse_and_log_det(self, y: Var, context: Any = None) -> tuple[Var, Var]:
        self._check_context(y, context)
        shift, log_scale = self._conditional(y, context)
        return _unscaled(y, shift, log_scale), -sum_events(log_scale, 1)

    def _log_det(self, x: Var, y: Var, context: Any = None) -> Var:
        return -self._inverse_and_log_det(y, context)[1]


def _scaled(x: Var, shift: Var, log_scale: Var) -> Var:
    return x * jt.exp(log_scale) + shift


def _unscaled(y: Var, shift: Var, log_scale: Var) -> Var:
    return (y - shift) * jt.exp(-log_scale)
