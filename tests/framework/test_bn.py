"""Bayesian nets: runs, nodes, log joints, and what must never leak out of a run."""

import copy

import jittor as jt
import numpy as np
import pytest
from jittor import nn
from scipy import stats

import zhusuan as zs
from tests.framework.models import Generator
from zhusuan.framework.bn import BayesianNet, StochasticTensor

X = np.float32([[0, 1, 0], [1, 1, 0], [0, 0, 1], [1, 0, 1]])
Z = np.float32([[0.5, -1], [0, 2], [1, 1], [-0.3, 0.1]])


class Normals(zs.BayesianNet):
    """One normal node [2, 3] with options given by the test."""

    def __init__(self, **options):
        self._options = options

    def execute(self, observed):
        self.observe(observed)
        mean = np.float32([[0, 1, 2], [3, 4, 5]])
        self._value = self.sn("Normal", "a", mean=mean, std=2.0, **self._options)
        return self


def test_a_sample_is_drawn_once_per_run():
    net = Generator()
    first = net({}).nodes["z"]
    assert first.tensor is first.tensor
    once, again = first.tensor.numpy(), first.tensor.numpy()
    assert np.array_equal(once, again)
    assert not np.array_equal(once, net({}).nodes["z"].tensor.numpy())


def test_what_a_layer_used_is_what_is_scored():
    """The earlier port drew again when the node was read, so q scored another sample."""
    net = Normals()
    net({})
    drawn = net._value.numpy()
    truth = stats.norm(np.arange(6).reshape(2, 3), 2).logpdf(drawn)
    np.testing.assert_allclose(net.log_joint().numpy(), truth, rtol=1e-5)


def test_observed_values_win_and_draw_nothing():
    net = Generator()
    state = zs.random.get_state()
    net({"z": Z, "x": X})
    assert zs.random.get_state() == state
    assert np.array_equal(net.nodes["z"].tensor.numpy(), Z)
    assert [net.nodes[name].is_observed() for name in "zx"] == [True, True]
    assert isinstance(net.nodes["z"], StochasticTensor)
    assert net.nodes["z"].shape == net.nodes["z"].get_shape() == (4, 2)
    assert net.nodes["z"].dtype == "float32"
    assert set(net.observed) == {"z", "x"}


def test_log_joint_is_the_sum_over_nodes():
    net = Generator()
    net({"z": Z, "x": X})
    logits = Z @ net.fc.weight.numpy().T + net.fc.bias.numpy()
    log_pz = stats.norm.logpdf(Z.astype(float)).sum(1).mean()
    log_px = stats.bernoulli.logpmf(X, 1 / (1 + np.exp(-logits.astype(float)))).sum(1).mean()
    assert net.log_joint().item() == pytest.approx(log_pz + log_px, rel=1e-5)
    assert net.log_joint(use_cache=True) is net.log_joint(use_cache=True)
    assert net.log_joint() is not net.log_joint()


def test_the_cache_is_that_of_the_run_and_survives_it():
    net = Generator()
    cache = net({"z": Z}).cache
    kept = cache["x_mean"].numpy()
    net({"z": Z + 1})
    assert np.array_equal(cache["x_mean"].numpy(), kept)
    assert not np.array_equal(net.cache["x_mean"].numpy(), kept)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, lambda lp: lp),
        ({"group_ndims": 1}, lambda lp: lp.sum(1)),
        ({"reduce_mean_dims": [0]}, lambda lp: lp.mean(0)),
        ({"reduce_sum_dims": [1]}, lambda lp: lp.sum(1)),
        ({"reduce_sum_dims": 1}, lambda lp: lp.sum(1)),
        ({"reduce_mean_dims": [0], "reduce_sum_dims": [1]}, lambda lp: [lp.sum(1).mean()]),
        ({"reduce_mean_dims": [1], "reduce_sum_dims": [0]}, lambda lp: [lp.mean(1).sum()]),
        ({"reduce_mean_dims": [-2], "reduce_sum_dims": [-1]}, lambda lp: [lp.sum(1).mean()]),
        ({"reduce_mean_dims": [0, 1], "multiplier": 456}, lambda lp: [456 * lp.mean()]),
        ({"group_ndims": 1, "reduce_mean_dims": [0]}, lambda lp: [lp.sum(1).mean()]),
        ({"multiplier": 2.5}, lambda lp: 2.5 * lp),
    ],
)
def test_reductions_of_the_log_probability(options, expected):
    x = np.float32([[1, 2, 3], [4, 5, 6]])
    truth = stats.norm(np.arange(6).reshape(2, 3), 2).logpdf(x)
    net = Normals(**options)
    net({"a": x})
    log_joint = net.log_joint().numpy()
    np.testing.assert_allclose(log_joint, expected(truth), rtol=1e-5)
    assert log_joint.shape == np.shape(expected(truth))


