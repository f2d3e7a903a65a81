"""The ELBO: its value, the bias of its gradient, learning, and nets that do not fit."""

import jittor as jt
import numpy as np
import pytest
from scipy import stats

import zhusuan as zs
from tests.framework.models import Generator, Variational
from zhusuan.variational.elbo import EvidenceLowerBoundObjective
from zhusuan.variational.exclusive_kl import EvidenceLowerBoundObjective as UnderItsOldName

X = np.float32([[0, 1, 0], [1, 1, 0], [0, 0, 1], [1, 0, 1]])

# z ~ N(0, 1), y | z ~ N(z, S^2), one observed Y: evidence and posterior in closed form.
Y, S, PARTICLES = 1.3, 0.7, 20_000
LOG_EVIDENCE = stats.norm(0, np.sqrt(1 + S**2)).logpdf(Y)
POSTERIOR_MEAN, POSTERIOR_SD = Y / (1 + S**2), S / np.sqrt(1 + S**2)


class Conjugate(zs.BayesianNet):
    def execute(self, observed):
        self.observe(observed)
        z = self.sn("Normal", "z", mean=0.0, std=1.0, group_ndims=1)
        self.sn("Normal", "y", mean=z, std=S, group_ndims=1)
        return self


class Guide(zs.BayesianNet):
    """q(z) = N(m, exp(l)^2) with both as parameters."""

    def __init__(self, mean, logstd, **options):
        super().__init__()
        self.m, self.l = jt.array([float(mean)]), jt.array([float(logstd)])
        self._options = options

    def execute(self, observed):
        self.observe(observed)
        self.sn(
            "Normal", "z", mean=self.m, logstd=self.l, group_ndims=1, n_samples=PARTICLES,
            **self._options,
        )  # fmt: skip
        return self


def exact_loss(m, logstd):
    """The negative ELBO of the conjugate model, by the closed form of its three terms."""
    v = np.exp(2 * logstd)
    log_prior = -0.5 * np.log(2 * np.pi) - 0.5 * (m**2 + v)
    log_likelihood = -0.5 * np.log(2 * np.pi * S**2) - 0.5 * ((Y - m) ** 2 + v) / S**2
    entropy = 0.5 * np.log(2 * np.pi * np.e) + logstd
    return -(log_prior + log_likelihood + entropy)


def test_the_documented_names_are_one_class():
    assert zs.variational.ELBO is EvidenceLowerBoundObjective is UnderItsOldName
    assert zs.variational.EvidenceLowerBoundObjective is EvidenceLowerBoundObjective


def test_at_the_posterior_the_bound_is_the_evidence_for_every_draw():
    model = zs.variational.ELBO(Conjugate(), Guide(POSTERIOR_MEAN, np.log(POSTERIOR_SD)))
    per_draw = model({"y": [Y]}, reduce_mean=False).numpy()
    assert per_draw.shape == (PARTICLES,)
    # log q - log p is constant in z there; what is left is float32 rounding.
    np.testing.assert_allclose(per_draw, -LOG_EVIDENCE, atol=1e-5)
    assert model({"y": [Y]}).item() == pytest.approx(-LOG_EVIDENCE, abs=1e-5)


def test_value_and_gradient_are_unbiased():
    m, logstd = 0.2, -0.4
    guide = Guide(m, logstd)
    model = zs.variational.ELBO(Conjugate(), guide)
    per_draw = model({"y": [Y]}, reduce_mean=False)
    se = per_draw.numpy().std() / np.sqrt(PARTICLES)
    # Four standard errors, the z-score of the bias table of the estimators.
    assert abs(per_draw.numpy().mean() - exact_loss(m, logstd)) < 4 * se

    h = 1e-4
    exact = [
        (exact_loss(m + h, logstd) - exact_loss(m - h, logstd)) / (2 * h),
        (exact_loss(m, logstd + h) - exact_loss(m, logstd - h)) / (2 * h),
    ]
    gradients = np.array(
        [
            [g.item() for g in jt.grad(model({"y": [Y]}), [guide.m, guide.l])]
            for _ in range(20)
        ]
    )
    z = (gradients.mean(0) - exact) / (gradients.std(0, ddof=1) / np.sqrt(20))
    assert (np.abs(z) < 4).all()
    # A wrong estimator, the gradient without the path through the draw, is far off.
    wrong = np.array([0.0, -1.0])  # only log q's own parameters are left
    assert np.abs((wrong - exact) / gradients.std(0)).max() > 100


