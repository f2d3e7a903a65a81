"""What planar, radial, Sylvester, spline and batch-norm maps do beyond the table of transforms."""

import jittor as jt
import numpy as np
import pytest

import zhusuan as zs
from tests.transforms import cases_residual, checks
from tests.transforms.rows import Case, randomised
from zhusuan import transforms as zt

X = np.random.default_rng(2).normal(size=(6, 4)).astype("float32")
ROWS = {case.name: case for case in cases_residual.CASES}


@pytest.mark.parametrize("slope", [-60.0, -8.0, 0.0, 8.0])
def test_planar_stays_invertible_whatever_its_parameters(slope):
    """The w'u that is given is far below -1; the map is increasing along w, if only just."""
    w = np.array([1.0, 0.0, 0.0, 0.0])
    context = np.concatenate([slope * w, w, [0.1]]).astype("float32")
    planar = zt.Planar(4, amortised=True)
    x = np.zeros((6, 4), "float32")
    x[:, 0] = np.linspace(-2, 2, 6)
    y, log_det = (v.numpy() for v in planar(x, context=context))
    assert (np.diff(y[:, 0]) > 0).all()
    assert np.isfinite(log_det).all()
    back = planar.inverse(y, context=context).numpy()
    # A slope of 1e-4 in float32 at worst, where w'u is -8; for -60, x is lost in the middle.
    if slope > -60:
        np.testing.assert_allclose(back, x, atol=2e-3 if slope < 0 else 1e-5)
    assert np.isfinite(back).all()


# Sylvester's are 50 kernels more, and come the same way.
@pytest.mark.parametrize(
    "make", [zt.Planar, zt.Radial, pytest.param(zt.Sylvester, marks=pytest.mark.slow)]
)
def test_parameters_from_a_context_are_those_of_the_map_itself(make):
    own, amortised = make(4), make(4, amortised=True)
    raw = own.raw.numpy()
    assert raw.size == own.n_parameters == amortised.n_parameters
    assert amortised.parameters() == []
    rows = np.stack([raw, raw + 0.5, raw, raw, raw, raw])
    y, log_det = (v.numpy() for v in amortised(X, context=rows))
    want, want_log_det = (v.numpy() for v in own(X))
    differ = np.abs(y - want).max(1) > 1e-4
    assert differ.tolist() == [False, True, False, False, False, False]
    np.testing.assert_allclose(y[2:], want[2:], atol=1e-6)
    np.testing.assert_allclose(log_det[2:], want_log_det[2:], atol=1e-6)
    weights = jt.array(rows)
    y, log_det = amortised(X, context=weights)
    assert np.abs(jt.grad(log_det.sum() + (y * y).sum(), weights).numpy()).min(0).max() > 0


def test_maps_start_near_the_identity():
    net = zt.MADE(4, (6, 6), n_outputs=8, activation=jt.tanh)
    for transform in (
        zt.Planar(4), zt.Radial(4), zt.Sylvester(4), zt.Spline(4), zt.SplineCoupling(4, 6, 2),
        zt.SplineAutoregressive(net, 3),
    ):
        y, log_det = transform(X)
        assert np.abs(y.numpy() - X).max() < 0.1, transform
        assert np.abs(log_det.numpy()).max() < 0.1, transform


def test_sylvester_with_one_hidden_unit_is_planar():
    sylvester = randomised(zt.Sylvester(4, 1, 2))
    r, r2, b, *v = sylvester.raw.numpy().astype(float)
    q = np.eye(4)
    for row in np.reshape(v, (2, 4)):
        q = q @ cases_residual.reflection(row)
    q, r, r2 = q[:, 0], np.tanh(r), np.tanh(r2)
    # u-hat is given: solve m(s) = w'u-hat for the s that gives it.
    w, push = r2 * q, r * q
    s = np.log(np.expm1(1.0 + w @ push)) - np.log(np.e - 1.0)
    u = push + (s - w @ push) * w / (w @ w)
    context = np.concatenate([u, w, [b]]).astype("float32")
    for got, want in zip(sylvester(X), zt.Planar(4, amortised=True)(X, context=context)):
        np.testing.assert_allclose(got.numpy(), want.numpy(), atol=1e-5)


