"""Between places and channels of images."""

from __future__ import annotations

import math

from zhusuan._tensor import Shape, Var, shape_of
from zhusuan.transforms._events import no_change
from zhusuan.transforms.base import Transform


class Squeeze(Transform):
    r"""From large images with few channels to small ones with many.

    Squares of n x n places become :math:`n^2` channels: shape (c, h, w) turns into
    :math:`(n^2 c, h/n, w/n)`, the places of one channel next to each other (RealNVP; Dinh,
    Sohl-Dickstein and Bengio 2017, sec. 3.6 and fig. 3). ``Squeeze().inv`` is the way back.

    :param factor: n.
    :raises ValueError: if n is below 1.
    """

    event_ndims_in = 3
    event_ndims_out = 3
    keeps_support = True

    def __init__(self, factor: int = 2) -> None:
        super().__init__()
        if factor < 1:
            raise ValueError(f"Squeeze: factor must be at least 1, got {factor}")
        self.factor = factor

    def _forward(self, x: Var) -> Var:
        n, shape = self.factor, shape_of(x)
        batch, (c, h, w) = shape[:-3], shape[-3:]
        cut = x.reshape([math.prod(batch) * c, h // n, n, w // n, n])
        return cut.permute(0, 2, 4, 1, 3).reshape([*batch, c * n * n, h // n, w // n])

    def _inverse(self, y: Var) -> Var:
        n, shape = self.factor, shape_of(y)
        batch, (c, h, w) = shape[:-3], shape[-3:]
        cut = y.reshape([math.prod(batch) * c // n**2, n, n, h, w])
        return cut.permute(0, 3, 1, 4, 2).reshape([*batch, c // n**2, h * n, w * n])

    def _log_det(self, x: Var, y: Var) -> Var:
        return no_change(x, 3)

    def _event_shape_out(self, event: Shape) -> Shape:
        n = self.factor
        c, h, w = event
        if h % n or w % n:
            raise ValueError(
                f"Squeeze: height and width must be multiples of {n}, got {h} and {w}"
            )
        return (c * n * n, h // n, w // n)

    def _event_shape_in(self, event: Shape) -> Shape:
        n = self.factor
        c, h, w = event
        if c % n**2:
            raise ValueError(f"Squeeze: channels must be a multiple of {n**2}, got {c}")
        return (c // n**2, h * n, w * n)

    def _describe(self) -> str:
        return f"factor {self.factor}"
