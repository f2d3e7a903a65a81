"""A normal distribution whose covariance is low rank plus diagonal, on the real scale."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import jittor as jt
import numpy as np

from zhusuan import random
from zhusuan.distributions.base import Distribution
from zhusuan.distributions.low_rank_multivariate_normal import LowRankMultivariateNormal
from zhusuan.framework.latents import Model
from zhusuan.variational.auto.base import log_scale
from zhusuan.variational.auto.gaussian import GaussianGuide
from zhusuan.variational.auto.joint import JointGuide
from zhusuan.variational.auto.starts import Init

# Columns that begin at 0 stay there: the covariance has no slope in them. Small ones move at once.
_FIRST_MIXING = 0.1


class LowRank(JointGuide, GaussianGuide):
    r"""A normal distribution on the real scale, its covariance a low-rank matrix plus a diagonal.

    .. math:: q(u) = \mathrm{N}(u \mid m, S (F F^\top + I) S), \qquad S = \mathrm{diag}(s)

    with R columns in :math:`F` (Ong, Nott and Smith 2018, sec. 3). The cost of a draw and the
    number of parameters are of order :math:`D R`: for correlated posteriors with too many
    coordinates for :class:`FullRank`.

    :param model: see :class:`~zhusuan.variational.auto.AutoGuide`, as for the options; its log
        joint must be one number for each particle.
    :param observed: name -> value of the observed nodes and inputs.
    :param n_samples: particles.
    :param init: where the mean begins.
    :param init_scale: the first :math:`s`, about the first standard deviation on the real scale.
    :param rank: R, between 1 and D; by default the square root of D, rounded.
    :param options: ``latents``, ``reparameterize``, ``use_path_derivative``.
    :raises ValueError: if ``rank`` is out of range.
    :ivar loc: m, shape [D].
    :ivar logstd: :math:`\log s`, shape [D].
    :ivar mixing: F, shape [D, R].
    """

    def __init__(
        self,
        model: Model,
        observed: Mapping[str, Any] | None = None,
        n_samples: int | None = None,
        init: Init = "median",
        init_scale: float = 0.1,
        rank: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(model, observed, n_samples, init, **options)
        rank = _check_rank(rank, self._dim)
        self.loc = self._start_var()
        self.logstd = log_scale("LowRank", init_scale, self._dim)
        first = random.standard_normal((self._dim, rank)).numpy()
        self.mixing = jt.array(first * np.float32(_FIRST_MIXING))

    def _vector(self) -> Distribution:
        scale = jt.exp(self.logstd)
        factor = scale.reshape([self._dim, 1]) * self.mixing
        return LowRankMultivariateNormal(self.loc, factor, scale * scale, **self._options)

    def covariance(self) -> np.ndarray:
        """Return the covariance of the real coordinates.

        :return: float64 array of shape [D, D].
        """
        scale = np.exp(self.logstd.numpy().astype(np.float64))[:, None]
        factor = scale * self.mixing.numpy().astype(np.float64)
        return factor @ factor.T + np.diag(scale[:, 0] ** 2)


def _check_rank(rank: Any, dim: int) -> int:
    if rank is None:
        return max(1, round(math.sqrt(dim)))
    if isinstance(rank, bool) or not isinstance(rank, (int, np.integer)):
        raise TypeError(f"LowRank: rank must be an int, got {rank!r}")
    if not 1 <= rank <= dim:
        raise ValueError(f"LowRank: rank must be between 1 and the {dim} coordinates, got {rank}")
    return int(rank)
