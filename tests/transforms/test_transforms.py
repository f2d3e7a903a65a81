"""Every transform against its truth in NumPy: one table, cases.py, and one set of checks."""

import jittor as jt
import numpy as np
import pytest

from tests.transforms import cases_coupling, cases_residual, checks
from tests.transforms.cases import CASES, Case, plain
from zhusuan import transforms as zt
from zhusuan.transforms.base import Transform


@pytest.fixture(scope="module", autouse=True)
def _say_how_many(request):
    yield
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\n{len(checks.counted)} checks of {len(CASES)} transforms passed")


# Their classes, updates and contexts are in other rows too; a net is dozens of kernels.
SLOW = ["InverseAutoregressive gated, context", "MaskedAutoregressive"]
SLOW += [*cases_coupling.SLOW, *cases_residual.SLOW]
every = pytest.mark.parametrize(
    "case",
    [pytest.param(c, marks=[pytest.mark.slow] if c.name in SLOW else [], id=c.name) for c in CASES],
)


@every
def test_values_log_determinants_and_gradients(case):
    checks.check_values(case)


@every
def test_shapes(case):
    checks.check_shapes(case)


@every
def test_inverse_as_a_transform(case):
    checks.check_inverse_transform(case)


@every
def test_extreme_inputs(case):
    checks.check_extremes(case)


def test_the_table_has_every_transform():
    exported = {
        value for value in (getattr(zt, name) for name in zt.__all__)
        if isinstance(value, type) and issubclass(value, Transform) and value is not Transform
    }
    assert exported == {type(case.build()) for case in CASES}


class WrongLogDet(zt.Exp):
    def _log_det(self, x, y):
        return 1.01 * x


class WrongSign(zt.StickBreaking):
    def _forward_and_log_det(self, x):
        y, log_det = super()._forward_and_log_det(x)
        return y, -log_det


class WrongInverse(zt.Ordered):
    def _inverse(self, y):
        return super()._inverse(y) * 1.001


class ForgottenEvent(zt.Permutation):
    """Its log-determinant is not summed over the event."""

    def _log_det(self, x, y):
        return jt.zeros_like(x)


class DetachedLogDet(zt.Exp):
    """The value is right, the gradient is not there."""

    def _log_det(self, x, y):
        return super()._log_det(x, y).detach() + 0.0 * x


@pytest.mark.parametrize(
    ("name", "build", "message"),
    [
        ("Exp", WrongLogDet, "log_det"),
        ("StickBreaking", WrongSign, "log_det"),
        ("Ordered", WrongInverse, "round trip"),
        ("Permutation", lambda: ForgottenEvent([2, 0, 1]), "shape of log_det"),
        ("Exp", DetachedLogDet, "gradient of log_det"),
    ],
)
def test_the_checks_catch_what_is_wrong(name, build, message):
    (right,) = [case for case in CASES if case.name == name]
    wrong = Case(name, build, right.truth, right.event, right.free)
    with pytest.raises(AssertionError, match=message):
        checks.check_values(wrong)


def test_made_is_autoregressive_in_its_order():
    """Output i is moved by the inputs before it, by all of them, and by no other."""
    order = np.array([2, 0, 3, 1])
    for context_size in (0, 2):
        net = zt.MADE(4, (9, 9), n_outputs=3, context_size=context_size, order=order,
                      activation=jt.tanh)
        for p in net.parameters():
            p.assign(jt.ones_like(p) * 0.3)  # all of one sign: no path cancels another
        context = None if context_size == 0 else jt.array([[0.1, -0.2]])
        x = jt.array(np.array([[0.1, -0.2, 0.3, 0.4]], dtype="float32"))
        outputs = net(x, context)
        rows = [jt.grad(outputs[0, o, i], x) for o in range(3) for i in range(4)]
        jacobian = np.stack([row.numpy()[0] for row in rows]).reshape(3, 4, 4)
        moves = order[:, None] > order[None, :]
        np.testing.assert_array_equal(jacobian != 0, np.broadcast_to(moves, (3, 4, 4)))
        if context_size:
            for i in range(4):  # the first entry too, which sees no other
                assert (jt.grad(outputs[0, 0, i], context).numpy() != 0).all()


def test_a_wide_made_with_few_units_still_has_an_entry_of_each_kind():
    net = zt.MADE(20, (5,))
    layer_in, layer_out = (layer._mask.numpy() for layer in net.layers)
    connected = layer_out[:20] @ layer_in
    assert not np.triu(connected).any()
    assert (connected[19] > 0).any()


def test_autoregressive_jacobians_are_triangular():
    (case,) = [c for c in CASES if c.name == "InverseAutoregressive"]
    transform = case.build()
    x = jt.array(checks.inputs(case, (1,)))
    y = transform.forward(x)
    jacobian = np.concatenate([jt.grad(y[0, i], x).numpy() for i in range(4)])
    place = transform.net.order
    by_place = jacobian[np.argsort(place)][:, np.argsort(place)]
    assert not np.triu(by_place, 1).any()
    assert (np.tril(by_place) != 0).sum() == 10


