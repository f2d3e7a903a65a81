"""Automatic families: densities, gradients, starts, shapes, objectives, errors."""

import jittor as jt
import numpy as np
import pytest
from jittor import nn
from scipy import stats

import zhusuan as zs
from tests.variational.autos import Correlated, Schools, Supports, Vector, Y
from zhusuan.special import log_mean_exp
from zhusuan.variational import auto
from zhusuan.variational.base import difference, run_nets
from zhusuan.variational.kl_terms import closed_form_kl

GUIDES = {"MeanField": {}, "FullRank": {}, "LowRank": {"rank": 2}}


def make(name, model, observed=None, **options):
    return getattr(auto, name)(model, observed, **GUIDES.get(name, {}), **options)


def disturb(guide, size=0.3, seed=0):
    """Move the parameters to somewhere without symmetry."""
    rng = np.random.default_rng(seed)
    for parameter in guide.parameters():
        moved = parameter.numpy() + size * rng.normal(size=parameter.shape)
        parameter.assign(jt.array(np.float32(moved)))


# -- densities


class WithoutJacobian(auto.FullRank):
    """Deliberately wrong: the volume that the transforms change is left out."""

    def _drawn(self, vector):
        values, _, free = super()._drawn(vector)
        return values, [], free


# Means and, on the real scale, standard deviations a little above those of the prior: the weights
# have a variance then.
MEANS = {
    "real": [0.0, 0.0],
    "positive": [1.4, 1.4],
    "unit": [0.27, 0.27],
    "between": [0.5, 3.5],
    "simplex": np.array([2.0, 3.0, 4.0]) / 9,
}
SCALES = {"real": 2.2, "positive": 0.8, "unit": 1.1, "between": 2.2, "simplex": 1.0}


def near_the_prior(cls, model, **options):
    guide = cls(model, n_samples=20000, init=MEANS, **options)
    logstd = guide.logstd.numpy().copy()
    for name, where in guide.index.items():
        logstd[where] = np.log(SCALES[name])
    guide.logstd.assign(jt.array(logstd))
    return guide


def evidence(guide, model):
    """Return the log of the mean weight of the guide's draws, whose truth is 0, and its error."""
    with jt.no_grad():
        q, p = run_nets(model, guide, {})
        log_w = difference(p.log_joint(), q.log_joint())
        weights = np.exp(log_w.numpy().astype(np.float64))
        assert abs(log_mean_exp(log_w).item() - np.log(weights.mean())) < 1e-3
    return np.log(weights.mean()), weights.std() / np.sqrt(len(weights)) / weights.mean()


@pytest.mark.parametrize("name", GUIDES)
def test_the_weights_of_draws_on_all_supports_average_to_the_evidence(name):
    model = Supports()
    guide = near_the_prior(getattr(auto, name), model, **GUIDES[name])
    found, error = evidence(guide, model)
    print(name, found, error)
    assert error < 0.05
    assert abs(found) < 4 * error + 1e-3


def test_a_forgotten_jacobian_is_found_by_the_weights():
    model = Supports()
    wrong = near_the_prior(WithoutJacobian, model)
    found, error = evidence(wrong, model)
    assert abs(found) > 20 * error


def test_log_q_at_given_latents_is_that_of_the_draws_and_of_scipy():
    model = Supports()
    for name in GUIDES:
        guide = make(name, model, n_samples=5, init_scale=0.5)
        disturb(guide)
        with jt.no_grad():
            net = guide({})
            draws = {n: node.tensor.numpy() for n, node in net.nodes.items()}
            ours, again = net.log_joint().numpy(), guide(draws).log_joint().numpy()
        assert ours.shape == (5,)
        np.testing.assert_allclose(ours, again, rtol=1e-4, atol=1e-3)
        free = {
            "real": draws["real"],
            "positive": np.log(draws["positive"]),
            "unit": np.log(draws["unit"] / (1 - draws["unit"])),
            "between": _logit((draws["between"] - [-1.0, 2.0]) / 3.0),
            "simplex": _sticks(draws["simplex"]),
        }
        vector = np.concatenate([free[n] for n in guide.index], -1)
        mean, covariance = guide.unconstrained_mean(), guide.covariance()
        truth = stats.multivariate_normal(mean, covariance).logpdf(vector) - _log_det(draws)
        np.testing.assert_allclose(ours, truth, rtol=1e-4, atol=2e-3)


def _logit(p):
    return np.log(p / (1 - p))


