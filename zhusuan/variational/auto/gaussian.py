"""What the families that are normal on the real scale say of their fit."""

from __future__ import annotations

from abc import abstractmethod
from statistics import NormalDist

import numpy as np

from zhusuan._tensor import Var
from zhusuan.variational.auto.base import AutoGuide


class GaussianGuide(AutoGuide):
    """Base of the families whose vector of real coordinates is normal.

    Medians and quantiles are those of the normal coordinates, mapped to the support. The maps of
    positive and bounded numbers act on each element alone and keep order, so these are exact. The
    coordinates of a simplex, a Cholesky factor or a matrix make their elements together: there the
    quantiles go through the map coordinate by coordinate, and give a point on the support that is
    in the middle, or at the side, of the fit; for quantiles of one element take draws,
    ``guide.sample(n)``.
    """

    loc: Var

    @abstractmethod
    def covariance(self) -> np.ndarray:
        """Return the covariance of the real coordinates.

        ``guide.index`` says which rows belong to which node.

        :return: float64 array of shape [D, D].
        """

    def unconstrained_mean(self) -> np.ndarray:
        """Return the mean of the real coordinates.

        :return: float64 array of shape [D].
        """
        return self.loc.numpy().astype(np.float64)

    def unconstrained_stddev(self) -> np.ndarray:
        """Return the standard deviations of the real coordinates.

        :return: float64 array of shape [D].
        """
        return np.sqrt(np.diagonal(self.covariance()))

    def _quantiles(self, probabilities: np.ndarray) -> dict[str, np.ndarray]:
        score = np.array([NormalDist().inv_cdf(p) for p in probabilities])[:, None]
        mean, std = self.unconstrained_mean(), self.unconstrained_stddev()
        rising = self._on_support(mean + score * std)
        falling = self._on_support(mean - score * std)
        ends = self._on_support(mean + np.array([[-1.0], [1.0]]) * std)
        for latent in self._latents:
            if latent.event_ndims == 0:
                # Below an upper bound the map turns the order round.
                name = latent.name
                turned = ends[name][1] < ends[name][0]
                rising[name] = np.where(turned, falling[name], rising[name])
        return rising
