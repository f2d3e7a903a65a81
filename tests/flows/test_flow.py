"""Flows against the distributions that they are, and against integrals."""

import jittor as jt
import numpy as np
import pytest
import scipy.special as sp
from scipy import stats

import zhusuan as zs
from zhusuan import distributions as zd
from zhusuan import transforms as zt
from zhusuan.flows import Flow
from zhusuan.flows.flow import Flow as by_module

MEAN, STD = np.array([0.3, -1.0]), np.array([0.5, 2.0])


def normal(**options):
    return zd.Normal(jt.array(MEAN.astype("float32")), std=STD.astype("float32"), **options)


def logit_normal(y):
    return stats.norm.logpdf(sp.logit(y), MEAN, STD) - np.log(y) - np.log1p(-y)


UNIT = np.array([[0.1, 0.7], [0.35, 0.999], [1e-4, 0.5]])

# The transform, points, and the log-density at them.
PAIRS = {
    "log-normal": (zt.Exp(), 5 * UNIT, lambda y: stats.lognorm.logpdf(y, STD, scale=np.exp(MEAN))),
    "logit-normal": (zt.Sigmoid(), UNIT, logit_normal),
    "logit-normal on (-1, 3)": (
        zt.Interval(-1.0, 3.0), 4 * UNIT - 1, lambda y: logit_normal((y + 1) / 4) - np.log(4),
    ),
    "normal": (
        zt.Affine(2.0, -3.0), 4 * UNIT, lambda y: stats.norm.logpdf(y, 2 - 3 * MEAN, 3 * STD)
    ),
    "shifted log-normal": (
        zt.GreaterThan(1.0), 1 + UNIT,
        lambda y: stats.lognorm.logpdf(y - 1, STD, scale=np.exp(MEAN)),
    ),
    "Fisher's z": (
        zt.Tanh(), 2 * UNIT - 1,
        lambda y: stats.norm.logpdf(np.arctanh(y), MEAN, STD) - np.log1p(-y * y),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_log_prob_is_that_of_the_named_distribution(name):
    transform, y, truth = PAIRS[name]
    flow = Flow(normal(), transform)
    y = y.astype("float32")
    want = truth(y.astype(float))
    # The inverse of a value that float32 has rounded: 6e-8 / (1 - 0.999) in the logit.
    np.testing.assert_allclose(flow.log_prob(y).numpy(), want, rtol=2e-4)
    grouped = Flow(normal(), transform, group_ndims=1)
    np.testing.assert_allclose(grouped.log_prob(y).numpy(), want.sum(-1), rtol=2e-4)
    assert flow.support.violation(flow.sample(100).numpy()) is None
    assert flow.sample(3).shape == [3, 2]


def test_draws_follow_the_density():
    flow = Flow(normal(), zt.Exp())
    draws = flow.sample(4000).numpy()
    for i in range(2):
        truth = stats.lognorm(STD[i], scale=np.exp(MEAN[i]))
        # One test in a thousand fails by chance; the seed is fixed.
        assert stats.kstest(draws[:, i], truth.cdf).pvalue > 1e-3


def test_outside_the_support_the_density_is_0_and_gradients_are_finite():
    mean = jt.array(MEAN.astype("float32"))
    flow = Flow(zd.Normal(mean, std=1.0), zt.Sigmoid())
    y = np.array([[-0.5, 0.5], [0.0, 1.0], [0.5, 1.5]], "float32")
    log_prob = flow.log_prob(y)
    inside = (y > 0) & (y < 1)
    np.testing.assert_array_equal(np.isneginf(log_prob.numpy()), ~inside)
    finite = jt.ternary(jt.array(inside), log_prob, jt.zeros_like(log_prob))
    assert np.isfinite(jt.grad(finite.sum(), mean).numpy()).all()
    assert np.isnan(flow.log_prob(np.array([np.nan, 0.5], "float32")).numpy()[0])
    # An event is outside if one of its entries is.
    whole = Flow(zd.Normal(mean, std=1.0, group_ndims=1), zt.Sigmoid())
    np.testing.assert_array_equal(np.isneginf(whole.log_prob(y).numpy()), [True, True, True])
    assert np.isfinite(whole.log_prob(np.array([0.5, 0.4], "float32")).numpy())


def test_a_density_on_the_simplex_integrates_to_1():
    latent = zd.Normal(jt.array([0.3, -0.5]), std=[0.7, 0.9], group_ndims=1)
    flow = Flow(latent, zt.StickBreaking())
    assert (flow.batch_shape, flow.value_shape) == ((), (3,))
    n = 400
    middle = (np.arange(n) + 0.5) / n
    a, b = np.meshgrid(middle, middle, indexing="ij")
    inside = a + b < 1 - 1e-9
    # Cells on the slanted side are half inside; the density vanishes there.
    y = np.stack([a[inside], b[inside], 1 - a[inside] - b[inside]], -1).astype("float32")
    total = np.exp(flow.log_prob(y).numpy().astype(float)).sum() / n**2
    assert abs(total - 1) < 1e-3


# Densities that end in infinity or slowly would need more than a grid; these do not.
NORMALISED = {
    "Dirichlet": lambda: zd.Dirichlet(np.array([2.0, 3.0, 1.5], "float32")),
    "Concrete": lambda: zd.Concrete(2.0, np.array([0.5, 0.0, -0.3], "float32")),
    "ExpConcrete": lambda: zd.ExpConcrete(2.0, np.array([0.5, 0.0, -0.3], "float32")),
    "LKJCholesky": lambda: zd.LKJCholesky(3, 1.5),
    "Wishart": lambda: zd.Wishart(4.0, scale_tril=np.eye(2, dtype="float32")),
    "Gamma": lambda: zd.Gamma(2.0, 1.5),
    "Beta": lambda: zd.Beta(2.0, 1.5),
    "Uniform": lambda: zd.Uniform(-1.0, 2.0),
    "TruncatedNormal": lambda: zd.TruncatedNormal(0.5, std=1.0, low=-1.0),
    "Pareto": lambda: zd.Pareto(2.0, 3.0),
    "VonMises": lambda: zd.VonMises(0.5, 2.0),
}


@pytest.mark.parametrize("name", NORMALISED)
def test_log_determinants_go_with_the_densities_of_the_families(name):
    """A density on the real line, log p(f(x)) + log det, has the integral 1."""
    dist = NORMALISED[name]()
    transform = zt.transform_to(dist.support)
    shape = transform.inverse_shape(dist.sample_shape())
    axis = np.linspace(-15, 15, 301) if shape[0] < 3 else np.linspace(-8, 8, 65)
    points = np.stack(np.meshgrid(*[axis] * shape[0], indexing="ij"), -1).reshape(-1, shape[0])
    y, log_det = transform(jt.array(points.astype("float32")))
    log_prob = dist.log_prob(y).numpy().astype(float) + log_det.numpy()
    total = np.exp(log_prob).sum() * (axis[1] - axis[0]) ** shape[0]
    # Rectangles are exact for smooth densities that vanish at both ends.
    assert abs(total - 1) < 2e-3


def test_every_continuous_family_has_a_transform_to_its_support():
    examples = {
        "positive": zd.Gamma(1.0, 1.0), "unit": zd.Beta(1.0, 1.0), "real": zd.Normal(0.0, std=1.0),
        "unit, open": zd.BinConcrete(1.0, 0.0), "simplex": zd.Dirichlet([1.0, 1.0]),
        "log-simplex": zd.ExpConcrete(1.0, [0.0, 0.0]), "lkj": zd.LKJCholesky(3, 1.0),
        "wishart": zd.Wishart(4.0, scale_tril=np.eye(3)), "angle": zd.VonMises(0.0, 1.0),
        "bounds": zd.Uniform([0.0, 1.0], 2.0), "half": zd.Pareto([1.0, 2.0], 1.0),
        "point": zd.Delta(1.0),
    }
    for name, dist in examples.items():
        transform = zt.transform_to(dist.support)
        shape = transform.inverse_shape(dist.sample_shape())
        y = transform.forward(np.full(shape, 0.3, "float32"))
        assert tuple(y.shape) == dist.sample_shape(), name
        assert dist.support.violation(y.numpy()) is None, name


@pytest.mark.parametrize(
    "make", [
        lambda: zd.Bernoulli(0.0), lambda: zd.Poisson(1.0),
        lambda: zd.OnehotCategorical([0.0, 0.0]), lambda: zd.Multinomial([0.0, 0.0], 3),
    ],
)
def test_discrete_supports_have_none(make):
    with pytest.raises(ValueError, match="node 'k' has discrete support"):
        zt.transform_to(make().support, "k")


def test_a_constraint_of_ones_own_is_registered():
    class Increasing(zd.constraints.Constraint):
        name = "increasing"
        event_ndims = 1

        def violation(self, values):
            return None

    with pytest.raises(ValueError, match="no transform is registered for values that are increas"):
        zt.transform_to(Increasing())
    zt.register_transform(Increasing)(lambda constraint: zt.Ordered())
    assert isinstance(zt.transform_to(Increasing()), zt.Ordered)
    with pytest.raises(TypeError, match="expected a Constraint"):
        zt.transform_to("positive")


# -- draws that remember where they came from


def iaf(context_size=0):
    net = zt.MADE(2, (4,), context_size=context_size, activation=jt.tanh)
    generator = np.random.default_rng(2)
    for p in net.parameters():
        p.assign(jt.array(generator.normal(0, 1.0, size=tuple(p.shape)).astype("float32")))
    return zt.InverseAutoregressive(net)


class NoInverse(zt.InverseAutoregressive):
    def _inverse_and_log_det(self, y, context=None):
        raise NotImplementedError("inverted")


def test_the_log_density_of_a_draw_needs_no_inverse():
    transform = iaf()
    blind = NoInverse(transform.net)
    flow = Flow(normal(), blind)
    draw = flow.sample(3)
    want = Flow(normal(), transform).log_prob(draw.detach()).numpy()
    np.testing.assert_allclose(flow.log_prob(draw).numpy(), want, rtol=1e-5, atol=1e-5)
    # Another flow through the same transform may use it as well, a leaf may not.
    assert Flow(zd.Normal(jt.zeros([2]), std=1.0), blind).log_prob(draw).shape == [3]
    with pytest.raises(NotImplementedError, match="inverted"):
        flow.log_prob(draw.detach())


def test_a_rounded_draw_keeps_its_log_density():
    """sigmoid(25) is 1 in float32, and its logit 16.6."""
    flow = Flow(zd.Normal(jt.array([25.0]), std=1e-3), zt.Sigmoid())
    draw = flow.sample()
    # The log-density of the draw as it was: N(x) - log sigmoid'(x).
    assert 20 < flow.log_prob(draw).item() < 35


def test_a_draw_forgets_its_origin_when_a_weight_changes():
    transform = iaf()
    flow = Flow(normal(), transform)
    draw = flow.sample(3)
    before = flow.log_prob(draw).numpy()
    optimizer = jt.optim.SGD(transform.parameters(), 0.5)
    optimizer.step((transform.forward(np.ones((1, 2), "float32")) ** 2.0).sum())
    after = flow.log_prob(draw).numpy()
    want = flow.log_prob(draw.detach()).numpy()
    np.testing.assert_allclose(after, want, rtol=1e-6)
    assert np.abs(after - before).max() > 1e-2


def total_gradient(transform, mean, log_prob_of, noise):
    """Finite differences of log q(f(mean + noise)) in the weights and the mean, both ways on."""
    targets = [mean, *transform.parameters()]
    found = []
    for target in targets:
        value = target.numpy().copy()
        slope = np.zeros_like(value)
        for index in np.ndindex(*value.shape):
            ends = []
            for step in (1e-2, -1e-2):
                moved = value.copy()
                moved[index] += step
                target.assign(jt.array(moved))
                ends.append(log_prob_of(noise))
            slope[index] = (ends[0] - ends[1]) / 2e-2
        target.assign(jt.array(value))
        found.append(slope)
    return found


def test_gradients_of_a_draws_log_density_are_the_total_ones():
    """With the origin, and with the inverse: both equal finite differences."""
    transform, mean = iaf(), jt.array(MEAN.astype("float32"))
    noise = np.array([0.4, -0.7], "float32")

    class Fixed(zd.Normal):
        def _sample(self, n_samples):
            return self.mean + jt.array(noise)

    def log_q(_):
        flow = Flow(Fixed(mean, std=1.0), transform)
        return float(flow.log_prob(flow.sample()).sum().item())

    want = total_gradient(transform, mean, log_q, noise)
    targets = [mean, *transform.parameters()]
    flow = Flow(Fixed(mean, std=1.0), transform)
    draw = flow.sample()
    with_origin = jt.grad(flow.log_prob(draw).sum(), targets)
    through_inverse = jt.grad(flow.log_prob(draw + 0.0).sum(), targets)
    for got, other, slope in zip(with_origin, through_inverse, want):
        # Differences over 0.02 in float32: 1e-7 / 0.01 and the third derivative's 1e-4.
        np.testing.assert_allclose(got.numpy(), slope, atol=3e-3)
        np.testing.assert_allclose(other.numpy(), slope, atol=3e-3)


@pytest.mark.parametrize("trained", [False, True], ids=["Exp", "IAF"])
def test_the_path_derivative_goes_through_the_draw_alone(trained):
    """d/dtheta log q_phi(y(theta)) at phi = theta: that of a twin with other parameters."""
    transform = iaf() if trained else zt.Exp()
    mean = jt.array(MEAN.astype("float32"))
    flow = Flow(zd.Normal(mean, std=1.0), transform, use_path_derivative=True)
    draw = flow.sample(4)
    targets = [mean, *transform.parameters()]
    got = jt.grad(flow.log_prob(draw).sum(), targets)

    # The twin is made of copies: nothing of it leads to the targets but the value.
    twin_net = iaf()
    for copy, original in zip(twin_net.parameters(), transform.parameters()):
        copy.assign(original.detach())
    twin = Flow(zd.Normal(mean.detach(), std=1.0), twin_net if trained else zt.Exp())
    leaf = draw.detach()
    score = jt.grad(twin.log_prob(leaf).sum(), leaf).detach()
    want = jt.grad((draw * score).sum(), targets)
    for a, b in zip(got, want):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-3, atol=1e-4)
    assert [p.is_stop_grad() for p in transform.parameters()] == [False] * len(targets[1:])


def test_not_reparameterised_draws_carry_no_gradient_but_log_prob_does():
    transform, mean = iaf(), jt.array(MEAN.astype("float32"))
    flow = Flow(zd.Normal(mean, std=1.0, reparameterize=False), transform)
    assert not flow.is_reparameterized
    draw = flow.sample(2)
    for value in (draw, Flow(zd.Normal(mean, std=1.0), transform, reparameterize=False).sample(2)):
        gradients = jt.grad((value * value).sum(), [mean, *transform.parameters()])
        assert not any(g.numpy().any() for g in gradients)
    scores = jt.grad(flow.log_prob(draw).sum(), [mean, *transform.parameters()])
    leaf = draw.detach()
    want = jt.grad(flow.log_prob(leaf).sum(), [mean, *transform.parameters()])
    for a, b in zip(scores, want):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6)
        assert a.numpy().any()


