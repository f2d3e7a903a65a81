"""The Laplace approximation against its closed forms."""

import jittor as jt
import numpy as np
import pytest

import zhusuan as zs
from tests.variational.autos import Correlated, Schools, Y, fit
from zhusuan.variational import auto
from zhusuan.variational.auto.curvature import hessian_by_differences

METHODS = ("differences", "autodiff")


def put(guide, **values):
    """Set coordinates by name."""
    loc = guide.loc.numpy().copy()
    for name, value in values.items():
        loc[guide.index[name]] = value
    guide.loc.assign(jt.array(np.float32(loc)))


class GammaAndBeta(zs.BayesianNet):
    def execute(self, observed):
        self.observe(observed)
        self.sn("Gamma", "rate", alpha=3.0 * np.ones(1), beta=2.0, group_ndims=1)
        self.sn("Beta", "share", alpha=2.0 * np.ones(1), beta=5.0, group_ndims=1)
        return self


def test_a_normal_posterior_is_found_exactly():
    model = Correlated(2, 2)
    mean, covariance = model.moments
    guide = auto.Laplace(model, init="zero")
    guide.loc.assign(jt.array(np.float32(mean)))
    for method in METHODS:
        full = guide.to_full_rank(n_samples=3, method=method)
        np.testing.assert_allclose(full.unconstrained_mean(), mean, rtol=1e-6)
        # float32 gradients
        np.testing.assert_allclose(full.covariance(), covariance, rtol=1e-3, atol=1e-3)
        assert full({}).nodes["a"].shape == (3, 2)


def test_gamma_and_beta_have_the_closed_forms_on_the_real_scale():
    """For u = log z, log p(u) = a u - b e^u; for the logit of a Beta a log s + b log (1 - s).

    The modes are at z = a / b and s = a / (a + b), the curvatures -a and -a b / (a + b).
    """
    guide = auto.Laplace(GammaAndBeta(), init={"rate": 1.0, "share": 0.5})
    fit(zs.variational.ELBO(GammaAndBeta(), guide), {}, 200, 0.1)
    mode = guide.median()
    assert mode["rate"] == pytest.approx(3 / 2, rel=1e-3)
    assert mode["share"] == pytest.approx(2 / 7, rel=1e-3)
    for method in METHODS:
        full = guide.to_full_rank(method=method)
        truth = np.diag([1 / 3, 7 / 10])
        np.testing.assert_allclose(full.covariance(), truth, rtol=2e-3, atol=1e-3)
    quantiles = full.quantiles([0.05, 0.95])
    expected = np.exp(np.log(1.5) + np.array([-1, 1]) * 1.6448536 / np.sqrt(3))
    np.testing.assert_allclose(quantiles["rate"][:, 0], expected, rtol=2e-3)
    # 1/sqrt(det(-H / 2 pi)) times the density at the mode is the evidence, 1 here, up to the
    # error of the approximation: Stirling's, 1 / 12a, for the Gamma.
    u = jt.array(np.float32([np.log(1.5), np.log(2 / 5)]))
    log_z = guide.log_density(u).item() + np.log(2 * np.pi) + 0.5 * np.log(7 / 30)
    assert abs(log_z) < 0.1


def test_a_point_that_is_no_mode_is_refused():
    class Bimodal(zs.BayesianNet):
        def execute(self, observed):
            self.observe(observed)
            z = self.sn("Normal", "z", mean=np.zeros(1), std=2.0, group_ndims=1)
            self.sn("Normal", "y", mean=z * z, std=1.0, group_ndims=1)
            return self

    guide = auto.Laplace(Bimodal(), {"y": np.float32([4.0])}, init="zero")
    for method in METHODS:
        with pytest.raises(ValueError, match="mode is not reached.*not positive definite"):
            guide.to_full_rank(method=method)
    put(guide, z=2.1)
    with pytest.warns(UserWarning, match="standard deviations away in 'z'"):
        guide.to_full_rank()
    with pytest.raises(ValueError, match="method must be 'differences' or 'autodiff'"):
        guide.to_full_rank(method="exact")


class _Square(jt.Function):
    def execute(self, x):
        self._kept = x
        return x * x

    def grad(self, upstream):
        return 2.0 * self._kept * upstream


def test_second_derivatives_that_jittor_gets_wrong_are_noticed():
    class WithFunction(zs.BayesianNet):
        def execute(self, observed):
            self.observe(observed)
            z = self.sn("Normal", "z", mean=np.zeros(1), std=1.0, group_ndims=1)
            self.sn("Normal", "y", mean=_Square()(z), std=1.0, group_ndims=1)
            return self

    guide = auto.Laplace(WithFunction(), {"y": np.float32([4.0])}, init={"z": 1.87082869})
    # -H = 1 + (6 z^2 - 2 y) at z^2 = y - 1/2, the mode: 14
    full = guide.to_full_rank()
    np.testing.assert_allclose(1 / full.covariance(), 14.0, rtol=1e-2)
    with pytest.raises(ValueError, match="second derivatives.*use method='differences'"):
        guide.to_full_rank(method="autodiff")


def test_differences_of_gradients():
    """Of f = -sum(cosh(A u)): an exact Hessian, and the order of the extrapolation."""
    a = np.random.default_rng(0).normal(size=(4, 3))
    at = np.array([0.1, -0.2, 0.3])

    def gradient(u):
        return -a.T @ np.sinh(a @ u)

    exact = -a.T @ (np.cosh(a @ at)[:, None] * a)
    np.testing.assert_allclose(hessian_by_differences(gradient, at), exact, rtol=1e-4, atol=1e-4)


def test_schools_have_a_mode_and_a_width():
    model, observed = Schools(), {"y": Y}
    guide = auto.Laplace(model, observed)
    fit(zs.variational.ELBO(model, guide), observed, 300, 0.1)
    widths = [guide.to_full_rank(method=m).unconstrained_stddev() for m in METHODS]
    print(guide.median()["mu"], guide.median()["tau"], widths[0].round(3))
    np.testing.assert_allclose(widths[0], widths[1], rtol=1e-2)
