"""Prior and posterior predictive draws, in both styles."""

import warnings

import jittor as jt
import numpy as np
import pytest

import zhusuan as zs


@zs.meta_bayesian_net()
def chain():
    """Z ~ N(1, 0.5), y ~ N(2 z, 0.1)."""
    bn = zs.BayesianNet()
    z = bn.normal("z", [1.0], std=0.5)
    bn.deterministic("twice", 2.0 * z)
    bn.normal("y", bn["twice"], std=0.1)
    return bn


def q(observed):
    bn = zs.BayesianNet(observed)
    bn.normal("z", bn.observed["y"] / 2.0, std=0.01)
    return bn


def test_prior_predictive_and_conditional_draws():
    zs.set_seed(0)
    draws = chain().predict(n_samples=400)
    assert {name: values.shape for name, values in draws.items()} == {
        "z": (400, 1), "twice": (400, 1), "y": (400, 1),
    }
    np.testing.assert_array_equal(draws["twice"], 2 * draws["z"])
    # Five standard errors of the mean: 5 * 0.5 / 20 and 5 * 1.005 / 20.
    assert abs(draws["z"].mean() - 1) < 0.125
    assert abs(draws["y"].mean() - 2) < 0.25
    given = zs.predict(chain(), {"z": [3.0]}, 50)
    assert set(given) == {"twice", "y"}
    assert (given["twice"] == 6.0).all()
    assert given["y"].std() == pytest.approx(0.1, rel=0.5)


def test_posterior_predictive_from_draws_one_by_one_or_at_once():
    z = np.linspace(0, 1, 20, dtype=np.float32).reshape(20, 1)
    model = chain()
    one_by_one = model.predict(posterior={"z": z}, names=["twice"])
    at_once = model.predict(posterior={"z": z}, vectorize=True)
    np.testing.assert_array_equal(one_by_one["twice"], 2 * z)
    np.testing.assert_array_equal(at_once["twice"], 2 * z)
    assert at_once["y"].shape == (20, 1)
    assert model.predict(n_samples=5, posterior={"z": z})["y"].shape == (5, 1)


def test_posterior_predictive_from_a_variational_net():
    draws = chain().predict({"y": [4.0]}, 30, posterior=q, names=["z", "twice"])
    # z given y is N(2, 0.01).
    assert abs(draws["z"].mean() - 2) < 0.02
    assert not np.array_equal(draws["z"][0], draws["z"][1])


def test_class_style_predicts_too():
    class Net(zs.BayesianNet):
        def execute(self, observed):
            self.observe(observed)
            self.sn("Normal", "z", mean=jt.zeros([3]), std=1.0)
            return self

    assert Net().predict(n_samples=2)["z"].shape == (2, 3)


def test_draws_that_ignore_the_evidence_are_warned_of():
    with pytest.warns(UserWarning, match="'z' is drawn before the observed node 'y'"):
        chain().predict({"y": [4.0]}, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        chain().predict({"z": [4.0]}, 2)


# what is called, the error, pieces that its message must have
WRONG = [
    (lambda m: m.predict(), ValueError, ["n_samples must be given"]),
    (lambda m: m.predict(n_samples=2.0), TypeError, ["n_samples", "2.0"]),
    (lambda m: m.predict(n_samples=0), ValueError, ["at least 1", "0"]),
    (lambda m: m.predict({"w": 1.0}, 1), ValueError, ["'w'", "['y', 'z']"]),
    (lambda m: m.predict(n_samples=1, names=["v"]), ValueError, ["'v'", "twice"]),
    (lambda m: m.predict(n_samples=1, vectorize=True), ValueError, ["dict of draws"]),
    (lambda m: m.predict(posterior={"z": np.zeros((0, 1))}), ValueError, ["{'z': 0}"]),
    (lambda m: m.predict(n_samples=9, posterior={"z": np.zeros((3, 1))}), ValueError,
     ["n_samples=9", "3 draws"]),
    (lambda m: m.predict(posterior={"z": np.zeros((3, 1)), "y": np.zeros((2, 1))}), ValueError,
     ["{'z': 3, 'y': 2}"]),
]


@pytest.mark.parametrize(("call", "error", "pieces"), WRONG)
def test_wrong_use_is_explained(call, error, pieces):
    with pytest.raises(error) as caught:
        call(chain())
    message = str(caught.value)
    assert [piece for piece in pieces if piece not in message] == []