@pytest.mark.parametrize("trained", [False, True], ids=["Exp", "IAF"])
@pytest.mark.parametrize("how", ["no_grad", "stop_grad"])
def test_a_draw_without_gradient_is_a_constant(how, trained):
    """The gradient of its log-density is that at a leaf of the same value."""
    transform, mean = iaf() if trained else zt.Exp(), jt.array(MEAN.astype("float32"))
    flow = Flow(zd.Normal(mean, std=1.0), transform)
    if how == "no_grad":
        with jt.no_grad():
            draw = flow.sample(2)
    else:
        draw = flow.sample(2).stop_grad()
    targets = [mean, *transform.parameters()]
    got = jt.grad(flow.log_prob(draw).sum(), targets)
    want = jt.grad(flow.log_prob(jt.array(draw.numpy())).sum(), targets)
    for a, b in zip(got, want):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-5)
        assert a.numpy().any()


def test_context_conditions_the_flow():
    transform = iaf(context_size=2)
    context = jt.array(np.array([[0.5, -1.0], [2.0, 0.3], [0.0, 0.0]], "float32"))
    flow = Flow(zd.Normal(jt.zeros([3, 2]), std=1.0), transform, context={"context": context})
    draw = flow.sample(4)
    own, inverse = flow.log_prob(draw), flow.log_prob(draw.detach())
    assert own.shape == [4, 3]
    np.testing.assert_allclose(own.numpy(), inverse.numpy(), rtol=1e-5, atol=1e-5)
    assert jt.grad(own.sum(), context).numpy().any()
    other = Flow(flow.latent, transform, context={"context": context * 2.0}).log_prob(draw)
    assert np.abs(other.numpy() - own.numpy()).max() > 1e-2


