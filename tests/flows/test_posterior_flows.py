"""Flows on the draws of a posterior: densities, parameters that are kept, and 2-d integrals."""

import jittor as jt
import numpy as np
import pytest
from scipy import stats

import zhusuan as zs
from zhusuan import distributions as zd
from zhusuan import transforms as zt
from zhusuan.flows import linear_ar

D = 2


def draws(*lead):
    """Return standard normal draws and their log-densities."""
    z = np.random.default_rng(7).normal(size=(*lead, D)).astype("float32")
    return jt.array(z), jt.array(stats.norm.logpdf(z).sum(-1).astype("float32"))


def far_from_the_start(function):
    """Give the parameters of a function values that are far from the identity."""
    generator = np.random.default_rng(5)
    for p in function.parameters():
        p.assign(jt.array(generator.normal(0, 1.0, size=tuple(p.shape)).astype("float32")))
    jt.sync(function.parameters())


def planar(z, log_q, n_iters=3):
    return zs.planar_normalizing_flow(z, log_q, n_iters)


def of_hidden(z, log_q, n_iters=2):
    hidden = jt.array(np.full((1, 3), 0.5, "float32"))
    return zs.planar_normalizing_flow(z, log_q, n_iters, hidden=hidden)


def linear(z, log_q, n_iters=3):
    return zs.inv_autoregressive_flow(z, None, log_q, linear_ar, n_iters)


def gated(z, log_q, n_iters=2):
    def made(name, id, z, hidden):
        net = zs.get_module(f"{name}{id}", zt.MADE, D, (6,), context_size=3, activation=jt.tanh)
        outputs = net(z, hidden)
        return outputs[:, 0], outputs[:, 1]

    hidden = jt.array(np.full((1, 3), 0.5, "float32"))
    return zs.inv_autoregressive_flow(z, hidden, log_q, made, n_iters, update="gru")


FLOWS = {"planar": planar, "planar of hidden": of_hidden, "linear IAF": linear, "gated": gated}


@pytest.mark.parametrize("name", FLOWS)
def test_log_densities_fall_by_the_log_determinant_of_the_draws(name):
    function = zs.reuse_variables(scope="flow")(FLOWS[name])
    z, log_q = draws(5)
    function(z, log_q)
    far_from_the_start(function)
    moved, log_p = function(z, log_q)
    columns = [jt.grad(moved[:, i].sum(), z).numpy() for i in range(D)]
    log_det = np.linalg.slogdet(np.stack(columns, 1).astype(float))[1]
    assert moved.shape == z.shape
    assert np.abs(log_det).max() > 0.3
    # float32 through three layers.
    np.testing.assert_allclose(log_p.numpy(), log_q.numpy() - log_det, rtol=1e-4, atol=1e-5)
    # Every weight that can matter does: those of the last entry of a mask cannot.
    gradients = jt.grad(log_p.sum() + (moved * moved).sum(), function.parameters())
    assert all(np.abs(g.numpy()).max() > 0 for g in gradients)


