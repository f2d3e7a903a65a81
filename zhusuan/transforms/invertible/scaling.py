"""The scaling layer of NICE."""

from __future__ import annotations

import jittor as jt

from zhusuan._tensor import Shape, Var
from zhusuan.transforms.base import Transform
from zhusuan.transforms.invertible._rows import as_rows, one_for_all


class Scaling(Transform):
    r"""Each entry of vectors times a factor of its own, which is learned.

    .. math:: y_i = e^{s_i} x_i, \qquad \log|\det| = \sum_i s_i

    (NICE; Dinh, Krueger and Bengio 2015, sec. 3.3, which keeps it for the end of the chain). It
    starts as the identity.

    :param n_dim: entries of a vector.
    :raises ValueError: if there is none.
    :ivar log_scale: s, shape [n_dim].
    """

    event_ndims_in = 1
    event_ndims_out = 1

    def __init__(self, n_dim: int) -> None:
        super().__init__()
        if n_dim < 1:
            raise ValueError(f"Scaling: n_dim must be at least 1, got {n_dim}")
        self.log_scale = jt.zeros([n_dim])

    def _forward(self, x: Var) -> Var:
        return (as_rows(x, 1) * jt.exp(self.log_scale)).reshape(list(x.shape))

    def _inverse(self, y: Var) -> Var:
        return (as_rows(y, 1) * jt.exp(-self.log_scale)).reshape(list(y.shape))

    def _log_det(self, x: Var, y: Var) -> Var:
        return one_for_all(self.log_scale.sum(), x, 1)

    def _event_shape_out(self, event: Shape) -> Shape:
        n = int(self.log_scale.shape[0])
        if event[0] != n:
            raise ValueError(f"Scaling: vectors must have {n} entries, got {event[0]}")
        return event

    _event_shape_in = _event_shape_out

    def _describe(self) -> str:
        return f"{int(self.log_scale.shape[0])} entries"