# -- shapes, nodes, errors


@pytest.mark.parametrize(
    ("shape", "latent_group", "transform", "group", "batch", "value"),
    [
        ((3, 2), 0, zt.Exp, 0, (3, 2), ()),
        ((3, 2), 0, zt.Exp, 1, (3, 2), ()),
        ((3, 2), 1, zt.Exp, 0, (3,), (2,)),
        ((3, 2), 0, zt.StickBreaking, 0, (3,), (3,)),
        ((3, 2), 2, zt.StickBreaking, 0, (), (3, 3)),
        ((3, 3), 0, zt.LowerCholesky, 1, (3,), (2, 2)),
    ],
)
def test_shapes(shape, latent_group, transform, group, batch, value):
    latent = zd.Normal(jt.zeros(list(shape)), std=1.0, group_ndims=latent_group)
    flow = Flow(latent, transform(), group_ndims=group)
    assert (flow.batch_shape, flow.value_shape) == (batch, value)
    draw = flow.sample(5)
    assert tuple(draw.shape) == (5, *batch, *value) == flow.sample_shape(5)
    want = (5, *batch[: len(batch) - group])
    own, inverse = flow.log_prob(draw), flow.log_prob(draw.detach())
    assert tuple(own.shape) == tuple(inverse.shape) == want
    np.testing.assert_allclose(own.numpy(), inverse.numpy(), rtol=1e-4, atol=1e-4)


