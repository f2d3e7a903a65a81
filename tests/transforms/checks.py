"""What every transform must do; each comparison is counted."""

from __future__ import annotations

import jittor as jt
import numpy as np

from zhusuan import transforms as zt

counted = []


def agree(what, got, want, rtol, atol=0.0):
    """Compare two arrays and count it."""
    np.testing.assert_allclose(got, want, rtol=rtol, atol=atol, err_msg=what)
    counted.append(what)


def holds(what, condition):
    """Check a condition and count it."""
    assert condition, what
    counted.append(what)


def jacobian(function, x, h=2e-3):
    """Return dy/dx of one event: central differences of sixth order, [entries of y, of x]."""
    x = np.asarray(x, dtype=float)
    columns = []
    for i in range(x.size):
        step = np.zeros(x.size)
        step[i] = h
        step = step.reshape(x.shape)
        moved = [c * (np.ravel(function(x + k * step)) - np.ravel(function(x - k * step)))
                 for k, c in ((1, 45.0), (2, -9.0), (3, 1.0))]
        columns.append(sum(moved) / (60.0 * h))
    return np.stack(columns, -1)


def _columns(case):
    return slice(None) if case.columns is Ellipsis else case.columns


class Truth:
    """The reference of a case, evaluated by events in float64."""

    def __init__(self, case, transform):
        self.case = case
        self.forward = lambda x: np.asarray(case.truth(transform, x, case.context))

    def log_det(self, x):
        # An event that is a number has shape ().
        free = jacobian(lambda v: self.case.free(self.forward(v)), x)
        return np.linalg.slogdet(free[:, _columns(self.case)])[1]

    def over(self, function, x):
        """Apply a function of one event to a batch of them."""
        batch = x.shape[: x.ndim - len(self.case.event)]
        events = x.reshape((-1, *self.case.event))
        results = np.stack([np.asarray(function(event)) for event in events])
        return results.reshape(batch + results.shape[1:])


def context_of(case):
    """Return the keyword arguments of the transform's methods."""
    return {} if case.context is None else {"context": jt.array(case.context.astype("float32"))}


def inputs(case, lead, seed=3):
    """Return float32 points in the domain."""
    generator = np.random.default_rng(seed)
    x = case.domain(generator.normal(0, 0.8, size=lead + case.event))
    return np.asarray(x, dtype="float32")


def check_values(case):
    """Value and log-determinant, both ways, and their gradients."""
    transform = case.build()
    truth, context = Truth(case, transform), context_of(case)
    x_host = inputs(case, (2, 3))
    exact = x_host.astype(float)
    x = jt.array(x_host)
    y, log_det = transform(x, **context)
    leaf = y.detach()
    back, log_det_back = transform.inverse_and_log_det(leaf, **context)

    shape = (2, 3) + truth.forward(exact[0, 0]).shape
    holds("shape of y", tuple(y.shape) == shape)
    holds("shape of log_det", tuple(log_det.shape) == (2, 3))
    generator = np.random.default_rng(4)
    weights_y = generator.normal(size=shape).astype("float32")
    weights_x = generator.normal(size=x_host.shape).astype("float32")
    results = jt.fetch_sync([
        y, log_det, back, log_det_back,
        jt.grad(log_det.sum(), x),
        jt.grad((y * jt.array(weights_y)).sum(), x),
        jt.grad((back * jt.array(weights_x)).sum(), leaf),
    ])
    y_, log_det_, back_, log_det_back_, slope, pulled, pulled_back = results

    # A result in float32 with a few roundings on the way; of values near 0, those of their parts.
    want_log_det = truth.over(truth.log_det, exact)
    agree("y", y_, truth.over(truth.forward, exact), 3e-6, 1e-6)
    agree("log_det", log_det_, want_log_det, 1e-5, 1e-5)
    agree("round trip", back_, x_host, 1e-5, 1e-5)
    agree("log_det of the inverse", log_det_back_, -want_log_det, 2e-5, 2e-5)

    # Gradients of chains of such results.
    agree("gradient of log_det", slope,
          truth.over(lambda v: jacobian(truth.log_det, v, 0.01).reshape(v.shape), exact),
          1e-4, 2e-5)
    full = truth.over(lambda v: jacobian(truth.forward, v), exact)
    cotangent = weights_y.reshape((2, 3, -1))
    agree("gradient of y", pulled.reshape(2, 3, -1),
          np.einsum("abi,abij->abj", cotangent, full), 1e-4, 2e-5)
    # x of y of x is x: the gradient of the inverse, pulled back once more, is what it began with.
    again = np.einsum("abi,abij->abj", pulled_back.reshape(2, 3, -1), full)
    columns = (slice(None), slice(None), _columns(case))
    agree("gradient of the inverse", again[columns],
          weights_x.reshape((2, 3, -1))[columns], 1e-3, 2e-4)


