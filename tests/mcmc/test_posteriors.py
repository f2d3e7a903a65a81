"""Models in Jittor whose posterior is known: their moments, and mistakes that must be seen."""

import jittor as jt
import numpy as np
import pytest
from scipy import stats

import zhusuan as zs
from tests.mcmc.models import MOMENTS, Known, Y
from tests.mcmc.targets import judge
from zhusuan import mcmc
from zhusuan.framework.latents import Latent


@pytest.fixture(scope="module")
def trace():
    return mcmc.run(
        mcmc.NUTS(), Known(), {"y": Y}, n_chains=32, n_warmup=120, n_draws=160, seed=3,
        progress=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", list(MOMENTS))
def test_moments(trace, name):
    assert judge(trace.samples[name], *MOMENTS[name]) == ""


def test_draws_are_on_their_support(trace):
    rate, p, theta = (trace.samples[name] for name in ("rate", "p", "theta"))
    assert (rate > 0).all()
    assert ((p > 0) & (p < 1)).all()
    np.testing.assert_allclose(theta.sum(-1), 1.0, rtol=1e-5)
    # The whole distribution, on draws that are far apart.
    assert stats.kstest(p[:, ::10].ravel(), stats.beta(2, 4).cdf).pvalue > 1e-3
    assert stats.kstest(rate[:, ::10].ravel(), stats.gamma(3, scale=0.5).cdf).pvalue > 1e-3


def test_a_missing_jacobian_is_seen(monkeypatch):
    monkeypatch.setattr(Latent, "from_free_and_log_det", lambda self, u: (self.from_free(u), None))
    trace = mcmc.run(
        mcmc.NUTS(), Known(), {"y": Y}, n_chains=32, n_warmup=60, n_draws=60, seed=3,
        progress=False,
    )  # fmt: skip
    assert judge(trace.samples["w"], *MOMENTS["w"]) == ""
    for name in ("rate", "p", "theta"):
        assert judge(trace.samples[name], *MOMENTS[name]) != ""


def test_gradient_is_that_of_finite_differences():
    target = mcmc.as_target(Known(), {"y": Y})
    q = np.random.default_rng(0).normal(size=(32, target.dim)) * 0.5
    log_prob, gradient = target.log_prob_and_grad(q)
    assert (log_prob.shape, gradient.shape) == ((32,), (32, 7))  # theta has 2 free coordinates
    # All chains move along a direction each; float32 leaves about 1e-3 of a difference.
    direction = np.random.default_rng(1).normal(size=q.shape)
    above, _ = target.log_prob_and_grad(q + 5e-3 * direction)
    below, _ = target.log_prob_and_grad(q - 5e-3 * direction)
    slope = (above - below) / 1e-2
    np.testing.assert_allclose(slope, (gradient * direction).sum(1), rtol=2e-2, atol=5e-2)


@pytest.mark.slow
def test_correlation_matrix():
    class Matrix(zs.BayesianNet):
        def execute(self, observed):
            self.observe(observed)
            self.sn("LKJCholesky", name="factor", dim=3, concentration=jt.array([2.0]))
            return self

    trace = mcmc.run(
        mcmc.NUTS(), Matrix(), n_chains=8, n_warmup=300, n_draws=1000, seed=1, progress=False
    )
    factor = trace.samples["factor"].reshape(8, 1000, 3, 3)
    entry = np.einsum("...ij,...kj->...ik", factor, factor)[..., [0, 0, 1], [1, 2, 2]]
    # Each is 2 Beta(a, a) - 1 with a = eta - 1 + d / 2 (Lewandowski et al. 2009).
    assert judge(entry, np.zeros(3), 1.0 / (2 * 2.5 + 1)) == ""


EFFECTS = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0], np.float32)
ERRORS = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0], np.float32)


@pytest.mark.slow
def test_eight_schools():
    """Rubin's (1981) schools; the reference figures are those of posteriordb."""

    class Schools(zs.BayesianNet):
        def execute(self, observed):
            self.observe(observed)
            mu = self.sn("Normal", name="mu", mean=jt.zeros([1]), std=5.0, group_ndims=1)
            scale = 5.0 * jt.ones([1])
            tau = self.sn("HalfCauchy", name="tau", scale=scale, group_ndims=1)
            eta = self.sn("Normal", name="eta", mean=jt.zeros([8]), std=1.0, group_ndims=1)
            mean, std = mu + tau * eta, jt.array(ERRORS)
            self.sn("Normal", name="y", mean=mean, std=std, group_ndims=1)
            return self

    trace = mcmc.run(
        mcmc.NUTS(), Schools(), {"y": EFFECTS}, n_chains=32, n_warmup=300, n_draws=300, seed=1,
        progress=False,
    )  # fmt: skip
    # 9600 draws, of which some 5000 count for tau: standard errors of 0.035 and 0.045.
    assert trace.samples["mu"].mean() == pytest.approx(4.41, abs=0.15)
    assert trace.samples["tau"].mean() == pytest.approx(3.60, abs=0.2)
    assert trace.samples["mu"].std() == pytest.approx(3.31, abs=0.15)
    assert trace.samples["tau"].std() == pytest.approx(3.19, abs=0.3)
    assert trace.summary()["tau"]["r_hat"].max() < 1.01
