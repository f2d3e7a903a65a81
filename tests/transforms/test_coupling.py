"""Couplings, squeeze, activation normalisation, 1 x 1 convolutions: what the table doesn't show."""

import copy

import jittor as jt
import numpy as np
import pytest
from jittor import nn

import zhusuan as zs
from zhusuan import distributions as zd
from zhusuan import transforms as zt
from zhusuan.transforms.invertible.base import InvertibleTransform
from zhusuan.transforms.invertible.coupling import AdditiveCoupling, get_coupling_mask
from zhusuan.transforms.invertible.scaling import Scaling
from zhusuan.transforms.sequential import Sequential


def normal(*shape, seed=7, scale=1.0):
    return (scale * np.random.default_rng(seed).normal(size=shape)).astype("float32")


def randomised(transform, scale=0.3):
    for i, p in enumerate(transform.parameters()):
        p.assign(jt.array(normal(*p.shape, seed=i, scale=scale)))
    jt.sync(transform.parameters())
    return transform


def log_abs_det(transform, x):
    """log|det| of the Jacobian by automatic differentiation, for one event x."""
    # As many copies as entries: each gives one row of the Jacobian, all in one pass.
    copies = jt.array(np.stack([x] * x.size))
    y = transform.forward(copies).reshape([x.size, x.size])
    jacobian = jt.grad((y * jt.array(np.eye(x.size, dtype="float32"))).sum(), copies)
    return np.linalg.slogdet(jacobian.numpy().reshape(x.size, x.size).astype(float))[1]


def test_zhusuan_jittors_calls_work_as_documented():
    """The names, arguments and calls of its example and of its tests."""
    masks = get_coupling_mask(4, 1, 2)
    couplings = [AdditiveCoupling(4, 6, 2, masks[i]) for i in range(2)]
    flow = Sequential([*couplings, Scaling(4)])
    x = jt.array(normal(2, 3, 4))
    z, log_det = flow.execute(x)
    assert tuple(log_det.shape) == (2, 3)
    np.testing.assert_allclose(flow.execute(z, inverse=True).numpy(), x.numpy(), atol=1e-6)
    assert isinstance(flow, InvertibleTransform)
    net = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 4))
    own = AdditiveCoupling(mask=masks[0], inner_nn=net)
    y, log_det = own(x)
    np.testing.assert_allclose(own(y, inverse=True).numpy(), x.numpy(), atol=1e-6)
    assert not log_det.numpy().any()
    assert not np.allclose(y.numpy(), x.numpy())


def test_masks():
    def arrays(*args):
        return [m.numpy().astype(int).tolist() for m in get_coupling_mask(*args)]

    assert arrays(5, 1, 3) == [[0, 1, 0, 1, 0], [1, 0, 1, 0, 1], [0, 1, 0, 1, 0]]
    assert arrays(5, 1, 2, "Channel") == [[0, 0, 1, 1, 1], [1, 1, 0, 0, 0]]
    assert arrays((2, 3), 2, 1) == [[[[0, 1, 0], [1, 0, 1]]] * 2]
    assert arrays((1, 2), 2, 2, "Channel") == [[[[0, 0]], [[1, 1]]], [[[1, 1]], [[0, 0]]]]
    assert arrays(2, 3, 1) == [[[0, 1]] * 3]
    assert arrays(4, 1, 0) == []


def test_masks_are_neither_trained_nor_saved():
    layers = [
        zt.AffineCoupling(4, 6, 1), zt.ActNorm(4, data_init=None), zt.InvertibleConv1x1(4, 1),
        zt.Scaling(4),
    ]
    flow = zt.Sequential(layers)
    names = [name for name, _ in flow.named_parameters()]
    # Two linear layers, the two vectors of ActNorm, one matrix, the factors.
    assert len(names) == 4 + 2 + 1 + 1
    assert not [name for name in [*names, *flow.state_dict()] if "mask" in name]


def test_the_part_that_stays_and_the_part_that_is_changed():
    """Each changed entry depends on those that stay, and on itself; no other does on any."""
    mask = np.array([1.0, 0.0, 0.0, 1.0])
    coupling = randomised(zt.AffineCoupling(4, 6, 1, mask, activation=jt.tanh), 0.6)
    x = jt.array(np.repeat(normal(1, 4), 4, 0))
    y = coupling.forward(x)
    jacobian = jt.grad((y * jt.array(np.eye(4, dtype="float32"))).sum(), x).numpy()
    moves = np.eye(4, dtype=bool) | ((mask[:, None] == 0) & (mask[None, :] == 1))
    np.testing.assert_array_equal(jacobian != 0, moves)