def test_flows_of_flows():
    inner = Flow(normal(), zt.Affine(0.0, 0.5))
    outer = Flow(inner, zt.Exp())
    whole = Flow(normal(), zt.Sequential([zt.Affine(0.0, 0.5), zt.Exp()]))
    draw = outer.sample(3)
    want = whole.log_prob(draw.detach()).numpy()
    np.testing.assert_allclose(outer.log_prob(draw).numpy(), want, rtol=1e-5)
    np.testing.assert_allclose(outer.log_prob(draw.detach()).numpy(), want, rtol=1e-5)


def test_without_a_transform_it_is_the_latent():
    flow = Flow(zd.Gamma(2.0, 3.0))
    assert flow.support is zd.Gamma.support
    draw = flow.sample(3)
    want = zd.Gamma(2.0, 3.0).log_prob(draw).numpy()
    np.testing.assert_allclose(flow.log_prob(draw).numpy(), want, rtol=1e-6)


class Net(zs.BayesianNet):
    def __init__(self):
        super().__init__()
        self.mean = jt.zeros([2])
        self.flow = iaf()

    def execute(self, observed):
        self.observe(observed)
        latent = zd.Normal(self.mean, std=1.0)
        self.sn(Flow, "w", latent=latent, transform=self.flow, n_samples=6)
        self.stochastic("z", Flow(latent, zt.Exp(), group_ndims=1), n_samples=6)
        return self


