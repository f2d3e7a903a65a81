"""The conformance kit passes what is right and names what is wrong, one mistake at a time."""

import subprocess
import sys

import jittor as jt
import numpy as np
import pytest

from zhusuan import distributions as zd
from zhusuan import random
from zhusuan.distributions import constraints
from zhusuan.testing import CHECKS, ConformanceError, check_distribution

MEAN, STD = np.array([[0.5], [-1.0]]), np.array([0.2, 1.0, 30.0])


class Exponential(zd.Distribution):
    """Written as a user would, without the library's own tools."""

    rate = zd.Parameter(constraints.positive)
    support = constraints.nonnegative
    is_continuous = True
    is_reparameterizable = True

    def __init__(self, rate, **options):
        super().__init__({"rate": rate}, **options)

    def _sample(self, n_samples):
        u = random.open_uniform(self.sample_shape(n_samples), self._param_dtype)
        return -jt.log(u) / self.rate

    def _log_prob(self, given):
        log_prob = jt.log(self.rate) - self.rate * given
        return jt.ternary(given >= 0, log_prob, jt.full_like(log_prob, -np.inf))

    @property
    def mean(self):
        return 1.0 / self.rate


class Pair(zd.Distribution):
    """Two independent normal numbers with a common scale, as one value."""

    loc = zd.Parameter(constraints.real, value_ndims=1)
    scale = zd.Parameter(constraints.positive)
    support = constraints.real
    is_continuous = True
    is_reparameterizable = True

    def __init__(self, loc, scale, **options):
        super().__init__({"loc": loc, "scale": scale}, **options)

    def _value_shape(self):
        return (2,)

    def _sample(self, n_samples):
        noise = random.standard_normal(self.sample_shape(n_samples), self._param_dtype)
        return self.loc + self.scale.unsqueeze(-1) * noise

    def _log_prob(self, given):
        z = (given - self.loc) / self.scale.unsqueeze(-1)
        log_2pi = jt.array(np.array([np.log(2 * np.pi)]), dtype=self._param_dtype)
        return -0.5 * (z * z).sum(-1) - 2.0 * jt.log(self.scale) - log_2pi

    @property
    def variance(self):
        return self._full((self.scale * self.scale).unsqueeze(-1))

    def _entropy(self):
        log_2pi = jt.array(np.array([np.log(2 * np.pi)]), dtype=self._param_dtype)
        return 1.0 + log_2pi + 2.0 * jt.log(self.scale)


class Count(zd.Distribution):
    """The number of successes in two trials."""

    p = zd.Parameter(constraints.open_unit_interval)
    support = constraints.Interval("0, 1 or 2", 0.0, 2.0, False, False, integer=True)
    is_continuous = False
    is_reparameterizable = False

    def __init__(self, p, **options):
        super().__init__({"p": p}, **options)

    def _sample(self, n_samples):
        shape = self.sample_shape(n_samples)
        return sum((random.uniform(shape) < self.p).cast("float32") for _ in range(2))

    def _log_prob(self, given):
        value = given * jt.log(self.p) + (2.0 - given) * jt.log(1.0 - self.p)
        value = jt.ternary(given == 1, value + np.log(2), value)
        outside = jt.logical_or(given < 0, given > 2)
        return jt.ternary(outside, jt.full_like(value, -np.inf), value)


def pair(cls=Pair):
    return cls(np.arange(12.0).reshape(2, 3, 2), np.array([0.5, 1.0, 3.0]))


