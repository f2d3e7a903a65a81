"""zs.check_numerics: the first value that is not finite is the one that is named."""

from __future__ import annotations

import jittor as jt
import numpy as np
import pytest
from jittor import nn

import zhusuan as zs
from tests.inspection.nets import Generator, Variational, X
from zhusuan.inspection import check_numerics


def _spoil(var, at, value):
    array = var.numpy()
    array[at] = value
    var.update(jt.array(array))


def test_all_is_well():
    report = check_numerics(Generator(), {"x": X})
    assert not report
    assert report.first is None
    # weight, bias; mean, std, value, log-probability of z; x_mean; logits, value, ... of x
    assert str(report) == f"all {2 + 4 + 1 + 3} values are finite"


def test_the_first_of_many_is_named_with_figures():
    @zs.meta_bayesian_net()
    def model():
        bn = zs.BayesianNet()
        z = bn.normal("z", jt.zeros([2, 3]), std=1.0)
        mean = jt.array(np.array([[1, -2, 3], [4, np.nan, np.inf]], "float32"))
        mean = bn.deterministic("mean", mean)
        bn.normal("y", mean + 0 * z, std=1.0)
        return bn

    report = check_numerics(model())
    first = report.first
    assert (first.name, first.part) == ("mean", "deterministic value 'mean'")
    assert (first.n_nan, first.n_inf, first.size, first.first_index) == (1, 1, 6, (1, 1))
    assert (first.minimum, first.maximum) == (-2, 4)
    assert str(first) == (
        "deterministic value 'mean': 1 of 6 NaN and 1 of 6 infinite (shape [2, 3]); "
        "the first, nan, at [1, 1]; finite ones in [-2, 4]"
    )
    assert [issue.part for issue in report.issues[1:]] == [
        "node 'y': parameter 'mean'",
        "node 'y': value",
        "node 'y': log-probability",
    ]
    assert str(report).splitlines()[:2] == [str(first), "after it:"]


def test_a_long_list_is_cut():
    @zs.meta_bayesian_net()
    def model():
        bn = zs.BayesianNet()
        for i in range(6):
            bn.normal(f"z{i}", np.nan, std=1.0)
        return bn

    report = check_numerics(model())
    assert len(report.issues) == 18
    assert str(report).endswith("and 10 more")


def test_a_parameter_is_judged_by_its_constraint():
    report = check_numerics(Generator(std=-1.0))
    assert report.first.part == "node 'z': parameter 'std'"
    assert "must be positive" in report.first.message
    assert "-1" in report.first.message
    assert report.first.first_index is None


def test_infinity_where_it_is_allowed():
    @zs.meta_bayesian_net()
    def model(high):
        bn = zs.BayesianNet()
        bn.truncated_normal("z", 0.0, std=1.0, low=-np.inf, high=np.array([2.0, high]))
        bn.categorical("k", logits=np.array([0.0, -np.inf, 0.0]))
        return bn

    assert not check_numerics(model(np.inf))
    issue = check_numerics(model(np.nan)).first
    assert issue.part == "node 'z': parameter 'high'"
    assert (issue.n_nan, issue.first_index) == (1, (1,))


def test_a_log_probability():
    @zs.meta_bayesian_net()
    def model():
        bn = zs.BayesianNet()
        bn.uniform("u", 0.0, np.ones(3))
        return bn

    report = check_numerics(model(), {"u": np.array([0.5, 2.0, 0.5])})
    assert [issue.part for issue in report.issues] == ["node 'u': log-probability"]
    assert report.first.n_inf == 1
    assert report.first.first_index == (1,)


def test_data_and_mixtures():
    @zs.meta_bayesian_net()
    def mixture():
        bn = zs.BayesianNet()
        normals = [
            zs.distributions.Normal(0.0, std=1.0), zs.distributions.Normal(0.0, std=np.nan)
        ]
        bn.stochastic("m", zs.distributions.Mixture(normals, logits=[0.0, 0.0]))
        return bn

    with zs.distributions.validation(False):
        assert check_numerics(mixture()).first.part == "node 'm': parameter 'components[1].std'"
        bad = X * np.nan
        assert check_numerics(Variational(), {"x": bad}).first.part == "observed 'x'"
        assert check_numerics(Generator(), {"x": bad}).first.part == "node 'x': observed value"


