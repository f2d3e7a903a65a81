"""Particles that are spread over the ranks of ``mpirun``: what each has to know of the others."""

from __future__ import annotations

from collections.abc import Callable

import jittor as jt
import numpy as np

from zhusuan._tensor import Var
from zhusuan.distributed import all_gather, rank, world_size


class Everywhere:
    r"""The log-weights of the particles of all ranks, as one rank sees them.

    With :math:`w_{rk}` the weight of particle k of rank r, and K in all,

    .. math::

        \hat{\mathcal{L}} = \frac{1}{1 - \alpha} \log \frac1K \sum_{r,k} w_{rk}^{1-\alpha},
        \qquad \tilde w_{rk} = \frac{w_{rk}^{1-\alpha}}{\sum_{s,j} w_{sj}^{1-\alpha}},
        \qquad \nabla \hat{\mathcal{L}} = \sum_{r,k} \tilde w_{rk} \nabla \log w_{rk}

    The optimizer takes the mean of the ranks' gradients, so each contributes its part of the sum
    times the number of ranks. The weights are computed, and exchanged, when this is made.

    :param log_w: of this rank's particles, detached, particles on the last dim.
    :param alpha: the order of the divergence.
    :param restore: takes a Var of that shape to the shape of the objective's weights.
    """

    def __init__(self, log_w: Var, alpha: float, restore: Callable[[Var], Var]) -> None:
        own = log_w.numpy()
        self._dtype = str(own.dtype)
        self._restore, self._k = restore, own.shape[-1]
        # [ranks, ..., k] -> [..., ranks * k]
        gathered = np.moveaxis(all_gather(own.astype(np.float64)), 0, -2)
        self.log_w = gathered.reshape([*own.shape[:-1], -1])
        k = self.log_w.shape[-1]
        if alpha == 1.0:
            self._bound = self.log_w.mean(-1)
            self._weights = np.full(self.log_w.shape, 1.0 / k)
            return
        scaled = (1.0 - alpha) * self.log_w
        top = scaled.max(-1, keepdims=True)
        total = np.exp(scaled - top).sum(-1, keepdims=True)
        self._bound = ((top + np.log(total / k)) / (1.0 - alpha))[..., 0]
        self._weights = np.exp(scaled - top) / total

    @property
    def bound(self) -> Var:
        """The bound of all particles, one value per datum; without a gradient."""
        return jt.array(np.atleast_1d(self._bound).astype(self._dtype))

    @property
    def weights(self) -> Var:
        """The normalised weights of this rank's particles, which sum to 1 over all ranks."""
        return self.own(self._weights)

    def own(self, values: np.ndarray) -> Var:
        """Return this rank's part of values of all particles.

        :param values: particles of all ranks on the last axis.
        """
        first = rank() * self._k
        part = np.ascontiguousarray(values[..., first : first + self._k], dtype=self._dtype)
        return self._restore(jt.array(part))


def is_spread(wanted: bool) -> bool:
    """Return whether there are other ranks to share particles with.

    :param wanted: the option of the objective.
    """
    return wanted and world_size() > 1
