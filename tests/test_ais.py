"""Annealed importance sampling against evidence that is known."""

import gc

import jittor as jt
import numpy as np
import pytest
from scipy import integrate, special, stats

import zhusuan as zs
from zhusuan.evaluation.schedules import inverse_temperatures

# y ~ N(A z, 0.5), z ~ N(0, 1): the evidence and the posterior are normal, in closed form.
A = np.float32([[1.0, 0.5], [-0.3, 0.8], [0.2, 1.0]])
Y = np.float32([[1.0, -0.5, 0.7], [0.1, 0.4, -1.5], [-2.0, 1.0, 0.3], [0.0, 0.0, 0.0]])
A_T = jt.array(np.ascontiguousarray(A.T))
MARGINAL = stats.multivariate_normal(np.zeros(3), A @ A.T + 0.25 * np.eye(3))
COVARIANCE = np.linalg.inv(np.eye(2) + A.T @ A / 0.25)


def times_a(z):
    # Not matmul: oneDNN's threads spin, and beside other processes a run took ten times as long.
    return (z.unsqueeze(-1) * A_T).sum(-2)


class Model(zs.BayesianNet):
    """Its draws have no chains; given chains, they go through."""

    def __init__(self, **options):
        super().__init__()
        self._options = options

    def execute(self, observed):
        self.observe(observed)
        z = self.sn("Normal", "z", mean=np.zeros([4, 2]), std=1.0, group_ndims=1)
        self.sn("Normal", "y", mean=times_a(z), std=0.5, group_ndims=1, **self._options)
        return self


def ais(n_temperatures=200, n_chains=100, **options):
    model = Model()
    options = {"n_adapt": 20, "n_chains": n_chains, **options}
    hmc = options.pop("hmc", zs.mcmc.HMC(n_leapfrogs=5))
    observed = options.pop("observed", {"y": Y})
    return zs.AIS(model, model, hmc, observed, ["z"], n_temperatures, **options)


def test_it_finds_the_evidence_of_a_linear_gaussian_model():
    found = ais(300, 400).run(seed=1)
    assert found.log_likelihood.shape == (4,)
    # With 400 chains, most of which count, the standard error is 0.01 to 0.025.
    assert (found.standard_error < 0.03).all(), found.standard_error
    np.testing.assert_allclose(found.log_likelihood, MARGINAL.logpdf(Y), atol=0.05)
    assert abs(float(found) - MARGINAL.logpdf(Y).mean()) < 0.03
    # What the step size was learnt for, HMC's 0.8, or a little more since steps are shortened, all
    # along the path.
    rates = found.acceptance_rate
    assert abs(rates.mean() - 0.85) < 0.1
    assert (rates > 0.4).all()
    assert found.data_acceptance_rate.shape == (4,)
    assert found.data_acceptance_rate.mean() == pytest.approx(rates.mean())
    assert found.step_size[:20].mean() > 2.0 * found.step_size[-20:].mean()
    assert found.n_divergent == 0
    # The chains end near the posterior: 400 of them, so 4 standard errors.
    mean = np.linalg.solve(np.linalg.inv(COVARIANCE), A.T @ Y.T / 0.25).T
    ends = found.samples["z"]
    assert ends.shape == (400, 4, 2)
    assert (np.abs(ends.mean(0) - mean) < 4.0 * np.sqrt(np.diag(COVARIANCE) / 400)).all()


def test_its_weights_are_what_the_result_says():
    found = ais(20, 10).run(seed=1)
    log_w = found.log_weights
    assert log_w.shape == (10, 4)
    expected = special.logsumexp(log_w, axis=0) - np.log(10)
    np.testing.assert_allclose(found.log_likelihood, expected, rtol=1e-12)
    ess = np.exp(2 * special.logsumexp(log_w, axis=0) - special.logsumexp(2 * log_w, axis=0))
    np.testing.assert_allclose(found.ess, ess, rtol=1e-9)
    assert float(found) == pytest.approx(expected.mean())
    assert "mean of 4 data; 10 chains" in repr(found)


def test_one_temperature_is_importance_sampling():
    found = ais(1, 50).run(seed=3)
    z = found.samples["z"].astype(np.float64)
    log_w = stats.norm(z @ A.T, 0.5).logpdf(Y).sum(-1)
    np.testing.assert_allclose(found.log_weights, log_w, rtol=1e-4)
    assert found.acceptance_rate.shape == (0,)


