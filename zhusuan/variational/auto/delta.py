"""A point for each latent node: maximum a posteriori estimates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zhusuan._tensor import shape_of
from zhusuan.distributions import delta
from zhusuan.distributions.base import Distribution
from zhusuan.framework.bn import BayesianNet
from zhusuan.framework.latents import Latent, Model
from zhusuan.variational.auto.base import AutoGuide
from zhusuan.variational.auto.starts import Init


class Delta(AutoGuide):
    r"""A point mass for each latent node, so that the ELBO is the log joint at the points.

    Its maximum is the mode of the posterior (MAP). A mode depends on the scale on which densities
    are compared: by default on that of the node's support, the usual one, so that the mode of a
    Gamma(a, b) is at (a - 1) / b; with ``jacobian=True`` on the real scale, where it is at a / b.
    Either way it is searched for on the real scale.

    :param model: see :class:`~zhusuan.variational.auto.AutoGuide`, as for the options.
    :param observed: name -> value of the observed nodes and inputs.
    :param n_samples: particles, which are all alike.
    :param init: where the points begin.
    :param jacobian: find the mode of the density of the real coordinates.
    :param latents: names of the latent nodes to cover, by default all.
    :ivar loc: the points' real coordinates, shape [D].
    """

    def __init__(
        self,
        model: Model,
        observed: Mapping[str, Any] | None = None,
        n_samples: int | None = None,
        init: Init = "median",
        *,
        jacobian: bool = False,
        latents: Any = None,
    ) -> None:
        super().__init__(model, observed, n_samples, init, latents=latents)
        self.loc = self._start_var()
        self._jacobian = bool(jacobian)

    def unconstrained_mean(self) -> np.ndarray:
        """Return the point's real coordinates.

        :return: float64 array of shape [D].
        """
        return self.loc.numpy().astype(np.float64)

    def _vector(self) -> Distribution:
        return delta.Delta(self.loc, group_ndims=1)

    def _quantiles(self, probabilities: np.ndarray) -> dict[str, np.ndarray]:
        return self._on_support(np.stack([self.unconstrained_mean()] * len(probabilities)))

    def _add_nodes(self, net: BayesianNet) -> None:
        for latent in self._latents:
            net.stochastic(
                latent.name, self._node(latent), n_samples=self.n_samples, **latent.reductions
            )

    def _node(self, latent: Latent) -> Distribution:
        free = latent.part(self.loc)
        group = latent.group_ndims - latent.event_ndims
        if latent.is_real or not self._jacobian:
            value = latent.value(self.loc)
            return delta.Delta(value, value_ndims=latent.event_ndims, group_ndims=group)
        value, log_det = latent.transform.forward_and_log_det(free)
        batch = shape_of(value)[: len(shape_of(value)) - latent.event_ndims]
        if not batch:
            log_det = log_det.reshape([1])
        return delta.Delta(value, -log_det, value_ndims=latent.event_ndims, group_ndims=group)