def _sticks(simplex):
    """Stan's coordinates of a simplex of 3: fractions of what is left, 0 at equal shares."""
    first, second = simplex[:, 0], simplex[:, 1] / (1 - simplex[:, 0])
    return np.stack([_logit(first) + np.log(2.0), _logit(second)], -1)


def _log_det(draws):
    """The log of the product of dz/du, written with z."""
    simplex = draws["simplex"].astype(np.float64)
    share = (draws["between"] - [-1.0, 2.0]) / 3.0
    first, second = simplex[:, 0], simplex[:, 1] / (1 - simplex[:, 0])
    return (
        np.log(draws["positive"]).sum(-1)
        + np.log(draws["unit"] * (1 - draws["unit"])).sum(-1)
        + np.log(3.0 * share * (1 - share)).sum(-1)
        + np.log(first * (1 - first) * (1 - first) * second * (1 - second))
    )


def test_draws_and_summaries_lie_on_the_supports():
    guide = make("FullRank", Supports(), init_scale=1.0)
    draws = guide.sample(4000)
    assert draws["simplex"].shape == (4000, 3)
    np.testing.assert_allclose(draws["simplex"].sum(-1), 1.0, atol=1e-5)
    assert (draws["positive"] > 0).all()
    assert ((draws["between"] > [-1, 2]) & (draws["between"] < [2, 5])).all()
    quantiles = guide.quantiles([0.1, 0.5, 0.9])
    for name in ("real", "positive", "unit", "between"):
        assert quantiles[name].shape == (3, 2)
        below = (draws[name][None] < quantiles[name][:, None]).mean(1)
        # 4000 draws: a standard error of 0.008
        np.testing.assert_allclose(below, np.array([[0.1], [0.5], [0.9]]) * [1, 1], atol=0.035)
    np.testing.assert_array_equal(guide.median()["unit"], quantiles["unit"][1])
    np.testing.assert_allclose(quantiles["simplex"].sum(-1), 1.0, atol=1e-5)


# -- gradients


def _kl(mean, covariance, guide_mean, guide_covariance):
    """KL(q || p) of two normals (Cover and Thomas 2006, sec. 8.5), float64."""
    inverse = np.linalg.inv(covariance)
    away = mean - guide_mean
    return 0.5 * (
        np.trace(inverse @ guide_covariance) + away @ inverse @ away - len(mean)
        + np.linalg.slogdet(covariance)[1] - np.linalg.slogdet(guide_covariance)[1]
    )  # fmt: skip


def _exact_gradient(guide, target):
    """Central differences of the closed form, in each parameter of the guide."""
    slopes = []
    for parameter in guide.parameters():
        values = parameter.numpy().copy()
        slope = np.zeros(values.shape)
        for i in np.ndindex(values.shape):
            ends = []
            for step in (1e-2, -1e-2):
                moved = values.copy()
                moved[i] += step
                parameter.assign(jt.array(moved))
                ends.append(_kl(*target, guide.unconstrained_mean(), guide.covariance()))
            slope[i] = (ends[0] - ends[1]) / 2e-2
        parameter.assign(jt.array(values))
        slopes.append(slope.ravel())
    return np.concatenate(slopes)


COSTS = {
    "sgvb": ({}, lambda p, q: zs.variational.elbo(p, {}, axis=0, variational=q).sgvb()),
    "path": (
        {"use_path_derivative": True},
        lambda p, q: zs.variational.elbo(p, {}, axis=0, variational=q).sgvb(),
    ),
    "dreg": (
        {},
        lambda p, q: zs.variational.renyi(p, {}, axis=0, variational=q, alpha=1.0).dreg(),
    ),
    "rloo": (
        {"reparameterize": False},
        lambda p, q: zs.variational.elbo(p, {}, axis=0, variational=q).reinforce("rloo"),
    ),
    "kl_weight": (
        {},
        lambda p, q: zs.variational.elbo(p, {}, axis=0, variational=q, kl_weight=1.0 + 1e-9).sgvb(),
    ),
}