def test_a_step_size_that_is_given_is_kept(capsys):
    found = ais(20, 10, hmc=zs.mcmc.HMC(0.4, 5, adapt_step_size=False), verbose=True).run(seed=1)
    assert (found.step_size <= 0.4).all()
    assert (found.step_size >= 0.28).all()  # shortened at random
    assert found.acceptance_rate.mean() > 0.9
    assert "0/20" in capsys.readouterr().err  # what it shows later depends on the time


def test_a_seed_reproduces_a_run_and_leaves_the_stream():
    sampler = ais(5, 10)
    zs.set_seed(5)
    first = sampler.run(seed=7).log_weights
    after = zs.random.standard_normal([3]).numpy()
    zs.set_seed(5)
    np.testing.assert_array_equal(after, zs.random.standard_normal([3]).numpy())
    np.testing.assert_array_equal(sampler.run(seed=7).log_weights, first)
    assert not np.allclose(sampler.run(seed=8).log_weights, first)
    assert not np.allclose(sampler.run().log_weights, sampler.run().log_weights)


def test_both_ends_hold_the_evidence_between_them():
    model = Model()
    found = zs.evaluation.bidirectional(
        model, model, zs.mcmc.HMC(n_leapfrogs=5), ["y"], seed=2,
        n_temperatures=200, n_chains=100, n_adapt=20,
    )  # fmt: skip
    evidence = MARGINAL.logpdf(found.observed["y"])
    lower, upper = found.lower, found.upper
    assert not lower.is_upper
    assert upper.is_upper
    assert (lower.log_likelihood <= evidence + 3.5 * lower.standard_error).all()
    # All reverse chains of a datum begin at one draw, but forget it: over 50 seeds the errors had
    # 1.1 times the spread that the formula says.
    assert (upper.log_likelihood >= evidence - 4.0 * upper.standard_error).all()
    # On average, where the errors of the data cancel; 0.03 over those seeds.
    assert abs(found.gap.mean()) < 0.1
    assert found.latent["z"].shape == (4, 2)
    np.testing.assert_array_equal(upper.betas, lower.betas)
    assert upper.step_size[:20].mean() > 2.0 * upper.step_size[-20:].mean()


def test_few_temperatures_give_bounds_that_are_apart():
    """The signs: forward is below and reverse above, by far more than their errors.

    With one temperature the expected log-weights are known: of the forward run minus
    KL(prior, posterior) below the evidence, of the reverse run KL(posterior, prior) above it.
    """
    one = ais(1, 2000)
    evidence, precision = MARGINAL.logpdf(Y), np.linalg.inv(COVARIANCE)
    mean = (COVARIANCE @ A.T @ Y.T / 0.25).T
    log_det, trace = np.linalg.slogdet(COVARIANCE)[1], np.trace
    quadratic = np.einsum("ni,ij,nj->n", mean, precision, mean)
    below = 0.5 * (trace(precision) + quadratic - 2.0 + log_det)
    above = 0.5 * (trace(COVARIANCE) + (mean**2).sum(1) - 2.0 - log_det)
    forward = one.run(seed=1)
    draws = mean + stats.multivariate_normal(np.zeros(2), COVARIANCE).rvs([2000, 4], 3)
    reverse = one.run_reverse({"z": np.float32(draws)}, seed=2)
    for found, shift in ((forward, -below), (reverse, above)):
        log_w = found.log_weights if found is forward else -found.log_weights
        error = log_w.std(0) / np.sqrt(2000)
        assert (np.abs(log_w.mean(0) - evidence - shift) < 4.0 * error).all()
    assert (below > 1.0).all()
    assert (above > 1.0).all()


HIGH = np.float32([[1.0], [3.0]])
X = np.float32([[0.8], [2.5]])


class Bounded(zs.BayesianNet):
    """Between bounds that differ from datum to datum."""

    def execute(self, observed):
        self.observe(observed)
        u = self.sn("Uniform", "u", minval=np.zeros([2, 1]), maxval=HIGH, group_ndims=1)
        self.sn("Normal", "x", mean=u, std=0.3, group_ndims=1)
        return self


