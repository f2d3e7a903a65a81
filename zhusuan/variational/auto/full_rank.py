"""A normal distribution with a full covariance, on the real scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jittor as jt
import numpy as np

from zhusuan import linalg
from zhusuan._tensor import Var
from zhusuan.distributions.base import Distribution
from zhusuan.distributions.multivariate_normal_cholesky import MultivariateNormalCholesky
from zhusuan.framework.latents import Model
from zhusuan.variational.auto.base import log_scale
from zhusuan.variational.auto.gaussian import GaussianGuide
from zhusuan.variational.auto.joint import JointGuide
from zhusuan.variational.auto.starts import Init


class FullRank(JointGuide, GaussianGuide):
    r"""A normal distribution on the real scale, with all covariances.

    .. math:: q(u) = \mathrm{N}(u \mid m, L L^\top), \qquad L = \mathrm{diag}(s) (I + M)

    with :math:`M` strictly lower triangular (Kucukelbir et al. 2017, sec. 2.4, where L has one
    parameter for each entry). The scales :math:`s` are apart from what correlates, so that one step
    size suits coordinates of different sizes. The cost of a draw is of order :math:`D^2`, and so is
    the number of parameters.

    :param model: see :class:`~zhusuan.variational.auto.AutoGuide`, as for the options; its log
        joint must be one number for each particle.
    :param observed: name -> value of the observed nodes and inputs.
    :param n_samples: particles.
    :param init: where the mean begins.
    :param init_scale: first standard deviation on the real scale; correlations begin at 0.
    :param options: ``latents``, ``reparameterize``, ``use_path_derivative``.
    :ivar loc: m, shape [D].
    :ivar logstd: :math:`\log s`, shape [D].
    :ivar mixing: M, of which the part below the diagonal counts, shape [D, D].
    """

    def __init__(
        self,
        model: Model,
        observed: Mapping[str, Any] | None = None,
        n_samples: int | None = None,
        init: Init = "median",
        init_scale: float = 0.1,
        **options: Any,
    ) -> None:
        super().__init__(model, observed, n_samples, init, **options)
        self.loc = self._start_var()
        self.logstd = log_scale("FullRank", init_scale, self._dim)
        self.mixing = jt.zeros([self._dim, self._dim])
        self._identity = jt.array(np.eye(self._dim, dtype=np.float32)).stop_grad()

    def _vector(self) -> Distribution:
        return MultivariateNormalCholesky(self.loc, self._factor(), **self._options)

    def _factor(self) -> Var:
        unit = linalg.tril(self.mixing, -1) + self._identity
        return jt.exp(self.logstd).reshape([self._dim, 1]) * unit

    def covariance(self) -> np.ndarray:
        """Return the covariance of the real coordinates.

        :return: float64 array of shape [D, D].
        """
        unit = np.tril(self.mixing.numpy().astype(np.float64), -1) + np.eye(self._dim)
        factor = np.exp(self.logstd.numpy().astype(np.float64))[:, None] * unit
        return factor @ factor.T

    def set_moments(self, mean: np.ndarray, covariance: np.ndarray) -> None:
        """Set the parameters so that the real coordinates have this mean and covariance.

        :param mean: shape [D], in the order of ``guide.index``.
        :param covariance: symmetric and positive definite, shape [D, D].
        :raises ValueError: if a shape is wrong or the covariance is not positive definite.
        """
        mean, covariance = np.asarray(mean, np.float64), np.asarray(covariance, np.float64)
        if mean.shape != (self._dim,) or covariance.shape != (self._dim, self._dim):
            raise ValueError(
                f"FullRank: a mean of shape [{self._dim}] and a covariance of shape "
                f"[{self._dim}, {self._dim}] are needed, got {list(mean.shape)} and "
                f"{list(covariance.shape)}"
            )
        try:
            factor = np.linalg.cholesky(covariance)
        except np.linalg.LinAlgError as error:
            raise ValueError("FullRank: the covariance is not positive definite") from error
        scales = np.diagonal(factor)
        self.loc.assign(jt.array(np.float32(mean)))
        self.logstd.assign(jt.array(np.float32(np.log(scales))))
        self.mixing.assign(jt.array(np.float32(np.tril(factor / scales[:, None], -1))))
