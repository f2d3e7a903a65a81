"""Elliptical slice sampling on known posteriors; and wrong ellipses, which must be seen."""

import jittor as jt
import numpy as np
import pytest
from scipy import special

import zhusuan as zs
from tests.mcmc.targets import judge
from zhusuan import mcmc
from zhusuan.mcmc import elliptical_slice

_RNG = np.random.default_rng(0)
MATRIX = _RNG.normal(size=(6, 5)).astype(np.float32)
Y = _RNG.normal(size=6).astype(np.float32)
STD = 1.5
# The priors of w (2 numbers) and f (3 numbers, correlated).
MEAN_W, STD_W = np.array([1.0, -1.0], np.float32), np.array([0.5, 2.0], np.float32)
MEAN_F = np.array([0.0, 2.0, -1.0], np.float32)
TRIL_F = np.array([[1.0, 0.0, 0.0], [0.8, 0.6, 0.0], [-0.3, 0.2, 1.2]], np.float32)


class Linear(zs.BayesianNet):
    """Two latents with Gaussian priors away from zero, and data linear in both."""

    def __init__(self):
        super().__init__()
        self._w = zs.distributions.Normal(jt.array(MEAN_W), std=jt.array(STD_W), group_ndims=1)
        self._f = zs.distributions.MultivariateNormalCholesky(
            jt.array(MEAN_F), jt.array(TRIL_F)
        )
        self._matrix = jt.array(np.ascontiguousarray(MATRIX.T))

    def execute(self, observed):
        self.observe(observed)
        w, f = self.stochastic("w", self._w), self.stochastic("f", self._f)
        both = jt.concat([w.reshape([-1, 2]), f.reshape([-1, 3])], 1)
        mean = jt.matmul(both, self._matrix)
        self.sn("Normal", name="y", mean=mean, std=STD, group_ndims=1)
        return self


def posterior():
    prior_mean = np.concatenate([MEAN_W, MEAN_F])
    prior = np.zeros((5, 5))
    prior[:2, :2], prior[2:, 2:] = np.diag(STD_W**2), TRIL_F @ TRIL_F.T
    covariance = np.linalg.inv(np.linalg.inv(prior) + MATRIX.T @ MATRIX / STD**2)
    mean = prior_mean + covariance @ MATRIX.T @ (Y - MATRIX @ prior_mean) / STD**2
    return mean, covariance


def run(model, observed, n_draws=700, **options):
    given = {"n_chains": 32, "n_warmup": 30, "seed": 2, "progress": False}
    return mcmc.run(
        mcmc.EllipticalSlice(), model, observed, n_draws=n_draws, **{**given, **options}
    )


def draws_of(n_draws=700):
    trace = run(Linear(), {"y": Y}, n_draws)
    return trace, np.concatenate([trace.samples["w"], trace.samples["f"]], -1)


def test_moments_of_a_conjugate_posterior():
    trace, draws = draws_of()
    mean, covariance = posterior()
    assert judge(draws, mean, np.diagonal(covariance)) == ""
    ours = np.cov(draws.reshape(-1, 5).T)
    scale = np.sqrt(np.outer(np.diagonal(covariance), np.diagonal(covariance)))
    np.testing.assert_allclose(ours / scale, covariance / scale, atol=0.05)
    assert set(trace.stats) == {"log_likelihood", "n_evaluations"}
    assert trace.stats["n_evaluations"].min() >= 1
    assert trace.stats["n_evaluations"].mean() < 6
    # All of the likelihood, and the likelihood alone.
    i = -1
    away = Y - draws[:, i] @ MATRIX.T
    expected = (-0.5 * (away / STD) ** 2 - np.log(STD * np.sqrt(2 * np.pi))).sum(-1)
    np.testing.assert_allclose(trace.stats["log_likelihood"][:, i], expected, rtol=1e-4)