def test_scales_of_an_affine_coupling_are_bounded():
    class Wild(nn.Module):
        def execute(self, x):
            return jt.concat([x * 0.0, x * 0.0 + 1e6], dim=1)

    coupling = zt.AffineCoupling(mask=np.array([1, 0, 0, 1]), inner_nn=Wild(), bound=0.5)
    y, log_det = coupling(jt.ones([2, 4]))
    np.testing.assert_allclose(log_det.numpy(), 1.0, rtol=1e-6)
    np.testing.assert_allclose(y.numpy()[0], [1, np.exp(0.5), np.exp(0.5), 1], rtol=1e-6)


def test_couplings_start_near_the_identity():
    for cls in (zt.AdditiveCoupling, zt.AffineCoupling):
        y, log_det = cls(4, 6, 2, np.array([1, 0, 0, 1]))(jt.ones([1, 4]))
        assert np.abs(y.numpy() - 1).max() < 0.05
        assert np.abs(log_det.numpy()).max() < 0.05


class Convolutions(nn.Module):
    """A conditioner of images: twice the channels come out."""

    def __init__(self, channels):
        super().__init__()
        self.net = nn.Conv(channels, 2 * channels, 3, padding=1)

    def execute(self, x):
        return jt.tanh(self.net(x))


def image_flow():
    """Two scales of a small RealNVP with the layers of Glow."""
    squeezed = (4, 2, 2)
    (board,) = get_coupling_mask((4, 4), 1, 1)
    (half,) = get_coupling_mask(squeezed[1:], squeezed[0], 1, "Channel")
    inner = zt.Sequential([zt.Squeeze(), zt.InvertibleConv1x1(8), zt.Squeeze().inv])
    return randomised(zt.Sequential([
        zt.AffineCoupling(mask=board, inner_nn=Convolutions(1)),
        zt.Squeeze(),
        zt.ActNorm(4, 3, data_init=None),
        zt.InvertibleConv1x1(4),
        zt.AffineCoupling(mask=half, inner_nn=Convolutions(4)),
        zt.FactorOut(inner),
        zt.Squeeze().inv,
    ]))


def test_a_flow_of_images_of_two_scales():
    flow = image_flow()
    x = normal(2, 3, 1, 4, 4, scale=0.8)
    y, log_det = flow(jt.array(x))
    assert (tuple(y.shape), tuple(log_det.shape)) == (x.shape, (2, 3))
    back, log_det_back = flow.inverse_and_log_det(y.detach())
    back, log_det_, log_det_back_ = jt.fetch_sync([back, log_det, log_det_back])
    np.testing.assert_allclose(back, x, atol=1e-5)
    np.testing.assert_allclose(log_det_back_, -log_det_, rtol=1e-5, atol=1e-5)
    # 16 derivatives of float32 each, in products and sums.
    np.testing.assert_allclose(log_det_[0, 0], log_abs_det(flow, x[0, 0]), rtol=1e-4, atol=1e-4)
    for p, g in zip(flow.parameters(), jt.grad((y * y).sum() + log_det.sum(), flow.parameters())):
        assert np.abs(g.numpy()).max() > 0, p.name()


def test_squeeze_keeps_the_places_of_a_channel_together():
    x = np.arange(2 * 4 * 4, dtype="float32").reshape(2, 4, 4)
    y = zt.Squeeze().forward(x).numpy()
    assert y.shape == (8, 2, 2)
    np.testing.assert_array_equal(y[:4, 0, 0], x[0, :2, :2].ravel())
    np.testing.assert_array_equal(y[4:, 1, 0], x[1, 2:, :2].ravel())


def test_convolution_starts_as_a_rotation_and_is_einsum():
    zs.set_seed(3)
    layer = zt.InvertibleConv1x1(4)
    weight = layer.weight.numpy().astype(float)
    np.testing.assert_allclose(weight @ weight.T, np.eye(4), atol=1e-6)
    x = normal(2, 4, 2, 2)
    y, log_det = layer(jt.array(x))
    np.testing.assert_allclose(y.numpy(), np.einsum("ij,njhw->nihw", weight, x), atol=1e-6)
    np.testing.assert_allclose(log_det.numpy(), 0.0, atol=1e-6)


