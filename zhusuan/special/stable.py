r"""Functions that Jittor lacks or computes wrongly, elementwise, with right gradients.

Jittor compiles kernels with fast-math flags, which remove the usual tricks (Kahan's ``log1p``
becomes NaN) and its own ``sigmoid`` clamps its argument at -30. Ties matter as well: the gradient
of ``max(x, 0)`` at 0 is 0 or 1 by accident of the formula, and zero-initialised logits sit
exactly there. Each function below is written so that value and gradient are right at ties, in
the tails and at the ends of its domain, and so that derivatives of any order are ordinary Jittor
operations.
"""

from __future__ import annotations

import math

import jittor as jt

from zhusuan._tensor import Var, broadcast_shapes, settled, shape_of
from zhusuan.special import many_bernoulli

LOG_2PI = math.log(2.0 * math.pi)


def _zeros(x: Var) -> Var:
    return jt.zeros_like(x)


def log1p_unit(y: Var) -> Var:
    r"""Return :math:`\log(1 + y)` for y in (-1/2, 1], quicker than :func:`log1p`.

    Computed as :math:`2\,\mathrm{artanh}(y / (y + 2))`, DLMF 4.37.24 with 4.6.1, which needs no
    cancellation and so survives fast-math.

    :param y: Var of any shape; relative precision is lost towards -1 and beyond 1.
    :return: Var of the shape of ``y``.
    """
    return 2.0 * jt.atanh(y / (y + 2.0))


def log1p(y: Var) -> Var:
    r"""Return :math:`\log(1 + y)` to full relative precision for :math:`y \ge -1` (DLMF 4.6.1).

    :param y: Var of any shape; :math:`-\infty` at -1.
    :return: Var of the shape of ``y``.
    """
    near = jt.abs(y) < 0.5
    # 1 + y is exact to rounding where it is not near 1.
    far = jt.log(jt.ternary(near, jt.ones_like(y), 1.0 + y))
    return jt.ternary(near, log1p_unit(jt.ternary(near, y, _zeros(y))), far)


def softplus(x: Var) -> Var:
    r"""Return :math:`\log(1 + e^x) = \max(x, 0) + \log(1 + e^{-|x|})`.

    The gradient is :math:`\mathrm{sigmoid}(x)` everywhere, at 0 as well.

    It is minus the logarithm of a sigmoid (Bishop 2006, eq. 4.59) at -x.

    :param x: Var of any shape.
    :return: Var of the shape of ``x``.
    """
    positive = x > 0
    return jt.ternary(positive, x, _zeros(x)) + log1p_unit(jt.exp(jt.ternary(positive, -x, x)))


def log_sigmoid(x: Var) -> Var:
    r"""Return :math:`\log\,\mathrm{sigmoid}(x) = -\mathrm{softplus}(-x)`; exact at :math:`\pm 100`.

    The logarithm of Bishop 2006, eq. 4.59.

    :param x: Var of any shape.
    :return: Var of the shape of ``x``.
    """
    return -softplus(-x)


def sigmoid(x: Var) -> Var:
    r"""Return :math:`1 / (1 + e^{-x})` without the clamp at -30 that ``nn.Sigmoid`` has.

    Bishop 2006, eq. 4.59.

    :param x: Var of any shape.
    :return: Var of the shape of ``x``.
    """
    positive = x > 0
    e = jt.exp(jt.ternary(positive, -x, x))
    return jt.ternary(positive, jt.ones_like(x), e) / (1.0 + e)


def xlogy(x: Var, y: Var) -> Var:
    r"""Return :math:`x \log y` with :math:`0 \log 0 = 0`, and :math:`-\infty` for x > 0, y = 0.

    The gradient is finite wherever the value is; where y = 0 no gradient flows to y.

    The convention is that of entropies (Cover and Thomas 2006, sec. 2.1).

    :param x: non-negative Var of any shape.
    :param y: non-negative Var that broadcasts with ``x``.
    :return: Var of the broadcast shape.
    """
    inside = y > 0
    log_y = jt.log(jt.ternary(inside, y, jt.ones_like(y)))
    return _times_log(x, inside, log_y)