@pytest.mark.parametrize("name", [
    pytest.param("MeanField", marks=pytest.mark.slow),
    "FullRank",
    pytest.param("LowRank", marks=pytest.mark.slow),
])  # fmt: skip
def test_gradients_of_all_estimators_are_those_of_the_closed_form(name):
    model = Correlated(2, 2)
    for cost, (options, make_cost) in COSTS.items():
        guide = make(name, model, n_samples=500, init="zero", init_scale=0.8, **options)
        disturb(guide)
        truth = _exact_gradient(guide, model.moments)
        found = []
        for _ in range(30):
            slopes = jt.grad(make_cost(model, guide), guide.parameters())
            found.append(np.concatenate([s.numpy().ravel() for s in slopes]))
        error = np.std(found, 0, ddof=1) / np.sqrt(len(found)) + 2e-3
        score = (np.mean(found, 0) - truth) / error
        print(name, cost, np.abs(score).max(), np.linalg.norm(truth))
        # 24 parameters at most, t-distributed with 29 degrees of freedom: P(|t| > 5) = 2.5e-5
        assert np.abs(score).max() < 5, cost


def test_path_derivatives_have_no_noise_where_the_guide_is_exact():
    rng = np.random.default_rng(3)
    model = Correlated(2, 2)
    mean, covariance = model.moments
    factor, scale = rng.normal(size=(4, 2)), np.float64([0.5, 1.0, 2.0, 1.5])
    low = scale[:, None] * (factor @ factor.T + np.eye(4)) * scale
    full = make("FullRank", model, n_samples=6, use_path_derivative=True)
    full.set_moments(mean, covariance)
    thin_model = Vector(mean, low)
    thin = make("LowRank", thin_model, n_samples=6, use_path_derivative=True)
    thin.loc.assign(jt.array(np.float32(mean)))
    thin.logstd.assign(jt.array(np.float32(np.log(scale))))
    thin.mixing.assign(jt.array(np.float32(factor)))
    for guide, target, sigma in ((full, model, covariance), (thin, thin_model, low)):
        np.testing.assert_allclose(guide.covariance(), sigma, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(guide.unconstrained_mean(), mean, rtol=1e-6)
        q, p = run_nets(target, guide, {})
        log_w = difference(p.log_joint(), q.log_joint())
        np.testing.assert_allclose(log_w.numpy(), 0.0, atol=1e-4)  # the evidence is 1
        for slope in jt.grad(-log_w.mean(), guide.parameters()):
            np.testing.assert_allclose(slope.numpy(), 0.0, atol=1e-3)


# -- as part of objectives


OBJECTIVES = {
    # What the guide is made with, and the objective of model and guide.
    "elbo": ({}, lambda *nets: zs.variational.ELBO(*nets, axis=0)),
    "free bits": (
        {},
        lambda *nets: zs.variational.ELBO(
            *nets, axis=0, free_bits=0.1, kl_weight=0.5, analytic_kl=True
        ),
    ),
    "iwae": ({}, lambda *nets: zs.variational.ImportanceWeightedObjective(*nets, axis=0)),
    "dreg": (
        {},
        lambda *nets: zs.variational.ImportanceWeightedObjective(*nets, axis=0, estimator="dreg"),
    ),
    "renyi": ({}, lambda *nets: zs.variational.RenyiObjective(*nets, axis=0)),
    "reinforce": (
        {"reparameterize": False},
        lambda *nets: zs.variational.ELBO(*nets, "reinforce", axis=0),
    ),
    "auto": (
        {"reparameterize": False},
        lambda *nets: zs.variational.ELBO(*nets, "auto", axis=0, variance_reduction="rloo"),
    ),
    "vimco": (
        {"reparameterize": False},
        lambda *nets: zs.variational.ImportanceWeightedObjective(*nets, axis=0, estimator="vimco"),
    ),
    "klpq": (
        {"reparameterize": False},
        lambda *nets: zs.variational.InclusiveKLObjective(*nets, axis=0),
    ),
    "wake-sleep": (
        {"reparameterize": False},
        lambda *nets: zs.variational.ReweightedWakeSleep(*nets, axis=0, insomnia=0.5),
    ),
}


@pytest.mark.parametrize(("name", "kinds"), [
    ("FullRank", ["free bits", "dreg", "wake-sleep"]),
    pytest.param("MeanField", list(OBJECTIVES), marks=pytest.mark.slow),
    pytest.param("FullRank", list(OBJECTIVES), marks=pytest.mark.slow),
    pytest.param("NormalizingFlow", list(OBJECTIVES), marks=pytest.mark.slow),
])  # fmt: skip
def test_every_objective_takes_a_guide(name, kinds):
    model, observed = Schools(), {"y": Y}
    for kind in kinds:
        options, make_objective = OBJECTIVES[kind]
        guide = make(name, model, observed, n_samples=3, **options)
        loss = make_objective(model, guide)(observed)
        assert tuple(loss.shape) == (1,), kind
        slopes = jt.grad(loss, guide.parameters())
        assert np.isfinite(loss.item()), kind
        for slope in slopes:
            assert np.isfinite(slope.numpy()).all(), kind
        assert np.abs(slopes[0].numpy()).max() > 0, kind


@pytest.mark.parametrize("path", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_flows_have_the_density_of_their_draws(path):
    """As the other families: the weights average to the evidence, and a told value is no other."""
    model = Supports()
    guide = auto.NormalizingFlow(
        model, n_samples=20000, init=MEANS, init_scale=1.5, hidden=[16], use_path_derivative=path
    )
    disturb(guide, 0.03)
    found, error = evidence(guide, model)
    assert abs(found) < 4 * error + 1e-3
    guide.n_samples = 5
    with jt.no_grad():
        net = guide({})
        draws = {n: node.tensor.numpy() for n, node in net.nodes.items()}
        ours, again = net.log_joint().numpy(), guide(draws).log_joint().numpy()
    np.testing.assert_allclose(ours, again, rtol=1e-3, atol=5e-3)
    assert (guide.quantiles([0.1, 0.9])["positive"] > 0).all()


def test_predict_save_and_load(tmp_path):
    model, observed = Schools(), {"y": Y}
    guide = make("MeanField", model, observed)
    disturb(guide)
    drawn = zs.predict(model, observed, 3, posterior=guide, names=["mu"])
    assert drawn["mu"].shape == (3, 1)
    draws = guide.sample(4)
    again = zs.predict(model, {}, posterior=draws, names=["y"])
    assert again["y"].shape == (4, 8)
    zs.save(tmp_path / "guide.npz", guide)
    other = make("MeanField", model, observed, init="zero")
    zs.load(tmp_path / "guide.npz", other)
    np.testing.assert_array_equal(other.median()["eta"], guide.median()["eta"])
    assert sorted(guide.state_dict()) == ["loc", "logstd"]


@zs.meta_bayesian_net(scope="p", reuse_variables=True)
def per_datum(n, k=None):
    bn = zs.BayesianNet()
    z = bn.normal("z", jt.zeros([n, 2]), std=1.0, group_ndims=1, n_samples=k)
    bn.normal("x", z, std=0.5, group_ndims=1)
    return bn


def test_latents_of_each_datum_keep_their_groups():
    x = np.float32([[1.0, 0.0], [0.0, -1.0], [2.0, 1.0]])
    model = per_datum(3)
    guide = make("MeanField", model, {"x": x}, n_samples=4)
    objective = zs.variational.ELBO(model, guide, axis=0, analytic_kl=True)
    assert tuple(objective({"x": x}, reduce_mean=False).shape) == (3,)
    q, p = run_nets(model, guide, {"x": x})
    node = q.nodes["z"]
    assert tuple(closed_form_kl(node, p.nodes["z"]).shape) == (4, 3)
    assert node.shape == (4, 3, 2)
    assert tuple(node.log_prob().shape) == (4, 3)
    with pytest.raises(ValueError, match=r"FullRank has one log-density.*\[4, 3\]"):
        make("FullRank", model, {"x": x}, n_samples=4)
    with pytest.raises(ValueError, match=r"node 'z': the observation has shape \[4, 3, 2\]"):
        zs.variational.ELBO(per_datum(2), guide, axis=0)({"x": x[:2]})
    with pytest.raises(ValueError, match="'z' of the model draws particles itself"):
        make("MeanField", per_datum(3, 5), {"x": x})


class Scaled(zs.BayesianNet):
    def execute(self, observed):
        self.observe(observed)
        z = self.sn(
            "Normal", "z", mean=jt.zeros([3, 2]), std=1.0, group_ndims=1,
            reduce_mean_dims=[-1], multiplier=10.0,
        )  # fmt: skip
        self.sn("Normal", "x", mean=z, std=1.0, group_ndims=1, reduce_mean_dims=[-1])
        return self


def test_reductions_of_the_model_are_those_of_the_guide():
    model, x = Scaled(), {"x": np.ones((3, 2), np.float32)}
    guide = make("MeanField", model, x, n_samples=4)
    q, p = run_nets(model, guide, x)
    node = q.nodes["z"]
    assert closed_form_kl(node, p.nodes["z"]) is not None
    draws = node.tensor.numpy()
    per = stats.norm(guide.unconstrained_mean().reshape(3, 2), 0.1).logpdf(draws).sum(-1)
    np.testing.assert_allclose(node.log_prob().numpy(), 10 * per.mean(-1), rtol=1e-4)
    assert tuple(zs.variational.ELBO(model, guide, axis=0)(x, reduce_mean=False).shape) == (1,)


class Regression(zs.BayesianNet):
    def __init__(self):
        super().__init__()
        self.net = zs.bayesian(nn.Linear(2, 1))

    def execute(self, observed):
        self.observe(observed)
        mean = self.net(self, self.observed["x"])
        self.sn("Normal", "y", mean=mean, std=0.1, group_ndims=1, n_data=30)
        return self


def test_a_bayesian_network_begins_at_its_weights_and_takes_minibatches():
    model = Regression()
    data = {"x": np.ones((3, 2), np.float32), "y": np.ones((3, 1), np.float32)}
    guide = make("MeanField", model, data, n_samples=4, init=model.net.initial)
    for name, value in model.net.initial.items():
        np.testing.assert_allclose(guide.median()[name], value, rtol=1e-6)
    objective = zs.variational.ELBO(model, guide, axis=0)
    for size in (3, 2):
        loss = objective({name: values[:size] for name, values in data.items()})
        assert np.isfinite(loss.item())


class Matrices(zs.BayesianNet):
    def execute(self, observed):
        self.observe(observed)
        self.sn("Wishart", "positive definite", df=5.0, scale_tril=np.eye(2, dtype=np.float32))
        self.sn("LKJCholesky", "correlation", dim=3, concentration=2.0)
        self.sn("VonMises", "angle", loc=np.zeros(1), concentration=1.0, group_ndims=1)
        return self


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MeanField", "FullRank"])
def test_matrices_and_angles(name):
    model = Matrices()
    guide = make(name, model, n_samples=20000, init_scale=1.2)
    found, error = evidence(guide, model)
    print(name, found, error)
    assert error < 0.1
    assert abs(found) < 4 * error
    quantiles = guide.quantiles([0.1, 0.9])
    assert quantiles["positive definite"].shape == (2, 2, 2)
    np.testing.assert_allclose((quantiles["correlation"] ** 2).sum(-1), 1.0, atol=1e-5)


def test_inspection_shows_parts_of_a_joint_density_without_complaint():
    guide = make("FullRank", Schools(), {"y": Y}, n_samples=2)
    table = zs.trace_shapes(guide, {"y": Y})
    assert [row.problem for row in table] == ["", "", ""]
    assert not zs.check_numerics(guide, {"y": Y})


def test_point_estimates_are_modes():
    model = Supports()
    at = {"positive": [1.0, 1.5]}
    guide = auto.Delta(model, init=at)
    real = auto.Delta(model, init=at, jacobian=True)
    np.testing.assert_allclose(guide.median()["positive"], at["positive"], rtol=1e-5)
    for point, shape in ((guide, 2.0), (real, 3.0)):
        loss = zs.variational.ELBO(model, point)({})
        slope = jt.grad(loss, point.loc).numpy()[point.index["positive"]]
        # d/du of -(shape u - 2 e^u) for Gamma(3, 2): the mode is at 2 / 2 or, on u, at 3 / 2
        np.testing.assert_allclose(slope, -(shape - 2 * np.array(at["positive"])), atol=1e-4)
        mean = jt.grad(loss, point.loc).numpy()[point.index["simplex"]]
        assert np.isfinite(mean).all()
    assert (guide.sample(3)["unit"][0] == guide.quantiles([0.1])["unit"][0]).all()


# -- starts


def test_starts():
    model, observed = Schools(), {"y": Y}
    assert make("MeanField", model, observed, init="zero").median()["tau"] == pytest.approx(1.0)
    starts = {k: make("MeanField", model, observed, init=k)._start for k in auto.starts.KINDS}
    assert all(np.isfinite(s).all() for s in starts.values())
    assert np.abs(starts["uniform"]).max() < 2
    # The median of 15 standard normal draws: a standard deviation of 0.32.
    assert np.abs(starts["median"][2:]).max() < 1.5
    given = make("MeanField", model, observed, init={"tau": 3.0, "mu": [2.0]})
    median = given.median()
    assert median["tau"] == pytest.approx(3.0, rel=1e-5)
    assert median["mu"] == pytest.approx(2.0)
    by_node = make("MeanField", model, observed, init=lambda node: np.full(node.shape, 0.5))
    np.testing.assert_allclose(by_node.median()["eta"], 0.5, rtol=1e-6)


class Narrow(zs.BayesianNet):
    """The log-density of y is infinite where z is negative."""

    def execute(self, observed):
        self.observe(observed)
        z = self.sn("Normal", "z", mean=np.zeros(1), std=1.0, group_ndims=1)
        log_rate = jt.log(z)
        self.sn("Normal", "y", mean=log_rate, std=1.0, group_ndims=1)
        return self


def test_starts_of_infinite_density_are_replaced_or_named():
    y = {"y": np.float32([0.3])}
    for init in ("median", "sample", "uniform"):
        assert make("MeanField", Narrow(), y, init=init)._start[0] > 0
    with pytest.raises(ValueError, match=r"log-probability of node 'y' is nan.*init="):
        make("MeanField", Narrow(), y, init={"z": [-1.0]})


# -- errors


class Discrete(zs.BayesianNet):
    def execute(self, observed):
        self.observe(observed)
        z = self.sn("Bernoulli", "kind", logits=np.zeros(2), group_ndims=1)
        w = self.sn("Normal", "w", mean=np.zeros(2), std=1.0, group_ndims=1)
        self.sn("Normal", "x", mean=z + w, std=1.0, group_ndims=1)
        return self


class Moving(zs.BayesianNet):
    def execute(self, observed):
        self.observe(observed)
        top = self.sn("Gamma", "top", alpha=np.ones(1), beta=1.0, group_ndims=1)
        self.sn("Uniform", "z", minval=0.0, maxval=top, group_ndims=1)
        return self


def test_errors():
    x = {"x": np.zeros(2, np.float32)}
    with pytest.raises(ValueError, match="node 'kind'.*discrete support, 0 or 1"):
        make("MeanField", Discrete(), x)
    guide = make("MeanField", Discrete(), {**x}, latents=["w"])
    assert list(guide.index) == ["w"]
    with pytest.raises(ValueError, match="'v' is no latent node of the model.*'kind', 'w'"):
        make("MeanField", Discrete(), x, latents=["v"])
    with pytest.raises(ValueError, match="upper bound of node 'z' depends on other latent"):
        make("MeanField", Moving())
    model = Schools()
    with pytest.raises(ValueError, match="no latent node"):
        make("MeanField", Vector(np.zeros(2), np.eye(2)), {"z": np.zeros(2)})
    for options, message in (
        ({"init": "middle"}, "init must be one of 'median', 'mean'"),
        ({"init": {"sigma": 1.0}}, "'sigma', which is no latent node"),
        ({"init": {"tau": -1.0}}, "init of node 'tau' must be inside its support"),
        ({"init": {"tau": 0.0}}, "init of node 'tau' must be inside its support"),
        ({"init": {"eta": [1.0, 2.0]}}, r"init of node 'eta' has shape \[2\]"),
        ({"init_scale": 0.0}, "init_scale must be positive, got 0.0"),
        ({"n_samples": 0}, "n_samples must be at least 1"),
    ):
        with pytest.raises(ValueError, match=message):
            make("MeanField", model, {"y": Y}, **options)
    with pytest.raises(TypeError, match="n_samples must be an int or None, got 2.5"):
        make("MeanField", model, {"y": Y}, n_samples=2.5)
    with pytest.raises(TypeError, match="init must be one of"):
        make("MeanField", model, {"y": Y}, init=3)
    with pytest.raises(ValueError, match="rank must be between 1 and the 10 coordinates"):
        auto.LowRank(model, {"y": Y}, rank=11)
    guide = make("FullRank", model, {"y": Y})
    with pytest.raises(ValueError, match="'mu' observed but not 'tau', 'eta'"):
        guide({"mu": 0.0})
    with pytest.raises(ValueError, match="observed 'mean', which no node"):
        guide({"mean": 0.0})
    with pytest.raises(NotImplementedError, match="'mu' is a part of one joint density"):
        guide({"y": Y}).cond_log_prob("mu")
    with pytest.raises(ValueError, match=r"numbers in \(0, 1\), got \[0.5, 1.0\]"):
        guide.quantiles([0.5, 1.0])
    with pytest.raises(ValueError, match="not positive definite"):
        guide.set_moments(np.zeros(10), -np.eye(10))
    with pytest.raises(ValueError, match=r"mean of shape \[10\]"):
        guide.set_moments(np.zeros(9), np.eye(10))
