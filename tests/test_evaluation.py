"""Importance sampling estimates of the log-likelihood against evidence that is known."""

import gc

import jittor as jt
import numpy as np
import pytest
from scipy import special, stats

import zhusuan as zs
from zhusuan.evaluation import WeightSum

# y ~ N(A z, 0.5), z ~ N(0, 1): the evidence and the posterior are normal, in closed form.
A = np.float32([[1.0, 0.5], [-0.3, 0.8], [0.2, 1.0]])
Y = np.float32([[1.0, -0.5, 0.7], [0.1, 0.4, -1.5], [-2.0, 1.0, 0.3], [0.0, 0.0, 0.0]])
EVIDENCE = stats.multivariate_normal(np.zeros(3), A @ A.T + 0.25 * np.eye(3)).logpdf(Y)
PRECISION = np.eye(2) + A.T @ A / 0.25
POSTERIOR_MEAN = np.linalg.solve(PRECISION, A.T @ Y.T / 0.25).T
# Of each coordinate given the data: narrower than a good proposal should be, so twice that.
STD = 2.0 * np.sqrt(np.diag(np.linalg.inv(PRECISION)))


class Model(zs.BayesianNet):
    def __init__(self, **options):
        super().__init__()
        self._options = {"group_ndims": 1, **options}

    def execute(self, observed):
        self.observe(observed)
        z = self.sn("Normal", "z", mean=np.zeros([4, 2]), std=1.0, **self._options)
        mean = jt.matmul(z, jt.array(A.T))
        self.sn("Normal", "y", mean=mean, std=0.5, **self._options)
        return self


class Proposal(zs.BayesianNet):
    def __init__(self, k, shift=0.0, **options):
        super().__init__()
        self.mean = jt.array(np.float32(POSTERIOR_MEAN + shift))
        self._options = {"group_ndims": 1, "n_samples": k, **options}

    def execute(self, observed):
        self.observe(observed)
        self.sn("Normal", "z", mean=self.mean, std=np.float32(STD), **self._options)
        return self


def estimate(proposal, **options):
    return zs.is_loglikelihood(Model(), {"y": Y}, proposal=proposal, **options)


def test_it_finds_the_evidence_of_a_linear_gaussian_model():
    one_run = estimate(Proposal(5000), axis=0)
    streamed = estimate(Proposal(500), axis=0, n_samples=5000)
    print(one_run.numpy() - EVIDENCE, streamed.numpy() - EVIDENCE, streamed.ess)
    for found in (one_run, streamed):
        assert tuple(found.shape) == (4,)
        # With an effective size above 1000 the standard error is below 1 / sqrt(1000) = 0.03;
        # measured, the errors are below 0.02.
        np.testing.assert_allclose(found.numpy(), EVIDENCE, atol=0.05)
    assert (streamed.ess > 1000).all()
    assert (streamed.ess < 5000).all()


def test_a_wrong_formula_would_be_seen():
    """The bounds of issue 6 are too low by far more than the tolerance above."""
    elbo = zs.variational.elbo(Model(), {"y": Y}, variational=Proposal(5000), axis=0)
    assert (EVIDENCE - elbo.numpy() > 0.25).all()


def test_parts_add_up_to_one_run():
    zs.set_seed(1)
    parts = [estimate(Proposal(500), axis=0).numpy() for _ in range(3)]
    zs.set_seed(1)
    streamed = estimate(Proposal(500), axis=0, n_samples=1500)
    # Equally many samples in each: the mean weight is the mean of the means.
    expected = special.logsumexp(parts, axis=0) - np.log(3)
    np.testing.assert_allclose(streamed.numpy(), expected, rtol=1e-5)


def test_a_run_that_is_too_long_is_cut():
    zs.set_seed(2)
    both = [estimate(Proposal(500), axis=0, n_samples=n).numpy() for n in (500, 1)]
    assert not np.allclose(*both, atol=1e-3)
    assert estimate(Proposal(500), axis=0, n_samples=1).ess == pytest.approx(np.ones(4))


def test_without_a_particle_dim_each_run_is_one_sample():
    found = estimate(Proposal(None), n_samples=300)
    assert tuple(found.shape) == (4,)
    # 300 samples, of which 100 count: a standard error of 0.1.
    np.testing.assert_allclose(found.numpy(), EVIDENCE, atol=0.3)


