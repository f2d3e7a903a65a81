"""zs.bayesian: the parameters of a network as stochastic nodes."""

import copy
import json
import zipfile

import jittor as jt
import numpy as np
import pytest
from jittor import nn
from scipy import stats

import zhusuan as zs
from zhusuan.distributions import (
    Laplace,
    MatrixVariateNormalCholesky,
    Mixture,
    MultivariateNormalCholesky,
    Normal,
)
from zhusuan.framework import Bayesian, scaled_normal

K, B = 3, 4
RNG = np.random.default_rng(7)
X = RNG.normal(size=(B, 2)).astype(np.float32)
Y = RNG.normal(size=(B, 1)).astype(np.float32)
NAMES = ["0.weight", "0.bias", "2.weight", "2.bias"]
SHAPES = dict(zip(NAMES, [(5, 2), (5,), (1, 5), (1,)]))


def layers():
    return nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1))


def draws(*lead, shapes=None, scale=0.7):
    rng = np.random.default_rng(3)
    shapes = SHAPES if shapes is None else shapes
    return {n: scale * rng.normal(size=(*lead, *s)).astype(np.float32) for n, s in shapes.items()}


class Regression(zs.BayesianNet):
    def __init__(self, module=None, n_data=None, **options):
        self.net = zs.bayesian(layers() if module is None else module, **options)
        self._n_data = n_data

    def execute(self, observed):
        self.observe(observed)
        mean = self.cache["mean"] = self.net(self, self.observed["x"])
        if "y" in self.observed:
            self.sn("Normal", "y", mean=mean, std=0.5, group_ndims=1, n_data=self._n_data)
        return self


def outputs(model, x, **observed):
    return model({"x": x, **observed}).cache["mean"]


# -- a model of a few lines


def test_the_log_joint_is_what_scipy_says():
    model = Regression(n_data=10)
    given = draws()
    net = model({"x": X, "y": Y, **given})
    hidden = np.tanh(X @ given["0.weight"].T + given["0.bias"])
    mean = hidden @ given["2.weight"].T + given["2.bias"]
    prior = sum(stats.norm.logpdf(value).sum() for value in given.values())
    log_lik = stats.norm(mean, 0.5).logpdf(Y).sum()
    assert list(net.nodes) == [*NAMES, "y"]
    # rtol: float32
    np.testing.assert_allclose(net.log_joint().numpy(), [prior + 10 / B * log_lik], rtol=1e-5)
    # One number for each of several sets of weights, that of the first is the same.
    several = {n: np.stack([value, value + 1, -value]) for n, value in given.items()}
    together = model({"x": X, "y": Y, **several}).log_joint().numpy()
    assert together.shape == (3,)
    np.testing.assert_allclose(together[0], prior + 10 / B * log_lik, rtol=1e-5)


def test_weights_that_are_not_observed_are_drawn_once_per_run():
    model = Regression()
    first = outputs(model, X)
    assert {n: node.shape for n, node in model.nodes.items()} == SHAPES
    assert not any(node.is_observed() for node in model.nodes.values())
    given = {n: node.tensor for n, node in model.nodes.items()}
    np.testing.assert_allclose(outputs(model, X, **given).numpy(), first.numpy(), rtol=1e-6)
    assert not np.allclose(outputs(model, X).numpy(), first.numpy())


def test_the_gradient_for_each_chain_is_that_of_a_linear_regression():
    model = Regression(nn.Linear(2, 1), prior=0.3, n_data=40)
    shapes = {"weight": (1, 2), "bias": (1,)}
    given = {n: jt.array(v) for n, v in draws(K, shapes=shapes).items()}
    log_joint = model({"x": X, "y": Y, **given}).log_joint()
    to_weight, to_bias = jt.grad(log_joint.sum(), list(given.values()))
    weight, bias = (given[n].numpy() for n in shapes)
    residual = Y - (X @ weight.transpose(0, 2, 1) + bias[:, None])  # [K, B, 1]
    factor = 40 / B / 0.5**2
    wanted = factor * residual.transpose(0, 2, 1) @ X - weight / 0.3**2
    np.testing.assert_allclose(to_weight.numpy(), wanted, rtol=1e-4)
    wanted = factor * residual.sum(1) - bias / 0.3**2
    np.testing.assert_allclose(to_bias.numpy(), wanted, rtol=1e-4)


