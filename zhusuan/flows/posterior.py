"""Normalizing flows on the draws of a posterior and their log-densities, as ZhuSuan writes them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jittor as jt
import numpy as np
from jittor import nn

from zhusuan import random, special
from zhusuan._tensor import Var, as_var, shape_of
from zhusuan.framework.reuse import get_module, get_parameter
from zhusuan.transforms._events import sum_events
from zhusuan.transforms.made import MaskedLinear
from zhusuan.transforms.planar import Planar

AutoregressiveNN = Callable[[str, int, Var, Any], tuple[Var, Var]]

UPDATES = ("normal", "gru")
# Of the weights that ZhuSuan's linear network starts from.
START = 0.005
# Of the usual weights, where parameters come from a layer: it starts with those all share.
OF_HIDDEN = 0.1


def planar_normalizing_flow(
    samples: Any,
    log_probs: Any,
    n_iters: int,
    hidden: Var | None = None,
    name: str = "planar_flow",
) -> tuple[Var, Var]:
    r"""Move draws by planar flows, one after the other, and their log-densities with them.

    .. math:: z_t = z_{t-1} + \hat u_t \tanh(w_t^\top z_{t-1} + b_t), \qquad
              \log q(z_t) = \log q(z_{t-1}) - \log\left|\det\frac{\partial z_t}{\partial z_{t-1}}
              \right|

    (Rezende and Mohamed 2015, eq. 10 to 13), with :math:`w^\top \hat u > -1` kept as
    :class:`~zhusuan.transforms.Planar` does. Inside a function that reuses its variables
    (:func:`~zhusuan.reuse_variables`, :func:`~zhusuan.meta_bayesian_net`) the parameters are made
    by the first call, and are among the function's ``parameters()``; outside, every call makes
    new ones. The result is what an objective takes as ``latent``::

        @zs.reuse_variables(scope="posterior")
        def posterior(x):
            q = build_q(x)
            z, log_q = q.query("z", outputs=True, local_log_prob=True)
            return zs.planar_normalizing_flow(z, log_q, n_iters=10)

        bound = zs.variational.elbo(model, {"x": x}, latent={"z": posterior(x)}, axis=0)

    :param samples: draws, shape (..., d).
    :param log_probs: their log-densities in nats, shape (...).
    :param n_iters: number of flows; 0 changes nothing.
    :param hidden: what a linear layer makes the parameters of each flow from, so that every
        datum has its own (amortised, as in the paper's sec. 4.2): shape (..., h), whose leading
        dims broadcast to those of ``samples``. By default all share one set, as in ZhuSuan.
    :param name: name of the parameters in the scope: a second call in one function needs
        another one.
    :return: the draws and their log-densities, of the same shapes.
    :raises TypeError: if ``n_iters`` is no int.
    :raises ValueError: for shapes that do not fit each other, or ``n_iters`` below 0.
    """
    what = "planar_normalizing_flow"
    z, log_q = _checked(what, samples, log_probs, n_iters)
    for i in range(n_iters):
        if hidden is None:
            z, log_det = get_module(f"{name}_{i}", Planar, shape_of(z)[-1])(z)
        else:
            sizes = (shape_of(hidden)[-1], shape_of(z)[-1])
            z, log_det = get_module(f"{name}_{i}", _PlanarOf, *sizes)(z, hidden)
        log_q = log_q - log_det
    return z, log_q


class _PlanarOf(nn.Module):
    """A planar flow whose parameters are linear in something.

    :param n_hidden: entries of that.
    :param n_dim: entries of z.
    """

    def __init__(self, n_hidden: int, n_dim: int) -> None:
        super().__init__()
        self.start = Planar(n_dim).raw
        self._flow = Planar(n_dim, amortised=True)
        mask = np.ones((self._flow.n_parameters, n_hidden))
        self.linear = MaskedLinear(mask, scale=OF_HIDDEN, bias=False)

    def execute(self, z: Var, hidden: Var) -> tuple[Var, Var]:
        return self._flow(z, context=self.linear(hidden) + self.start)


def inv_autoregressive_flow(
    samples: Any,
    hidden: Any,
    log_probs: Any,
    autoregressive_nn: AutoregressiveNN,
    n_iters: int,
    update: str = "normal",
    name: str = "iaf",
) -> tuple[Var, Var]:
    r"""Move draws by inverse autoregressive flows, and their log-densities with them.

    With m and s from ``autoregressive_nn``, whose outputs for one entry depend on the entries
    before it alone,

    .. math:: z_t = s \odot z_{t-1} + m, \qquad \log q(z_t) = \log q(z_{t-1}) - \sum_i \log s_i

    (Kingma et al. 2016, eq. 10 and 11) or, with ``update='gru'`` and
    :math:`\sigma = \mathrm{sigmoid}(s)`, their eq. 14,
    :math:`z_t = \sigma \odot z_{t-1} + (1 - \sigma) \odot m`. After each flow the entries are
    turned around, so that every one comes first once.

    :param samples: draws, shape (..., d).
    :param hidden: what the network is conditioned on, handed on to it as it is; may be None.
    :param log_probs: their log-densities in nats, shape (...).
    :param autoregressive_nn: a function of a name, the number of the flow, z and ``hidden`` that
        returns m and s, both of the shape of z; s must be positive for ``'normal'``.
        :func:`linear_ar` is one. Networks are made by :func:`~zhusuan.get_module` or
        :func:`~zhusuan.get_parameter` under names that begin with the name and the number.
    :param n_iters: number of flows; 0 changes nothing.
    :param update: ``'normal'`` or ``'gru'``.
    :param name: the name handed to ``autoregressive_nn``.
    :return: the draws and their log-densities, of the same shapes.
    :raises TypeError: if ``n_iters`` is no int.
    :raises ValueError: for another update, shapes that do not fit, or ``n_iters`` below 0.
    """
    what = "inv_autoregressive_flow"
    z, log_q = _checked(what, samples, log_probs, n_iters)
    if update not in UPDATES:
        raise ValueError(f"{what}: update must be one of {UPDATES}, got {update!r}")
    for i in range(n_iters):
        m, s = autoregressive_nn(name, i, z, hidden)
        for label, var in (("m", m), ("s", s)):
            if shape_of(var) != shape_of(z):
                raise ValueError(
                    f"{what}: autoregressive_nn must return m and s of the shape of z, "
                    f"{list(z.shape)}; {label} has shape {list(var.shape)}"
                )
        if update == "gru":
            z = special.sigmoid(s) * z + special.sigmoid(-s) * m
            log_scale = special.log_sigmoid(s)
        else:
            z = s * z + m
            log_scale = jt.log(s)
        log_q = log_q - sum_events(log_scale, 1)
        z = z[..., ::-1]
    return z, log_q


def linear_ar(name: str, id: int, z: Any, hidden: Any = None) -> tuple[Var, Var]:
    r"""Return linear functions of the entries before, for :func:`inv_autoregressive_flow`.

    .. math:: m_j = \sum_{i < j} A_{ij} z_i, \qquad s_j = \exp \sum_{i < j} B_{ij} z_i

    With m alone it would be the linear IAF of Kingma et al. 2016, appendix A: normals of full
    covariance. It starts near the identity.

    :param name: beginning of the names of A and B in the scope.
    :param id: number of the flow.
    :param z: shape (..., d).
    :param hidden: not used.
    :return: m and s, of the shape of z.
    :raises TypeError: if z is not numeric.
    """
    z = as_var(z, what="linear_ar: z")
    shape = shape_of(z)
    rows = z.reshape([-1, shape[-1]])
    m, log_s = (
        jt.matmul(rows, _start(f"{name}{id}_{part}_w", shape[-1]) * _before(shape[-1]))
        for part in ("m", "s")
    )
    return m.reshape(list(shape)), jt.exp(log_s).reshape(list(shape))


def _start(name: str, d: int) -> Var:
    return get_parameter(name, lambda: random.standard_normal((d, d)) * START)


@functools.lru_cache(maxsize=16)
def _before(d: int) -> Var:
    mask = jt.array(np.triu(np.ones((d, d)), 1).astype("float32"))
    mask.sync()
    return mask.stop_grad()


def _checked(what: str, samples: Any, log_probs: Any, n_iters: Any) -> tuple[Var, Var]:
    z = as_var(samples, what=f"{what}: samples")
    log_q = as_var(log_probs, what=f"{what}: log_probs")
    if isinstance(n_iters, bool) or not isinstance(n_iters, (int, np.integer)):
        raise TypeError(f"{what}: n_iters must be an int, got {n_iters!r}")
    if n_iters < 0:
        raise ValueError(f"{what}: n_iters must not be negative, got {n_iters}")
    if len(z.shape) < 2:
        raise ValueError(
            f"{what}: samples must have shape (..., d) with at least 2 dims, got {list(z.shape)}"
        )
    if shape_of(log_q) != shape_of(z)[:-1]:
        raise ValueError(
            f"{what}: log_probs must have one value for each vector, shape {list(z.shape)[:-1]}, "
            f"got {list(log_q.shape)}; group_ndims=1 at the node sums over the entries"
        )
    return z, log_q
