"""The log-likelihood of each datum at each draw, and what ArviZ makes of it."""

import sys
import types

import jittor as jt
import numpy as np
import pytest
from scipy import special, stats

import zhusuan as zs
from zhusuan.evaluation import loo, pointwise, pointwise_log_likelihood, waic

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 3)).astype(np.float32)
Y = (X @ [1.0, -2.0, 0.5] + RNG.normal(size=20) * 0.5).astype(np.float32)
XT = jt.array(np.ascontiguousarray(X.T))
COVARIANCE = np.linalg.inv(np.eye(3) + X.T @ X / 0.25)
MEAN = COVARIANCE @ X.T @ Y / 0.25
# Draws of the posterior, which is known: 4 chains of 500.
DRAWS = {"w": stats.multivariate_normal(MEAN, COVARIANCE).rvs([4, 500], 1).astype(np.float32)}


def regression(shape=(20,), **options):
    class Regression(zs.BayesianNet):
        def execute(self, observed):
            self.observe(observed)
            w = self.sn("Normal", "w", mean=jt.zeros([3]), std=1.0, group_ndims=1)
            mean = (w.unsqueeze(-1) * XT).sum(-2)
            mean = mean.reshape([*mean.shape[:-1], *shape])
            self.sn("Normal", "y", mean=mean, std=0.5, **options)
            return self

    return Regression()


EXPECTED = stats.norm(DRAWS["w"].astype(np.float64) @ X.T, 0.5).logpdf(Y)


@pytest.mark.parametrize(
    "options",
    [
        dict(group_ndims=1),
        dict(reduce_sum_dims=[-1]),
        dict(reduce_mean_dims=[-1], multiplier=20.0),
        dict(n_data=20),
    ],
)
def test_each_datum_is_on_its_own_however_the_node_is_reduced(options):
    found = pointwise_log_likelihood(regression(**options), {"y": Y}, DRAWS)
    assert list(found) == ["y"]
    assert found["y"].dtype == np.float64
    # float32, of terms up to 40.
    np.testing.assert_allclose(found["y"], EXPECTED, rtol=1e-4, atol=1e-4)


def test_parts_and_single_draws_give_the_same(monkeypatch):
    few = {"w": DRAWS["w"][:2, :25]}
    model = regression(group_ndims=1)
    one_by_one = pointwise_log_likelihood(model, {"y": Y}, few, ["y"], vectorize=False)
    monkeypatch.setattr(pointwise, "_CHUNK", 300)  # 15 draws at a time, of 50
    for found in (one_by_one, pointwise_log_likelihood(model, {"y": Y}, few)):
        np.testing.assert_allclose(found["y"], EXPECTED[:2, :25], rtol=1e-4, atol=1e-4)


def test_a_datum_may_be_a_vector():
    model, few = regression([5, 4], group_ndims=2), {"w": DRAWS["w"][:, :10]}
    given = {"y": Y.reshape(5, 4)}
    rows = pointwise_log_likelihood(model, given, few)["y"]
    each = pointwise_log_likelihood(model, given, few, data_ndims=2)["y"]
    expected = EXPECTED[:, :10].reshape(4, 10, 5, 4)
    np.testing.assert_allclose(each, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(rows, expected.sum(-1), rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match=r"data_ndims=3, but node 'y' has observations in 2 dims"):
        pointwise_log_likelihood(model, given, few, data_ndims=3)


@pytest.mark.parametrize(
    ("arguments", "error", "pieces"),
    [
        (dict(samples={}), TypeError, ["samples", "{}"]),
        (dict(samples=3), TypeError, ["trace", "3"]),
        (dict(samples={"w": np.zeros(3)}), ValueError, ["n_chains, n_draws", "[3]"]),
        (dict(samples={"w": np.zeros([4, 0, 3])}), ValueError, ["no draws"]),
        (dict(samples={"v": np.zeros([4, 5, 3])}), ValueError, ["'w'", "neither observed"]),
        (dict(names=["w"]), ValueError, ["['w']", "observed nodes are ['y']"]),
        (dict(data_ndims=0), ValueError, ["data_ndims=0", "[20]"]),
    ],
)
def test_wrong_use_is_explained(arguments, error, pieces):
    given = {"samples": {"w": DRAWS["w"][:, :2]}, **arguments}
    with pytest.raises(error) as caught:
        pointwise_log_likelihood(regression(group_ndims=1), {"y": Y}, **given)
    assert [piece for piece in pieces if piece not in str(caught.value)] == []


def test_without_arviz_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "arviz", None)
    for criterion in (loo, waic):
        with pytest.raises(RuntimeError, match=f"{criterion.__name__} needs ArviZ.*pip install"):
            criterion({"y": EXPECTED})