def test_householder_is_orthogonal():
    y = zt.Householder(4, 3).forward(np.eye(4, dtype="float32")).numpy()
    np.testing.assert_allclose(y @ y.T, np.eye(4), atol=1e-6)


def test_splines_have_linear_tails_and_keep_their_ends():
    spline = randomised(zt.Spline((), 3, 2.0))
    x = np.array([[-7.0, -2.0, 2.0, 7.0]], "float32")
    for y, log_det in (spline(x), spline.inverse_and_log_det(x)):
        np.testing.assert_array_equal(y.numpy(), x)
        np.testing.assert_allclose(log_det.numpy(), 0.0, atol=1e-12)


def test_spline_coupling_moves_images_and_takes_a_context():
    mask = zt.get_coupling_mask((2, 2), 1, 1)[0]
    coupling = randomised(zt.SplineCoupling(mask=mask, inner_nn=OfTheMean(8), n_bins=3))
    x = X.reshape(6, 1, 2, 2)
    y, log_det = coupling(x)
    np.testing.assert_array_equal((y.numpy() != x)[0, 0], mask.numpy()[0] == 0)
    np.testing.assert_allclose(coupling.inverse(y.detach()).numpy(), x, atol=1e-5)
    conditioned = zt.SplineCoupling(4, 6, 2, context_size=2, n_bins=3)
    randomised(conditioned)
    contexts = [jt.array(np.full(2, c, "float32")) for c in (0.0, 1.0)]
    both = [conditioned.forward(X, context=c).numpy() for c in contexts]
    moved = np.abs(both[0] - both[1]).max(0) > 1e-3
    assert moved.tolist() == [True, False, True, False]


class OfTheMean(jt.nn.Module):
    """A network for images: all outputs are weights times the mean."""

    def __init__(self, n):
        super().__init__()
        self.weights = jt.ones([1, n, 1, 1])

    def execute(self, x):
        mean = x.mean(3, keepdims=True).mean(2, keepdims=True)
        return (self.weights * mean).broadcast([x.shape[0], 8, 2, 2])


def test_batch_norm_in_training_and_after():
    norm = zt.BatchNorm(4, momentum=0.75)
    x = 2.0 * X + 1.0
    mean, variance = x.mean(0), x.var(0)
    leaf = jt.array(x)
    y, log_det = norm(leaf)
    np.testing.assert_allclose(y.numpy(), (x - mean) / np.sqrt(variance + 1e-5), atol=1e-5)
    np.testing.assert_allclose(log_det.numpy(), -0.5 * np.log(variance + 1e-5).sum(), rtol=1e-5)
    # The moments move with x: a sum over the batch of what comes out does not.
    assert np.abs(jt.grad(y.sum(), leaf).numpy()).max() < 1e-5
    state = norm._moments.state()
    np.testing.assert_allclose(state["mean"], 0.25 * mean, rtol=1e-5)
    np.testing.assert_allclose(state["variance"], 0.75 + 0.25 * variance, rtol=1e-5)
    assert len(norm.parameters()) == 2
    for _ in range(60):
        norm(leaf)
    norm.eval()
    y, _ = norm(leaf)
    np.testing.assert_allclose(y.numpy(), (x - mean) / np.sqrt(variance + 1e-5), atol=1e-4)
    np.testing.assert_allclose(norm.inverse(y).numpy(), x, atol=1e-5)
    np.testing.assert_allclose(norm._moments.state()["mean"], mean, atol=1e-5)  # and they stay


def test_moving_moments_are_in_checkpoints(tmp_path):
    flow = zt.Sequential([zt.BatchNorm(4).inv, zt.Planar(4)])
    flow.inverse(X)
    flow.parts[0].transform(X)
    zs.save(tmp_path / "flow.npz", flow)
    twin = zt.Sequential([zt.BatchNorm(4).inv, zt.Planar(4)])
    zs.load(tmp_path / "flow.npz", twin)
    for net in (flow, twin):
        net.eval()
    np.testing.assert_array_equal(flow.forward(X).numpy(), twin.forward(X).numpy())
    assert np.abs(flow.parts[0].transform._moments.state()["mean"]).max() > 0


