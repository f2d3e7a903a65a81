"""HMC and NUTS on targets with a known answer, in numpy; and wrong samplers, which must be seen."""

import numpy as np
import pytest
from scipy import stats

import zhusuan as zs
from tests.mcmc.mistakes import SECOND_KICK, break_nuts
from tests.mcmc.targets import NumpyTarget, gaussian, judge
from zhusuan import mcmc
from zhusuan.mcmc import hamiltonian, hmc
from zhusuan.mcmc.integrators import PhasePoint, energy, leapfrog
from zhusuan.mcmc.metric import Diagonal, dense, unit
from zhusuan.random.source import generator

MEAN = np.array([1.0, -2.0, 0.5])
COVARIANCE = np.array([[1.0, 0.8, 0.0], [0.8, 1.0, 0.3], [0.0, 0.3, 4.0]])


def quartic():
    """A target whose trajectories are no circles: exp(-x^4 / 4), sum over dims."""
    return NumpyTarget(lambda x: (-0.25 * (x**4).sum(1), -(x**3)), 3)


def moving(target, n_chains=5):
    rng = np.random.default_rng(0)
    q, p = rng.normal(size=(2, n_chains, target.dim))
    return PhasePoint(q, p, *target.log_prob_and_grad(q))


METRICS = [unit(3), Diagonal(np.array([0.5, 1.0, 2.0])), dense(COVARIANCE)]


@pytest.mark.parametrize("metric", METRICS, ids=["unit", "diagonal", "dense"])
def test_leapfrog_goes_back_the_way_it_came(metric):
    target = quartic()
    start = point = moving(target)
    steps = np.linspace(0.02, 0.06, 5)[:, None]
    for step in (steps, -steps):
        for _ in range(20):
            point = leapfrog(target.log_prob_and_grad, metric, point, step)
    for ours, theirs in zip(point, start):
        np.testing.assert_allclose(ours, theirs, atol=1e-10)


@pytest.mark.parametrize("metric", METRICS, ids=["unit", "diagonal", "dense"])
def test_energy_error_falls_with_the_square_of_the_step(metric):
    target, errors = quartic(), []
    start = moving(target)
    for n in (50, 100, 200):
        point = start
        for _ in range(n):
            point = leapfrog(target.log_prob_and_grad, metric, point, 2.0 / n)
        errors.append(np.abs(energy(metric, point) - energy(metric, start)).mean())
    # Ratios of 4 up to terms of the next order.
    np.testing.assert_allclose([errors[0] / errors[1], errors[1] / errors[2]], 4.0, rtol=0.1)


KERNELS = [
    ("hmc", lambda: mcmc.HMC(0.3, 4)),
    ("hmc dense", lambda: mcmc.HMC(0.3, 2, metric="dense")),
    ("nuts", lambda: mcmc.NUTS()),
    ("nuts dense", lambda: mcmc.NUTS(metric="dense")),
    ("nuts unit", lambda: mcmc.NUTS(metric="unit")),
]


def moments_of(kernel, n_draws=400, target=None, **options):
    target = gaussian(MEAN, COVARIANCE) if target is None else target
    fixed = {"n_chains": 32, "n_warmup": 150, "seed": 1, "progress": False}
    return mcmc.run(kernel, target, n_draws=n_draws, **fixed, **options)


@pytest.mark.parametrize("make", [k for _, k in KERNELS], ids=[n for n, _ in KERNELS])
def test_moments_of_a_correlated_gaussian(make):
    trace = moments_of(make())
    assert judge(trace.samples["x"], MEAN, np.diagonal(COVARIANCE)) == ""
    ours = np.cov(trace.samples["x"].reshape(-1, 3).T)
    # As judge's 10% of variances; HMC's fixed length suits the last dim badly: over seeds its
    # variance has an sd of 4%.
    scale = np.sqrt(np.diagonal(COVARIANCE))
    np.testing.assert_allclose(((ours - COVARIANCE) / scale).T / scale, 0.0, atol=0.1)
    # The rate aimed at is that of warm-up's last steps: within what 50 steps can tell.
    assert 0.6 < trace.stats["acceptance_rate"].mean() < 0.97
    assert not trace.stats["divergent"].any()


# E|x|^2 = Gamma(3/4) / Gamma(1/4) * 2 for exp(-x^4 / 4).
QUARTIC_VARIANCE = 0.6759782400671


@pytest.mark.parametrize("make", [lambda: mcmc.HMC(0.5, 5), lambda: mcmc.NUTS()])
def test_moments_of_light_tails(make):
    trace = moments_of(make(), target=quartic())
    assert judge(trace.samples["x"], np.zeros(3), QUARTIC_VARIANCE) == ""


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["diagonal", "dense"])
def test_moments_of_an_ill_conditioned_gaussian(metric):
    """100 dims whose variances range from 1e-4 to 1, a condition number of 1e4."""
    variance = np.logspace(-4, 0, 100)
    target = gaussian(np.zeros(100), np.diag(variance))
    trace = moments_of(mcmc.NUTS(metric=metric), 300, target=target)
    # 5 standard errors: 100 means are looked at.
    assert judge(trace.samples["x"], np.zeros(100), variance, 5) == ""