def test_bounded_latents_are_transformed():
    model = Bounded()
    sampler = zs.AIS(model, model, zs.mcmc.HMC(n_leapfrogs=5), {"x": X}, n_temperatures=100,
                     n_chains=400, n_adapt=20)  # fmt: skip
    found = sampler.run(seed=1)
    normal = stats.norm(X[:, 0], 0.3)
    mass = normal.cdf(HIGH[:, 0]) - normal.cdf(0.0)
    error = found.log_likelihood - np.log(mass / HIGH[:, 0])
    # Of 400 chains, most of which count. Without the Jacobian the errors are 10 times as much.
    assert (found.standard_error < 0.04).all(), found.standard_error
    assert (np.abs(error) < 3.5 * found.standard_error).all(), (error, found.standard_error)
    u = found.samples["u"]
    assert (u > 0.0).all()
    assert (u < HIGH).all()
    assert (u[:, 1] > 1.0).any()


# A Gamma, an interval, a simplex: the rates of Poisson counts.
COUNTS = np.array([[3, 1, 0], [7, 2, 5]])


class AllKinds(zs.BayesianNet):
    def execute(self, observed):
        self.observe(observed)
        rate = self.sn("Gamma", "rate", alpha=np.full([2, 1], 2.0), beta=0.5, group_ndims=1)
        factor = self.sn("Uniform", "factor", minval=np.zeros([2, 1]), maxval=HIGH, group_ndims=1)
        share = self.sn("Dirichlet", "share", alpha=np.float32([[1, 2, 3], [1, 2, 3]]))
        mean = rate * factor * share
        self.sn("Poisson", "x", rate=mean, group_ndims=1)
        return self


def _bounded_evidence(counts, high):
    """The total is Poisson(rate * factor), and its parts are Dirichlet-multinomial."""
    total = int(counts.sum())
    # A Poisson variable whose rate is Gamma is negative binomial.
    of_total = integrate.quad(
        lambda factor: stats.nbinom(2, 0.5 / (0.5 + factor)).pmf(total) / high, 0.0, high
    )[0]
    return np.log(of_total) + stats.dirichlet_multinomial([1, 2, 3], total).logpmf(counts)


@pytest.mark.slow
def test_all_kinds_of_bounds_together():
    model = AllKinds()
    sampler = zs.AIS(model, model, zs.mcmc.HMC(n_leapfrogs=5), {"x": COUNTS}, n_temperatures=100,
                     n_chains=100, n_adapt=20)  # fmt: skip
    found = sampler.run(seed=1)
    expected = [_bounded_evidence(COUNTS[i], high) for i, high in enumerate([1.0, 3.0])]
    error = found.log_likelihood - expected
    assert (found.standard_error < 0.1).all()
    assert (np.abs(error) < 3.5 * found.standard_error).all(), (error, found.standard_error)
    assert (found.samples["rate"] > 0.0).all()
    assert (found.samples["factor"][:, 0] < 1.0).all()
    assert (found.samples["factor"][:, 1] > 1.0).any()
    np.testing.assert_allclose(found.samples["share"].sum(-1), 1.0, rtol=1e-5)


def test_memory_stays_flat():
    sampler = ais(30, 10)
    sampler.run(seed=0)
    gc.collect()
    before = jt.liveness_info()["lived_vars"]
    ais(300, 10).run(seed=0)
    gc.collect()
    # The second sampler is gone; what is left are constants.
    assert jt.liveness_info()["lived_vars"] <= before + 5


# -- mistakes are seen


def test_a_missing_increment_would_be_seen(monkeypatch):
    """Without the weight of one step in the middle the evidence is far off."""
    evidence = MARGINAL.logpdf(Y)
    found = ais(20, 100).run(seed=1)
    tolerance = 3.5 * found.standard_error
    assert (np.abs(found.log_likelihood - evidence) < tolerance).all()
    sampler = ais(20, 100)
    real = sampler._anneal

    def anneal(position, betas, log_steps):
        # As if betas[11] were betas[12] in the sum: one of the steps in the middle is not counted.
        short = betas.copy()
        short[:12] -= betas[12] - betas[11]
        return real(position, short, log_steps)

    monkeypatch.setattr(sampler, "_anneal", anneal)
    wrong = sampler.run(seed=1)
    assert (np.abs(wrong.log_likelihood - evidence) > tolerance).any()


