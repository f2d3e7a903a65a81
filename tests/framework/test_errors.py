"""Wrong uses of nets: each gives an error that names the node and shows the shapes."""

import jittor as jt
import numpy as np
import pytest

import zhusuan as zs
from tests.framework.models import Generator
from zhusuan.framework.bn import BayesianNet

NAN = np.full((4, 2), np.nan)


def net_with(*args, observed=None, **kwargs):
    net = BayesianNet(observed)
    net.sn(*args, **kwargs)
    return net


def duplicate():
    net = net_with("Normal", "a", mean=0.0, std=1.0)
    net.sn("Bernoulli", "a", probs=0.5)


def misaligned():
    net = net_with("Normal", "a", mean=np.zeros(4), std=1.0)
    net.sn("Normal", "b", mean=np.zeros(3), std=1.0)
    return net.log_joint()


def outer_product():
    net = net_with("Normal", "a", mean=np.zeros((4, 1)), std=1.0)
    net.sn("Normal", "b", mean=np.zeros(3), std=1.0)
    return net.log_joint()


def reduce(**options):
    return net_with("Normal", "a", mean=np.zeros((2, 3)), std=1.0, **options).log_joint()


class Leaks(zs.BayesianNet):
    def execute(self, observed):
        self.observe(observed)
        self.z = self.sn("Normal", "z", mean=0.0, std=1.0)
        return self


# what is called, the error, pieces that its message must have
WRONG = [
    (lambda: Generator()({"x": np.zeros((4, 5))}), ValueError,
     ["node 'x'", "[4, 5]", "Bernoulli", "[4, 3]"]),
    (lambda: Generator()({"z": NAN}), ValueError, ["observed['z']", "[4, 2]", "NaN"]),
    (lambda: net_with("Normal", "a", mean=0.0, std=np.nan), ValueError, ["node 'a'", "std", "NaN"]),
    (lambda: net_with("Normal", "a", mean=0.0, std=jt.array([1.0, -2.0])), ValueError,
     ["node 'a'", "std", "positive", "-2"]),
    (lambda: net_with("Gaussian", "a", mean=0.0, std=1.0), ValueError,
     ["node 'a'", "'Gaussian'", "Normal", "Bernoulli"]),
    (lambda: net_with("Normal", "a", mean=0.0, std=1.0, logstd=0.0), ValueError,
     ["node 'a'", "exactly one of std and logstd", "std and logstd"]),
    (lambda: net_with("Normal", "a", mean=0.0), ValueError, ["node 'a'", "std", "neither"]),
    (duplicate, ValueError, ["node 'a' exists already", "Normal"]),
    (lambda: Generator()({"x": np.zeros((4, 3)), "y": 1.0}), ValueError,
     ["'y'", "Generator", "['x', 'z']"]),
    (misaligned, ValueError, ["'a'", "'b'", "[4]", "[3]", "group_ndims", "reduce_sum_dims"]),
    (outer_product, ValueError, ["'a'", "'b'", "[4, 1]", "[3]"]),
    (lambda: BayesianNet().log_joint(), ValueError, ["no stochastic node"]),
    (lambda: net_with("Normal", "", mean=0.0, std=1.0), TypeError, ["name", "''"]),
    (lambda: net_with(3, "a"), TypeError, ["node 'a'", "3"]),
    (lambda: net_with(zs.distributions.Normal(0.0, 1.0), "a", std=1.0), TypeError,
     ["node 'a'", "std"]),
    (lambda: net_with("Normal", "a", mean=0.0, sdt=1.0), TypeError, ["node 'a'", "sdt"]),
    (lambda: reduce(reduce_mean_dims=[2]), ValueError,
     ["node 'a'", "reduce_mean_dims=[2]", "[2, 3]"]),
    (lambda: reduce(reduce_mean_dims=[0], reduce_sum_dims=[-2]), ValueError,
     ["node 'a'", "[0]", "both"]),
    (lambda: reduce(reduce_sum_dims="1"), TypeError, ["node 'a'", "reduce_sum_dims", "'1'"]),
    (lambda: reduce(multiplier=0), ValueError, ["node 'a'", "multiplier", "0"]),
    (lambda: reduce(multiplier="2"), TypeError, ["node 'a'", "multiplier", "'2'"]),
    (lambda: BayesianNet([1.0]), TypeError, ["observed", "list"]),
    (lambda: BayesianNet({1: 1.0}), TypeError, ["names", "1"]),
    (lambda: BayesianNet({"x": "red"}), TypeError, ["observed['x']", "'red'"]),
    (lambda: Leaks()({}), AttributeError, ["Leaks", "self.z", "self.cache['z']"]),
    (lambda: BayesianNet({"x": [1.0]}).observed["y"], KeyError, ["'y'", "'x'"]),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "pieces"), WRONG)
def test_wrong_use_is_explained(call, error, pieces):
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    assert [piece for piece in pieces if piece not in message] == []


def test_a_failed_run_leaves_the_net_usable():
    net = Leaks()
    with pytest.raises(AttributeError):
        net({})
    net.z = jt.zeros(3)  # outside a run a Var may become a parameter
    assert len(net.parameters()) == 1