def xlog1py(x: Var, y: Var) -> Var:
    r"""Return :math:`x \log(1 + y)` for :math:`-1 \le y \le 1`, with :math:`0 \log 0 = 0`.

    Precise for small ``y``; gradients as in :func:`xlogy`, the pole being at y = -1.

    The convention is that of entropies (Cover and Thomas 2006, sec. 2.1).

    :param x: non-negative Var of any shape.
    :param y: Var that broadcasts with ``x``.
    :return: Var of the broadcast shape.
    """
    inside = y > -1
    log1p_y = log1p(jt.ternary(inside, y, _zeros(y)))
    return _times_log(x, inside, log1p_y)


def _times_log(x: Var, inside: Var, log: Var) -> Var:
    # Masked before the product: 0 * -inf would be NaN, and so would its gradient.
    at_pole = jt.ternary(x == 0, _zeros(x), jt.full_like(x, -math.inf))
    return x * jt.ternary(inside, log, at_pole)


def bernoulli_log_prob(logits: Var, x: Var) -> Var:
    r"""Return :math:`-x\,\mathrm{softplus}(-l) - (1 - x)\,\mathrm{softplus}(l)`, in nats.

    Exact for logits of any size, and so is the gradient
    :math:`x\,\mathrm{sigmoid}(-l) - (1 - x)\,\mathrm{sigmoid}(l)`.

    Source: Bishop 2006, eq. 2.2, with p = sigmoid(l).

    :param logits: log-odds :math:`l`; Var of any shape.
    :param x: value in [0, 1]; broadcasts with ``logits``. The result is :math:`-\infty`, without
        gradient to the logits, for others.
    :return: Var of the broadcast shape.
    """
    if many_bernoulli.is_for(logits, x):
        return many_bernoulli.log_prob(settled(logits), settled(x))
    shape = broadcast_shapes(shape_of(logits), shape_of(x))
    if shape is not None and shape_of(logits) != shape:
        logits = logits.broadcast(list(shape))
    if shape is not None and shape_of(x) != shape:
        x = x.broadcast(list(shape))
    function = _BernoulliLogProb()
    # The gradient is built from the Vars themselves and not from what execute is given, which
    # is cut off from the graph: second derivatives would be zero without a word.
    function.logits, function.x = logits, x
    return function(settled(logits), settled(x))


def _in_unit_interval(x: Var) -> Var:
    return (x >= 0) & (x <= 1)


class _BernoulliLogProb(jt.Function):
    """Has a gradient of its own: that of the stable formula costs twice as much as the truth."""

    logits: Var
    x: Var

    def execute(self, logits: Var, x: Var) -> Var:
        # A Var of its own: where no gradient is recorded, two densities of one x, such as log p and
        # log q of a latent, would be fused into one kernel, which takes six times as long.
        x = x.detach()
        # Both softplus terms share log(1 + e^-|l|); what is left of them is max(-l, 0) and
        # max(l, 0).
        positive, zeros = logits > 0, _zeros(logits)
        shared = log1p_unit(jt.exp(jt.ternary(positive, -logits, logits)))
        below = jt.ternary(positive, zeros, -logits)
        above = jt.ternary(positive, logits, zeros)
        log_prob = -(shared + x * below + (1.0 - x) * above)
        return jt.ternary(_in_unit_interval(x), log_prob, jt.full_like(x, -math.inf))

    def grad(self, upstream: Var) -> tuple[Var, Var]:
        logits, x = self.logits, self.x
        prob_1, prob_0 = 1.0 / (1.0 + jt.exp(-logits)), 1.0 / (1.0 + jt.exp(logits))
        slope = jt.ternary(_in_unit_interval(x), x * prob_0 - (1.0 - x) * prob_1, _zeros(x))
        slope = upstream * slope
        # Kept apart from what follows, often a sum over the batch: see _tensor.sum_dims.
        return slope.stop_fuse(), upstream * logits