class Guide(zs.BayesianNet):
    """An independent normal for every weight."""

    def __init__(self, shapes, n_samples):
        self._names, self._n_samples = list(shapes), n_samples
        for i, shape in enumerate(shapes.values()):
            setattr(self, f"mean_{i}", jt.zeros(list(shape)))
            setattr(self, f"logstd_{i}", jt.zeros(list(shape)) - 2.0)

    def execute(self, observed):
        self.observe(observed)
        for i, name in enumerate(self._names):
            mean, logstd = getattr(self, f"mean_{i}"), getattr(self, f"logstd_{i}")
            self.sn(
                "Normal", name, mean=mean, logstd=logstd, group_ndims=len(mean.shape),
                n_samples=self._n_samples,
            )
        return self


def fitted_means(model, x, y, batch, steps=700, averaged=350):
    guide = Guide({"weight": (1, 2), "bias": (1,)}, n_samples=8)
    objective = zs.variational.ELBO(model, guide)
    optimizer = jt.optim.Adam(objective.parameters(), 0.02)
    order = np.random.default_rng(0)
    kept = []
    for step in range(steps):
        rows = order.choice(len(x), batch, replace=False)
        optimizer.step(objective({"x": x[rows], "y": y[rows]}))
        if step >= steps - averaged:
            kept.append(np.concatenate([guide.mean_0.numpy()[0], guide.mean_1.numpy()]))
    return np.mean(kept, 0)


class SumOverTheBatch(Regression):
    """The wrong one: nobody has said how many data there are."""

    def execute(self, observed):
        self.observe(observed)
        mean = self.net(self, self.observed["x"])
        self.sn("Normal", "y", mean=mean, std=0.5, group_ndims=1, reduce_sum_dims=[-1])
        return self


def test_variational_inference_from_minibatches_finds_the_posterior():
    n, batch, std, prior_std = 40, 10, 0.5, 0.2
    rng = np.random.default_rng(11)
    x = rng.normal(size=(n, 2)).astype(np.float32)
    y = (x @ [[0.9], [-0.6]] + 0.5 + std * rng.normal(size=(n, 1))).astype(np.float32)
    design = np.concatenate([x, np.ones((n, 1))], 1)
    precision = design.T @ design / std**2 + np.eye(3) / prior_std**2
    exact = np.linalg.solve(precision, design.T @ y / std**2)[:, 0]
    # The means of the best independent normals are the exact ones (Bishop 2006, eq. 10.15).
    found = fitted_means(Regression(nn.Linear(2, 1), n, prior=prior_std), x, y, batch)
    # Seen to be within 0.01; the posterior's own standard deviations are near 0.07.
    assert np.abs(found - exact).max() < 0.03
    # A quarter of the data pulls a quarter as hard against the prior.
    forgetful = SumOverTheBatch(nn.Linear(2, 1), prior=prior_std)
    assert np.abs(fitted_means(forgetful, x, y, batch, 300, 150) - exact).max() > 0.1


# -- particles


class Mlp(nn.Module):
    """A module that the library knows nothing of."""

    def __init__(self):
        self.fc = nn.Linear(2, 5)
        self.out = nn.Linear(5, 1)

    def execute(self, x):
        return self.out(jt.tanh(self.fc(x)))


def gradients(model, x, given):
    result = outputs(model, x, **given)
    return [result, *jt.grad((result * result).sum(), [x, *given.values()])]


@pytest.mark.parametrize(
    ("lead", "x_lead"),
    [
        ((K,), ()),
        ((K,), (K,)),
        pytest.param((2, K), (), marks=pytest.mark.slow),
        pytest.param((2, K), (K,), marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_all_particles_at_once_give_what_one_by_one_gives(lead, x_lead):
    module = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 2))
    shapes = {**SHAPES, "2.weight": (2, 5), "2.bias": (2,)}
    given = {n: jt.array(v) for n, v in draws(*lead, shapes=shapes).items()}
    x = jt.array(np.random.default_rng(1).normal(size=(*x_lead, B, 2)).astype(np.float32))
    at_once = Regression(module)
    one_by_one = Regression(module, vectorize=False)
    assert at_once.net._vectorize
    wanted = gradients(one_by_one, x, given)
    assert wanted[0].shape == [*lead, B, 2]
    for a, b in zip(gradients(at_once, x, given), wanted):
        # Sums in another order, float32.
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-5)