def test_linear_flow_is_what_its_weights_say():
    z, log_q = draws(2, 3)
    function = zs.reuse_variables(scope="flow")(lambda *a: linear(*a, n_iters=1))
    function(z, log_q)
    far_from_the_start(function)
    a, b = (function.state_dict()[f"flow.iaf0_{p}_w"].numpy()[0, 1] for p in "ms")
    moved, log_p = (v.numpy() for v in function(z, log_q))
    x = z.numpy()
    # The second entry is moved by the first, then both change places.
    want = np.stack([np.exp(b * x[..., 0]) * x[..., 1] + a * x[..., 0], x[..., 0]], -1)
    np.testing.assert_allclose(moved, want, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(log_p, log_q.numpy() - b * x[..., 0], rtol=1e-5, atol=1e-5)


def test_parameters_are_made_once_and_those_of_two_flows_apart():
    @zs.reuse_variables(scope="two")
    def both(z, log_q):
        first = zs.planar_normalizing_flow(z, log_q, 2)
        return zs.planar_normalizing_flow(*first, 1, name="second")

    z, log_q = draws(5)
    values = [both(z, log_q)[0].numpy() for _ in range(2)]
    np.testing.assert_array_equal(values[0], values[1])
    names = set(both.state_dict())
    assert names == {"two.planar_flow_0.raw", "two.planar_flow_1.raw", "two.second_0.raw"}
    # Outside such a function nothing is kept: ZhuSuan's rule for get_parameter.
    apart = [zs.planar_normalizing_flow(z, log_q, 1)[0].numpy() for _ in range(2)]
    assert np.abs(apart[0] - apart[1]).max() > 0


def test_no_flow_changes_nothing():
    z, log_q = draws(5)
    for function in (planar, linear):
        moved, log_p = function(z, log_q, 0)
        assert moved is z
        assert log_p is log_q


def test_a_flow_learns_a_posterior_that_a_normal_misses():
    """z1 given z0 sits on a parabola: planar flows bring the bound nearer to the evidence, 0."""

    @zs.meta_bayesian_net(scope="bent", reuse_variables=True)
    def model():
        bn = zs.BayesianNet()
        z0 = bn.normal("z0", jt.zeros([1]), std=1.0)
        bn.normal("z1", z0 * z0, std=0.4)
        return bn

    def posterior(n_iters):
        @zs.reuse_variables(scope="q")
        def q():
            bn = zs.BayesianNet()
            loc = zs.get_parameter("loc", jt.array([0.0, 0.7]))
            logstd = zs.get_parameter("logstd", jt.array([-0.5, -0.7]))
            bn.normal("z", loc, logstd=logstd, group_ndims=1, n_samples=64)
            z, log_q = bn.query("z", outputs=True, local_log_prob=True)
            return zs.planar_normalizing_flow(z, log_q, n_iters)

        return q

    def log_joint(z):
        z0, z1 = z[:, 0], z[:, 1]
        return model().observe(z0=z0, z1=z1).log_joint()

    bounds = []
    for n_iters in (0, 4):
        zs.set_seed(3)
        q = posterior(n_iters)
        q()
        optimizer = jt.optim.Adam(q.parameters(), 0.03)
        trace = []
        for _ in range(250):
            z, log_q = q()
            bound = jt.mean(log_joint(z) - log_q)
            optimizer.step(-bound)
            trace.append(bound.item())
        bounds.append(np.mean(trace[-50:]))
    plain, with_flow = bounds
    # The best normal: log std of z1 given its mean over the draws; no bound is above 0 but by the
    # noise of 50 x 64 draws, some 0.01.
    assert plain < with_flow - 0.1
    assert with_flow < 0.05


def two_moons(n, seed=0):
    rng = np.random.default_rng(seed)
    angle, upper = np.pi * rng.random(n), rng.random(n) < 0.5
    x = np.where(upper, np.cos(angle), 1.0 - np.cos(angle))
    y = np.where(upper, np.sin(angle), 0.5 - np.sin(angle))
    points = np.stack([x - 0.5, y - 0.25], 1) + rng.normal(0.0, 0.1, (n, 2))
    return (1.5 * points).astype("float32")


def couplings(cls, n, **options):
    masks = zt.get_coupling_mask(2, 1, n)
    return zt.Sequential([cls(2, 32, 1, mask=mask, **options) for mask in masks])


PLANE = {
    "affine couplings": lambda: couplings(zt.AffineCoupling, 4),
    "spline couplings": lambda: couplings(zt.SplineCoupling, 4, n_bins=6),
    "planar": lambda: zt.Sequential([zt.Planar(2) for _ in range(6)]),
    "autoregressive splines": lambda: zt.Sequential([
        zt.SplineAutoregressive(zt.MADE(2, (16,), n_outputs=14, order=order), 5).inv
        for order in ([0, 1], [1, 0])
    ]),
}  # fmt: skip


SLOW = ["planar", "autoregressive splines"]


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in PLANE]
)
def test_trained_densities_of_the_plane_integrate_to_one(name):
    latent = zd.Normal(jt.zeros([2]), std=1.0, group_ndims=1)
    flow = zs.flows.Flow(latent, PLANE[name]())
    data = jt.array(two_moons(512))
    optimizer = jt.optim.Adam(flow.transform.parameters(), 1e-2)
    losses = []
    for _ in range(100):
        loss = -jt.mean(flow.log_prob(data))
        optimizer.step(loss)
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.2
    n, edge = 300, 7.0
    axis = (np.arange(n) + 0.5) * (2 * edge / n) - edge
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2).astype("float32")
    with jt.no_grad():
        density = np.exp(flow.log_prob(jt.array(grid)).numpy().astype(float))
    assert abs(density.sum() * (2 * edge / n) ** 2 - 1.0) < 1e-3


Z, LOG_Q = np.zeros((4, 2), "float32"), np.zeros(4, "float32")
ERRORS = [
    (lambda: planar(Z, Z), ValueError, r"log_probs .* shape \[4\], got \[4, 2\]"),
    (lambda: planar(Z[0], LOG_Q[:1]), ValueError, r"at least 2 dims, got \[2\]"),
    (lambda: planar(Z, LOG_Q, -1), ValueError, "n_iters must not be negative, got -1"),
    (lambda: planar(Z, LOG_Q, 1.0), TypeError, "n_iters must be an int, got 1.0"),
    (lambda: planar("z", LOG_Q), TypeError, "samples must be a number, an array"),
    (
        lambda: zs.inv_autoregressive_flow(Z, None, LOG_Q, linear_ar, 1, update="lstm"),
        ValueError, r"update must be one of \('normal', 'gru'\), got 'lstm'",
    ),
    (
        lambda: zs.inv_autoregressive_flow(
            Z, None, LOG_Q, lambda name, id, z, hidden: (z, z[:, 0]), 1
        ),
        ValueError, r"of the shape of z, \[4, 2\]; s has shape \[4\]",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors_say_what_is_wrong(call, error, message):
    with pytest.raises(error, match=message):
        call()