def test_path_derivative_has_the_same_mean_and_no_variance_at_the_posterior():
    """Roeder et al. 2017: the estimator "sticks the landing"."""
    guide = Guide(POSTERIOR_MEAN, np.log(POSTERIOR_SD), use_path_derivative=True)
    model = zs.variational.ELBO(Conjugate(), guide)
    gradients = [g.item() for g in jt.grad(model({"y": [Y]}), [guide.m, guide.l])]
    np.testing.assert_allclose(gradients, 0, atol=2e-6)


def test_adam_consumes_the_loss_and_finds_the_posterior():
    guide = Guide(-1.0, 0.0)
    model = zs.variational.ELBO(Conjugate(), guide)
    optimizer = jt.optim.Adam(model.parameters(), 0.1)
    for _ in range(150):
        optimizer.step(model({"y": [Y]}))
    assert guide.m.item() == pytest.approx(POSTERIOR_MEAN, abs=0.02)
    assert guide.l.item() == pytest.approx(np.log(POSTERIOR_SD), abs=0.02)


def test_the_loss_has_shape_1_and_parameters_are_those_of_both_nets():
    model = zs.variational.ELBO(Generator(), Variational())
    assert tuple(model({"x": X}).shape) == (1,)
    names = sorted(model.state_dict())
    assert names == [
        "generator.fc.bias", "generator.fc.weight",
        "variational.fc_logstd.bias", "variational.fc_logstd.weight",
        "variational.fc_mean.bias", "variational.fc_mean.weight",
    ]  # fmt: skip


class ReadsNothing(zs.BayesianNet):
    def execute(self, observed):
        self.observe(observed)
        self.sn("Normal", "z", mean=np.zeros((4, 2)), std=1.0)
        return self


# generator, variational, observed, pieces that the message must have
UNFIT = [
    (Generator, lambda: Variational(reparameterize=False), {"x": X}, ["node 'z'", "biased"]),
    (Generator, lambda: Variational("zz"), {"x": X}, ["'zz'", "['x', 'z']"]),
    (ReadsNothing, ReadsNothing, {"y": 1.0}, ["'y'", "ReadsNothing"]),
    (Generator, ReadsNothing, {}, ["node 'x'", "neither observed nor drawn", "['z']"]),
    (Generator, Variational, {"x": X, "z": np.zeros((4, 2))}, ["draws no latent", "['z']"]),
    (Generator, ReadsNothing, {"x": X}, ["[1]", "[4, 2]", "reduce_sum_dims"]),
]


@pytest.mark.parametrize(("generator", "variational", "observed", "pieces"), UNFIT)
def test_nets_that_do_not_fit_are_explained(generator, variational, observed, pieces):
    with pytest.raises(ValueError, match=".") as caught:
        zs.variational.ELBO(generator(), variational())(observed)
    assert [piece for piece in pieces if piece not in str(caught.value)] == []


def test_constructor_checks_its_arguments():
    net = Generator()
    with pytest.raises(ValueError, match="two nets"):
        zs.variational.ELBO(net, net)
    with pytest.raises(TypeError, match="variational must be callable"):
        zs.variational.ELBO(net, None)


def test_a_net_that_forgets_return_self_is_named():
    class Forgets(Generator):
        def execute(self, observed):
            super().execute(observed)

    with pytest.raises(TypeError, match="generator must return a BayesianNet"):
        zs.variational.ELBO(Forgets(), Variational())({"x": X})
