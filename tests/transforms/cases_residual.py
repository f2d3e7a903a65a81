"""Rows for planar, radial and Sylvester flows, splines, reflections and batch normalisation.

Every truth is written once more in NumPy, one event at a time; the splines by cumulative sums,
``searchsorted`` and the formula of Gregory and Delbourgo in the form of weights of the ends.
"""

import jittor as jt
import numpy as np

from tests.transforms import references as ref
from tests.transforms.rows import Case, randomised
from zhusuan import transforms as zt

BINS, BOUND = 3, 2.0
N_RAW = 3 * BINS - 1
# u, w and b of a planar flow that contracts: w'u = -1.9, below the bound of -1.
CONTRACTING = np.array([-0.9, 0.3, 0.2, -1.0, 0.5, 0.1, -0.4, 0.8, 0.3])
# Far out all are finite; but sums of four entries of 80 lose digits where they cancel.
FAR = {"extremes": (-30.0, 0.0, 30.0)}


def parameters(transform, context):
    return np.array(transform.raw.numpy() if context is None else context, dtype=float)


def planar(transform, x, context):
    u, w, b = np.split(parameters(transform, context), [4, 8])
    s = w @ u
    u = u + (np.logaddexp(0.0, s + np.log(np.e - 1.0)) - 1.0 - s) * w / (w @ w)
    return x + u * np.tanh(w @ x + b)


def radial(transform, x, context):
    centre, p, q = np.split(parameters(transform, context), [4, 5])
    alpha = ref.softplus(p)
    beta = ref.softplus(q) - alpha
    return x + beta / (alpha + np.linalg.norm(x - centre)) * (x - centre)


def reflection(v):
    return np.eye(v.size) - 2.0 * np.outer(v, v) / (v @ v)


def householder(transform, x, context):
    for v in np.array(transform.vectors.numpy(), dtype=float):
        x = reflection(v) @ x
    return x


def sylvester(transform, x, context):
    m = transform.n_hidden
    r, r2, b, v = np.split(parameters(transform, context), [m * m, 2 * m * m, 2 * m * m + m])
    r, r2 = (np.triu(a.reshape(m, m), 1) + np.diag(np.tanh(np.diag(a.reshape(m, m))))
             for a in (r, r2))
    q = np.eye(4)
    for row in v.reshape(-1, 4):
        q = q @ reflection(row)
    q = q[:, :m]
    return x + q @ r @ np.tanh(r2 @ q.T @ x + b)


def softmax(raw):
    weights = np.exp(raw - raw.max())
    return weights / weights.sum()


def knots(raw):
    share = 1e-3 + (1.0 - 1e-3 * BINS) * softmax(raw)
    return np.concatenate([[0.0], np.cumsum(share)]) * 2 * BOUND - BOUND


def spline(x, raw):
    """One number through the spline of its own numbers."""
    xs, ys = knots(raw[:BINS]), knots(raw[BINS : 2 * BINS])
    inner = 1e-3 + ref.softplus(raw[2 * BINS :] + np.log(np.expm1(1.0 - 1e-3)))
    slopes = np.concatenate([[1.0], inner, [1.0]])
    if abs(x) >= BOUND:
        return x
    k = np.searchsorted(xs, x) - 1
    t = (x - xs[k]) / (xs[k + 1] - xs[k])
    mean_slope = (ys[k + 1] - ys[k]) / (xs[k + 1] - xs[k])
    # The ends' values, weighted, with the weights of the slopes between them.
    bottom = mean_slope + (slopes[k] + slopes[k + 1] - 2 * mean_slope) * t * (1 - t)
    top = (mean_slope * ys[k + 1] * t**2 + mean_slope * ys[k] * (1 - t) ** 2
           + (ys[k] * slopes[k + 1] + ys[k + 1] * slopes[k]) * t * (1 - t))
    return top / bottom


def one_spline(transform, x, context):
    return spline(float(x), np.array(transform.raw.numpy(), dtype=float))