def around_zero(away, noise, angle):
    """An ellipse whose centre is not the prior's mean."""
    middle = np.concatenate([MEAN_W, MEAN_F])
    right = elliptical_slice_on_ellipse(away + middle, noise + middle, angle)
    return right - middle


def narrow(away, noise, angle):
    """Noise of the wrong scale."""
    return elliptical_slice_on_ellipse(away, 0.8 * noise, angle)


elliptical_slice_on_ellipse = elliptical_slice.on_ellipse


@pytest.mark.parametrize("wrong", [around_zero, narrow])
def test_mistakes_are_seen(wrong, monkeypatch):
    monkeypatch.setattr(elliptical_slice, "on_ellipse", wrong)
    mean, covariance = posterior()
    assert judge(draws_of(300)[1], mean, np.diagonal(covariance)) != ""


class Logistic(zs.BayesianNet):
    """One number, binary data: no conjugacy."""

    def execute(self, observed):
        self.observe(observed)
        z = self.sn("Normal", name="z", mean=jt.array([0.5]), std=2.0, group_ndims=1)
        self.sn("Bernoulli", name="b", logits=z.broadcast([*z.shape[:-1], 5]), group_ndims=1)
        return self


def test_moments_of_a_posterior_by_quadrature():
    b = np.array([1, 1, 1, 1, 0])
    grid = np.linspace(-15, 15, 20_001)
    log_p = -0.5 * ((grid - 0.5) / 2) ** 2 + 4 * special.log_expit(grid) + special.log_expit(-grid)
    p = np.exp(log_p) / np.exp(log_p).sum()
    mean = (p * grid).sum()
    trace = run(Logistic(), {"b": b})
    assert judge(trace.samples["z"], np.array([mean]), (p * (grid - mean) ** 2).sum()) == ""


def test_runs_go_on_and_are_reproducible():
    whole, first = draws_of(30)[0], draws_of(10)[0]
    second = run(Linear(), {"y": Y}, 20, init=first.state, seed=None)
    both = np.concatenate([first.samples["f"], second.samples["f"]], 1)
    np.testing.assert_array_equal(both, whole.samples["f"])


class Wrong(zs.BayesianNet):
    """Models that it is not for."""

    def __init__(self, kind):
        super().__init__()
        self._kind = kind

    def execute(self, observed):
        self.observe(observed)
        kind = self._kind
        scale = 1.0
        if kind == "positive":
            self.sn("Gamma", name="s", alpha=jt.array([3.0]), beta=1.0, group_ndims=1)
        if kind == "hierarchy":
            s = self.sn("Normal", name="s", mean=jt.array([0.0]), std=1.0, group_ndims=1)
            scale = jt.exp(s)
        options = {"multiplier": 0.5} if kind == "tempered" else {}
        w = self.sn("Normal", name="w", mean=jt.zeros([3]), std=scale, group_ndims=1, **options)
        if kind != "no data":
            self.sn("Normal", name="y", mean=w, std=1.0, group_ndims=1)
        if kind == "own joint":
            self.replace_log_joint(lambda net: net.nodes["w"].log_prob())
        return self


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("positive", "prior of node 's' must be Gaussian, got Gamma"),
        ("hierarchy", "prior of node 'w' depends on another latent"),
        ("tempered", "node 'w' has multiplier=0.5"),
        ("no data", r"nothing is observed: the nodes are \['w'\]"),
        ("own joint", "the model has a log_joint of its own"),
    ],
)
def test_models_that_it_is_not_for_are_refused(kind, message):
    observed = {} if kind == "no data" else {"y": np.zeros(3)}
    with pytest.raises(ValueError, match=message):
        run(Wrong(kind), observed, 1)


def test_a_function_is_refused():
    target = mcmc.FunctionTarget(lambda x: -0.5 * (x["w"] ** 2).sum(-1), {"w": [3]})
    with pytest.raises(TypeError, match="EllipticalSlice needs a model"):
        run(target, None, 1)