@pytest.mark.parametrize("direction", ["forward", "inverse"])
def test_actnorm_is_set_by_the_first_batch_of_data(direction):
    layer = zt.ActNorm(3, data_init=direction)
    data = normal(50, 3) * np.float32([1.0, 5.0, 0.01]) + np.float32([0.0, -3.0, 10.0])
    away, towards = ((layer.forward, layer.inverse) if direction == "inverse"
                     else (layer.inverse, layer.forward))
    np.testing.assert_array_equal(away(data).numpy(), data)  # a draw sets nothing
    assert not layer.is_initialised
    with pytest.raises(ValueError, match="at least 2 values for each channel"):
        towards(data[:1])
    with jt.no_grad():
        out = towards(data).numpy()
    assert layer.is_initialised
    # 10 with a deviation of 0.01 has three digits less.
    np.testing.assert_allclose(out.mean(0), 0.0, atol=1e-3)
    np.testing.assert_allclose(out.std(0), 1.0, atol=1e-3)
    before = layer.loc.numpy()
    towards(data * 2.0)
    np.testing.assert_array_equal(layer.loc.numpy(), before)
    # It is trained from then on, though the first batch came under no_grad.
    y, log_det = layer.inverse_and_log_det(jt.array(data))
    for g in jt.grad((y * y * y).sum() + log_det.sum(), layer.parameters()):
        assert g.numpy().all()


def test_what_is_fixed_survives_checkpoints_and_copies(tmp_path):
    def build():
        return zt.Sequential([zt.ActNorm(3), zt.InvertibleConv1x1(3, 1)])

    zs.set_seed(1)
    flow, data = build(), normal(50, 3) + 2.0
    want = flow.forward(data).numpy()
    zs.save(tmp_path / "flow.npz", flow)
    zs.set_seed(2)
    other = build()
    assert (other.parts[1]._fixed._order.tolist(), other.parts[1]._fixed._signs.tolist()) != (
        flow.parts[1]._fixed._order.tolist(), flow.parts[1]._fixed._signs.tolist()
    )
    zs.load(tmp_path / "flow.npz", other)
    assert other.parts[0].is_initialised
    # One row could not set it: it has been set.
    np.testing.assert_allclose(other.forward(data[:1]).numpy(), want[:1], rtol=1e-6)
    np.testing.assert_allclose(other.inverse(want).numpy(), data, atol=1e-5)
    twin = copy.deepcopy(build())
    twin.forward(data)
    assert twin.parts[0].is_initialised


def test_a_wrong_log_determinant_is_seen():
    """The Jacobian by differentiation is a truth that a mistake does not share."""
    class NoPlaces(zt.InvertibleConv1x1):
        def _log_det(self, x, y):
            return super()._log_det(x, y) / 4.0

    layer = randomised(NoPlaces(4))
    x = normal(4, 2, 2)
    got = layer.log_det(x[None]).numpy()[0]
    assert abs(got - log_abs_det(layer, x)) > 0.1
    right = zt.InvertibleConv1x1.log_det.__get__(layer)  # same weights
    assert abs(4.0 * right(x[None]).numpy()[0] - log_abs_det(layer, x)) < 1e-4


def test_dequantised_numbers_lie_in_their_cells():
    zs.set_seed(5)
    levels = np.tile(np.arange(256.0, dtype="float32"), (200, 1))
    x = zt.dequantize(levels)
    values = x.numpy().astype(float)
    assert values.min() >= 0.0
    assert values.max() < 1.0
    np.testing.assert_array_equal(zt.quantize(x).numpy(), levels)
    noise = values * 256.0 - levels
    # 51200 uniform draws: standard errors 0.0013 and 0.0004; five of them.
    assert abs(noise.mean() - 0.5) < 0.0065
    assert abs(noise.var() - 1 / 12) < 0.002
    np.testing.assert_array_equal(zt.quantize([-0.5, 1.5], 4).numpy(), [0.0, 3.0])


def test_a_flow_of_pixels_has_density_zero_outside():
    """That of one pixel integrates to 1, by the trapezoidal rule."""
    flow = zs.flows.Flow(zd.Logistic(jt.zeros([1]), 1.0), zt.BoundedLogit(0.05).inv)
    x = np.linspace(-0.5, 1.5, 4001, dtype="float32")[:, None]
    density = np.exp(flow.log_prob(x).numpy().astype(float))[:, 0]
    # The support is a little wider than [0, 1], by alpha / (1 - 2 alpha) on each side.
    assert not density[(x[:, 0] < -0.056) | (x[:, 0] > 1.056)].any()
    assert abs(np.trapz(density, x[:, 0].astype(float)) - 1.0) < 1e-3


