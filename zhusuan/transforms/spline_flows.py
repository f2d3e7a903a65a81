"""Splines whose shape depends on other entries of the vector: coupled, or autoregressive."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jittor as jt
import numpy as np
from jittor import nn

from zhusuan._tensor import Var, shape_of
from zhusuan.transforms import _rational_quadratic as rational_quadratic
from zhusuan.transforms._events import sum_events
from zhusuan.transforms.autoregressive import _Autoregressive
from zhusuan.transforms.invertible.coupling import _Coupling


class SplineCoupling(_Coupling):
    r"""One part of x moves each entry of the other part along a spline of its own.

    .. math:: y = b \odot x + (1 - b) \odot f_{m(b \odot x)}(x)

    with a mask b of zeros and ones and rational-quadratic splines f, as
    :class:`~zhusuan.transforms.Spline` has them (RQ-NSF (C); Durkan et al. 2019, sec. 3.2). Entries
    outside :math:`[-B, B]` are not moved. It starts near the identity.

    :param in_out_dim: entries of vectors; not needed with ``inner_nn`` and a mask.
    :param mid_dim: units of each hidden layer of the default net.
    :param hidden: number of its hidden layers.
    :param mask: b, of the shape of an event: 1 stays, 0 is changed; from
        :func:`~zhusuan.transforms.get_coupling_mask`. By default the entries 0, 2, 4, ... of
        vectors are changed.
    :param inner_nn: m, a module of one's own: from ``[n] + event`` to 3 n_bins - 1 times as many
        entries in the first dim of an event: the widths, heights and inner slopes, one after the
        other, each for all entries. It may take a context.
    :param context_size: entries of the context that m is conditioned on; 0 for none.
    :param activation: function of a Var after the default net's hidden layers, ``nn.relu`` by
        default.
    :param n_bins: number of bins between -B and B.
    :param bound: B.
    :raises ValueError: for sizes below 1, or a mask that does not fit.
    :ivar nn: the network.
    """

    def __init__(
        self,
        in_out_dim: int = -1,
        mid_dim: int = -1,
        hidden: int = -1,
        mask: Any = None,
        inner_nn: nn.Module | None = None,
        context_size: int = 0,
        activation: Callable[[Var], Var] | None = None,
        n_bins: int = 8,
        bound: float = 3.0,
    ) -> None:
        rational_quadratic.check_spline(self._name, n_bins, bound)
        self._n_outputs = rational_quadratic.n_raw(n_bins)
        super().__init__(in_out_dim, mid_dim, hidden, mask, inner_nn, context_size, activation)
        self.n_bins, self.bound = n_bins, float(bound)
        moved = np.flatnonzero(self._moved.numpy())
        places = np.full(math.prod(shape_of(self._mask)), -1)
        places[moved] = np.arange(moved.size)
        self._columns = jt.array(moved.astype("int32"))
        self._places = jt.array(places.astype("int32"))

    def _forward_and_log_det(self, x: Var, context: Any = None) -> tuple[Var, Var]:
        return self._both(x, context, rational_quadratic.forward)

    def _inverse_and_log_det(self, y: Var, context: Any = None) -> tuple[Var, Var]:
        return self._both(y, context, rational_quadratic.inverse)

    def _both(self, x: Var, context: Any, function: rational_quadratic.Function) -> tuple[Var, Var]:
        batch, event = self._split(shape_of(x), self.event_ndims_in, "x")
        n, size, count = math.prod(batch), math.prod(event), int(self._columns.shape[0])
        outputs = self._outputs(x, context).reshape([n, self._n_outputs, size])
        raw = outputs.reindex(
            [n, count, self._n_outputs], ["i0", "i2", "@e0(i1)"], extras=[self._columns]
        )
        chosen = _taken(x.reshape([n, size]), self._columns)
        moved, log_det = rational_quadratic.apply(function, chosen, raw, self.n_bins, self.bound)
        # Places without a column, those that stay, are filled with zeros.
        y = x.reshape([n, size]) * self._mask + _taken(moved, self._places)
        return y.reshape(list(x.shape)), sum_events(log_det, 1).reshape(list(batch) or [1])

    def _describe(self) -> str:
        return f"{super()._describe()}, {self.n_bins} bins, bound {self.bound:g}"


class SplineAutoregressive(_Autoregressive):
    r"""Each entry moves along a spline that depends on the entries of x before it.

    .. math:: y_i = f_{\theta_i(x_{<i})}(x_i)

    with rational-quadratic splines f, as :class:`~zhusuan.transforms.Spline` has them (RQ-NSF (AR);
    Durkan et al. 2019, sec. 3.2). Forward takes one pass of the net, the inverse as many as x has
    entries. ``SplineAutoregressive(net).inv`` is the same the other way round, for densities of
    given values in one pass: its splines depend on the entries of its own y.

    :param net: a :class:`~zhusuan.transforms.MADE` with ``n_outputs=3 * n_bins - 1``.
    :param n_bins: number of bins between -B and B.
    :param bound: B; entries outside of :math:`[-B, B]` are not moved.
    :raises ValueError: for sizes that are not positive, or a net with another number of outputs.
    """

    def __init__(self, net: nn.Module, n_bins: int = 8, bound: float = 3.0) -> None:
        rational_quadratic.check_spline(self._name, n_bins, bound)
        super().__init__(net, rational_quadratic.n_raw(n_bins), f"for {n_bins} bins")
        self.n_bins, self.bound = n_bins, float(bound)

    def _forward_and_log_det(self, x: Var, context: Any = None) -> tuple[Var, Var]:
        self._check_context(x, context)
        y, log_det = self._moved(x, x, context, rational_quadratic.forward)
        return y, sum_events(log_det, 1)

    def _inverse_and_log_det(self, y: Var, context: Any = None) -> tuple[Var, Var]:
        self._check_context(y, context)
        x, log_det = self._one_by_one(
            y, lambda known: self._moved(y, known, context, rational_quadratic.inverse)
        )
        return x, sum_events(log_det, 1)

    def _moved(
        self, given: Var, known: Var, context: Any, function: rational_quadratic.Function
    ) -> tuple[Var, Var]:
        """Move what is given along the splines of the entries that are known."""
        outputs = self._outputs(known, context)
        raw = outputs.transpose(len(outputs.shape) - 2, len(outputs.shape) - 1)
        return rational_quadratic.apply(function, given, raw, self.n_bins, self.bound)

    def _describe(self) -> str:
        return f"{super()._describe()}, {self.n_bins} bins, bound {self.bound:g}"


def _taken(rows: Var, columns: Var) -> Var:
    """Return chosen columns; zeros for those with a negative number."""
    shape = [shape_of(rows)[0], shape_of(columns)[0]]
    return rows.reindex(shape, ["i0", "@e0(i1)"], extras=[columns])
