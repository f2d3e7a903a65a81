"""Rational-quadratic splines with parameters of their own."""

from __future__ import annotations

from collections.abc import Sequence

import jittor as jt

from zhusuan._tensor import Shape, Var, broadcast_shapes, shape_of
from zhusuan.transforms import _rational_quadratic as rational_quadratic
from zhusuan.transforms.base import Transform


class Spline(Transform):
    r"""An increasing spline for each number, the identity outside :math:`[-B, B]`.

    Between the knots :math:`(x_k, y_k)` with slopes :math:`\delta_k`, with
    :math:`s = (y_{k+1} - y_k) / (x_{k+1} - x_k)` and :math:`\xi = (x - x_k) / (x_{k+1} - x_k)`,

    .. math:: y = y_k + \frac{(y_{k+1} - y_k) \big(s \xi^2 + \delta_k \xi (1 - \xi)\big)}
              {s + (\delta_{k+1} + \delta_k - 2 s)\, \xi (1 - \xi)}

    (rational-quadratic spline, Durkan et al. 2019, eq. 4). The derivative is continuous, both
    the map and its inverse (their eq. 6 to 8) are closed forms. Widths and heights of the bins are
    softmaxes and at least 0.001 of the interval, slopes softpluses and at least 0.001. It starts
    as the identity.

    :param shape: a spline for each entry of the last dims of x, which have this shape; a number,
        or ``()`` for one spline for all.
    :param n_bins: number of bins between -B and B.
    :param bound: B.
    :raises ValueError: for sizes that are not positive.
    :ivar raw: what widths, heights and slopes are made from, shape ``shape + [3 n_bins - 1]``.
    """

    def __init__(
        self, shape: int | Sequence[int] = (), n_bins: int = 8, bound: float = 3.0
    ) -> None:
        super().__init__()
        rational_quadratic.check_spline(self._name, n_bins, bound)
        self._shape: Shape = (shape,) if isinstance(shape, int) else tuple(shape)
        if min(self._shape, default=1) < 1:
            raise ValueError(f"Spline: shape must have no dims below 1, got {list(self._shape)}")
        self.n_bins, self.bound = n_bins, float(bound)
        self.raw = jt.zeros([*self._shape, rational_quadratic.n_raw(n_bins)])

    def _forward_and_log_det(self, x: Var) -> tuple[Var, Var]:
        return self._both(x, rational_quadratic.forward)

    def _inverse_and_log_det(self, y: Var) -> tuple[Var, Var]:
        return self._both(y, rational_quadratic.inverse)

    def _both(self, x: Var, function: rational_quadratic.Function) -> tuple[Var, Var]:
        raw = self.raw.broadcast([*shape_of(x), int(self.raw.shape[-1])])
        return rational_quadratic.apply(function, x, raw, self.n_bins, self.bound)

    def _check_batch(self, shape: Shape) -> None:
        if broadcast_shapes(self._shape, shape) != tuple(shape):
            raise ValueError(
                f"Spline: shape {list(self._shape)} does not broadcast to x of shape {list(shape)}"
            )

    def _describe(self) -> str:
        return f"shape {list(self._shape)}, {self.n_bins} bins, bound {self.bound:g}"
