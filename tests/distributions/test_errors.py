"""Bad input gives one error that names the family, the argument, and what was given."""

import jittor as jt
import numpy as np
import pytest

from zhusuan import distributions as zd
from zhusuan.distributions.families import family

NAN = float("nan")

# what is called, the error, pieces that its message must have
WRONG = [
    (lambda: zd.Normal(0.0, std=-1.0), ValueError, ["Normal", "std", "positive", "-1"]),
    (lambda: zd.Normal(0.0, std=jt.array([1.0, 0.0])), ValueError, ["Normal", "std", "0"]),
    (lambda: zd.Normal(0.0, std=jt.array([1.0, NAN])), ValueError, ["std", "1 of 2", "NaN"]),
    (lambda: zd.Normal(NAN, std=1.0), ValueError, ["Normal", "mean", "NaN"]),
    (lambda: zd.Normal(np.inf, std=1.0), ValueError, ["Normal", "mean", "inf"]),
    (lambda: zd.Normal(0.0, std=1.0, logstd=0.0), ValueError, ["exactly one", "std and logstd"]),
    (lambda: zd.Normal(0.0), ValueError, ["exactly one of std and logstd", "neither"]),
    (lambda: zd.Bernoulli(), ValueError, ["exactly one of logits and probs", "neither"]),
    (lambda: zd.Bernoulli(probs=1.5), ValueError, ["Bernoulli", "probs", "[0, 1]", "1.5"]),
    (lambda: zd.Normal(np.zeros(2), np.ones(3)), ValueError, ["mean [2]", "std [3]"]),
    (lambda: zd.Normal("0", 1.0), TypeError, ["Normal", "mean", "'0'"]),
    (lambda: zd.Normal([[1.0], [1.0, 2.0]], 1.0), TypeError, ["mean"]),
    (lambda: zd.Normal(0.0, 1.0, sdt=2.0), TypeError, ["sdt"]),
    (lambda: zd.Normal(0.0, 1.0, group_ndims=2), ValueError, ["group_ndims", "[1]", "2"]),
    (lambda: zd.Normal(0.0, 1.0, group_ndims=0.5), TypeError, ["group_ndims", "0.5"]),
    (lambda: zd.Normal(0.0, 1.0, dtype="int8"), ValueError, ["dtype", "int8"]),
    (lambda: zd.Normal(0.0, 1.0).sample(0), ValueError, ["n_samples", "0"]),
    (lambda: zd.Normal(0.0, 1.0).sample(2.0), TypeError, ["n_samples", "2.0"]),
    (lambda: zd.Normal(0.0, 1.0).sample(True), TypeError, ["n_samples", "True"]),
    (lambda: zd.Normal(np.zeros(3), 1.0).log_prob(np.zeros(2)), ValueError, ["[2]", "[3]"]),
    (lambda: zd.Normal(0.0, 1.0).log_prob("x"), TypeError, ["given", "'x'"]),
    (lambda: zd.Bernoulli(probs=0.5, reparameterize=True), ValueError, ["reparameterise"]),
    (
        lambda: zd.Normal(0.0, 1.0, is_reparameterized=True, reparameterize=False),
        ValueError,
        ["is_reparameterized=True", "reparameterize=False"],
    ),
    (lambda: family("Normall"), ValueError, ["'Normall'", "did you mean 'Normal'", "Bernoulli"]),
]


@pytest.mark.parametrize(("call", "error", "pieces"), WRONG)
def test_wrong_use_is_explained(call, error, pieces):
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    assert [piece for piece in pieces if piece not in message] == []


def test_validation_can_be_switched_off_and_on():
    with zd.validation(False):
        assert not zd.validation_enabled()
        zd.Normal(0.0, std=-1.0)
        with zd.validation(True), pytest.raises(ValueError, match="positive"):
            zd.Normal(0.0, std=-1.0)
    with pytest.raises(ValueError, match="positive"):
        zd.Normal(0.0, std=-1.0)


def test_shapes_are_checked_whatever_the_switch():
    with zd.validation(False), pytest.raises(ValueError, match="broadcast"):
        zd.Normal(np.zeros(2), np.ones(3))


def test_what_has_no_closed_form_says_so():
    class Uniform01(zd.Distribution):
        is_continuous = True
        is_reparameterizable = False

        def __init__(self, **options):
            super().__init__({"low": None}, **options)

        def _sample(self, n_samples):
            return jt.zeros(self.sample_shape(n_samples))

        def _log_prob(self, given):
            return jt.zeros_like(given)

    with pytest.raises(NotImplementedError, match="Uniform01.*entropy"):
        Uniform01().entropy()
