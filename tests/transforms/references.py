"""Every map once more: written with loops in NumPy and float64, one event at a time."""

import numpy as np


def softplus(x):
    return np.logaddexp(0.0, x)


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def stick_breaking(x):
    k = x.size + 1
    left, y = 1.0, []
    for i, xi in enumerate(x):
        z = sigmoid(xi - np.log(k - i - 1))
        y.append(z * left)
        left *= 1.0 - z
    return np.array([*y, left])


def log_ratios(log_y):
    return log_y[:-1] - log_y[-1]


def lower(x, n):
    y, entries = np.zeros((n, n)), iter(x)
    for i in range(n):
        for j in range(i + 1):
            y[i, j] = next(entries)
    return y


def lower_cholesky(x):
    y = lower(x, 3)
    for i in range(3):
        y[i, i] = np.exp(y[i, i])
    return y


def positive_definite(x):
    y = lower_cholesky(x)
    return y @ y.T


def cholesky_product(x):
    y = np.tril(x)
    return y @ y.T


def on_and_below(y):
    return y[np.tril_indices(3)]


def correlation_cholesky(x):
    # The Cholesky factor by partial correlations, as the Stan reference manual writes it.
    z, y = lower(np.tanh(x), 3), np.zeros((4, 4))
    y[0, 0] = 1.0
    for i in range(1, 4):
        for j in range(i):
            y[i, j] = z[i - 1, j] * np.sqrt(1.0 - (y[i, :j] ** 2).sum())
        y[i, i] = np.sqrt(1.0 - (y[i, :i] ** 2).sum())
    return y


def below(y):
    return y[np.tril_indices(4, -1)]


def ordered(x):
    y = [x[0]]
    for xi in x[1:]:
        y.append(y[-1] + np.exp(xi))
    return np.array(y)


def made(net, x, context):
    """The outputs of a MADE, from its weights and from the definition of its masks."""
    masks = [np.array(layer._mask.numpy(), dtype=float) for layer in net.layers]
    weights = [np.array(layer.weight.numpy(), dtype=float) for layer in net.layers]
    biases = [np.array(layer.bias.numpy(), dtype=float) for layer in net.layers]
    h = (weights[0] * masks[0]) @ x + biases[0]
    if context is not None:
        h = h + np.array(net.context_layer.weight.numpy(), dtype=float) @ context
    for w, m, b in zip(weights[1:], masks[1:], biases[1:]):
        h = (w * m) @ np.tanh(h) + b
    return h.reshape(net.n_outputs, net.n_dim)


def shift_and_scale(transform, x, context):
    shift, raw = made(transform.net, x, context)
    if transform.update == "gated":
        gate = sigmoid(raw + 2.0)
        return (1.0 - gate) * shift, gate
    return shift, np.exp(5.0 * np.tanh(raw / 5.0))


def inverse_autoregressive(transform, x, context):
    shift, scale = shift_and_scale(transform, x, context)
    return shift + scale * x


def masked_autoregressive(transform, x, context):
    y = np.zeros_like(x)
    for i in np.argsort(transform.net.order):
        shift, scale = shift_and_scale(transform, y, context)
        y[i] = shift[i] + scale[i] * x[i]
    return y