def own_splines(transform, x, context):
    raw = np.array(transform.parts[0].raw.numpy(), dtype=float)
    return np.array([spline(a, r) for a, r in zip(x, raw)])


def network(net, x):
    """A Conditioner with hyperbolic tangents."""
    for layer in [*net.layers, net.last]:
        x = np.array(layer.weight.numpy(), float) @ x + np.array(layer.bias.numpy(), float)
        x = x if layer is net.last else np.tanh(x)
    return x


def spline_coupling(transform, x, context):
    mask = transform._mask.numpy()
    raw = network(transform.nn, x * mask).reshape(N_RAW, 4)
    return np.array([a if kept else spline(a, raw[:, i])
                     for i, (a, kept) in enumerate(zip(x, mask))])


def spline_autoregressive(transform, x, context):
    raw = ref.made(transform.net, x, context)
    return np.array([spline(a, raw[:, i]) for i, a in enumerate(x)])


def autoregressive_splines():
    net = zt.MADE(4, (6, 6), n_outputs=N_RAW, order=[2, 0, 3, 1], activation=jt.tanh)
    return randomised(zt.SplineAutoregressive(net, BINS, BOUND))


def coupled_splines():
    coupling = zt.SplineCoupling(4, 6, 2, activation=jt.tanh, n_bins=BINS, bound=BOUND)
    return randomised(coupling)


def evaluated_batch_norm():
    transform = randomised(zt.BatchNorm(4))
    transform._moments.set_state({"mean": [0.5, -1.0, 0.0, 2.0], "variance": [2.0, 0.5, 1.0, 0.1]})
    return transform.eval()


def batch_norm(transform, x, context):
    mean, variance = (np.array(v.numpy(), float) for v in transform._moments.values)
    scale = np.exp(np.array(transform.log_scale.numpy(), float)) / np.sqrt(variance + 1e-5)
    return (x - mean) * scale + np.array(transform.loc.numpy(), float)


def scaled(factor):
    """Move the points off the knots, where second derivatives jump: differences want 0.03."""
    return lambda x: factor * np.asarray(x)


def event(**options):
    return {"event": (4,), **options}


CASES = [
    Case("Planar", lambda: randomised(zt.Planar(4)), planar, **event(**FAR)),
    Case(
        "Planar, parameters from context", lambda: zt.Planar(4, amortised=True), planar,
        **event(context=CONTRACTING, **FAR),
    ),
    Case("Radial", lambda: randomised(zt.Radial(4)), radial, **event()),
    Case(
        "Radial, parameters from context", lambda: zt.Radial(4, amortised=True), radial,
        # beta is -0.69 and alpha 0.74: nearly all of the centre's surroundings is pulled into it.
        **event(context=np.array([0.5, -1.0, 0.0, 0.3, 0.1, -3.0])),
    ),
    Case("Householder", lambda: randomised(zt.Householder(4, 2)), householder, **event()),
    Case("Sylvester", lambda: randomised(zt.Sylvester(4, 3, 2)), sylvester, **event(**FAR)),
    Case(
        "Sylvester, triangular", lambda: randomised(zt.Sylvester(4, n_reflections=0)), sylvester,
        **event(**FAR),
    ),
    Case("Spline", lambda: randomised(zt.Spline((), BINS, BOUND)), one_spline),
    Case(
        "Spline of vectors",
        lambda: randomised(zt.Sequential([zt.Spline(4, BINS, BOUND), zt.Permutation(range(4))])),
        own_splines, **event(domain=scaled(0.85)),
    ),
    Case("SplineCoupling", coupled_splines, spline_coupling, **event(domain=scaled(0.9))),
    Case("SplineAutoregressive", autoregressive_splines, spline_autoregressive, **event()),
    Case("BatchNorm", evaluated_batch_norm, batch_norm, **event()),
]
# Their classes are in other rows too.
SLOW = ["Radial, parameters from context", "Sylvester, triangular", "Spline of vectors"]