def test_particles_come_as_a_leading_axis():
    for n in (1, 5):
        net = Normals(n_samples=n, group_ndims=1)
        net({})
        assert net.nodes["a"].shape == (n, 2, 3)
        assert tuple(net.log_joint().shape) == (n, 2)


@pytest.mark.parametrize("how", ["name", "class", "instance"])
def test_a_node_takes_a_name_a_class_or_a_distribution(how):
    kinds = {"name": "Normal", "class": zs.distributions.Normal}
    net = BayesianNet({"a": [1.0]})
    if how == "instance":
        net.stochastic_node(zs.distributions.Normal(0.0, 1.0), "a")
    else:
        net.stochastic_node(kinds[how], "a", mean=0.0, std=1.0)
    assert net.log_joint().item() == pytest.approx(stats.norm.logpdf(1), rel=1e-6)


def test_a_run_leaves_no_trace_in_parameters_and_saved_files(tmp_path):
    net = Generator()
    before = sorted(net.state_dict())
    net({"x": X})
    net.log_joint(use_cache=True)
    assert sorted(net.state_dict()) == before == ["fc.bias", "fc.weight"]
    assert len(net.parameters()) == 2
    zs.save(tmp_path / "net.npz", net)
    with np.load(tmp_path / "net.npz") as file:
        assert sorted(file.files) == ["__zhusuan__", "net.fc.bias", "net.fc.weight"]


def test_a_run_never_freezes_a_users_var():
    mean = jt.array([0.5])
    net = BayesianNet()
    net.sn("Normal", "a", mean=mean, std=1.0, reparameterize=False)
    net.log_joint().item()
    assert mean.requires_grad
    gradient = jt.grad(net.nodes["a"].log_prob(), mean).item()
    assert gradient == pytest.approx(net.nodes["a"].tensor.item() - 0.5, rel=1e-5)


def test_super_init_may_be_left_out_and_nets_can_be_copied():
    class Bare(zs.BayesianNet):
        def __init__(self):
            self.fc = nn.Linear(2, 2)

        def execute(self, observed):
            self.observe(observed)
            self.sn("Normal", "a", mean=self.fc(jt.ones([1, 2])), std=1.0)
            return self

    net = Bare()
    net({})
    twin = copy.deepcopy(net)
    twin({})
    assert len(net.parameters()) == len(twin.parameters()) == 2


def test_gradients_reach_the_layers_through_a_net():
    net = Generator()
    net({"z": Z, "x": X})
    gradients = jt.grad(net.log_joint(), net.parameters())
    assert all(np.abs(g.numpy()).max() > 0 for g in gradients)


def test_repr_names_layers_and_not_arguments():
    assert "fc: Linear" in str(Generator())
    assert repr(Normals()) == "Normals()"
    node = Normals()({"a": np.zeros((2, 3))}).nodes["a"]
    assert repr(node).startswith("StochasticTensor('a', Normal(batch_shape=[2, 3]")
    assert "observed" in repr(node)
