"""ChEES-HMC on targets with a known answer; its criterion, its schedule and its mistakes."""

import math

import numpy as np
import pytest
from scipy import linalg, optimize
from scipy.stats import qmc

import zhusuan as zs
from tests.mcmc.models import MOMENTS, Known, Y
from tests.mcmc.targets import NumpyTarget, gaussian, judge
from zhusuan import mcmc
from zhusuan.mcmc import chees
from zhusuan.mcmc.adaptation import Tuning, WarmUp
from zhusuan.mcmc.integrators import PhasePoint
from zhusuan.mcmc.metric import Diagonal, dense, unit

MEAN = np.array([1.0, -2.0, 0.5])
COVARIANCE = np.array([[1.0, 0.8, 0.0], [0.8, 1.0, 0.3], [0.0, 0.3, 4.0]])
# For a Gaussian of unit variances E(|q'|^2 - |q|^2)^2 is proportional to sin(t)^2. Averaged over t
# uniform in (0, T), it is largest where tan(2T) = 2T: T = 2.2467.
BEST_LENGTH = optimize.brentq(lambda x: np.sin(x) - x * np.cos(x), 4.0, 5.0) / 2


def run(kernel, target, n_warmup=150, n_draws=300, n_chains=32, **options):
    fixed = {"n_chains": n_chains, "n_warmup": n_warmup, "seed": 1, "progress": False}
    return mcmc.run(kernel, target, n_draws=n_draws, **{**fixed, **options})


def round_gaussian(dim=20):
    return gaussian(np.zeros(dim), np.eye(dim))


# -- moments


@pytest.mark.parametrize("metric", ["diagonal", "dense", "unit"])
def test_moments_of_a_correlated_gaussian(metric):
    trace = run(mcmc.ChEES(metric=metric), gaussian(MEAN, COVARIANCE))
    assert judge(trace.samples["x"], MEAN, np.diagonal(COVARIANCE)) == ""
    np.testing.assert_allclose(np.cov(trace.samples["x"].reshape(-1, 3).T), COVARIANCE, atol=0.15)
    assert not trace.stats["divergent"].any()


def test_moments_of_light_tails():
    target = NumpyTarget(lambda x: (-0.25 * (x**4).sum(1), -(x**3)), 3)
    # E x^2 for the density exp(-x^4 / 4): 2 Gamma(3/4) / Gamma(1/4).
    variance = 2 * math.gamma(0.75) / math.gamma(0.25)
    assert judge(run(mcmc.ChEES(), target).samples["x"], np.zeros(3), variance) == ""


def test_moments_of_latents_with_a_support():
    """Of a model in Jittor: real, positive, in an interval, on the simplex."""
    trace = run(mcmc.ChEES(), Known(), 120, 200, observed={"y": Y})
    for name, moments in MOMENTS.items():
        assert judge(trace.samples[name], *moments) == "", name
    assert (trace.samples["rate"] > 0).all()


VARIANCES = np.logspace(-4, 0, 100)


@pytest.mark.slow
@pytest.mark.parametrize("is_rotated", [False, True])
def test_moments_of_condition_number_1e4(is_rotated):
    """100 dims; rotated, so that a diagonal mass does not help, or not."""
    axes = np.eye(100)
    if is_rotated:
        axes, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(100, 100)))
    target = gaussian(np.zeros(100), axes @ np.diag(VARIANCES) @ axes.T)
    trace = run(mcmc.ChEES(), target, 300, 300, n_chains=64)
    # In its principal axes: 5 standard errors, as 100 means are looked at.
    assert judge(trace.samples["x"] @ axes, np.zeros(100), VARIANCES, 5) == ""


# -- the length of the trajectories


@pytest.mark.parametrize("metric", ["diagonal", "unit"])
def test_length_is_the_best_for_a_round_gaussian(metric):
    # Small steps: else rounding up to whole steps counts. 64 chains tell T to a few per cent.
    kernel = mcmc.ChEES(0.1, metric=metric, adapt_step_size=False)
    trace = run(kernel, round_gaussian(), 300, 1, n_chains=64)
    assert trace.stats["trajectory_length"][0, 0] == pytest.approx(BEST_LENGTH, rel=0.1)