RIGHT = {
    "Exponential": lambda: Exponential(np.array([[0.1], [3.0]])),
    "Exponential, number": lambda: Exponential(2.0),
    "Exponential, float64": lambda: Exponential(jt.array(np.ones(3), dtype="float64")),
    "Exponential, not reparameterised": lambda: Exponential([0.5, 2.0], reparameterize=False),
    "Exponential, grouped": lambda: Exponential(np.ones((2, 3)), group_ndims=1),
    "Pair": pair,
    "Count": lambda: Count([0.2, 0.7]),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_distribution_passes(name):
    report = check_distribution(RIGHT[name]())
    assert {*report.passed, *report.skipped} == set(CHECKS)
    assert len(report.passed) >= 14


def test_the_report_is_a_table():
    text = str(check_distribution(Exponential([0.5, 2.0])))
    assert text.startswith("Exponential(batch_shape=[2]")
    assert "\n  normalisation            passed   quadrature\n" in text
    assert "\n  cdf                      skipped  no cdf\n" in text


class Unnormalised(zd.Normal):
    def _log_prob(self, given):
        return super()._log_prob(given) + 0.001


class DetachedStd(zd.Normal):
    def _log_prob(self, given):
        return zd.Normal(self.mean, self.std.detach())._log_prob(given)


class DetachedValue(zd.Normal):
    def _log_prob(self, given):
        return super()._log_prob(given.detach())


class SupportTooSmall(zd.Normal):
    support = constraints.positive


class WideSamples(zd.Normal):
    def _sample(self, n_samples):
        return self.mean + (super()._sample(n_samples) - self.mean) * 1.05


class ShiftedSamples(zd.Normal):
    def _sample(self, n_samples):
        return super()._sample(n_samples) + 0.1 * self.std


class LosesAxisOfOne(zd.Normal):
    def sample(self, n_samples=None):
        return super().sample(None if n_samples == 1 else n_samples)


class SamplesOfTheMeansShape(zd.Normal):
    def sample(self, n_samples=None):
        lead = [] if n_samples is None else [n_samples]
        noise = random.standard_normal((*lead, *self.mean.shape), "float32")
        return self.mean + noise


class SumsTooMuch(zd.Normal):
    def _log_prob(self, given):
        return super()._log_prob(given).sum(-1)


class IgnoresGroups(zd.Normal):
    def log_prob(self, given):
        twin = self._without_gradients()
        twin.group_ndims = 0
        return zd.Normal.log_prob(twin, given)


class WrongPath(zd.Normal):
    def _sample(self, n_samples):
        right = super()._sample(n_samples)
        return right + 0.01 * (self.std - self.std.detach())


class CutPath(zd.Normal):
    def _sample(self, n_samples):
        return super()._sample(n_samples).detach()


class WrongMean(zd.Normal):
    # The parameter is the mean here, so the density moves instead.
    def _log_prob(self, given):
        return super()._log_prob(given - 0.1 * self.std)

    def _sample(self, n_samples):
        return super()._sample(n_samples) + 0.1 * self.std

    def _cdf(self, given):
        return super()._cdf(given - 0.1 * self.std)

    def _icdf(self, probability):
        return super()._icdf(probability) + 0.1 * self.std

    @property
    def mode(self):
        return self.mean + 0.1 * self.std


class WrongVariance(zd.Normal):
    @property
    def variance(self):
        return super().variance * 1.01


class WrongEntropy(zd.Normal):
    def _entropy(self):
        return super()._entropy() + 0.01


class WrongMode(zd.Normal):
    @property
    def mode(self):
        return self.mean + self.std


class WrongCdf(zd.Normal):
    def _cdf(self, given):
        return super()._cdf(given + 0.01 * self.std)


class CdfWithoutGradient(zd.Normal):
    def _cdf(self, given):
        return super()._cdf(given).detach()


class WrongIcdf(zd.Normal):
    def _icdf(self, probability):
        return super()._icdf(probability) + 1e-3 * self.std


class WrongProb(zd.Normal):
    def prob(self, given):
        return super().prob(given) + 1e-3


class OwnRandomNumbers(zd.Normal):
    def _sample(self, n_samples):
        shape = self.sample_shape(n_samples)
        noise = np.random.default_rng().standard_normal(shape)
        return self.mean + self.std * jt.array(noise, dtype=self._param_dtype)


class Float32Only(zd.Normal):
    def _log_prob(self, given):
        return super()._log_prob(given).cast("float32")


class Clamped(Exponential):
    def _log_prob(self, given):
        log_prob = jt.log(self.rate + 1e-3 * (self._param_dtype == "float32"))
        return jt.ternary(
            given >= 0, log_prob - self.rate * given, jt.full_like(log_prob, -np.inf)
        )


class FiniteOutside(Exponential):
    def _log_prob(self, given):
        return jt.log(self.rate) - self.rate * given


class StopsGradients(zd.Normal):
    def _sample(self, n_samples):
        self.mean.stop_grad()
        return super()._sample(n_samples)


class AcceptsZero(zd.Normal):
    def sample(self, n_samples=None):
        return super().sample(n_samples or None)


class BlindPair(Pair):
    def _log_prob(self, given):
        return super()._log_prob(given) + 0.2


class WidePair(Pair):
    def _sample(self, n_samples):
        return self.loc + (super()._sample(n_samples) - self.loc) * 1.1


class PairWithWrongPath(Pair):
    def _sample(self, n_samples):
        right = super()._sample(n_samples)
        return right + 0.2 * (right - right.detach())


class WrongCount(Count):
    def _log_prob(self, given):
        return super()._log_prob(given) + 0.001


class BiasedCount(Count):
    def _sample(self, n_samples):
        return Count(self.p + 0.03)._sample(n_samples)


def normal(cls):
    return cls(MEAN, STD)


def rate(cls):
    return cls(np.array([[1e-4], [3.0]]))


# the class, how it is made, the check that must find the mistake
WRONG = [
    (Unnormalised, normal, "normalisation"),
    (DetachedStd, normal, "gradients of log_prob"),
    (DetachedValue, normal, "gradients of log_prob"),
    (SupportTooSmall, normal, "support"),
    (WideSamples, normal, "samples follow log_prob"),
    (ShiftedSamples, normal, "samples follow log_prob"),
    (LosesAxisOfOne, normal, "sample shapes"),
    (SamplesOfTheMeansShape, normal, "sample shapes"),
    (SumsTooMuch, normal, "log_prob shapes"),
    (IgnoresGroups, normal, "group_ndims"),
    (WrongPath, normal, "reparameterisation"),
    (CutPath, normal, "reparameterisation"),
    (WrongMean, normal, "mean"),
    (WrongVariance, normal, "variance"),
    (WrongEntropy, normal, "entropy"),
    (WrongMode, normal, "mode"),
    (WrongCdf, normal, "cdf"),
    (CdfWithoutGradient, normal, "gradients of the cdf"),
    (WrongIcdf, normal, "icdf"),
    (WrongProb, normal, "prob"),
    (OwnRandomNumbers, normal, "reproducible samples"),
    (Float32Only, normal, "dtypes"),
    (Clamped, rate, "precision"),
    (FiniteOutside, rate, "outside the support"),
    (StopsGradients, normal, "parameters untouched"),
    (AcceptsZero, normal, "errors"),
    (BlindPair, pair, "normalisation"),
    (BlindPair, pair, "entropy"),
    (WidePair, pair, "samples follow log_prob"),
    (PairWithWrongPath, pair, "reparameterisation"),
    (WrongCount, lambda cls: cls([0.2, 0.7]), "normalisation"),
    (BiasedCount, lambda cls: cls([0.2, 0.7]), "samples follow log_prob"),
]


@pytest.mark.parametrize(("cls", "make", "check"), WRONG, ids=lambda x: getattr(x, "__name__", x))
def test_a_mistake_is_found_by_the_check_that_looks_for_it(cls, make, check):
    with pytest.raises(ConformanceError) as caught:
        check_distribution(make(cls))
    error = caught.value
    assert check in [failure.check for failure in error.failures], str(error)
    assert str(error).startswith(f"{cls.__name__} fails ")
    assert f"\n  {check}: found " in str(error)
    assert "; expected " in str(error)
    assert error.check == error.failures[0].check


def test_every_check_is_seen_to_fail():
    assert {check for _, _, check in WRONG} == set(CHECKS)


def test_a_check_can_be_left_out():
    report = check_distribution(normal(WrongVariance), skip=["variance"])
    assert "variance" not in report.passed
    with pytest.raises(ValueError, match="'varianse'"):
        check_distribution(normal(zd.Normal), skip=["varianse"])


def test_values_to_look_at_and_values_outside_can_be_given():
    check_distribution(Exponential([0.5, 2.0]), value=1.5, outside=[-3.0])
    with pytest.raises(ConformanceError, match="outside the support: found log_prob .* at 1"):
        check_distribution(Exponential([0.5, 2.0]), outside=[1.0])


def test_what_is_no_distribution_is_refused():
    with pytest.raises(TypeError, match="takes a distribution, got the class Normal"):
        check_distribution(zd.Normal)


def test_what_cannot_be_made_again_needs_build():
    class Hidden(Exponential):
        def __init__(self, rate, factor, **options):
            self._factor = factor
            super().__init__(factor * rate, **options)

    with pytest.raises(TypeError, match="'factor'.*build="):
        check_distribution(Hidden(1.0, 2.0))
    check_distribution(Hidden(1.0, 2.0), build=lambda rate, **options: Exponential(rate, **options))


def test_the_random_stream_goes_on_as_if_nothing_had_happened():
    state = random.get_state()
    check_distribution(Exponential([0.5, 2.0]))
    assert random.get_state() == state


def test_neither_pytest_nor_scipy_is_imported():
    code = (
        "import sys; import zhusuan.testing; "
        "sys.exit(any(m.split('.')[0] in ('pytest', 'scipy') for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