def test_the_last_weight_without_its_move_would_be_seen():
    """The weight counts the place before the move; ``z_t`` in place of ``z_{t-1}`` is biased."""
    evidence = MARGINAL.logpdf(Y)

    class Late(type(zs.mcmc.HMC())):
        def step(self, state):
            new, info = super().step(state)
            ratio = self.target.log_ratio(new.position) - self.target.log_ratio(state.position)
            shifts.append(ratio)
            return new, info

    shifts = []
    sampler = ais(10, 100, n_adapt=0, hmc=Late(0.5, 5, adapt_step_size=False))
    found = sampler.run(seed=1)
    betas = found.betas
    late = sum((betas[t + 1] - betas[t]) * shift for t, shift in enumerate(shifts))
    wrong = special.logsumexp(found.log_weights + late.reshape(100, 4), axis=0) - np.log(100)
    assert (np.abs(found.log_likelihood - evidence) < 3.5 * found.standard_error).all()
    assert (wrong - evidence > 3.5 * found.standard_error).any()


@pytest.mark.parametrize("schedule", ["sigmoid", "linear", lambda s: s**4])
def test_schedules_lead_from_0_to_1(schedule):
    fractions = np.linspace(0.0, 1.0, 11)
    betas = inverse_temperatures(schedule, fractions)
    assert betas[0] == 0.0
    assert betas[-1] == 1.0
    assert (np.diff(betas) > 0).all()
    if schedule == "sigmoid":
        raw = special.expit(4.0 * (2.0 * fractions - 1.0))
        np.testing.assert_allclose(betas, (raw - raw[0]) / (raw[-1] - raw[0]), atol=1e-12)


@pytest.mark.parametrize(
    ("schedule", "pieces"),
    [
        ("cosine", ["'cosine'", "linear", "sigmoid"]),
        (lambda s: 0.9 * s, ["0 to 1", "0.9 at fraction 1"]),
        (lambda s: 0.1 + 0.9 * s, ["0 to 1", "0.1 at fraction 0"]),
        (lambda s: np.sin(2.5 * np.pi * s), ["go back", "falls from"]),
        (lambda s: s[1:], ["11 fractions", "[10]"]),
        (lambda s: s / 0.0, ["finite"]),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_wrong_schedules_are_caught(schedule, pieces):
    with pytest.raises(ValueError, match="schedule") as caught:
        ais(10, 10, schedule=schedule)
    assert [piece for piece in pieces if piece not in str(caught.value)] == []


class Wide(zs.BayesianNet):
    def __init__(self, family="Normal", name="z", group_ndims=1, **options):
        super().__init__()
        options = options or {"mean": np.zeros([4, 2]), "std": 2.0}
        self._family, self._name = family, name
        self._options = {"group_ndims": group_ndims, **options}

    def execute(self, observed):
        self.observe(observed)
        self.sn(self._family, self._name, **self._options)
        return self


UNIFORM = Wide("Uniform", minval=np.zeros([4, 1]), maxval=np.ones([4, 2]))


@pytest.mark.parametrize(
    ("arguments", "error", "pieces"),
    [
        (dict(meta_bn=3), TypeError, ["meta_bn", "callable", "3"]),
        (dict(hmc=0.1), TypeError, ["hmc", "zs.mcmc.HMC()", "0.1"]),
        (dict(latent="z"), TypeError, ["latent", "'z'"]),
        (dict(latent=["w"]), ValueError, ["draws ['z']", "['w']"]),
        (dict(n_chains=None), ValueError, ["no axis of chains", "[4, 2]", "n_chains"]),
        (dict(n_temperatures=0), ValueError, ["n_temperatures", "at least 1"]),
        (dict(n_adapt=2.0), TypeError, ["n_adapt", "int"]),
        (dict(proposal_meta_bn=Wide(name="w"), latent=None), ValueError, ["'w'", "'y', 'z'"]),
        (dict(proposal_meta_bn=UNIFORM), ValueError, ["'z'", "support of the model"]),
        (dict(proposal_meta_bn=Wide(group_ndims=0)), ValueError, ["[10, 4]", "[10, 4, 2]"]),
        (dict(meta_bn=Model(multiplier=3.0)), ValueError, ["'y'", "multiplied by 3"]),
        # As the documented nets are: the cause, not that the terms have other shapes.
        (
            dict(meta_bn=Model(reduce_mean_dims=[0])),
            ValueError,
            ["'y'", "averages over dims [0]", "leave the average out"],
        ),
        (
            dict(meta_bn=Wide(reduce_mean_dims=[0], mean=np.zeros([4, 2]), std=2.0)),
            ValueError,
            ["'z'", "averages over dims [0]"],
        ),
        (dict(observed=Y), TypeError, ["observed", "dict", "ndarray"]),
        (dict(observed={"y": Y, "q": Y}), ValueError, ["'q'", "no node"]),
        (dict(latent={"z": np.zeros([9, 4, 2])}), ValueError, ["[9, 4, 2]", "[10, 4, 2]"]),
        (
            dict(latent={"z": np.zeros([9, 4, 2])}, n_chains=None),
            ValueError,
            ["[9, 4, 2]", "[4, 2]", "n_chains=9"],
        ),
    ],
)
def test_wrong_use_is_explained(arguments, error, pieces):
    given = {"meta_bn": Model(), "proposal_meta_bn": Wide(), "hmc": zs.mcmc.HMC(),
             "observed": {"y": Y}, "latent": ["z"], "n_chains": 10, **arguments}  # fmt: skip
    with pytest.raises(error) as caught:
        zs.AIS(**given)
    assert [piece for piece in pieces if piece not in str(caught.value)] == []


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ("y", TypeError, "data must be a list of names, got 'y'"),
        (["w"], ValueError, r"\['w'\] must name nodes that the model draws; those are \['y', 'z'"),
        ([], ValueError, "must name nodes"),
        (["y", "z"], ValueError, "there is no latent to integrate over"),
    ],
)
def test_data_that_cannot_be_simulated_are_refused(data, error, message):
    model = Model()
    with pytest.raises(error, match=message):
        zs.evaluation.bidirectional(model, model, zs.mcmc.HMC(), data, n_chains=3)