def test_one_large_product_for_a_shared_input_is_the_same(monkeypatch):
    given = draws(K)
    usual = outputs(Regression(), X, **given).numpy()
    monkeypatch.setattr("zhusuan.framework.bayesian.layers._LARGE", 1)
    np.testing.assert_allclose(outputs(Regression(), X, **given).numpy(), usual, rtol=1e-5)


def test_only_some_parameters_have_particles():
    """Those of other layers are shared, and so is what was drawn without particles."""
    model = Regression(where=["0.bias", "2.*"])
    given = draws(K)
    del given["0.weight"]
    given["2.bias"] = given["2.bias"][0]
    weight = model.net.module[0].weight.numpy()
    hidden = np.tanh((X @ weight.T) + given["0.bias"][:, None])
    wanted = hidden @ given["2.weight"].transpose(0, 2, 1) + given["2.bias"]
    np.testing.assert_allclose(outputs(model, X, **given).numpy(), wanted, rtol=1e-4, atol=1e-6)


def test_flattening_and_normalising_leave_particles_alone():
    module = nn.Sequential(nn.Flatten(), nn.Linear(4, 5), nn.LayerNorm(5), nn.Linear(5, 2))
    where = ["1.*", "3.*"]
    shapes = {"1.weight": (5, 4), "1.bias": (5,), "3.weight": (2, 5), "3.bias": (2,)}
    x = np.random.default_rng(1).normal(size=(B, 2, 2)).astype(np.float32)
    models = [Regression(module, where=where, input_ndims=3, vectorize=v) for v in (None, False)]
    assert [m.net._vectorize for m in models] == [True, False]
    given = draws(K, shapes=shapes)
    for value in (x, np.stack([x, 2 * x, 3 * x])):
        a, b = (outputs(m, value, **given).numpy() for m in models)
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    # LayerNorm has no room for particles of its own weights.
    assert not zs.bayesian(module)._vectorize


def test_modules_of_ones_own_run_for_each_particle():
    module = Mlp()
    model = Regression(module)
    shapes = {"fc.weight": (5, 2), "fc.bias": (5,), "out.weight": (1, 5), "out.bias": (1,)}
    given = draws(K, shapes=shapes)
    assert not model.net._vectorize
    wanted = []
    for i in range(K):
        for layer in ("fc", "out"):
            for what in ("weight", "bias"):
                setattr(getattr(module, layer), what, jt.array(given[f"{layer}.{what}"][i]))
        wanted.append(module(jt.array(X)).numpy())
    np.testing.assert_allclose(outputs(model, X, **given).numpy(), wanted, rtol=1e-5)
    at_once = Regression(module, vectorize=True, input_ndims=2)
    np.testing.assert_allclose(outputs(at_once, X, **given).numpy(), wanted, rtol=1e-4, atol=1e-6)
    # As many data as particles: no guess is made.
    with pytest.raises(ValueError, match=r"\[3\] particles.*\[3, 2\].*input_ndims"):
        outputs(model, X[:K], **given)
    told = Regression(module, input_ndims=2)
    assert outputs(told, X[:K], **given).shape == [K, K, 1]
    assert outputs(told, np.stack([X] * K), **given).shape == [K, B, 1]


class Images(nn.Module):
    def __init__(self):
        self.conv = nn.Conv(1, 2, 3)
        self.bn = nn.BatchNorm(2)
        self.scales = nn.ParameterList(jt.ones([2]), 2 * jt.ones([2]))

    def execute(self, x):
        h = self.bn(self.conv(x)).sum([2, 3])
        first, second = self.scales.values()
        return {"h": h, "scaled": (h * first, h - second)}


def test_convolutions_and_running_means():
    module = Images()
    net = zs.bayesian(module, where=lambda name, var: "scales" not in name)
    # Running statistics are no parameters.
    assert net.names == ["conv.weight", "conv.bias", "bn.weight", "bn.bias"]
    listed = ["bn.running_mean", "bn.running_var", "scales.0", "scales.1"]
    assert sorted(n.removeprefix("module.") for n in net.state_dict()) == listed
    shapes = {n: v.shape for n, v in net.initial.items()}
    x = np.random.default_rng(1).normal(size=(B, 1, 4, 4)).astype(np.float32)
    given = draws(2, shapes=shapes)
    net.eval()
    module.eval()
    before = net.module.bn.running_mean.numpy()
    result = net(zs.BayesianNet(given), jt.array(x))
    for i in range(2):
        for name, value in given.items():
            setattr(getattr(module, name.split(".")[0]), name.split(".")[1], jt.array(value[i]))
        wanted = module(jt.array(x))
        for a, b in [(result["h"], wanted["h"]), *zip(result["scaled"], wanted["scaled"])]:
            np.testing.assert_allclose(a[i].numpy(), b.numpy(), rtol=1e-4, atol=1e-5)
    assert np.array_equal(net.module.bn.running_mean.numpy(), before)
    with pytest.raises(ValueError, match="running_mean.*not trained"):
        zs.bayesian(module, where="*.running_mean")


