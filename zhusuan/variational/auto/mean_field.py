"""Independent normal variables on the real scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zhusuan.distributions.base import Distribution
from zhusuan.distributions.normal import Normal
from zhusuan.flows.flow import Flow
from zhusuan.framework.bn import BayesianNet
from zhusuan.framework.latents import Latent, Model
from zhusuan.variational.auto.base import log_scale
from zhusuan.variational.auto.gaussian import GaussianGuide
from zhusuan.variational.auto.starts import Init


class MeanField(GaussianGuide):
    r"""Independent normal variables on the real scale, one for each coordinate.

    .. math:: q(u) = \prod_i \mathrm{N}(u_i \mid m_i, s_i^2), \qquad z = T(u)

    (Kucukelbir et al. 2017, sec. 2.4). ::

        guide = zs.variational.auto.MeanField(model, {"y": y}, n_samples=8)
        objective = zs.variational.ELBO(model, guide, axis=0)
        optimizer = jt.optim.Adam(objective.parameters(), 1e-2)

    Each latent is a node of its own, a Normal or a :class:`~zhusuan.flows.Flow` of one, with the
    groups and reductions of the model's node; so closed forms of the KL divergence, free bits and
    latents for each datum work as with a net written by hand. Its standard deviations are too small
    where the posterior is correlated: for a normal posterior, those of each variable with all
    others held fixed (Bishop 2006, sec. 10.1.2).

    :param model: see :class:`~zhusuan.variational.auto.AutoGuide`, as for the options.
    :param observed: name -> value of the observed nodes and inputs.
    :param n_samples: particles.
    :param init: where the means begin.
    :param init_scale: first standard deviation on the real scale.
    :param options: ``latents``, ``reparameterize``, ``use_path_derivative``.
    :ivar loc: m, shape [D].
    :ivar logstd: :math:`\log s`, shape [D].
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
        self.logstd = log_scale("MeanField", init_scale, self._dim)

    def _vector(self) -> Distribution:
        return Normal(self.loc, logstd=self.logstd, group_ndims=1, **self._options)

    def _add_nodes(self, net: BayesianNet) -> None:
        for latent in self._latents:
            net.stochastic(
                latent.name, self._node(latent), n_samples=self.n_samples, **latent.reductions
            )

    def _node(self, latent: Latent) -> Distribution:
        mean, logstd = latent.part(self.loc), latent.part(self.logstd)
        group = latent.group_ndims - latent.event_ndims
        if latent.is_real:
            return Normal(mean, logstd=logstd, group_ndims=group, **self._options)
        normal = Normal(mean, logstd=logstd, **self._options)
        return Flow(
            normal,
            latent.transform,
            group_ndims=group,
            use_path_derivative=self._use_path_derivative,
        )

    def covariance(self) -> np.ndarray:
        """Return the covariance of the real coordinates, a diagonal matrix.

        :return: array of shape [D, D].
        """
        return np.diag(self.unconstrained_stddev() ** 2)

    def unconstrained_stddev(self) -> np.ndarray:
        """Return the standard deviations of the real coordinates.

        :return: float64 array of shape [D].
        """
        return np.exp(self.logstd.numpy().astype(np.float64))