def test_reverse_runs_need_values_of_the_latents():
    sampler = ais(5, 10)
    with pytest.raises(ValueError, match=r"expected values of \['z'\], got \[\]"):
        sampler.run_reverse({})
    with pytest.raises(ValueError, match=r"'z' has shape \[3, 2\], expected \[10, 4, 2\]"):
        sampler.run_reverse({"z": np.zeros([3, 2])})


def test_a_density_that_is_not_finite_names_the_node():
    def broken(observed):
        net = Model()(observed)
        net.nodes["y"].log_prob = lambda: jt.full([10, 4], np.nan)
        return net

    sampler = zs.AIS(broken, Model(), zs.mcmc.HMC(), {"y": Y}, ["z"], 5, n_chains=10)
    with pytest.raises(FloatingPointError, match="40 of 40 chains.*'y' of the model is nan"):
        sampler.run(seed=0)


def test_zhusuans_own_call():
    """Proposals that draw chains themselves, and a latent dict of Vars, in function style."""

    @zs.meta_bayesian_net(scope="ais", reuse_variables=True)
    def model(n_chains):
        bn = zs.BayesianNet()
        z = bn.normal("z", np.zeros([4, 2]), std=1.0, group_ndims=1, n_samples=n_chains)
        bn.normal("y", times_a(z), std=0.5, group_ndims=1)
        return bn

    meta_bn = model(10)
    sampler = zs.AIS(meta_bn, meta_bn, zs.mcmc.HMC(0.3, 5), {"y": Y},
                     {"z": jt.zeros([10, 4, 2])}, 20, 5, False)  # fmt: skip
    found = sampler.run(seed=1)
    assert found.log_weights.shape == (10, 4)
    both = zs.evaluation.bidirectional(
        meta_bn, meta_bn, zs.mcmc.HMC(0.3, 5), ["y"], n_temperatures=20, n_adapt=5, seed=1
    )
    assert both.observed["y"].shape == (4, 3)
    assert both.latent["z"].shape == (4, 2)


def test_a_log_joint_may_be_a_function():
    model = Model()
    by_net, by_function = (
        zs.AIS(p, Wide(), zs.mcmc.HMC(0.3, 5), {"y": Y}, ["z"], 5, 5, n_chains=10).run(seed=1)
        for p in (model, lambda values: model(values).log_joint())
    )
    np.testing.assert_array_equal(by_net.log_weights, by_function.log_weights)
