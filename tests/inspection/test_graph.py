"""Which nodes depend on which, however the model computes, and their plates."""

from __future__ import annotations

import jittor as jt
import numpy as np
import pytest
from jittor import nn

import zhusuan as zs
from tests.inspection.nets import Generator, Variational, X, schools
from zhusuan.inspection import GraphNode, Plate, dependency_graph


def _edges(model, observed=None):
    nodes = dependency_graph(model, observed).nodes
    return {f"{parent}->{name}" for name, node in nodes.items() for parent in node.parents}


def _plates(model, observed=None):
    nodes = dependency_graph(model, observed).nodes
    return {name: [plate.size for plate in node.plates] for name, node in nodes.items()}


def _model(build):
    @zs.meta_bayesian_net()
    def model():
        bn = zs.BayesianNet()
        build(bn)
        return bn

    return model()


def test_a_vae():
    graph = dependency_graph(Generator(), {"x": X})
    plates = (Plate(4),)
    assert graph.title == "Generator"
    assert graph.nodes == {
        "z": GraphNode("z", "latent", (), "Normal", (4, 2), plates),
        "x": GraphNode("x", "observed", ("z",), "Bernoulli", (4, 3), plates),
        "x_mean": GraphNode("x_mean", "deterministic", ("z",), "", (4, 3), plates),
    }
    graph = dependency_graph(Variational(), {"x": X})
    assert graph.nodes == {
        "x": GraphNode("x", "data", (), "", (4, 3), plates),
        "z": GraphNode("z", "latent", ("x",), "Normal", (4, 2), plates),
    }


def test_the_state_of_the_net_does_not_matter():
    net = Generator()
    before = dependency_graph(net, {"x": X})
    net({"x": X})["x_mean"].sync()
    nodes, state = net.nodes, zs.random.get_state()
    assert dependency_graph(net) == before
    assert net.nodes is nodes
    assert zs.random.get_state() == state
    with zs.distributions.validation(True):
        assert dependency_graph(net) == before


def test_through_a_deterministic_value():
    assert _edges(schools(4, 5), {"score": np.zeros([4, 5])}) == {
        "mu->theta", "tau->theta", "theta->rows", "rows->score"
    }


def test_a_chain_of_deterministic_values_and_several_vars_in_one():
    def build(bn):
        a, b = bn.normal("a", 0.0, std=1.0), bn.normal("b", 0.0, std=1.0)
        both = bn.deterministic("both", {"sum": a + b, "list": [a * b, 3]})
        twice = bn.deterministic("twice", both["sum"] * 2)
        bn.deterministic("same", a)
        bn.deterministic("unused", 3.0)
        bn.normal("c", twice, std=jt.exp(both["list"][0]))

    assert _edges(_model(build)) == {
        "a->both", "b->both", "both->twice", "twice->c", "both->c", "a->same"
    }


def test_a_node_used_in_place():
    def build(bn):
        z = bn.normal("z", jt.zeros([3]), std=1.0)
        z += 1
        bn.normal("x", z * 2, std=1.0)

    assert _edges(_model(build)) == {"z->x"}


def test_discrete_values():
    def build(bn):
        k = bn.categorical("k", logits=jt.zeros([6, 3]))
        means = bn.normal("means", jt.zeros([3]), std=1.0)
        kinds = (k.unsqueeze(-1) == jt.arange(3)).float()
        mean = (kinds * means).sum(-1)
        mean.sync()
        bn.normal("x", mean, std=1.0)
        bn.normal("by_index", means[k], std=1.0)
        bn.normal("other", means.sum(), std=1.0)

    assert _edges(_model(build)) == {
        "k->x", "means->x", "k->by_index", "means->by_index", "means->other"
    }


def test_by_way_of_numpy():
    def build(bn):
        z = bn.normal("z", jt.zeros([3]), std=1.0)
        bn.normal("alone", 0.0, std=1.0)
        mean = bn.deterministic("mean", jt.array(np.sort(z.numpy())))
        bn.normal("x", mean, std=1.0)

    assert _edges(_model(build)) == {"z->mean", "mean->x"}


