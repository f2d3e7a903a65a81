"""The comparisons with references fail when a family is a little wrong."""

import dataclasses

import jittor as jt
import pytest

from tests.distributions import test_properties as properties
from tests.distributions.cases import CASES
from zhusuan import distributions as zd


def case_of(cls):
    name = "gamma" if issubclass(cls, zd.Gamma) else "normal-std"
    (case,) = (case for case in CASES if case.name == name)
    return dataclasses.replace(case, family=cls)


class ScaledLogProb(zd.Normal):
    def _log_prob(self, given):
        return super()._log_prob(given) * 1.0001


class RoundedConstant(zd.Normal):
    def _log_prob(self, given):
        return super()._log_prob(given) + 2e-8


class NanInTheTail(zd.Gamma):
    def _log_prob(self, given):
        return super()._log_prob(given) + 0.0 * jt.exp(self.alpha)


class WrongSlope(zd.Normal):
    def _log_prob(self, given):
        right = super()._log_prob(given)
        return right + 0.001 * (self.std - self.std.detach())


class DetachedValue(zd.Normal):
    def _log_prob(self, given):
        return super()._log_prob(given.detach())


class FirstDerivativesOnly(zd.Normal):
    def _log_prob(self, given):
        z = ((given - self.mean) / self.std).detach()
        slopes = (given - given.detach() - self.mean + self.mean.detach()) * -z / self.std.detach()
        scale = (z * z - 1.0) / self.std.detach() * (self.std - self.std.detach())
        return super()._log_prob(given).detach() + slopes + scale


class WideSamples(zd.Normal):
    def _sample(self, n_samples):
        return self.mean + (super()._sample(n_samples) - self.mean) * 1.05


class GammaOfAnotherShape(zd.Gamma):
    def _sample(self, n_samples):
        return zd.Gamma(self.alpha * 1.03, self.beta)._sample(n_samples)


class WrongEntropy(zd.Normal):
    def _entropy(self):
        return super()._entropy() + 3e-4


class WrongVariance(zd.Gamma):
    @property
    def variance(self):
        return super().variance * 1.0002


class WrongMode(zd.Gamma):
    @property
    def mode(self):
        return super().mode + 0.3 / self.beta


class CdfWithoutTail(zd.Normal):
    def _cdf(self, given):
        return super()._cdf(given) + 1e-8


class WrongIcdf(zd.Normal):
    def _icdf(self, probability):
        return super()._icdf(probability) + 3e-4 * self.std


class FiniteOutside(zd.Gamma):
    def _log_prob(self, given):
        return super()._log_prob(jt.abs(given))


class PathOfWrongSize(zd.Gamma):
    def _sample(self, n_samples):
        right = super()._sample(n_samples)
        return right + 0.01 * (right - right.detach())


MUTANTS = [
    (ScaledLogProb, "test_log_prob_matches_the_reference"),
    (NanInTheTail, "test_extremes_match_the_reference"),
    (RoundedConstant, "test_float64_is_float64_all_the_way"),
    (WrongSlope, "test_gradients_match_finite_differences_of_the_reference"),
    (DetachedValue, "test_gradients_match_finite_differences_of_the_reference"),
    (FirstDerivativesOnly, "test_second_derivatives_match_differences_of_the_first"),
    (WideSamples, "test_samples_have_the_distribution_of_the_reference"),
    (GammaOfAnotherShape, "test_samples_have_the_distribution_of_the_reference"),
    (WrongEntropy, "test_moments_and_entropy_match_the_reference"),
    (WrongVariance, "test_moments_and_entropy_match_the_reference"),
    (WrongMode, "test_no_value_near_the_mode_is_likelier"),
    (CdfWithoutTail, "test_cdf_and_icdf_match_the_reference"),
    (WrongIcdf, "test_cdf_and_icdf_match_the_reference"),
    (FiniteOutside, "test_a_value_outside_leaves_the_others_alone"),
    (PathOfWrongSize, "test_path_derivatives_match_the_reference"),
]


@pytest.mark.parametrize(("cls", "test"), MUTANTS, ids=lambda x: getattr(x, "__name__", x))
def test_a_mutant_is_found(cls, test):
    check = getattr(properties, test)
    check(dataclasses.replace(case_of(cls), family=case_of(cls).family.__mro__[1]))
    with pytest.raises(AssertionError):
        check(case_of(cls))