def test_draws_with_their_log_probabilities_replace_the_proposal():
    net = Proposal(5000)({})
    z = net["z"]
    pair = (z, net.nodes["z"].log_prob())
    by_pair = zs.is_loglikelihood(Model(), {"y": Y}, {"z": pair}, 0)
    by_net = zs.is_loglikelihood(Model(), {"y": Y}, axis=0, proposal=lambda observed: net)
    np.testing.assert_allclose(by_pair.numpy(), by_net.numpy(), rtol=1e-5)
    assert tuple(jt.grad(by_pair.sum(), z).shape) == (5000, 4, 2)


def test_several_particle_dims_count_together():
    dims = zs.is_loglikelihood(
        Model(),
        {"y": Y},
        {"z": (jt.zeros([2, 3, 4, 2]), jt.zeros([2, 3, 4]))},
        axis=(0, 1),
    )
    one = zs.is_loglikelihood(
        Model(), {"y": Y}, {"z": (jt.zeros([6, 4, 2]), jt.zeros([6, 4]))}, axis=0
    )
    np.testing.assert_allclose(dims.numpy(), one.numpy(), rtol=1e-6)


def test_memory_stays_flat():
    proposal = Proposal(500)
    estimate(proposal, axis=0, n_samples=1000)
    gc.collect()
    before = jt.liveness_info()["lived_vars"]
    estimate(proposal, axis=0, n_samples=20_000)
    gc.collect()
    assert jt.liveness_info()["lived_vars"] <= before + 5


def test_the_running_sum_is_that_of_all_weights():
    rng = np.random.default_rng(0)
    # Parts whose sizes differ by more than float32 can hold, one of nothing but zeros.
    log_w = np.concatenate(
        [
            np.full((3, 2), -np.inf),
            rng.normal(-900, 1, (5, 2)),
            rng.normal(-100, 3, (7, 2)),
            rng.normal(-500, 3, (7, 2)),
        ]
    )
    log_w[:, 1] = -np.inf
    log_w[4, 1] = -1234.5
    total = WeightSum()
    for part in np.split(log_w, [3, 8, 15]):
        total.add(part)
    expected = special.logsumexp(log_w, axis=0) - np.log(len(log_w))
    np.testing.assert_allclose(total.log_mean, expected, rtol=1e-12)
    ess = np.exp(2 * special.logsumexp(log_w, axis=0) - special.logsumexp(2 * log_w, axis=0))
    np.testing.assert_allclose(total.ess, ess, rtol=1e-9)
    assert total.count == 22
    none = WeightSum()
    none.add(np.full((3, 2), -np.inf))
    assert (none.log_mean == -np.inf).all()
    assert (none.ess == 0).all()


@pytest.mark.parametrize(
    ("arguments", "error", "pieces"),
    [
        (dict(), ValueError, ["exactly one", "proposal", "latent"]),
        (dict(proposal=Proposal(500)), ValueError, ["axis", "n_samples"]),
        (dict(proposal=Proposal(500), axis=2), ValueError, ["axis=2", "[500, 4]"]),
        (dict(proposal=Proposal(500), axis=0, n_samples=0), ValueError, ["at least 1", "got 0"]),
        (dict(proposal=Proposal(500), axis=0, n_samples=2.5), TypeError, ["int", "2.5"]),
        (
            dict(latent={"z": (jt.zeros([6, 4, 2]), jt.zeros([6, 4]))}, axis=0, n_samples=50),
            ValueError,
            ["n_samples=50", "callable"],
        ),
        (
            dict(
                meta_bn=Model(group_ndims=0, reduce_mean_dims=[1], reduce_sum_dims=[2]),
                proposal=Proposal(500),
                axis=0,
            ),
            ValueError,
            ["'z'", "averages", "reduce_mean_dims"],
        ),
        (
            dict(meta_bn=Model(n_data=40), proposal=Proposal(500, n_data=40), axis=0),
            ValueError,
            ["'z'", "multiplied by 10", "n_data"],
        ),
    ],
)
def test_wrong_use_is_explained(arguments, error, pieces):
    arguments = {"meta_bn": Model(), "observed": {"y": Y}, **arguments}
    with pytest.raises(error) as caught:
        zs.is_loglikelihood(**arguments)
    assert [piece for piece in pieces if piece not in str(caught.value)] == []


def test_a_weight_that_is_no_number_names_the_node():
    class Broken(Model):
        def execute(self, observed):
            super().execute(observed)
            self.nodes["y"].log_prob = lambda: jt.full([500, 4], np.nan)
            return self

    with pytest.raises(FloatingPointError, match="2000 of 2000 weights are NaN.*'y' of the model"):
        zs.is_loglikelihood(Broken(), {"y": Y}, axis=0, proposal=Proposal(500), n_samples=1000)