def test_a_draw_of_a_flow_with_batch_norm_knows_its_density():
    """The moments that follow the batch do not make the flow forget where its draws are from."""
    latent = zs.distributions.Normal(jt.zeros([4]), std=1.0, group_ndims=1)
    flow = zs.flows.Flow(latent, zt.BatchNorm(4))
    zs.set_seed(1)
    y = flow.sample(50)
    got = flow.log_prob(y).numpy()
    zs.set_seed(1)
    z = latent.sample(50).numpy()
    log_det = -0.5 * np.log(z.var(0) + 1e-5).sum()
    np.testing.assert_allclose(got, latent.log_prob(z).numpy() - log_det, rtol=1e-4)


class UncorrectedPlanar(zt.Planar):
    """Forgets that u-hat, not u, is in the determinant."""

    def _map(self, x, u, w, b):
        y, _ = super()._map(x, u, w, b)
        t = jt.tanh((x * w).sum(1, keepdims=True) + b)
        return y, jt.log(jt.abs(1.0 + (u * w).sum(1, keepdims=True) * (1.0 - t * t)))


class SwappedSlopes(zt.Spline):
    """Takes the inverse spline's log-slope for its own."""

    def _forward_and_log_det(self, x):
        y, log_det = super()._forward_and_log_det(x)
        return y, -log_det


@pytest.mark.parametrize(
    ("name", "build"),
    [
        ("Planar", lambda: randomised(UncorrectedPlanar(4))),
        ("Spline", lambda: randomised(SwappedSlopes((), 3, 2.0))),
    ],
)
def test_the_checks_catch_what_is_wrong(name, build):
    right = ROWS[name]
    wrong = Case(name, build, right.truth, right.event)
    with pytest.raises(AssertionError, match="log_det"):
        checks.check_values(wrong)


ERRORS = [
    (lambda: zt.Planar(0), ValueError, "Planar: n_dim must be at least 1, got 0"),
    (lambda: zt.Planar(3)(X), ValueError, "Planar: vectors must have 3 entries, got 4"),
    (lambda: zt.Planar(4)(X, context=X), TypeError, "no context 'context'"),
    (lambda: zt.Radial(4, amortised=True)(X), ValueError, "context of 6 entries, its parameters"),
    (
        lambda: zt.Radial(4, amortised=True)(X, context=X), ValueError,
        r"must have shape \(..., 6\), got \[6, 4\]",
    ),
    (
        lambda: zt.Radial(4, amortised=True)(X, context=np.zeros((5, 6))), ValueError,
        r"\[5, 6\] does not broadcast to the batch \[6\]",
    ),
    (lambda: zt.Sylvester(4, 5), ValueError, "n_hidden must be at most n_dim=4"),
    (lambda: zt.Householder(4, 0), ValueError, "n_reflections must be at least 1, got 0"),
    (lambda: zt.Spline(3)(X), ValueError, r"shape \[3\] does not broadcast to x of shape \[6, 4\]"),
    (lambda: zt.Spline(n_bins=1), ValueError, "n_bins must be from 2 to 500, got 1"),
    (lambda: zt.Spline(bound=-1.0), ValueError, "bound must be positive and finite, got -1"),
    (lambda: zt.SplineCoupling(4), ValueError, "give inner_nn, or sizes of at least 1"),
    (lambda: zt.SplineAutoregressive(zt.MADE(4)), ValueError, "23 outputs for each entry"),
    (lambda: zt.BatchNorm(4)(X[:1]), ValueError, r"at least 2 vectors, got x of shape \[1, 4\]"),
    (lambda: zt.BatchNorm(4, momentum=1.0), ValueError, "momentum must be in"),
]


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors_say_what_is_wrong(call, error, message):
    with pytest.raises(error, match=message):
        call()