def test_autoregressive_maps_start_near_the_identity():
    for cls in (zt.InverseAutoregressive, zt.MaskedAutoregressive):
        x = jt.array(np.ones((1, 4), "float32"))
        y, log_det = cls(zt.MADE(4, (6, 6)))(x)
        assert np.abs(y.numpy() - 1).max() < 0.05
        assert np.abs(log_det.numpy()).max() < 0.05


def test_gradients_reach_bounds_and_weights():
    low = jt.array(np.array([-1.0, 0.5], "float32"))
    x = jt.array(np.array([0.3, -0.2], "float32"))
    y, log_det = zt.Interval(low, 2.0)(x)
    # dy/dlow = 1 - sigmoid(x), d log(high - low)/dlow = -1 / (high - low)
    s = 1 / (1 + np.exp(-x.numpy().astype(float)))
    np.testing.assert_allclose(jt.grad(y.sum(), low).numpy(), 1 - s, rtol=1e-5)
    want = -1 / (2.0 - low.numpy().astype(float))
    np.testing.assert_allclose(jt.grad(log_det.sum(), low).numpy(), want, rtol=1e-5)
    assert zt.Interval(low, 2.0).parameters() == []

    transform = zt.InverseAutoregressive(zt.MADE(4, (6, 6)))
    y, log_det = transform(jt.array(np.ones((3, 4), "float32")))
    for p, g in zip(transform.parameters(), jt.grad((y * y).sum() + log_det.sum(),
                                                    transform.parameters())):
        assert g.numpy().any(), p.name()


def test_numbers_outside_the_codomain_have_no_inverse():
    cases = [
        (zt.Exp(), [-1.0, 0.0, 1.0], [np.nan, -np.inf, 0.0]),
        (zt.Sigmoid(), [-0.1, 0.0, 1.0], [np.nan, -np.inf, np.inf]),
        (zt.Softplus(), [-1.0, 0.0, np.log(2.0)], [np.nan, -np.inf, 0.0]),
        (zt.Tanh(), [-1.1, -1.0, 0.0], [np.nan, -np.inf, 0.0]),
    ]
    for transform, y, x in cases:
        got = transform.inverse(np.array(y, "float32")).numpy()
        np.testing.assert_allclose(got, x, atol=1e-7)


def test_simplex_keeps_relative_precision_far_out():
    """No entry is computed as 1 minus the others."""
    x = np.array([[40.0, -40.0, 30.0]], dtype="float32")
    y = zt.StickBreaking().forward(jt.array(x))
    back = zt.StickBreaking().inverse(y.detach()).numpy()
    np.testing.assert_allclose(back, x, rtol=1e-5)


SMOOTH = [
    "Exp", "Interval", "Softplus", "Tanh", "StickBreaking", "LogStickBreaking", "Ordered",
    "LowerCholesky", "CorrelationCholesky", "PositiveDefinite",
]


@pytest.mark.slow
@pytest.mark.parametrize("case", [c for c in CASES if c.name in SMOOTH], ids=lambda c: c.name)
def test_second_derivatives(case):
    """A Hessian times a vector, in float64, against differences of gradients: for Laplace."""
    transform, generator = case.build(), np.random.default_rng(6)
    x, direction = generator.normal(size=(2, 2, *(case.event or (3,)))) * 0.7
    weights = generator.normal(size=transform.forward_shape(x.shape))

    def gradient(at):
        at = jt.array(at, dtype="float64")
        y, log_det = transform(at)
        value = (y * jt.array(weights, dtype="float64")).sum() + (log_det * log_det).sum()
        return at, jt.grad(value, at)

    at, slope = gradient(x)
    got = jt.grad((slope * jt.array(direction, dtype="float64")).sum(), at).numpy()
    step = 1e-5
    ends = [gradient(x + s * direction)[1].numpy() for s in (step, -step)]
    want = (ends[0] - ends[1]) / (2 * step)
    # Rounding, 1e-16 / 1e-5, and the third derivative times 1e-10.
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-7 * np.abs(want).max())


