"""Importance weighted and Renyi bounds: their order, limits, signal-to-noise ratio and shapes."""

import jittor as jt
import numpy as np
import pytest
from scipy import stats

import zhusuan as zs
from tests.variational.bias import Gaussian, Y, gradients
from zhusuan.variational.importance_weighted_objective import (
    ImportanceWeightedObjective,
    importance_weighted_objective,
    iw_objective,
)
from zhusuan.variational.lower_bound import LowerBound
from zhusuan.variational.multi_sample import MultiSampleBound, leave_one_out_gain
from zhusuan.variational.renyi import RenyiObjective, renyi

A = np.float32([[1.0, 0.5], [-0.3, 0.8], [0.2, 1.0]])
Y3 = np.float32([1.0, -0.5, 0.7])
LOG_EVIDENCE = stats.multivariate_normal(np.zeros(3), A @ A.T + 0.25 * np.eye(3)).logpdf(Y3)


class LinearGaussian(zs.BayesianNet):
    """z [2] standard normal, y [3] ~ N(A z, 0.5)."""

    def execute(self, observed):
        self.observe(observed)
        z = self.sn("Normal", "z", mean=np.zeros(2), std=1.0, group_ndims=1)
        mean = jt.matmul(z, jt.array(A.T))
        self.sn("Normal", "y", mean=mean, std=0.5, group_ndims=1)
        return self


class Guide(zs.BayesianNet):
    def __init__(self, k, n, **options):
        super().__init__()
        self.mean = jt.array(np.float32([0.4, 0.1]))
        self.logstd = jt.array(np.float32([-0.5, -0.7]))
        self._k, self._n, self._options = k, n, options

    def execute(self, observed):
        self.observe(observed)
        mean = self.mean.broadcast([self._n, 2])
        self.sn(
            "Normal", "z", mean=mean, logstd=self.logstd, group_ndims=1, n_samples=self._k,
            **self._options,
        )  # fmt: skip
        return self


def test_bounds_tighten_with_k_and_stay_below_the_evidence():
    means, errors = [], []
    for k in (1, 4, 16, 64, 256):
        bound = iw_objective(LinearGaussian(), {"y": Y3}, axis=0, variational=Guide(k, 4000))
        assert tuple(bound.shape) == (4000,)
        values = bound.numpy()
        means.append(values.mean())
        errors.append(values.std() / np.sqrt(4000))
    print("log evidence", LOG_EVIDENCE, "bounds", means, "errors", errors)
    for i in range(len(means) - 1):
        assert means[i + 1] > means[i] - 3 * np.hypot(errors[i], errors[i + 1])
    assert means[-1] > means[0] + 0.3
    assert all(m < LOG_EVIDENCE + 3 * e for m, e in zip(means, errors))
    assert means[-1] == pytest.approx(LOG_EVIDENCE, abs=0.01)


def test_the_signal_to_noise_ratio_of_dreg_does_not_fall_with_k():
    """Rainforth et al. 2018, theorem 1: that of the plain gradient for q falls as 1 / sqrt(K)."""
    ratios = {"sgvb": [], "dreg": []}
    for k in (2, 8, 32, 128):
        for estimator, found in ratios.items():
            nets = Gaussian().nets(k, data=4000)
            bound = MultiSampleBound(nets[0], {"y": Y}, None, 0, nets[1])
            of_q = gradients(getattr(bound, estimator)(), nets)[:, 1:]
            found.append(np.abs(of_q.mean(0)) / of_q.std(0))
    print({name: np.round(found, 3).tolist() for name, found in ratios.items()})
    plain, dreg = np.array(ratios["sgvb"]), np.array(ratios["dreg"])
    # 4000 draws find a ratio to within 0.016: a fall by half each time is far outside that.
    assert (plain[-1] < 0.35 * plain[0]).all()
    assert (dreg[1:] > dreg[:-1] - 0.05).all()
    assert (dreg[-1] > 3 * plain[-1]).all()


def test_renyi_bounds_have_the_documented_limits():
    p, q = Gaussian().nets(8, data=500)

    def at(alpha):
        zs.set_seed(1)  # the same draws for each
        return renyi(p, {"y": Y}, axis=0, variational=q, alpha=alpha).numpy()

    zs.set_seed(1)
    elbo = LowerBound(p, {"y": Y}, None, 0, q).tensor.numpy()
    zs.set_seed(1)
    iwae = importance_weighted_objective(p, {"y": Y}, axis=0, variational=q).numpy()
    np.testing.assert_allclose(at(0.0), iwae, rtol=1e-6)
    np.testing.assert_allclose(at(1.0), elbo, rtol=1e-6)
    np.testing.assert_allclose(at(0.999), elbo, atol=5e-3)
    np.testing.assert_allclose(at(1.001), elbo, atol=5e-3)
    bounds = np.array([at(alpha) for alpha in (-2.0, -0.5, 0.0, 0.5, 1.0, 2.0, 5.0)])
    assert (np.diff(bounds, axis=0) < 1e-5).all()  # it does not rise with alpha, draw by draw


