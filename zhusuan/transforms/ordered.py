"""From vectors to increasing vectors."""

from __future__ import annotations

import jittor as jt

from zhusuan._tensor import Var
from zhusuan.transforms._events import no_change
from zhusuan.transforms._triangles import batch_of, flat, sums_before, unflat
from zhusuan.transforms.base import Transform


class Ordered(Transform):
    r"""From vectors to vectors of increasing entries.

    .. math:: y_1 = x_1, \qquad y_k = y_{k-1} + e^{x_k}

    (Stan reference manual, version 2.35, sec. "Ordered vector"). Two entries may be equal where
    a step is lost in rounding; the inverse is :math:`-\infty` there.
    """

    event_ndims_in = 1
    event_ndims_out = 1

    def _forward(self, x: Var) -> Var:
        wide = flat(x, 1)
        n = int(wide.shape[-1])
        if n == 1:
            return x
        y = wide[:, :1] + sums_before(jt.exp(wide[:, 1:]), n)
        return unflat(y, batch_of(x, 1), x)

    def _inverse(self, y: Var) -> Var:
        wide = flat(y, 1)
        n = int(wide.shape[-1])
        if n == 1:
            return y
        steps = jt.log(wide[:, 1:] - wide[:, : n - 1])
        return unflat(jt.concat([wide[:, :1], steps], 1), batch_of(y, 1), y)

    def _log_det(self, x: Var, y: Var) -> Var:
        wide = flat(x, 1)
        if int(wide.shape[-1]) == 1:
            return no_change(x, 1)
        return unflat(wide[:, 1:].sum([1]), batch_of(x, 1), x)