def test_a_list_of_parameters_keeps_its_order():
    net = zs.bayesian(Images(), where="scales.0", prior=0.1)
    net.eval()
    x = jt.array(np.random.default_rng(1).normal(size=(B, 1, 4, 4)).astype(np.float32))
    bn = zs.BayesianNet({"scales.0": np.float32([3, 4])})
    for _ in range(2):  # a call does not change it
        result = net(bn, x)
        h = result["h"].numpy()
        np.testing.assert_allclose(result["scaled"][0].numpy(), h * [3, 4], rtol=1e-5)
        np.testing.assert_allclose(result["scaled"][1].numpy(), h - 2, rtol=1e-5)


# -- what is trained, saved and listed


def test_chosen_parameters_are_neither_listed_nor_trained_nor_saved(tmp_path):
    module = layers()
    model = Regression(module, where="2.*")
    assert list(model.state_dict()) == ["net.module.0.weight", "net.module.0.bias"]
    assert len(model.parameters()) == 2
    assert model.net.parameters()[0] is module[0].weight  # shared with the module
    zs.save(tmp_path / "model.npz", model)
    with zipfile.ZipFile(tmp_path / "model.npz") as archive:
        saved = {name for name in archive.namelist() if "weight" in name or "bias" in name}
    assert len(saved) == 2
    optimizer = jt.optim.SGD(model.parameters(), 0.1)
    assert sum(len(group["params"]) for group in optimizer.param_groups) == 2
    before = {n: v.numpy().copy() for n, v in module.state_dict().items()}
    optimizer.step(-model({"x": X, "y": Y, "2.bias": np.zeros(1)}).log_joint().sum())
    after = {n: v.numpy() for n, v in module.state_dict().items()}
    assert {n: not np.array_equal(before[n], after[n]) for n in NAMES} == {
        "0.weight": True, "0.bias": True, "2.weight": False, "2.bias": False,
    }  # fmt: skip
    assert len(model.parameters()) == 2
    for name in ("2.weight", "2.bias"):
        assert np.array_equal(model.net.initial[name], before[name])
    other = Regression(where="2.*")
    zs.load(tmp_path / "model.npz", other)
    assert np.array_equal(other.net.module[0].weight.numpy(), before["0.weight"])


def test_the_module_that_was_given_stays_as_it_was():
    module = layers()
    before = module(jt.array(X)).numpy()
    model = Regression(module)
    outputs(model, X)
    assert list(module.state_dict()) == NAMES
    assert type(module[0]) is nn.Linear
    assert np.array_equal(module(jt.array(X)).numpy(), before)
    # At the initial values, the network is the module.
    np.testing.assert_allclose(outputs(model, X, **model.net.initial).numpy(), before, rtol=1e-5)
    model.net.initial["0.bias"][:] = 9.0  # a copy
    assert model.net.initial["0.bias"].max() < 9.0


def test_copies_are_networks_of_their_own():
    model = Regression(where=["2.weight", "0.bias"])
    given = draws()
    del given["0.weight"], given["2.bias"]
    before = outputs(model, X, **given).numpy()
    twin = copy.deepcopy(model)
    assert np.array_equal(outputs(twin, X, **given).numpy(), before)
    twin.net.module[0].weight.update(twin.net.module[0].weight * 0.0)
    assert not np.array_equal(outputs(twin, X, **given).numpy(), before)
    assert np.array_equal(outputs(model, X, **given).numpy(), before)


class Fails(nn.Module):
    def __init__(self):
        self.fc = nn.Linear(2, 1)
        self.fail = True

    def execute(self, x):
        y = self.fc(x)
        if self.fail:
            raise RuntimeError("in the middle")
        return y