def test_length_is_that_of_the_slowest_direction():
    """One variance of 100 among ones; the unit of time is that of the others."""
    target = gaussian(np.zeros(5), np.diag([100.0, 1.0, 1.0, 1.0, 1.0]))
    trace = run(mcmc.ChEES(metric="unit"), target, 300, 1, n_chains=64)
    assert trace.stats["trajectory_length"][0, 0] == pytest.approx(10 * BEST_LENGTH, rel=0.1)


def test_length_follows_the_mass():
    """Scales from 1e-2 to 1: when the mass is learnt, the unit of time changes with it."""
    target = gaussian(np.zeros(100), np.diag(VARIANCES))
    trace = run(mcmc.ChEES(), target, 150, 1, n_chains=64)
    # Steps of 0.4 to 0.5 are rounded up, which adds half of one to T.
    assert 1.5 < trace.stats["trajectory_length"][0, 0] < 2.5
    assert trace.stats["step_size"][0, 0] > 0.3


def test_length_is_short_again_after_a_far_start():
    """From 1000 standard deviations away: 14 at another maximum, unless it is set back."""
    trace = run(mcmc.ChEES(), gaussian(np.zeros(2), 1e-6 * np.eye(2)), 300, 1)
    assert trace.stats["trajectory_length"][0, 0] < 1.5 * BEST_LENGTH


right_gradient = chees.criterion_gradient


def test_a_wrong_sign_of_the_criterion_is_seen(monkeypatch):
    target = gaussian(np.zeros(5), np.diag([100.0, 1.0, 1.0, 1.0, 1.0]))
    right = run(mcmc.ChEES(metric="unit"), target, 300, 50)
    assert right.stats["trajectory_length"][0, 0] > 10.0
    monkeypatch.setattr(chees, "criterion_gradient", lambda *given: -right_gradient(*given))
    wrong = run(mcmc.ChEES(metric="unit"), target, 300, 50)
    assert wrong.stats["trajectory_length"][0, 0] < 0.1
    assert (wrong.stats["n_leapfrogs"] == 1).all()


METRICS = [unit(3), Diagonal(np.array([0.5, 1.0, 2.0])), dense(COVARIANCE)]


@pytest.mark.parametrize("metric", METRICS, ids=["unit", "diagonal", "dense"])
def test_gradient_of_the_criterion_is_that_of_finite_differences(metric):
    """Along Hamilton's exact flow, a linear equation for a Gaussian."""
    rng, time = np.random.default_rng(0), 0.8
    q, p = rng.normal(size=(2, 8, 3))
    q, p = np.concatenate([q, -q]), np.concatenate([p, -p])  # the mean of the ends is 0
    rates = np.tile(rng.random(8), 2)
    sigma = np.array(metric.inverse_mass)
    sigma = np.diag(sigma) if sigma.ndim == 1 else sigma
    precision, zero = np.linalg.inv(COVARIANCE + np.eye(3)), np.zeros((3, 3))

    def flow(t):
        matrix = linalg.expm(t * np.block([[zero, sigma], [-precision, zero]]))
        return np.split(np.concatenate([q, p], 1) @ matrix.T, 2, axis=1)

    def squares(x):
        return np.einsum("ci,ij,cj->c", x, np.linalg.inv(sigma), x)

    def criterion(t):
        return np.mean(rates * 0.25 * (squares(flow(t)[0]) - squares(q)) ** 2)

    start, end = (PhasePoint(*point, np.zeros(16), q) for point in ((q, p), flow(time)))
    size = (squares(q).mean() + np.average(squares(end.position), weights=rates)) / 2
    slope = (criterion(time + 1e-5) - criterion(time - 1e-5)) / 2e-5
    ours = chees.criterion_gradient(metric, start, end, rates, time)
    assert ours == pytest.approx(time * slope / size**2, rel=1e-6)
    # Moving everything changes nothing: the squares are about the mean.
    moved = [point._replace(position=point.position + 7.0) for point in (start, end)]
    assert chees.criterion_gradient(metric, *moved, rates, time) == pytest.approx(ours)