def funnel(is_centred):
    """Neal's funnel, v ~ N(0, 9) and x ~ N(0, exp(v)), 10 dims in all; or in x = exp(v / 2) z."""

    def centred(position):
        v, x = position[:, :1], position[:, 1:]
        square = 0.5 * x**2 * np.exp(-v)
        slope = -v / 9.0 + (square - 0.5).sum(1, keepdims=True)
        log_prob = -v[:, 0] ** 2 / 18.0 - (square + 0.5 * v).sum(1)
        return log_prob, np.concatenate([slope, -x * np.exp(-v)], 1)

    def non_centred(position):
        precision = np.where(np.arange(10) == 0, 1.0 / 9.0, 1.0)
        return -0.5 * (position**2 * precision).sum(1), -position * precision

    return NumpyTarget(centred if is_centred else non_centred, 10)


def test_a_funnel_says_that_it_is_one():
    """No step size serves both of its ends: the neck is missing, and the trace says so."""
    trace = moments_of(mcmc.NUTS(max_treedepth=6), 100, target=funnel(is_centred=True))
    assert judge(trace.samples["x"][..., 0], 0.0, 9.0) != ""
    warnings = " ".join(trace.summary().warnings)
    print(warnings)
    assert trace.stats["divergent"].any()
    assert "transitions diverged" in warnings
    assert "non-centred" in warnings
    assert "R-hat is above 1.01" in warnings


def test_a_funnel_in_other_words_is_right():
    trace = moments_of(mcmc.NUTS(), target=funnel(is_centred=False))
    v, z = trace.samples["x"][..., :1], trace.samples["x"][..., 1:]
    assert judge(v, 0.0, 9.0) == ""
    # Of x itself, whose variance E exp(v) is that of a few draws, the share within 1 and its sign:
    # P(|x| < 1) = E_v[2 Phi(exp(-v / 2)) - 1] by quadrature.
    x = np.exp(0.5 * v) * z
    grid = np.linspace(-30.0, 30.0, 20_001)
    weight = stats.norm.pdf(grid, scale=3.0)
    share = (weight * (2 * stats.norm.cdf(np.exp(-0.5 * grid)) - 1)).sum() / weight.sum()
    assert judge(np.float64(np.abs(x) < 1.0), share, share * (1 - share), 5) == ""
    assert not trace.stats["divergent"].any()
    assert not trace.summary().warnings


def wrong_sign(both, metric, point, step):
    end = leapfrog(both, metric, point, step)
    return end._replace(momentum=end.momentum - step * end.gradient)


def no_kinetic_energy(metric, point):
    return -point.log_prob


def replacing(module, name, wrong):
    return lambda monkeypatch, folder: monkeypatch.setattr(module, name, wrong)


def with_wrong_sign(monkeypatch, folder):
    break_nuts(monkeypatch, folder, SECOND_KICK)


# A step size at which the right sampler rejects now and then.
HMC, NUTS = (lambda k=k: k(0.5, 5, adapt_step_size=False) for k in (mcmc.HMC, mcmc.NUTS))
MISTAKES = {
    "hmc": (HMC, replacing(hmc, "leapfrog", wrong_sign)),
    "nuts": (NUTS, with_wrong_sign),
    "energy": (HMC, replacing(hmc, "energy", no_kinetic_energy)),
}


@pytest.mark.parametrize("mistake", list(MISTAKES))
def test_mistakes_are_seen(mistake, monkeypatch, tmp_path):
    make, breaks = MISTAKES[mistake]
    right = moments_of(make(), 300, target=quartic())
    assert judge(right.samples["x"], np.zeros(3), QUARTIC_VARIANCE) == ""
    breaks(monkeypatch, tmp_path)
    trace = moments_of(make(), 300, target=quartic())
    assert judge(trace.samples["x"], np.zeros(3), QUARTIC_VARIANCE) != ""


def test_trajectory_of_nuts_is_that_of_a_recursion():
    """The iterative doubling against the recursive algorithm, chain by chain, on a Gaussian."""
    target = gaussian(np.zeros(2), np.array([[1.0, 0.9], [0.9, 1.0]]))
    rng = np.random.default_rng(3)
    kernel = mcmc.NUTS(0.25, adapt_step_size=False, adapt_mass=False).bind(target)
    n_seen = set()
    for _ in range(60):
        q, p = rng.normal(size=(2, 1, 2))
        start = PhasePoint(q, p, *target.log_prob_and_grad(q))
        seed = int(rng.integers(2**31))
        with zs.random.stream(seed):
            ours = kernel._transition(start, unit(2), 0.25)
        with zs.random.stream(seed):
            n_leapfrogs = recursive_length(target, start, 0.25)
        assert ours.n_leapfrogs[0] == n_leapfrogs
        n_seen.add(n_leapfrogs)
    assert len(n_seen) > 4


