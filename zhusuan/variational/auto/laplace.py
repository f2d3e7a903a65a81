"""The Laplace approximation: a normal distribution at the mode, as wide as the mode is curved."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import jittor as jt
import numpy as np

from zhusuan._tensor import Var
from zhusuan.framework.latents import Model, run_at, sum_to_lead
from zhusuan.variational.auto.curvature import hessian_by_autodiff, hessian_by_differences
from zhusuan.variational.auto.delta import Delta
from zhusuan.variational.auto.full_rank import FullRank
from zhusuan.variational.auto.starts import Init

# A Newton step of more than this many standard deviations means that the mode is elsewhere.
_FAR = 0.1
# What two ways to the second derivatives may differ by: far above the rounding of either.
_AGREE = 0.02


class Laplace(Delta):
    r"""The mode on the real scale, and from it a normal approximation.

    .. math:: q(u) = \mathrm{N}\big(u \mid \hat u, (-H)^{-1}\big), \qquad
              H = \nabla^2 \log p(x, T(u)) |T'(u)| \, \big|_{\hat u}

    (MacKay 2003, ch. 27; Bishop 2006, eq. 4.134). First fit it like any guide, with the ELBO, which
    finds the mode :math:`\hat u`; then ask for the approximation::

        guide = zs.variational.auto.Laplace(model, {"y": y})
        objective = zs.variational.ELBO(model, guide)
        ...
        posterior = guide.to_full_rank()
        posterior.quantiles([0.05, 0.5, 0.95])

    The mode is that of the density of the real coordinates, Jacobian of the transform included.

    :param model: see :class:`~zhusuan.variational.auto.AutoGuide`, as for the others.
    :param observed: name -> value of the observed nodes and inputs.
    :param init: where the search for the mode begins.
    :param latents: names of the latent nodes to cover, by default all.
    """

    def __init__(
        self,
        model: Model,
        observed: Mapping[str, Any] | None = None,
        init: Init = "median",
        *,
        latents: Any = None,
    ) -> None:
        super().__init__(model, observed, None, init, jacobian=True, latents=latents)
        # In a tuple: the model's parameters are not the guide's.
        self._built_from = (model, {} if observed is None else dict(observed))

    def to_full_rank(
        self,
        observed: Mapping[str, Any] | None = None,
        n_samples: int | None = None,
        method: str = "differences",
        **options: Any,
    ) -> FullRank:
        """Return the normal approximation at the present point, which must be the mode.

        :param observed: the data; by default those that the guide was built from.
        :param n_samples: particles of what comes back.
        :param method: ``'differences'`` of gradients, which need nothing but right gradients; or
            ``'autodiff'``, fewer operations and more digits, where the model has no operation
            whose second derivatives Jittor gets wrong: checked along a random direction. A model
            with ``jt.linalg`` ends the process; ``zs.linalg`` does not.
        :param options: options of :class:`FullRank`.
        :return: a normal family whose mean is the mode and whose covariance is the inverse of the
            curvature.
        :raises ValueError: if the curvature is not that of a maximum, so that this is not the mode;
            for an unknown method, or if Jittor's second derivatives are wrong.
        """
        if method not in ("differences", "autodiff"):
            raise ValueError(f"method must be 'differences' or 'autodiff', got {method!r}")
        model, built_from = self._built_from
        observed = built_from if observed is None else dict(observed)
        mode = self.unconstrained_mean()
        hessian = self._hessian(observed, mode, method)
        covariance = self._covariance(hessian, self._gradient(observed, mode))
        start = {name: values[0] for name, values in self._on_support(mode[None]).items()}
        full = FullRank(
            model, observed, n_samples, start, latents=[n.name for n in self._latents], **options
        )
        full.set_moments(mode, covariance)
        return full

    def log_density(self, vector: Var, observed: Mapping[str, Any] | None = None) -> Var:
        """Return the log joint on the real scale, with the log-determinant of the transforms.

        :param vector: real coordinates, shape [D].
        :param observed: the data; by default those that the guide was built from.
        :return: Var of shape [1], in nats.
        """
        model, built_from = self._built_from
        pairs = {latent.name: latent.value_and_log_det(vector) for latent in self._latents}
        net = run_at(
            model,
            built_from if observed is None else observed,
            {name: value for name, (value, _) in pairs.items()},
        )
        total = sum_to_lead(net.log_joint(), 0)
        for _, log_det in pairs.values():
            if log_det is not None:
                total = total + log_det
        return total

    def _gradient(self, observed: Mapping[str, Any], at: np.ndarray) -> np.ndarray:
        point = jt.array(np.float32(at))
        slope = jt.grad(self.log_density(point, observed), point)
        return slope.numpy().astype(np.float64)

    def _hessian(self, observed: Mapping[str, Any], mode: np.ndarray, method: str) -> np.ndarray:
        def gradient(at: np.ndarray) -> np.ndarray:
            return self._gradient(observed, at)

        if method == "differences":
            return hessian_by_differences(gradient, mode)
        hessian = hessian_by_autodiff(lambda u: self.log_density(u, observed), mode)
        direction = np.random.default_rng(0).choice([-1.0, 1.0], len(mode))
        scale = np.sqrt(np.abs(np.diagonal(hessian)))
        direction = direction / np.where(scale > 0, scale, 1.0)
        step = 0.05 / np.sqrt(len(mode))
        above, below = gradient(mode + step * direction), gradient(mode - step * direction)
        slope, ours = (above - below) / (2.0 * step), hessian @ direction
        if np.linalg.norm(slope - ours) > _AGREE * np.linalg.norm(slope):
            raise ValueError(
                "Laplace: Jittor's second derivatives of the log joint differ from differences of "
                f"its gradient by {np.linalg.norm(slope - ours) / np.linalg.norm(slope):.2g} of "
                "their size; use method='differences'"
            )
        return hessian

    def _covariance(self, hessian: np.ndarray, slope: np.ndarray) -> np.ndarray:
        if not np.isfinite(hessian).all():
            raise ValueError("Laplace: second derivatives of the log joint are not finite here")
        curvature = np.linalg.eigvalsh(-hessian)
        if curvature[0] <= 0:
            raise ValueError(
                "Laplace: the mode is not reached: minus the second derivatives of the log joint "
                f"are not positive definite, their smallest eigenvalue is {curvature[0]:.3g}; fit "
                "the guide first, zs.variational.ELBO(model, guide), for longer"
            )
        covariance = np.linalg.inv(-hessian)
        covariance = 0.5 * (covariance + covariance.T)
        away = np.abs(covariance @ slope) / np.sqrt(np.diagonal(covariance))
        if away.max() > _FAR:
            names = [n.name for n in self._latents if n.start <= int(away.argmax()) < n.stop]
            warnings.warn(
                f"Laplace: the mode is {away.max():.2g} standard deviations away in "
                f"{names[0]!r}, by the slope here: fit the guide for longer",
                stacklevel=3,
            )
        return covariance