def test_module_and_function_agree_for_every_estimator():
    for options, estimator in (({}, "sgvb"), ({}, "dreg"), ({"reparameterize": False}, "vimco")):
        q = Guide(5, 3, **options)
        model = ImportanceWeightedObjective(LinearGaussian(), q, axis=0, estimator=estimator)
        zs.set_seed(3)
        loss = model({"y": Y3})
        ours = [loss.item(), *(g.numpy() for g in jt.grad(loss, [q.mean, q.logstd]))]
        zs.set_seed(3)
        bound = iw_objective(LinearGaussian(), {"y": Y3}, axis=0, variational=q)
        cost = getattr(bound, estimator)()
        assert tuple(cost.shape) == (3,)
        np.testing.assert_allclose(-cost.numpy(), bound.numpy(), rtol=1e-5)
        mean = cost.mean()
        theirs = [mean.item(), *(g.numpy() for g in jt.grad(mean, [q.mean, q.logstd]))]
        for a, b in zip(ours, theirs):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_the_loss_has_shape_1_and_no_gradient_is_needed_for_its_value():
    model = RenyiObjective(LinearGaussian(), Guide(4, 3), alpha=0.5, axis=0, estimator="dreg")
    with jt.no_grad():
        assert tuple(model({"y": Y3}).shape) == (1,)
        assert tuple(model({"y": Y3}, reduce_mean=False).shape) == (3,)


def test_the_gain_of_a_particle_is_its_definition_also_far_from_zero():
    log_w = np.random.default_rng(0).normal(0, 3, (5, 4))
    wanted = np.empty_like(log_w)
    for row, gains in zip(log_w, wanted):
        for j in range(4):
            others = np.delete(row, j)
            replaced = np.append(np.exp(others), np.exp(others.mean()))
            gains[j] = np.log(np.exp(row).mean()) - np.log(replaced.mean())
    for shift in (0.0, -3e4):
        given = jt.array(log_w.astype("float32") + np.float32(shift))
        # At -30000 a float32 has steps of 0.002.
        atol = 1e-5 if shift == 0.0 else 5e-3
        np.testing.assert_allclose(leave_one_out_gain(given).numpy(), wanted, atol=atol)
    impossible = jt.array(np.float32([[-np.inf, 0.0, 1.0]]))
    assert np.isfinite(leave_one_out_gain(impossible).numpy()).all()


def test_several_particle_dims_count_together():
    class Twice(Guide):
        def execute(self, observed):
            self.observe(observed)
            mean = self.mean.broadcast([3, 2, 2])
            self.sn(
                "Normal", "z", mean=mean, logstd=self.logstd, group_ndims=1, n_samples=4,
                reparameterize=False,
            )  # fmt: skip
            return self

    bound = MultiSampleBound(LinearGaussian(), {"y": Y3}, None, [0, -1], Twice(None, None))
    assert bound.n_particles == 8
    assert tuple(bound.vimco().shape) == tuple(bound.tensor.shape) == (3,)
    log_w = bound._log_w.numpy()
    wanted = np.log(np.exp(log_w).mean((0, 2)))
    np.testing.assert_allclose(bound.tensor.numpy(), wanted, rtol=1e-5)


def objective(**options):
    def make():
        arguments = {"axis": 0, "estimator": "sgvb", **options}
        guide = arguments.pop("guide", {})
        k = guide.pop("k", 4)
        ImportanceWeightedObjective(LinearGaussian(), Guide(k, 3, **guide), **arguments)({"y": Y3})

    return make


SCORED = {"reparameterize": False}
ERRORS = [
    (objective(axis=None), ["ImportanceWeightedObjective", "axis"]),
    (objective(axis=2), ["axis=2", "[4, 3]"]),
    (objective(estimator="nuts"), ["'nuts'", "'vimco'", "'dreg'"]),
    (objective(guide={**SCORED}), ["node 'z'", "biased", "sgvb"]),
    (objective(guide={**SCORED}, estimator="dreg"), ["node 'z'", "biased", "dreg"]),
    (objective(estimator="vimco"), ["'z'", "reparameterised", "dreg"]),
    (objective(guide={**SCORED, "k": 1}, estimator="vimco"), ["at least 2", "got 1"]),
    (objective(guide={"use_path_derivative": True}), ["node 'z'", "use_path_derivative", "dreg"]),
    (lambda: RenyiObjective(LinearGaussian(), Guide(2, 3), np.inf, 0), ["alpha", "inf"]),
    (lambda: renyi(LinearGaussian(), {"y": Y3}, variational=Guide(2, 3)), ["renyi", "axis"]),
]


@pytest.mark.parametrize(("make", "pieces"), ERRORS)
def test_errors_name_what_is_wrong(make, pieces):
    with pytest.raises(ValueError, match=".") as caught:
        make()
    assert [piece for piece in pieces if piece not in str(caught.value)] == []