def test_data_by_way_of_numpy_and_its_label():
    def model(observed):
        bn = zs.BayesianNet(observed)
        bn.normal("a", bn.observed["t"].numpy() * 2, std=1.0)
        bn.normal("b", bn.observed["s"], std=1.0)
        return bn

    observed = {"t": np.arange(3.0), "s": np.ones(3), "b": np.zeros(3)}
    assert _edges(model, observed) == {"t->a", "s->b"}


def test_dropout_makes_no_edges():
    class Net(zs.BayesianNet):
        def __init__(self):
            super().__init__()
            self.drop = nn.Dropout(0.5)

        def execute(self, observed):
            self.observe(observed)
            a = self.sn("Normal", name="a", mean=jt.zeros([50]), std=1.0)
            self.sn("Poisson", name="k", rate=jt.ones([50]))
            self.sn("Normal", name="b", mean=self.drop(a), std=1.0)
            self.sn("Normal", name="c", mean=0.0, std=1.0)
            return self

    assert _edges(Net()) == {"a->b"}


def test_observed_nodes_are_parents_too():
    def build(bn):
        a = bn.normal("a", jt.zeros([3]), std=1.0)
        b = bn.bernoulli("b", a)
        bn.normal("c", b.float(), std=1.0)

    assert _edges(_model(build), {"a": np.zeros(3), "b": np.ones(3)}) == {"a->b", "b->c"}


def test_inside_a_mixture():
    def build(bn):
        a = bn.normal("a", jt.zeros([2]), std=1.0)
        parts = [zs.distributions.Normal(a, std=1.0), zs.distributions.Normal(0.0, std=1.0)]
        bn.stochastic("m", zs.distributions.Mixture(parts, logits=[0.0, 0.0]))

    assert _edges(_model(build)) == {"a->m"}


def test_nested_plates():
    assert _plates(schools(4, 5), {"score": np.zeros([4, 5])}) == {
        "mu": [], "tau": [], "theta": [4], "rows": [4, 5], "score": [4, 5]
    }


def test_particles():
    assert _plates(Variational(n_samples=7), {"x": X}) == {"x": [4], "z": [4, 7]}
    z = Variational(n_samples=7)({"x": X})["z"]
    assert _plates(Generator(), {"x": X, "z": z}) == {"z": [4, 7], "x": [4], "x_mean": [4, 7]}


def test_groups_and_sums_are_no_plates():
    def build(bn):
        bn.normal("w", jt.zeros([5, 3]), std=1.0, group_ndims=2)
        bn.normal("a", jt.zeros([6, 3]), std=1.0, reduce_mean_dims=[0], reduce_sum_dims=[-1])
        bn.onehot_categorical("b", jt.zeros([6, 3]))
        bn.normal("one", jt.zeros([1, 6]), std=1.0)
        bn.normal("square", jt.zeros([6, 6]), std=1.0)

    graph = dependency_graph(_model(build))
    assert {name: node.plates for name, node in graph.nodes.items()} == {
        "w": (), "a": (Plate(6),), "b": (Plate(6),), "one": (Plate(6),),
        "square": (Plate(6), Plate(6, 1)),
    }


def test_data_before_a_deterministic_value():
    def model(observed):
        bn = zs.BayesianNet(observed)
        h = bn.deterministic("h", bn.observed["x"] * 2)
        bn.normal("z", h, std=1.0, group_ndims=1)
        bn.deterministic("total", h.sum())
        return bn

    assert _plates(model, {"x": X}) == {"x": [4], "h": [4], "z": [4], "total": []}


def test_a_dead_end():
    assert _edges(_model(lambda bn: None)) == set()


def test_errors():
    with pytest.raises(ValueError, match="built node by node"):
        dependency_graph(schools(2, 3).observe())
    with pytest.raises(ValueError, match="which no node and no code"):
        dependency_graph(Generator(), {"y": X})
    with pytest.raises(TypeError, match="must be callable"):
        dependency_graph({})