def test_the_density_of_given_pixels_draws_none():
    """The way to the pixels may take a pass of a network for each of them (MAF)."""
    class OneWay(zt.BoundedLogit):
        def _inverse(self, y):
            raise AssertionError("it was asked for pixels")

    flow = zs.flows.Flow(zd.Logistic(jt.zeros([1]), 1.0), OneWay(0.05).inv)
    got = flow.log_prob(np.array([[0.5], [-1.0], [2.0]], "float32")).numpy()[:, 0]
    # At the middle: 1/4 of the logistic density times dy/dx = (1 - 2 alpha) / (1/4).
    np.testing.assert_allclose(got, [np.log(0.9), -np.inf, -np.inf], rtol=1e-6)


SMALL = np.zeros((2, 4), "float32")
MASK = np.array([1, 0, 0, 1])
ERRORS = [
    (lambda: get_coupling_mask(4, 1, 2, "Random"), "one of .'ChessBoard', 'Channel'."),
    (lambda: get_coupling_mask(0, 1, 2), "sizes must be at least 1"),
    (lambda: get_coupling_mask(1, 1, 2), "cannot be split by 'ChessBoard'"),
    (lambda: get_coupling_mask((4, 4), 1, 2, "Channel"), "cannot be split by 'Channel'"),
    (lambda: AdditiveCoupling(), "give inner_nn, or sizes"),
    (lambda: AdditiveCoupling(inner_nn=nn.Linear(4, 4)), "give a mask"),
    (lambda: AdditiveCoupling(4, 6, 1, MASK[:3]), r"shape \[4\], got shape \[3\]"),
    (lambda: AdditiveCoupling(4, 6, 1, 0.5 * MASK), "zeros and ones alone"),
    (lambda: AdditiveCoupling(4, 6, 1, 0 * MASK), "both zeros and ones, all are 0"),
    (lambda: AdditiveCoupling(4, 6, 1, MASK)(SMALL[:, :3]), r"mask, \[4\], got \[3\]"),
    (lambda: zt.AffineCoupling(mask=MASK, inner_nn=nn.Linear(4, 4))(SMALL), r"return shape \[2, 8"),
    (lambda: zt.AffineCoupling(4, 6, 1, bound=0.0), "bound must be positive"),
    (lambda: zt.AffineCoupling(4, 6, 1, context_size=2)(SMALL), "context of 2 entries is missing"),
    (lambda: zt.AffineCoupling(4, 6, 1, context_size=2)(SMALL, context=jt.zeros([3, 2])),
     r"broadcasting to the batch \[2\]"),
    (lambda: zt.AffineCoupling(mask=MASK, inner_nn=nn.Linear(4, 8), activation=jt.tanh),
     "for the default net"),
    (lambda: Scaling(0), "n_dim must be at least 1"),
    (lambda: Scaling(3)(SMALL), "3 entries, got 4"),
    (lambda: zt.ActNorm(3, data_init="back"), "data_init must be one of"),
    (lambda: zt.ActNorm(3, data_init=None)(SMALL), "3 channels in their first dim"),
    (lambda: zt.InvertibleConv1x1(0), "at least 1, got 0"),
    (lambda: zt.Squeeze(0), "factor must be at least 1"),
    (lambda: zt.Squeeze()(np.zeros((1, 3, 4), "float32")), "multiples of 2, got 3 and 4"),
    (lambda: zt.Squeeze().inverse(np.zeros((3, 2, 2), "float32")), "multiple of 4, got 3"),
    (lambda: zt.FactorOut(zt.StickBreaking())(SMALL), "must keep shapes"),
    (lambda: zt.FactorOut(zt.LowerCholesky()), "events of 1 dims to events of 2"),
    (lambda: zt.FactorOut(zt.Exp(), 4)(SMALL), "cannot be cut after 4"),
    (lambda: zt.BoundedLogit(0.5), "alpha must be in"),
    (lambda: zt.dequantize(SMALL, 1), "n_levels must be at least 2"),
]


@pytest.mark.parametrize(("call", "message"), ERRORS)
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()
