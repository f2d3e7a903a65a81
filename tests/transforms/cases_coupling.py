"""Rows of the table: couplings and the other layers of NICE, RealNVP and Glow."""

import jittor as jt
import numpy as np

from tests.transforms.rows import CONTEXT, Case, plain, randomised
from zhusuan import transforms as zt

MASK = np.array([1, 0, 0, 1])


def coupling(cls, context_size=0):
    def build():
        net = {"context_size": context_size, "activation": jt.tanh}
        return randomised(cls(4, 6, 2, MASK, **net))

    return build


def outputs(net, x, context):
    """The outputs of the default net, from its weights."""
    def weights(layer):
        return layer.weight.numpy().astype(float)

    h = x
    for i, layer in enumerate(net.layers):
        h = weights(layer) @ h + layer.bias.numpy()
        if i == 0 and context is not None:
            h = h + weights(net.context_layer) @ context
        h = np.tanh(h)
    return weights(net.last) @ h + net.last.bias.numpy()


def additive(transform, x, context):
    y = np.array(x)
    shift = outputs(transform.nn, x * MASK, context)
    for i in (1, 2):
        y[i] = x[i] + shift[i]
    return y


def affine(transform, x, context):
    y = np.array(x)
    shift, raw = outputs(transform.nn, x * MASK, context).reshape(2, 4)
    for i in (1, 2):
        y[i] = x[i] * np.exp(3.0 * np.tanh(raw[i] / 3.0)) + shift[i]
    return y


def scaling(transform, x, context):
    return x * np.exp(transform.log_scale.numpy().astype(float))


def actnorm(transform, x, context):
    return scaling(transform, x, context) + transform.loc.numpy()


def convolution(transform, x, context):
    lu = transform.lu.numpy().astype(float)
    lower, upper = np.tril(lu, -1) + np.eye(3), np.triu(lu, 1)
    upper += np.diag(np.exp(np.diag(lu)) * transform._fixed._signs)
    return (lower @ upper @ x)[transform._fixed._order]


def squeeze(x):
    # Channel, row and column of the small image, place in the square of the large one.
    y = np.zeros((4, 1, 2))
    for i in range(2):
        for j in range(4):
            y[2 * (i % 2) + j % 2, i // 2, j // 2] = x[0, i, j]
    return y


def bounded_logit(x):
    p = 0.05 + 0.9 * x
    return np.log(p / (1 - p))


# Another row has its class, with context.
SLOW = ["AffineCoupling"]
CASES = [
    Case("AdditiveCoupling", coupling(zt.AdditiveCoupling), additive, event=(4,)),
    Case("AffineCoupling", coupling(zt.AffineCoupling), affine, event=(4,)),
    Case(
        "AffineCoupling, context", coupling(zt.AffineCoupling, 2), affine, event=(4,),
        context=CONTEXT,
    ),
    Case("Scaling", lambda: randomised(zt.Scaling(3)), scaling, event=(3,)),
    Case("ActNorm", lambda: randomised(zt.ActNorm(3, data_init=None)), actnorm, event=(3,)),
    Case(
        "InvertibleConv1x1", lambda: randomised(zt.InvertibleConv1x1(3, 1)), convolution,
        event=(3,),
    ),
    Case("Squeeze", zt.Squeeze, plain(squeeze), event=(1, 2, 4)),
    Case(
        "FactorOut", lambda: zt.FactorOut(zt.Affine(0.2, 0.5)),
        plain(lambda x: np.concatenate([0.2 + 0.5 * x[:2], x[2:]])), event=(4,),
    ),
    Case(
        "BoundedLogit", zt.BoundedLogit, plain(bounded_logit),
        domain=lambda x: 1 / (1 + np.exp(-x)), extremes=(0.0, 1e-30, 0.5, 1.0),
    ),
]