def test_weights_come_first():
    net = Generator()
    _spoil(net.fc.weight, (1, 0), np.nan)
    report = check_numerics(net, {"x": X})
    assert (report.first.name, report.first.part) == ("fc.weight", "weight 'fc.weight'")
    assert report.first.first_index == (1, 0)
    assert report.issues[1].part == "node 'x': parameter 'logits'"
    without = check_numerics(net, {"x": X}, weights=False)
    assert without.first.part == "node 'x': parameter 'logits'"


def test_networks_of_a_function():
    @zs.meta_bayesian_net(scope="gen", reuse_variables=True)
    def model():
        bn = zs.BayesianNet()
        z = bn.normal("z", jt.zeros([4, 2]), std=1.0)
        bn.normal("x", zs.get_module("fc", nn.Linear, 2, 3)(z), std=1.0)
        return bn

    meta = model()
    assert not check_numerics(meta)
    _spoil(meta.parameters()[0], (0, 0), np.inf)
    assert check_numerics(meta).first.name == "gen.fc.weight"


def test_a_loss_and_its_gradients():
    net = Generator()
    weight = net.fc.weight
    # sqrt at 0 has an infinite slope, and the loss is finite.
    loss = jt.sqrt((weight - weight.detach()).sum()) + net.fc.bias.sum()
    report = check_numerics(net, {"x": X}, loss=loss)
    assert [issue.part for issue in report.issues] == ["gradient of weight 'fc.weight'"]
    report = check_numerics(net, {"x": X}, loss=loss * np.nan)
    assert report.first.part == "loss"


def test_an_objective():
    generator, variational = Generator(), Variational()
    elbo = zs.variational.ELBO(generator, variational)
    elbo({"x": X})
    nodes = generator.nodes
    assert not check_numerics(elbo, {"x": X})
    assert generator.nodes is nodes
    _spoil(variational.fc.bias, 0, np.nan)
    report = check_numerics(elbo, {"x": X})
    assert report.first.part == "weight 'variational.fc.bias'"
    parts = [issue.part for issue in report.issues]
    assert parts[1] == "variational: node 'z': parameter 'mean'"
    assert "generator: deterministic value 'x_mean'" in parts
    assert "loss" in parts
    assert "gradient of weight 'generator.fc.weight'" in parts
    order = ["variational", "generator", "loss", "gradient"]
    found = [next(i for i, word in enumerate(order) if part.startswith(word)) for part in parts[1:]]
    assert found == sorted(found)


def test_raise_if_bad():
    check_numerics(Generator(), raise_if_bad=True)
    with pytest.raises(FloatingPointError, match="node 'z': parameter 'std': must be positive"):
        check_numerics(Generator(std=0.0), raise_if_bad=True)


def test_a_run_that_breaks_on_nan():
    def model(observed):
        bn = zs.BayesianNet(observed)
        z = bn.normal("z", jt.zeros([2]), std=np.nan)
        if not np.isfinite(z.numpy()).all():
            raise RuntimeError("broken")
        return bn

    assert check_numerics(model).first.part == "node 'z': parameter 'std'"

    def other(observed):
        bn = zs.BayesianNet(observed)
        bn.normal("z", jt.zeros([2]), std=1.0)
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        check_numerics(other)


def test_a_value_that_can_not_be_computed():
    def fail(inputs, outputs):
        raise ArithmeticError("no such number")

    @zs.meta_bayesian_net()
    def model():
        bn = zs.BayesianNet()
        z = bn.normal("z", jt.zeros([2]), std=1.0)
        broken = jt.numpy_code([2], "float32", [z], fail)
        bn.normal("y", broken, std=jt.ones([2]))
        return bn

    first = check_numerics(model()).first
    assert first.part == "node 'y': parameter 'mean'"
    assert "can't be computed" in first.message


def test_the_draws_are_those_of_the_next_run():
    net = Generator()
    state = zs.random.get_state()
    check_numerics(net, {"x": X})
    assert zs.random.get_state() == state


def test_a_run_of_before_is_looked_at():
    with zs.distributions.validation(False):
        net = Generator(std=np.nan)
        net({"x": X})
    assert check_numerics(net).issues[-1].name in ("x", "x_mean")
    with pytest.raises(TypeError, match="must be callable"):
        check_numerics(None)