def test_ends_out_of_reach_do_not_count():
    rng = np.random.default_rng(1)
    q, p, q_end, p_end = rng.normal(size=(4, 6, 2))
    start = PhasePoint(q, p, np.zeros(6), q)
    end = PhasePoint(q_end, p_end, np.zeros(6), q)
    rates = np.array([0.9, 0.0, 0.8, 0.0, 0.0, 0.7])
    finite = chees.criterion_gradient(unit(2), start, end, rates, 1.0)
    q_end[1], p_end[3], q_end[4] = np.nan, np.inf, 1e200
    assert chees.criterion_gradient(unit(2), start, end, rates, 1.0) == finite != 0.0
    assert chees.criterion_gradient(unit(2), start, end, np.zeros(6), 1.0) == 0.0
    still = end._replace(position=np.zeros((6, 2)))
    with np.errstate(all="ignore"):
        start = start._replace(position=np.zeros((6, 2)))
        assert chees.criterion_gradient(unit(2), start, still, np.ones(6), 1.0) == 0.0


def test_climbing_is_adam_without_momentum():
    gradients, rate, n = [3.0, -1.0, 0.5, 2.0], 0.01, 4
    length, log_length, log_averaged = chees.TrajectoryLength.at(2.0, n), math.log(2.0), 0.0
    for t, gradient in enumerate(gradients, 1):
        length = length.climb(gradient, rate).average(1e9)
        weights = 0.05 * 0.95 ** np.arange(t)[::-1]
        square = weights @ np.square(gradients[:t]) / (1 - 0.95**t)
        haste = 1 + 3 * (n - t + 1) / n
        log_length += rate * haste * gradient / math.sqrt(square)
        log_averaged += t**-0.5 * (log_length - log_averaged)
        assert length.log_averaged == pytest.approx(log_averaged)
        assert length.n_left == n - t
    assert length.log_length == pytest.approx(log_averaged)  # the last step takes the average


def test_unit_of_time_is_that_of_the_widest_direction():
    old, new = np.array([1.0, 4.0]), np.array([9.0, 4.0])
    assert chees._largest_scale(Diagonal(old), Diagonal(new)) == pytest.approx(3.0)
    assert chees._largest_scale(dense(np.diag(old)), dense(np.diag(new))) == pytest.approx(3.0)
    tuning = Tuning(0.1, Diagonal(new), None)
    assert chees._new_time(Diagonal(old), tuning) == pytest.approx(1 / 3)
    for done, factor in ((50, 0.5), (100, 1.0)):  # T is halved but for the last window
        warm_up = WarmUp(200, done, 20, (50, 100), None, None)
        time = chees._new_time(Diagonal(old), tuning._replace(warm_up=warm_up))
        assert time == pytest.approx(factor / 3)
    length = chees.TrajectoryLength.at(6.0, 10).climb(1.0, 0.01).rescale(1 / 3)
    assert length.log_averaged == pytest.approx(math.log(2.0))
    assert (length.square, length.n_squares, length.n_left) == (0.0, 0, 9)


# -- the schedule


def test_lengths_are_jittered_by_haltons_sequence():
    halton = qmc.Halton(1, scramble=False).random(41)[1:, 0]
    np.testing.assert_allclose([chees.jitter(n) for n in range(1, 41)], halton)
    kernel = mcmc.ChEES(0.3, 2.0, adapt_step_size=False, adapt_mass=False)
    trace = run(kernel, round_gaussian(2), 0, 40)
    expected = np.ceil(halton * 2.0 / 0.3)
    assert (trace.stats["n_leapfrogs"] == expected).all()
    short = run(mcmc.ChEES(0.3, 2.0, max_leapfrogs=3), round_gaussian(2), 0, 40)
    assert (short.stats["n_leapfrogs"] == np.minimum(expected, 3)).all()