def test_an_error_in_the_network_leaves_no_drawn_weight_behind():
    model = Regression(Fails())
    for given in ({}, draws(K, shapes={"fc.weight": (1, 2)})):
        with pytest.raises(RuntimeError, match="in the middle"):
            outputs(model, X, **given)
        assert model.parameters() == []
        assert model.state_dict() == {}
    model.net.module.fail = False
    assert outputs(model, X).shape == [B, 1]
    assert model.state_dict() == {}
    assert "<node 'fc.weight'>" in repr(vars(model.net.module.fc))


def test_a_module_in_evaluation_mode_has_parameters_too():
    module = layers()
    module.eval()
    assert zs.bayesian(module).names == NAMES


def test_a_shared_weight_is_one_node():
    module = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 2))
    module[2].weight = module[0].weight
    model = Regression(module)
    assert model.net.names == ["0.weight", "0.bias", "2.bias"]
    given = draws(shapes={"0.weight": (2, 2), "0.bias": (2,), "2.bias": (2,)})
    hidden = np.tanh(X @ given["0.weight"].T + given["0.bias"])
    wanted = hidden @ given["0.weight"].T + given["2.bias"]
    np.testing.assert_allclose(outputs(model, X, **given).numpy(), wanted, rtol=1e-5)


def test_a_second_call_in_a_run_takes_the_same_weights():
    net = zs.bayesian(layers(), name="net")
    bn = zs.BayesianNet()
    first, second = net(bn, jt.array(X)), net(bn, jt.array(X))
    assert list(bn.nodes) == net.names == [f"net.{name}" for name in NAMES]
    assert np.array_equal(first.numpy(), second.numpy())
    again = net(zs.BayesianNet(), jt.array(X))
    assert not np.allclose(again.numpy(), first.numpy())


def test_models_as_functions_use_them_too():
    @zs.meta_bayesian_net(scope="model", reuse_variables=True)
    def build(x):
        bn = zs.BayesianNet()
        net = zs.get_module("net", lambda: zs.bayesian(layers(), where="2.*"))
        bn.normal("y", net(bn, x), std=0.5, group_ndims=1, n_data=10)
        return bn

    model = build(jt.array(X))
    assert list(model.state_dict()) == ["model.net.module.0.weight", "model.net.module.0.bias"]
    given = draws(K, shapes={n: SHAPES[n] for n in NAMES[2:]})
    assert model.observe(y=Y, **given).log_joint().shape == [K]


# -- priors


def logpdf(dist, value):
    return dist.logpdf(value.astype(np.float64)).sum()


EYE = np.float32([[0.5, 0.0], [0.2, 1.0]])
COV = EYE.astype(float) @ EYE.T
T_STD = np.float32([0.5, 2.0])

# prior, name of a parameter -> its log density at a value
PRIORS = {
    "none": (None, lambda n, v: logpdf(stats.norm(), v)),
    "number": (0.3, lambda n, v: logpdf(stats.norm(0, 0.3), v)),
    "distribution": (Laplace(0.1, 0.4), lambda n, v: logpdf(stats.laplace(0.1, 0.4), v)),
    "mixture": (
        Mixture([Normal(0.0, std=1.0), Normal(0.0, std=0.1)], probs=[0.25, 0.75]),
        lambda n, v: np.log(0.25 * stats.norm.pdf(v) + 0.75 * stats.norm(0, 0.1).pdf(v)).sum(),
    ),
    "scaled": (
        "scaled",
        lambda n, v: logpdf(stats.norm(0, v.shape[1] ** -0.5 if v.ndim == 2 else 1.0), v),
    ),
    "function": (
        lambda name, shape: Normal(np.ones(shape), std=0.5) if "weight" in name else 2,
        lambda n, v: logpdf(stats.norm(1, 0.5) if "weight" in n else stats.norm(0, 2), v),
    ),
    "patterns": (
        {"0.weight": Normal(0.0, std=T_STD), "*.weight": scaled_normal(2.0), "*": None},
        lambda n, v: logpdf(
            stats.norm(0, T_STD if n == "0.weight" else 2 / 5**0.5 if "weight" in n else 1), v
        ),
    ),
    "rows": (
        {"0.weight": MultivariateNormalCholesky([0.0, 0.0], EYE), "*": None},
        lambda n, v: (
            stats.multivariate_normal([0, 0], COV).logpdf(v).sum()
            if n == "0.weight" else logpdf(stats.norm(), v)
        ),
    ),
    "matrix": (
        {"0.weight": MatrixVariateNormalCholesky(np.zeros((5, 2)), np.eye(5), EYE), "*": None},
        lambda n, v: (
            stats.matrix_normal(np.zeros((5, 2)), np.eye(5), COV).logpdf(v)
            if n == "0.weight" else logpdf(stats.norm(), v)
        ),
    ),
}  # fmt: skip