SMALL = np.zeros((2, 3), "float32")
ERRORS = [
    (lambda: zt.StickBreaking().inverse(SMALL[:, :1]), ValueError, "at least 2 entries, got 1"),
    (lambda: zt.LowerCholesky()(SMALL[:, :2]), ValueError, "2 entries fills no triangle"),
    (lambda: zt.LowerCholesky().inverse(SMALL), ValueError, "square matrices, got 2 x 3"),
    (lambda: zt.CorrelationCholesky().inverse(SMALL[:1, :1]), ValueError, "at least 2 rows"),
    (lambda: zt.LowerCholesky().inverse(SMALL[0]), ValueError, "at least 2 dims"),
    (lambda: zt.Permutation([0, 1])(SMALL), ValueError, "2 entries: got vectors of 3"),
    (lambda: zt.Permutation([0, 2]), ValueError, "each of 0 .. n - 1"),
    (lambda: zt.Affine(scale=[1.0, 0.0]), ValueError, "scale must be finite and not 0"),
    (lambda: zt.Affine(scale=0.0), ValueError, "scale must be finite and not 0, got 0.0"),
    (lambda: zt.Affine(np.zeros(4))(SMALL), ValueError, r"loc of shape \[4\] does not broadcast"),
    (lambda: zt.Interval(1.0, 0.0), ValueError, "high must be greater than low"),
    (lambda: zt.Interval([1.0, 0.0], 1.0), ValueError, "the lower bound is 1"),
    (lambda: zt.GreaterThan("0"), TypeError, "low must be a number"),
    (lambda: zt.Exp()(SMALL, context=1.0), TypeError, "no context 'context'; it knows: none"),
    (lambda: zt.Sequential([]), ValueError, "at least one transform"),
    (lambda: zt.Sequential([zt.Exp]), TypeError, "part 0 must be a Transform"),
    (lambda: zt.MADE(3, ()), ValueError, "at least 1"),
    (lambda: zt.MADE(3, order=[0, 0, 1]), ValueError, "order must hold each of 0 .. 2"),
    (lambda: zt.MADE(4)(jt.array(SMALL)), ValueError, r"x must have shape \(..., 4\)"),
    (lambda: zt.MADE(3)(jt.array(SMALL), jt.array(SMALL)), ValueError, "context_size is 0"),
    (lambda: zt.InverseAutoregressive(zt.MADE(3, n_outputs=1)), ValueError, "n_outputs=1"),
    (lambda: zt.InverseAutoregressive(zt.MADE(3), "gru"), ValueError, "got 'gru'"),
    (lambda: zt.MaskedAutoregressive(zt.MADE(4))(SMALL), ValueError, "4 entries, got 3"),
    (
        lambda: zt.InverseAutoregressive(zt.MADE(3, context_size=2))(SMALL),
        ValueError, "context of 2 entries is missing",
    ),
    (
        lambda: zt.InverseAutoregressive(zt.MADE(3, context_size=2))(
            SMALL, context=jt.zeros([5, 2])
        ),
        ValueError, r"\[5, 2\] does not broadcast to the batch \[2\]",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors_say_what_is_wrong(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_transform_must_be_complete():
    with pytest.raises(TypeError, match="Half must write _forward_and_log_det"):
        type("Half", (Transform,), {"_forward": lambda self, x: x})


def test_one_method_is_enough_and_a_missing_inverse_says_so():
    class Cube(Transform):
        def _forward_and_log_det(self, x):
            return x * x * x + x, jt.log(3.0 * x * x + 1.0)

    x = jt.array(np.array([1.0, 2.0], "float32"))
    cube = Cube()
    np.testing.assert_allclose(cube.forward(x).numpy(), [2.0, 10.0])
    np.testing.assert_allclose(cube.log_det(x).numpy(), np.log([4.0, 13.0]), rtol=1e-6)
    with pytest.raises(NotImplementedError, match="Cube has no inverse"):
        cube.inverse(x)


def test_context_goes_to_the_parts_that_know_it():
    conditioned = zt.InverseAutoregressive(zt.MADE(4, (6, 6), context_size=2))
    whole = zt.Sequential([zt.Affine(0.0, 2.0), conditioned, zt.StickBreaking()])
    assert whole.context_names == ("context",)
    x = jt.array(np.ones((2, 4), "float32"))
    y, log_det = whole(x, context=jt.array([1.0, 2.0]))
    assert (tuple(y.shape), tuple(log_det.shape)) == ((2, 5), (2,))
    assert len(whole.parameters()) == len(conditioned.parameters()) == 7


def test_repr_says_what_it_is():
    whole = zt.Sequential([zt.Exp(), zt.Permutation([1, 0])])
    assert repr(whole) == str(whole) == "Sequential([Exp(), Permutation(2 entries)])"
    assert repr(zt.Exp().inv) == "Inverse(Exp())"
    assert repr(zt.Interval(jt.zeros([3]), 2.0)) == "Interval(low of shape [3], high 2)"


def test_numbers_and_float64_work_as_in_the_rest_of_the_library():
    y, log_det = zt.Exp()(1.0)
    np.testing.assert_allclose([y.item(), log_det.item()], [np.e, 1.0], rtol=1e-6)
    x = np.array([[0.3, -0.7, 1.1]])
    for transform in (zt.StickBreaking(), zt.Interval(0.1, 0.7)):
        wide = jt.array(x, dtype="float64")
        back = transform.inverse(transform.forward(wide))
        assert str(back.dtype) == "float64"
        np.testing.assert_allclose(back.numpy(), x, rtol=1e-13)


def test_the_reference_would_notice_a_small_error():
    """The finite differences are far more precise than the tolerances."""
    (case,) = [c for c in CASES if c.name == "StickBreaking"]
    x = np.array([0.3, -0.7, 1.1])
    got = checks.Truth(case, None).log_det(x)
    y = case.truth(None, x, None)
    z = [1 / (1 + np.exp(-(x[k] - np.log(3 - k)))) for k in range(3)]
    assert abs(got - np.sum(np.log(y[:3]) + np.log1p(-np.array(z)))) < 1e-9
    assert plain(np.exp)(None, 0.0, None) == 1.0
