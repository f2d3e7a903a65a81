"""The invertible 1 x 1 convolution: a linear map of the channels, the same at each place."""

from __future__ import annotations

from typing import Any

import jittor as jt
import numpy as np

from zhusuan import linalg, random
from zhusuan._tensor import Shape, Var, host_view
from zhusuan.checkpoint.states import keep
from zhusuan.transforms.base import Transform
from zhusuan.transforms.invertible._rows import (
    as_rows,
    check_channels,
    check_event,
    one_for_all,
    places,
)


class InvertibleConv1x1(Transform):
    r"""A learned linear map of the channels, the same at each place: permutations made smooth.

    .. math:: y = W x, \qquad W = P L (U + \mathrm{diag}(s)),
              \qquad \log|\det| = h w \sum_i \log|s_i|

    (Glow; Kingma and Dhariwal 2018, eq. 9 to 11): L has ones on its diagonal, U zeros; the
    permutation P and the signs of s are fixed, as there. It starts as a rotation drawn at random.
    One matrix is the parameter, ``lu``: L below its diagonal, :math:`\log|s|` on it and U above
    it. P and the signs are kept in checkpoints (:func:`zhusuan.save`), not in Jittor's own files.

    :param n_channels: number of channels, the first dim of an event.
    :param event_ndims: 1 for vectors, 3 for images, (channels, height, width).
    :raises ValueError: for sizes below 1.
    :ivar lu: the parameter, shape [n_channels, n_channels].
    """

    def __init__(self, n_channels: int, event_ndims: int = 3) -> None:
        super().__init__()
        check_channels("InvertibleConv1x1", n_channels, event_ndims)
        self.event_ndims_in = self.event_ndims_out = event_ndims
        self.n_channels = n_channels
        drawn = host_view(random.standard_normal([n_channels, n_channels], "float64"))
        rotation, _ = np.linalg.qr(drawn)
        order, lu = _factors(rotation)
        diagonal = np.diag(lu).copy()
        np.fill_diagonal(lu, np.log(np.abs(diagonal)))
        self.lu = jt.array(lu.astype("float32"))
        self._fixed = keep(self, "permutation and signs", _Fixed(order, np.sign(diagonal)))
        below = np.tril(np.ones([n_channels, n_channels], "float32"), -1)
        self._below, self._above = jt.array(below).stop_grad(), jt.array(below.T).stop_grad()
        self._eye = jt.array(np.eye(n_channels, dtype="float32")).stop_grad()
        jt.sync([self.lu, self._below, self._above, self._eye])

    @property
    def weight(self) -> Var:
        """W, shape [n_channels, n_channels]."""
        lower, upper = self._triangles()
        return linalg.matmul(self._fixed.permutation, linalg.matmul(lower, upper))

    def _forward(self, x: Var) -> Var:
        return self._times(x, self.weight)

    def _inverse(self, y: Var) -> Var:
        lower, upper = (
            linalg.inverse_triangular(t, is_lower)
            for t, is_lower in zip(self._triangles(), (True, False))
        )
        back = linalg.matmul(lower, self._fixed.permutation.transpose(0, 1))
        return self._times(y, linalg.matmul(upper, back))

    def _log_det(self, x: Var, y: Var) -> Var:
        total = (self.lu * self._eye).sum() * float(places(x, self.event_ndims_in))
        return one_for_all(total, x, self.event_ndims_in)

    def _triangles(self) -> tuple[Var, Var]:
        """Return L and U + diag(s)."""
        scales = jt.exp(self.lu * self._eye) * self._fixed.signs
        return self.lu * self._below + self._eye, self.lu * self._above + scales

    def _times(self, x: Var, weight: Var) -> Var:
        c, count = self.n_channels, places(x, self.event_ndims_in)
        rows = as_rows(x, self.event_ndims_in, c, count)
        n = int(rows.shape[0])
        if count > 1:
            rows = rows.permute(0, 2, 1)
        y = linalg.matmul(rows.reshape([n * count, c]), weight.transpose(0, 1))
        if count > 1:
            y = y.reshape([n, count, c]).permute(0, 2, 1)
        return y.reshape(list(x.shape))

    def _event_shape_out(self, event: Shape) -> Shape:
        return check_event("InvertibleConv1x1", self.n_channels, event)

    _event_shape_in = _event_shape_out

    def _describe(self) -> str:
        return f"{self.n_channels} channels"


class _Fixed:
    """What is not trained: P, and the signs of s as a diagonal matrix; checkpoints keep them.

    :param order: row i of P has its one in column ``order[i]``.
    :param signs: -1 or 1 for each entry of s.
    """

    def __init__(self, order: np.ndarray, signs: np.ndarray) -> None:
        self.set_state({"order": order, "signs": signs})

    def state(self) -> dict[str, np.ndarray]:
        return {"order": self._order, "signs": self._signs}

    def set_state(self, state: dict[str, Any]) -> None:
        self._order, self._signs = np.asarray(state["order"]), np.asarray(state["signs"])
        permutation = np.eye(len(self._order), dtype="float32")[self._order]
        self.permutation = jt.array(permutation).stop_grad()
        self.signs = jt.array(np.diag(self._signs).astype("float32")).stop_grad()
        jt.sync([self.permutation, self.signs])


def _factors(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the LU factors of a matrix by partial pivoting.

    Golub and Van Loan (2013), Matrix Computations, 4th ed., algorithm 3.4.1.

    :return: the order, and one matrix with L below the diagonal and U on and above it:
        ``a[i] = (L U)[order[i]]``.
    """
    lu, rows = a.copy(), np.arange(len(a))
    for k in range(len(a) - 1):
        pivot = k + int(np.argmax(np.abs(lu[k:, k])))
        lu[[k, pivot]], rows[[k, pivot]] = lu[[pivot, k]], rows[[pivot, k]]
        lu[k + 1 :, k] /= lu[k, k]
        lu[k + 1 :, k + 1 :] -= np.outer(lu[k + 1 :, k], lu[k, k + 1 :])
    return np.argsort(rows), lu