def test_length_alone_is_adapted():
    fixed = {"adapt_step_size": False, "adapt_mass": False}
    trace = run(mcmc.ChEES(0.1, 0.5, **fixed), round_gaussian(), 100, 5)
    assert trace.stats["step_size"][0, 0] == 0.1
    assert trace.stats["trajectory_length"][0, 0] > 1.5
    kept = run(mcmc.ChEES(0.1, 0.5, adapt_trajectory_length=False), round_gaussian(), 100, 5)
    # In the old unit of time, the standard deviation, which is 1 here.
    assert kept.stats["trajectory_length"][0, 0] == pytest.approx(0.5, rel=0.1)


def test_harmonic_mean():
    assert chees.harmonic_mean(np.array([0.5, 1.0])) == pytest.approx(2 / 3)
    assert chees.harmonic_mean(np.array([0.5, 0.0])) == 0.0
    assert chees.harmonic_mean(np.array([0.5, 1e-320])) == pytest.approx(0.0)


def test_harmonic_mean_is_what_was_aimed_at():
    # Without windows, whose last one leaves the step size 50 steps, and few lengths.
    kernel = mcmc.ChEES(metric="unit", target_acceptance_rate=0.8)
    trace = run(kernel, round_gaussian(), 600, 200, n_chains=64)
    rates = trace.stats["acceptance_rate"]
    # The average over transitions, whose lengths differ.
    assert np.mean([chees.harmonic_mean(rates[:, i]) for i in range(200)]) == pytest.approx(
        0.8, abs=0.05
    )


def test_all_is_fixed_after_the_warm_up():
    kernel = mcmc.ChEES().bind(round_gaussian(3))
    with zs.random.stream(1):
        state = kernel.init(np.random.default_rng(0).normal(size=(8, 3)), 30)
        states = [state]
        for _ in range(40):
            state, _ = kernel.step(state)
            states.append(state)
    # The first steps may be far too large, and nothing is learnt when nothing is accepted.
    assert len({state.length.log_length for state in states[:30]}) > 20
    assert len({state.tuning.step_size for state in states[:30]}) > 20
    assert states[29].tuning.metric is not states[0].tuning.metric
    assert all(state.tuning is states[30].tuning for state in states[30:])
    assert all(state.length is states[30].length for state in states[30:])
    assert states[30].length.log_length == states[30].length.log_averaged


def test_a_run_goes_on_as_if_it_had_never_ended():
    whole = run(mcmc.ChEES(), round_gaussian(2), 40, 30, n_chains=4)
    first = run(mcmc.ChEES(), round_gaussian(2), 40, 10, n_chains=4)
    second = run(mcmc.ChEES(), round_gaussian(2), 40, 20, init=first, seed=None)
    both = np.concatenate([first.samples["x"], second.samples["x"]], 1)
    np.testing.assert_array_equal(both, whole.samples["x"])


def test_all_chains_may_begin_at_one_point():
    trace = run(mcmc.ChEES(), round_gaussian(3), init=np.zeros([32, 3]))
    assert judge(trace.samples["x"], np.zeros(3), 1.0) == ""


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"step_size": -1.0}, ValueError, "ChEES: step_size must be positive"),
        ({"trajectory_length": 0.0}, ValueError, "trajectory_length must be positive, got 0.0"),
        ({"target_acceptance_rate": 1.0}, ValueError, r"must be in \(0, 1\), got 1.0"),
        ({"metric": "flat"}, ValueError, "ChEES: metric must be one of"),
        ({"max_leapfrogs": 0}, ValueError, "max_leapfrogs must be at least 1"),
        ({"learning_rate": "a"}, TypeError, "learning_rate must be a number"),
    ],
)
def test_wrong_settings_are_named(options, error, message):
    with pytest.raises(error, match=message):
        mcmc.ChEES(**options)


def test_one_chain_is_too_few():
    with pytest.raises(ValueError, match=r"needs at least 2 .*got n_chains=1"):
        run(mcmc.ChEES(), round_gaussian(2), n_chains=1)