def test_flows_are_nodes_like_any_other():
    net = Net()
    run = net({})
    assert run["w"].shape == [6, 2]
    assert run.log_joint().shape == [6]
    assert len(net.parameters()) == 5
    again = net({"w": run["w"].numpy(), "z": run["z"].numpy()})
    np.testing.assert_allclose(again.log_joint().numpy(), run.log_joint().numpy(), rtol=1e-4)


def test_a_posterior_with_a_flow_is_learnt():
    """The log-normal posterior of a log-normal model: the bound reaches the log evidence."""
    y = 1.3

    @zs.meta_bayesian_net()
    def model():
        bn = zs.BayesianNet()
        log_rate = jt.log(bn.log_normal("rate", 0.0, 1.0, n_samples=64, group_ndims=1))
        bn.normal("y", log_rate, 0.5, group_ndims=1)
        return bn

    class Guide(zs.BayesianNet):
        def __init__(self):
            super().__init__()
            self.mean, self.logstd = jt.zeros([1]), jt.zeros([1])

        def execute(self, observed):
            self.observe(observed)
            latent = zd.Normal(self.mean, logstd=self.logstd)
            flow = Flow(latent, zt.Exp(), group_ndims=1, use_path_derivative=True)
            self.stochastic("rate", flow, n_samples=64)
            return self

    guide = Guide()
    objective = zs.variational.ELBO(model(), guide)
    optimizer = jt.optim.Adam(guide.parameters(), 0.05)
    for _ in range(150):
        optimizer.step(objective({"y": jt.array([y])}))
    # log rate | y is normal with precision 1 + 1/0.25; the path derivative has no noise there.
    np.testing.assert_allclose(guide.mean.numpy(), [y * 4 / 5], atol=5e-3)
    np.testing.assert_allclose(np.exp(guide.logstd.numpy()), [np.sqrt(1 / 5)], atol=5e-3)


def test_module_paths():
    assert by_module is zs.flows.Flow is Flow
    assert zs.transforms.sequential.Sequential is zs.transforms.Sequential


ERRORS = [
    (lambda: Flow(None, zt.Exp()), TypeError, "latent must be a Distribution, got None"),
    (lambda: Flow(normal(), np.exp), TypeError, "transform must be a Transform"),
    (lambda: Flow(zd.Poisson(1.0), zt.Exp()), ValueError, "latent must be continuous"),
    (lambda: Flow(normal(), zt.Permutation([0, 1, 2])), ValueError, "does not fit the transform"),
    (lambda: Flow(normal(), zt.Affine(np.zeros(3))), ValueError, r"loc of shape \[3\]"),
    (lambda: Flow(normal(), zt.Exp(), group_ndims=2), ValueError, "group_ndims must be between"),
    (lambda: Flow(normal(), zt.Exp(), grop=1), TypeError, "no parameter 'grop'"),
    (
        lambda: Flow(normal(), zt.StickBreaking()).log_prob(np.ones(2, "float32")),
        ValueError, r"value of shape \[2\] does not fit",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors_say_what_is_wrong(call, error, message):
    with pytest.raises(error, match=message):
        call()