# These compile many kernels of their own.
SLOW = ("mixture", "rows", "matrix")


@pytest.mark.parametrize(
    "kind", [pytest.param(k, marks=pytest.mark.slow if k in SLOW else ()) for k in PRIORS]
)
def test_priors(kind):
    prior, truth = PRIORS[kind]
    given = draws(K)
    bn = zs.BayesianNet(given)
    net = zs.bayesian(layers(), prior=prior)
    net(bn, jt.array(X))
    for name, log_prob in zip(NAMES, bn.cond_log_prob(NAMES)):
        wanted = [truth(name, value) for value in given[name]]
        np.testing.assert_allclose(log_prob.numpy(), wanted, rtol=1e-4, err_msg=name)
    # Drawn, each weight on its own: no two alike.
    bn = zs.BayesianNet()
    net(bn, jt.array(X))
    for name in NAMES:
        value = bn[name].numpy()
        assert value.shape == SHAPES[name]
        assert len(np.unique(value)) == value.size


def test_draws_of_a_scaled_prior_keep_the_size_of_the_outputs():
    net = zs.bayesian(nn.Linear(400, 300, bias=False), prior=scaled_normal(gain=3.0))
    bn = zs.BayesianNet()
    net(bn, jt.ones([1, 400]))
    # 120,000 draws: the standard error of their deviation is 0.2%.
    assert bn["weight"].numpy().std() == pytest.approx(3 / 20, rel=0.01)
    assert repr(scaled_normal(3)) == "scaled_normal(gain=3, bias_std=1)"


def test_a_prior_may_be_trained_or_drawn():
    logstd = jt.array(np.float32([0.0]))
    net = zs.bayesian(nn.Linear(2, 5), prior=Normal(0.0, logstd=logstd))
    given = draws(shapes={"weight": (5, 2), "bias": (5,)})
    squares = sum((v.astype(float) ** 2).sum() for v in given.values())

    def log_joint():
        bn = zs.BayesianNet(given)
        net(bn, jt.array(X))
        return bn.log_joint()

    slope = jt.grad(log_joint(), logstd).item()
    assert slope == pytest.approx(squares - 15, rel=1e-4)
    before = log_joint().item()
    logstd.update(jt.array(np.float32([0.5])))
    wanted = before + squares / 2 * (1 - np.exp(-1.0)) - 15 * 0.5
    assert log_joint().item() == pytest.approx(wanted, rel=1e-4)

    class Hierarchical(zs.BayesianNet):
        def __init__(self):
            self.net = zs.bayesian(nn.Linear(2, 5), prior=self._prior)

        def _prior(self, name, shape):
            return Normal(0.0, std=self._std.reshape([*self._std.shape[:-1], *[1] * len(shape)]))

        def execute(self, observed):
            self.observe(observed)
            self._std = self.sn("Gamma", "std", alpha=[2.0], beta=2.0, group_ndims=1)
            self.net(self, self.observed["x"])
            return self

    std = np.float32([[0.5], [1.0], [2.0]])
    model = Hierarchical()
    many = draws(K, shapes={"weight": (5, 2), "bias": (5,)})
    value = model({"x": X, "std": std, **many}).log_joint().numpy()
    for i in range(K):
        wanted = stats.gamma(2, scale=0.5).logpdf(std[i, 0])
        wanted += sum(logpdf(stats.norm(0, std[i, 0]), v[i]) for v in many.values())
        assert value[i] == pytest.approx(wanted, rel=1e-4)


# -- errors


def twice():
    bn = zs.BayesianNet()
    for _ in range(2):
        zs.bayesian(layers())(bn, jt.array(X))


def call(module=None, observed=None, x=X, **options):
    net = zs.bayesian(layers() if module is None else module, **options)
    return net(zs.BayesianNet(observed or {}), jt.array(x))