def recursive_length(target, start, step):
    """Return the gradients that Stan's recursive tree takes; directions drawn as ours are."""
    draw = generator
    both, metric = target.log_prob_and_grad, unit(2)
    count = 0

    def away(p_begin, p_end, total):
        return (p_begin * total).sum() > 0 and (p_end * total).sum() > 0

    def merge(a, b):
        (a_begin, a_end, a_sum), (b_begin, b_end, b_sum) = a, b
        ok = (
            away(a_begin, b_end, a_sum + b_sum)
            and away(a_begin, b_begin, a_sum + b_begin)
            and away(a_end, b_end, b_sum + a_end)
        )
        return ok, (a_begin, b_end, a_sum + b_sum)

    def build(point, sign, depth):
        nonlocal count
        if depth == 0:
            count += 1
            point = leapfrog(both, metric, point, sign * step)
            return True, point, (point.momentum,) * 3
        ok, point, first = build(point, sign, depth - 1)
        if not ok:
            return False, point, None
        ok, point, second = build(point, sign, depth - 1)
        if not ok:
            return False, point, None
        ok, both_spans = merge(first, second)
        return ok, point, both_spans

    left = right = start
    p = start.momentum
    span = (p, p, p)
    for depth in range(10):
        is_right = draw().random((2, 1))[0, 0] < 0.5
        draw().random((2**depth, 1))
        if is_right:
            ok, right, new = build(right, 1, depth)
        else:
            span = (span[1], span[0], span[2])
            ok, left, new = build(left, -1, depth)
        if not ok:
            break
        ok, span = merge(span, new)
        if not is_right:
            span = (span[1], span[0], span[2])
        if not ok:
            break
    return count


def test_chains_of_a_batch_do_not_touch_each_other():
    """A chain's trajectory depends on its own numbers alone, whatever the others do."""
    target = gaussian(np.zeros(3), COVARIANCE)
    kernel = mcmc.NUTS(0.4, adapt_step_size=False, adapt_mass=False).bind(target)
    a, b = moving(target, 4), moving(target, 4)
    b = PhasePoint(*(np.concatenate([x[:1], 3.0 + y[1:]]) for x, y in zip(a, b)))
    b = PhasePoint(b.position, b.momentum, *target.log_prob_and_grad(b.position))
    with zs.random.stream(5):
        first = kernel._transition(a, unit(3), 0.4)
    with zs.random.stream(5):
        second = kernel._transition(b, unit(3), 0.4)
    for x, y in zip(first, second):
        np.testing.assert_allclose(x[0], y[0])


@pytest.mark.parametrize("make", [lambda: mcmc.HMC(0.5, 4), lambda: mcmc.NUTS(0.5)])
def test_infinite_and_nan_densities_are_rejected(make):
    """Of N(0, 1) cut to x < 1 by NaN and to x > -1 by infinity."""

    def both(x):
        inside = np.where(x[:, 0] < -1, -np.inf, -0.5 * x[:, 0] ** 2)
        log_prob = np.where(x[:, 0] > 1, np.nan, inside)
        return log_prob, np.where(np.isfinite(log_prob), -x[:, 0], np.nan)[:, None]

    trace = moments_of(make(), target=NumpyTarget(both, 1), init=np.zeros((32, 1)))
    x = trace.samples["x"]
    assert np.abs(x).max() <= 1
    assert trace.stats["divergent"].any()
    # The variance of N(0, 1) between -1 and 1.
    assert judge(x, 0.0, 0.29112509) == ""


def test_settings_are_checked():
    for make, message in [
        (lambda: mcmc.NUTS(max_treedepth=0), "max_treedepth must be at least 1, got 0"),
        (lambda: mcmc.NUTS(metric="full"), "metric must be one of"),
        (lambda: mcmc.NUTS(target_acceptance_rate=1.0), r"must be in \(0, 1\), got 1"),
        (lambda: mcmc.HMC(step_size=-1.0), "step_size must be positive, got -1"),
        (lambda: mcmc.HMC(mass_decay=1.0), "mass_decay must be in"),
        (lambda: mcmc.HMC(adapt_step_size=False, adapt_mass=True), "needs adapt_step_size"),
    ]:
        with pytest.raises(ValueError, match=message):
            make()
    with pytest.raises(TypeError, match="n_leapfrogs must be an int, got 2.5"):
        mcmc.HMC(n_leapfrogs=2.5)
    with pytest.raises(ValueError, match="NUTS has no target yet"):
        mcmc.NUTS().init(np.zeros((1, 1)))


def test_a_posterior_without_end_is_no_endless_search():
    flat = NumpyTarget(lambda x: (np.zeros(len(x)), np.zeros_like(x)), 2)
    zero = np.zeros((2, 2)), np.zeros(2), np.zeros((2, 2))
    step = hamiltonian.reasonable_step_size(flat.log_prob_and_grad, zero, 1.0, unit(2))
    assert np.isfinite(step)
