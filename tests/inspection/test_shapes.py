"""zs.trace_shapes: the table of nodes, also of models that do not work."""

from __future__ import annotations

import jittor as jt
import numpy as np
import pytest
from jittor import nn

import zhusuan as zs
from tests.inspection.nets import Generator, Variational, X, schools
from zhusuan.inspection import ShapeRow, trace_shapes


def test_a_net_in_class_style():
    table = trace_shapes(Generator(), {"x": X})
    assert table["z"] == ShapeRow("z", "latent", "Normal", (4, 2), (4, 2), (4,), "group 1", 1.0)
    assert table["x"] == ShapeRow(
        "x", "observed", "Bernoulli", (4, 3), (4, 3), (4,), "group 1", 2.5
    )
    assert table["x_mean"] == ShapeRow("x_mean", "deterministic", value=(4, 3))
    assert (table.log_joint, table.notes, table.error) == ((4,), (), None)
    assert {row.name for row in table} == {"z", "x", "x_mean"}
    assert len(table) == 3


def test_the_text_is_aligned():
    text = str(trace_shapes(Generator(), {"x": X})).splitlines()
    assert text[0] == "Generator"
    assert text[1].split() == "node distribution batch value log_prob reduced scale kind".split()
    assert text[2] == "z       Normal        [4, 2]  [4, 2]  [4]       group 1  1      latent"
    assert text[-1] == "log joint: [4]"
    for column in ("distribution", "batch", "value", "log_prob", "scale", "kind"):
        at = text[1].index(column)
        assert all(line[at - 1] == " " != line[at] for line in text[2:-1])


def test_data_that_code_reads_and_particles():
    table = trace_shapes(Variational(n_samples=7), {"x": X})
    assert [row.name for row in table] == ["x", "z"]
    assert table["x"] == ShapeRow("x", "data", value=(4, 3))
    assert (table["z"].value, table["z"].log_prob) == ((7, 4, 2), (7, 4))


def test_a_function_and_reductions():
    @zs.meta_bayesian_net()
    def model():
        bn = zs.BayesianNet()
        bn.normal("a", jt.zeros([5, 3]), std=1.0, reduce_mean_dims=[0], reduce_sum_dims=[1])
        bn.onehot_categorical("b", jt.zeros([2, 6]), reduce_sum_dims=[-1])
        bn.deterministic("note", "no array")
        return bn

    table = trace_shapes(model())
    assert table.title == "model"
    assert (table["a"].reduced, table["a"].log_prob) == ("mean [0], sum [1]", (1,))
    assert (table["b"].batch, table["b"].value, table["b"].log_prob) == ((2,), (2, 6), (1,))
    assert table["note"].value is None

    plain = trace_shapes(lambda observed: model()(observed), {"b": np.eye(6)[:2]})
    assert plain["b"].kind == "observed"


def test_misaligned_nodes_are_marked():
    table = trace_shapes(Generator(group_z=0), {"x": X})
    assert [row.name for row in table if row.problem] == ["z"]
    assert table["z"].problem == "does not align with [4]"
    assert table.log_joint is None
    text = str(table)
    assert "\n! z " in text
    assert "\n  x " in text
    assert "log-probabilities do not align: node 'x' has shape [4]" in text


def test_the_many_are_right_and_the_one_is_marked():
    @zs.meta_bayesian_net()
    def model():
        bn = zs.BayesianNet()
        bn.normal("mu", 0.0, std=1.0)
        bn.normal("particles", jt.zeros([8, 4]), std=1.0)
        bn.normal("a", jt.zeros([8, 4]), std=1.0)
        bn.normal("global", jt.zeros([8]), std=1.0)
        return bn

    assert [row.name for row in trace_shapes(model()) if row.problem] == ["global"]