# what is called, the error, pieces that its message must have
WRONG = [
    (lambda: zs.bayesian(nn.relu), TypeError, ["jt.Module", "relu"]),
    (lambda: zs.bayesian(nn.Tanh()), ValueError, ["Tanh", "no trained parameters"]),
    (lambda: zs.bayesian(layers(), name=""), TypeError, ["name", "''"]),
    (lambda: zs.bayesian(layers(), where="3.*"), ValueError, ["'3.*'", "'0.weight'", "'2.bias'"]),
    (lambda: zs.bayesian(layers(), where=["2.*", "x"]), ValueError, ["'x'", "'0.weight'"]),
    (lambda: zs.bayesian(layers(), where=[]), ValueError, ["no parameter", "'0.weight'"]),
    (lambda: zs.bayesian(layers(), where=lambda n, v: False), ValueError,
     ["no parameter", "'0.weight'"]),
    (lambda: zs.bayesian(layers(), where=3), TypeError, ["where", "3"]),
    (lambda: zs.bayesian(layers(), prior=Normal(np.zeros(3), std=1.0)), ValueError,
     ["'0.weight'", "[5, 2]", "[3]"]),
    (lambda: zs.bayesian(layers(), prior=Normal(np.zeros((5, 5)), std=1.0)), ValueError,
     ["'0.weight'", "[5, 2]", "[5, 5]"]),
    (lambda: call(prior=lambda n, s: Normal(np.zeros(7), std=1.0)), ValueError,
     ["'0.weight'", "[5, 2]", "[7]"]),
    (lambda: call(prior=lambda n, s: None), TypeError, ["function gives", "'0.weight'", "None"]),
    (lambda: zs.bayesian(layers(), prior=Normal), TypeError, ["'0.weight'", "Normal"]),
    (lambda: zs.bayesian(layers(), prior="wide"), ValueError, ["'scaled'", "'wide'"]),
    (lambda: zs.bayesian(layers(), prior=0), ValueError, ["'0.weight'", "positive", "0"]),
    (lambda: zs.bayesian(layers(), prior=[1.0]), TypeError, ["'0.weight'", "[1.0]"]),
    (lambda: zs.bayesian(layers(), prior={"*.weight": 1.0}), ValueError,
     ["'0.bias'", "'*.weight'"]),
    (lambda: zs.bayesian(layers(), prior={"*": 1.0, "2.*": 2.0}), ValueError, ["'2.*'", "first"]),
    (lambda: zs.bayesian(nn.ConvTranspose(2, 3, 3), prior="scaled"), ValueError,
     ["'weight'", "ConvTranspose", "prior="]),
    (lambda: scaled_normal(gain=-1.0), ValueError, ["gain", "-1"]),
    (lambda: zs.bayesian(layers(), input_ndims="2"), TypeError, ["input_ndims", "'2'"]),
    (lambda: zs.bayesian(layers(), input_ndims=0), ValueError, ["input_ndims", "0"]),
    (lambda: zs.bayesian(nn.Conv(1, 2, 3), vectorize=True), ValueError, ["nn.Linear", "Conv"]),
    (lambda: zs.bayesian(layers())(jt.array(X)), TypeError, ["net(bn, x)", "Var"]),
    (twice, ValueError, ["'0.weight'", "exists already", "name='net'"]),
    (lambda: call(observed={"0.bias": np.zeros((5, 1))}), ValueError,
     ["'0.bias'", "[5, 1]", "[5]"]),
    (lambda: call(observed={"0.bias": 0.0}), ValueError, ["'0.bias'", "[1]", "[5]"]),
    (lambda: call(observed={"0.bias": np.zeros((3, 5)), "2.bias": np.zeros((4, 1))}), ValueError,
     ["'0.bias' [3]", "'2.bias' [4]"]),
    (lambda: call(observed=draws(K), x=np.zeros((5, B, 2))), ValueError,
     ["'input 0' [5]", "[3]", "input_ndims"]),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "kind", "pieces"), WRONG)
def test_errors(wrong, kind, pieces):
    with pytest.raises(kind) as caught:
        wrong()
    for piece in pieces:
        assert piece in str(caught.value)


def test_the_table_of_shapes_shows_the_minibatch():
    model = Regression(n_data=506)
    table = zs.trace_shapes(model, {"x": X, "y": Y, **draws(K)})
    assert table["0.weight"].log_prob == table["y"].log_prob == table.log_joint == (K,)
    assert (table["y"].reduced, table["y"].scale) == ("group 1, n_data 506", 506 / B)
    assert isinstance(model.net, Bayesian)
    assert json.dumps(model.net.names) == json.dumps(NAMES)
