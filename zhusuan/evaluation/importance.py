"""The log-likelihood of a trained model by importance sampling."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jittor as jt
import numpy as np
from tqdm import tqdm

from zhusuan._tensor import Var, shape_of
from zhusuan.evaluation.weights import WeightSum, check_weighable
from zhusuan.framework.bn import BayesianNet
from zhusuan.special import log_mean_exp
from zhusuan.variational.base import difference
from zhusuan.variational.nets import BothNets, Latent, check_axis

Model = Callable[[Mapping[str, Any]], BayesianNet]


def is_loglikelihood(
    meta_bn: Model,
    observed: Mapping[str, Any],
    latent: Latent | None = None,
    axis: int | Sequence[int] | None = None,
    proposal: Any = None,
    *,
    n_samples: int | None = None,
    progress: bool | None = None,
) -> Var:
    r"""Estimate the marginal log-likelihood of each datum by importance sampling.

    .. math::

        \log p(x) \approx \log \frac1K \sum_{k=1}^K \frac{p(x, z_k)}{q(z_k \mid x)},
        \qquad z_k \sim q(z \mid x)

    (Kloek and van Dijk 1978; Burda et al. 2016, eq. 8.) The average is unbiased for
    :math:`p(x)`, so its logarithm is on average below :math:`\log p(x)`, the less so the more
    samples there are and the nearer q is to the posterior.

    ``K`` is the number of particles that the proposal draws along ``axis``; they are in memory
    all at once. With ``n_samples`` the nets are run again and again, without gradients, until
    there are that many, in the memory of one run::

        q = ...  # its latent nodes have n_samples=50
        log_p = zs.is_loglikelihood(model, {"x": x}, axis=0, proposal=q, n_samples=5000)
        print(-log_p.numpy().mean(), "nats per image;", log_p.ess.min(), "samples count")

    :param meta_bn: callable from a dict of observations to a BayesianNet, the model.
    :param observed: name -> value of the observed variables, such as a batch of the test set.
    :param latent: in place of ``proposal``: name -> (sample, log-probability) of the latents.
    :param axis: dim or dims of the log-probabilities that count particles. None is for a
        proposal that makes one draw without such a dim; it needs ``n_samples``.
    :param proposal: the distribution that is drawn from, a callable as ``meta_bn``, or a
        BayesianNet that was run. Its tails should not be lighter than those of the posterior.
    :param n_samples: number of samples in all, K; by default those of one run.
    :param progress: with ``n_samples``, whether to show a progress bar; by default on a terminal
        only.
    :return: Var of one value per datum, in nats, the particle dims left out. With ``n_samples``
        it has no gradient, and its attribute ``ess`` is an array of the same shape, the
        effective number of samples :math:`(\sum_k w_k)^2 / \sum_k w_k^2` (Kong 1992): few
        of them, say below 10, mean that the estimate may be far too low.
    :raises TypeError: if ``n_samples`` is no int.
    :raises ValueError: if not exactly one of ``proposal`` and ``latent`` is given, neither
        ``axis`` nor ``n_samples`` is, ``axis`` is out of range, the draws given can't be
        repeated to make ``n_samples``, a node averages over data or scales its
        log-probability, the nets do not fit each other, or no net reads an observed name.
    :raises FloatingPointError: with ``n_samples``, if a weight is NaN or infinite.
    """
    if (latent is None) == (proposal is None):
        raise ValueError("is_loglikelihood: exactly one of proposal and latent must be given")
    if n_samples is None:
        nets = BothNets("is_loglikelihood", meta_bn, observed, latent, proposal)
        log_w, axes = _log_weights(nets, axis)
        if not axes:
            raise ValueError(
                "is_loglikelihood: axis, the dim of the particles, must be given; or n_samples, "
                "for a proposal that makes one draw"
            )
        return log_mean_exp(log_w, axes)
    _check_n_samples(n_samples)
    if latent is not None or type(proposal) is BayesianNet:
        raise ValueError(
            f"is_loglikelihood: n_samples={n_samples} draws from the proposal several times: give "
            "it as a callable from observations to a BayesianNet"
        )
    return _streamed(meta_bn, observed, axis, proposal, int(n_samples), progress)


def _streamed(
    meta_bn: Model,
    observed: Mapping[str, Any],
    axis: int | Sequence[int] | None,
    proposal: Any,
    n_samples: int,
    progress: bool | None,
) -> Var:
    weights = WeightSum()
    bar = tqdm(
        total=n_samples, desc="is_loglikelihood", unit="sample", leave=False,
        disable=None if progress is None else not progress,
    )  # fmt: skip
    with bar, jt.no_grad():
        while weights.count < n_samples:
            nets = BothNets("is_loglikelihood", meta_bn, observed, None, proposal)
            log_w, axes = _log_weights(nets, axis)
            drawn = _particles_first(log_w.numpy(), axes)[: n_samples - weights.count]
            _check_finite(drawn, nets)
            weights.add(drawn)
            bar.update(len(drawn))
    result = jt.array(np.atleast_1d(weights.log_mean).astype(str(log_w.dtype)))
    result.ess = np.atleast_1d(weights.ess)
    return result


def _log_weights(nets: BothNets, axis: Any) -> tuple[Var, tuple[int, ...]]:
    """Return the log-weights of one run and the dims of its particles."""
    for net in (nets.p, nets.q):
        check_weighable("is_loglikelihood", {} if net is None else net.nodes)
    log_w = difference(nets.log_p(), nets.log_q())
    return log_w, check_axis("is_loglikelihood", axis, shape_of(log_w))


def _particles_first(log_w: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Merge the particle dims into one, the first; without any, there is one particle."""
    others = [n for d, n in enumerate(log_w.shape) if d not in axes]
    return np.moveaxis(log_w, axes, range(len(axes))).reshape([-1, *others])


def _check_finite(log_w: np.ndarray, nets: BothNets) -> None:
    is_bad = np.isnan(log_w) | (log_w == np.inf)
    if not is_bad.any():
        return
    terms = {f"{n!r} of the model": node.log_prob() for n, node in nets.p.nodes.items()}
    terms.update({f"{n!r} of the proposal": v.log_prob() for n, v in nets.posterior.items()})
    culprits = [name for name, term in terms.items() if not np.isfinite(term.numpy()).all()]
    raise FloatingPointError(
        f"is_loglikelihood: {int(is_bad.sum())} of {is_bad.size} weights are NaN or infinite; the "
        f"log-probability is not finite at node {', '.join(culprits) or '(their sum)'}"
    )


def _check_n_samples(n_samples: Any) -> None:
    if isinstance(n_samples, bool) or not isinstance(n_samples, (int, np.integer)):
        raise TypeError(f"is_loglikelihood: n_samples must be an int, got {n_samples!r}")
    if n_samples < 1:
        raise ValueError(f"is_loglikelihood: n_samples must be at least 1, got {n_samples}")