def test_a_log_probability_that_fails_is_shown():
    @zs.meta_bayesian_net()
    def model():
        bn = zs.BayesianNet()
        bn.normal("a", jt.zeros([5, 3]), std=1.0, reduce_sum_dims=[2])
        bn.normal("b", jt.zeros([5]), std=1.0)
        return bn

    table = trace_shapes(model())
    assert table["a"].log_prob is None
    assert "out of range" in table["a"].problem
    assert table.log_joint is None
    assert "error" in str(table)
    assert "out of range" in str(table)


def _function_that_fails(observed):
    bn = zs.BayesianNet(observed)
    z = bn.normal("z", jt.zeros([4, 2]), std=1.0)
    bn.normal("x", nn.Linear(3, 1)(z), std=1.0)
    return bn


class _NetThatFails(zs.BayesianNet):
    def execute(self, observed):
        self.observe(observed)
        self.sn("Normal", name="z", mean=jt.zeros([4, 2]), std=1.0)
        self.sn("Normal", name="z", mean=0.0, std=1.0)
        return self


@pytest.mark.parametrize("model", [_function_that_fails, _NetThatFails()])
def test_a_run_that_fails_is_shown_up_to_there(model):
    table = trace_shapes(model)
    assert [row.name for row in table] == ["z"]
    assert table.error is not None
    assert table.log_joint is None
    assert f"the run stopped here, {type(table.error).__name__}: " in str(table)


def test_a_misspelt_observation_is_shown():
    table = trace_shapes(Generator(), {"X": X})
    assert isinstance(table.error, ValueError)
    assert "'X', which no node and no code" in str(table)


def test_a_joint_of_the_models_own():
    model = schools(4, 5)
    model.log_joint = lambda bn: bn.cond_log_prob("score")
    table = trace_shapes(model, {"score": np.zeros([4, 5])})
    assert table.log_joint is None
    assert "the model's own function" in str(table)


def test_html():
    @zs.meta_bayesian_net()
    def model():
        bn = zs.BayesianNet()
        bn.normal("<a>", 0.0, std=1.0)
        return bn

    page = trace_shapes(model())._repr_html_().replace(" style='text-align:left'", "")
    assert "<td>&lt;a&gt;</td><td>Normal</td><td>[]</td>" in page.replace("[1]", "[]")
    assert "<a>" not in page
    assert "color" in trace_shapes(Generator(group_z=0))._repr_html_()


def test_nothing_is_changed():
    net = Generator()
    net({"x": X})
    nodes, state = net.nodes, zs.random.get_state()
    names = set(net.state_dict())
    trace_shapes(net, {"x": X[:, :3]})
    assert net.nodes is nodes
    assert zs.random.get_state() == state
    assert set(net.state_dict()) == names
    assert zs.distributions.validation is not None
    with pytest.raises(ValueError, match="must be positive"):
        Generator(std=-1.0)({})


def test_a_net_that_was_run_is_shown_as_it_is():
    net = Generator()
    net({"x": X})
    assert trace_shapes(net)["x"].kind == "observed"
    assert trace_shapes(net, {})["x"].kind == "latent"
    built = schools(2, 3).observe(mu=1.0)
    assert trace_shapes(built)["mu"].kind == "observed"
    assert trace_shapes(Generator())["x"].kind == "latent"


def test_bad_values_do_not_stop_it():
    assert trace_shapes(Generator(std=-1.0))["z"].log_prob == (4,)


@pytest.mark.parametrize(
    ("model", "observed", "error", "message"),
    [
        ("model", None, TypeError, "must be callable"),
        (Generator(), [1], TypeError, "observed must be a dict"),
        (lambda observed: 3, None, TypeError, "must return a BayesianNet, got int"),
        (lambda observed: observed["y"], {}, KeyError, "y"),
        (zs.BayesianNet(), {"x": X}, ValueError, "built node by node"),
    ],
)
def test_errors(model, observed, error, message):
    with pytest.raises(error, match=message):
        trace_shapes(model, observed)


def test_an_unknown_row():
    with pytest.raises(KeyError, match=r"no row 'y'; the rows are \['z'"):
        trace_shapes(Generator())["y"]