def _exact_loo():
    """Return the sum of log p(y_i | the others), normal in closed form."""
    total = 0.0
    for i in range(20):
        x, y = np.delete(X, i, 0), np.delete(Y, i)
        covariance = np.linalg.inv(np.eye(3) + x.T @ x / 0.25)
        mean = covariance @ x.T @ y / 0.25
        std = np.sqrt(0.25 + X[i] @ covariance @ X[i])
        total += stats.norm(X[i] @ mean, std).logpdf(Y[i])
    return total


# ArviZ 0.23.4 with numpy 2.4.6, of the log-densities of FIXED in float64.
FIXED = {"w": (MEAN + np.random.default_rng(7).normal(size=(4, 500, 3))
               @ np.linalg.cholesky(COVARIANCE).T).astype(np.float32)}  # fmt: skip
ARVIZ_LOO, ARVIZ_LOO_SE = -17.879969696169216, 2.706671715884132
ARVIZ_WAIC, ARVIZ_WAIC_SE, ARVIZ_P_WAIC = -17.77533845075835, 2.695147317667192, 2.81708067690327


@pytest.mark.parametrize("version", ["0.23.4", "1.3.0"])
def test_what_arviz_is_given_has_its_figures(version, monkeypatch):
    """ArviZ itself is not needed: a stand-in takes what it would be given."""
    given = {}

    def from_dict(*args, **kwargs):
        given.update(args[0] if args else kwargs)
        return given

    def criterion(data, **options):
        assert data is given
        return options

    stand_in = types.SimpleNamespace(
        __version__=version, from_dict=from_dict, loo=criterion, waic=criterion
    )
    monkeypatch.setitem(sys.modules, "arviz", stand_in)
    log_lik = pointwise_log_likelihood(regression(group_ndims=1), {"y": Y}, FIXED)
    assert loo(log_lik, FIXED, pointwise=True) == {"pointwise": True}
    assert waic(log_lik, FIXED, scale="log") == {"scale": "log"}
    np.testing.assert_array_equal(given["posterior"]["w"], FIXED["w"])
    values = given["log_likelihood"]["y"].reshape(-1, 20)
    # Watanabe (2010): log of the mean density, less the variance of the log-density.
    fitted = special.logsumexp(values, 0) - np.log(len(values))
    penalty = values.var(0)
    # The log-densities are float32, of some 1e-5 each.
    assert (fitted - penalty).sum() == pytest.approx(ARVIZ_WAIC, abs=1e-3)
    assert penalty.sum() == pytest.approx(ARVIZ_P_WAIC, abs=1e-3)
    assert np.sqrt(20 * (fitted - penalty).var()) == pytest.approx(ARVIZ_WAIC_SE, abs=1e-3)
    # Leave-one-out without smoothing, which changes little where k is 0.52 at most.
    left_out = np.log(len(values)) - special.logsumexp(-values, 0)
    assert left_out.sum() == pytest.approx(ARVIZ_LOO, abs=0.05)
    assert np.sqrt(20 * left_out.var()) == pytest.approx(ARVIZ_LOO_SE, abs=0.05)
    assert abs(ARVIZ_LOO - _exact_loo()) < 0.1


def test_loo_and_waic_of_a_conjugate_regression():
    arviz = pytest.importorskip("arviz")
    log_lik = pointwise_log_likelihood(regression(group_ndims=1), {"y": Y}, DRAWS)
    found = loo(log_lik, DRAWS, pointwise=True)
    # 2000 independent draws, and weights without heavy tails: good to a few hundredths. The draws
    # that are fitted, without weights, are too high by about three parameters.
    assert abs(float(found.elpd if hasattr(found, "elpd") else found.elpd_loo) - _exact_loo()) < 0.1
    assert float(np.max(found.pareto_k)) < 0.7
    fitted = np.log(np.exp(log_lik["y"]).mean((0, 1))).sum()
    assert fitted - _exact_loo() > 1.0
    with pytest.raises(ValueError, match=r"same chains and draws"):
        loo(log_lik, {"w": DRAWS["w"][:, :9]})
    with pytest.raises(TypeError, match="log_likelihood must be a dict"):
        loo(log_lik["y"])
    if not hasattr(arviz, "waic"):
        with pytest.raises(RuntimeError, match=r"has no waic: use zs.evaluation.loo"):
            waic(log_lik, DRAWS)
        return
    assert abs(float(waic(log_lik, DRAWS).elpd_waic) - _exact_loo()) < 0.2