def check_shapes(case):
    """Every number of leading dims, the shapes that are told beforehand, one thing at a time."""
    transform, context = case.build(), context_of(case)
    leads = [(), (2, 3)] if case.event else [(1,), (2, 3)]
    many = inputs(case, (6,))
    y_many, log_det_many = (v.numpy() for v in transform(jt.array(many), **context))
    for lead in leads:
        n = int(np.prod(lead))
        x = jt.array(many[:n].reshape(lead + case.event))
        y = transform.forward(x, **context).detach()
        log_det = transform.log_det(x, y, **context)
        back = transform(y, inverse=True, **context)
        holds("forward_shape", transform.forward_shape(tuple(x.shape)) == tuple(y.shape))
        holds("inverse_shape", transform.inverse_shape(tuple(y.shape)) == tuple(x.shape))
        holds("shape of x", tuple(back.shape) == tuple(x.shape))
        holds("shape of log_det", tuple(log_det.shape) == (lead or (1,)))
        agree("y alone", y.numpy().reshape((n, -1)), y_many[:n].reshape((n, -1)), 1e-6, 1e-7)
        agree("log_det alone", log_det.numpy().ravel(), log_det_many[:n].ravel(), 1e-6, 1e-6)
        agree("inverse alone", back.numpy(), x.numpy(), 1e-5, 1e-5)


def check_inverse_transform(case):
    """``inv`` is the same map the other way."""
    transform, context = case.build(), context_of(case)
    turned = transform.inv
    x = jt.array(inputs(case, (2, 3)))
    y = transform.forward(x, **context).detach()
    got, log_det = turned(y, **context)
    want, want_log_det = transform.inverse_and_log_det(y, **context)
    holds("inv of inv", turned.inv is transform or isinstance(transform, zt.Inverse))
    holds("event dims", (turned.event_ndims_in, turned.event_ndims_out)
          == (transform.event_ndims_out, transform.event_ndims_in))
    agree("inv", got.numpy(), want.numpy(), 1e-6, 1e-7)
    agree("log_det of inv", log_det.numpy(), want_log_det.numpy(), 1e-6, 1e-6)


def check_extremes(case):
    """Far out all is finite, and the values are still where they should be."""
    transform, context = case.build(), context_of(case)
    rows = [np.full(case.event, v) for v in case.extremes]
    if case.event and case.extremes:
        ends = np.array([case.extremes[0], case.extremes[-1]])
        rows.append(np.resize(ends, case.event))
        rows.append(np.resize(ends[::-1], case.event))
    if not rows:
        return
    x = jt.array(np.stack(rows).astype("float32"))
    y, log_det = transform(x, **context)
    y, log_det, slope, pull = jt.fetch_sync([
        y, log_det, jt.grad(log_det.sum(), x), jt.grad((y * jt.ones(y.shape)).sum(), x)
    ])
    for what, value in (("y", y), ("log_det", log_det), ("gradient of log_det", slope)):
        holds(f"{what} is finite at {case.extremes}", np.isfinite(value).all())
    holds("gradient of y has no NaN", not np.isnan(pull).any())
    violation = transform.codomain.violation(y)
    holds(f"in the codomain: {violation}", violation is None)
