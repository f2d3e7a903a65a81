"""What a training keeps beside its parameters is in its checkpoints: moving means and steps."""

import jittor as jt
import numpy as np
from jittor import nn

import zhusuan as zs

X = (np.random.default_rng(3).random((8, 6)) < 0.5).astype("float32")


class Generator(zs.BayesianNet):
    def __init__(self):
        super().__init__()
        self.out = nn.Linear(2, 6)

    def execute(self, observed):
        self.observe(observed)
        z = self.sn("Bernoulli", "z", logits=jt.zeros([8, 2]), group_ndims=1, dtype="float32")
        self.sn("Bernoulli", "x", logits=self.out(z), group_ndims=1)
        return self


class Variational(zs.BayesianNet):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(6, 2)

    def execute(self, observed):
        self.observe(observed)
        logits = self.fc(self.observed["x"])
        self.sn("Bernoulli", "z", logits=logits, group_ndims=1, dtype="float32")
        return self


def made(seed, kl_weight):
    zs.set_seed(seed)
    model = zs.variational.ELBO(Generator(), Variational(), "reinforce", kl_weight=kl_weight)
    return model, jt.optim.SGD(model.parameters(), 0.1)


def steps(model, optimizer, n):
    for _ in range(n):
        optimizer.step(model({"x": X}))
    return {name: var.numpy() for name, var in model.state_dict().items()}


def test_moving_mean_and_warm_up_go_on(tmp_path):
    schedule = zs.variational.linear_warmup(10)
    model, optimizer = made(1, schedule)
    steps(model, optimizer, 3)
    zs.save(tmp_path / "a.npz", model, optimizer)
    expected = steps(model, optimizer, 2)

    model, optimizer = made(2, schedule)
    steps(model, optimizer, 1)
    zs.load(tmp_path / "a.npz", model, optimizer)
    resumed = steps(model, optimizer, 2)
    for name, value in expected.items():
        assert np.array_equal(resumed[name], value), name

    # Both states matter: without either, the weights would be others.
    for forget in ("_moving_mean", "_step"):
        model, optimizer = made(2, schedule)
        zs.load(tmp_path / "a.npz", model, optimizer)
        part = getattr(model, forget)
        part.set_state({"steps": 0, "sum": None} if forget == "_moving_mean" else 0)
        other = steps(model, optimizer, 2)
        assert any(not np.array_equal(other[name], expected[name]) for name in expected), forget


@zs.meta_bayesian_net(scope="gen", reuse_variables=True)
def function_model():
    bn = zs.BayesianNet()
    z = bn.bernoulli("z", jt.zeros([8, 2]), group_ndims=1, dtype="float32")
    bn.bernoulli("x", zs.get_module("out", nn.Linear, 2, 6)(z), group_ndims=1)
    return bn


def test_the_moving_mean_of_the_function_elbo_goes_on(tmp_path):
    def made(seed):
        zs.set_seed(seed)
        nets = [function_model(), Variational()]
        return nets, jt.optim.SGD(nets[0].parameters() + nets[1].parameters(), 0.1)

    def steps(nets, optimizer, n):
        for _ in range(n):
            bound = zs.variational.elbo(nets[0], {"x": X}, variational=nets[1])
            optimizer.step(bound.reinforce().mean())
        return [var.numpy() for var in optimizer.param_groups[0]["params"]]

    nets, optimizer = made(1)
    steps(nets, optimizer, 3)
    zs.save(tmp_path / "a.npz", nets, optimizer)
    expected = steps(nets, optimizer, 2)

    # Loaded before its first step, when the moving mean is not there yet, and after.
    for n_before in (0, 1):
        nets, optimizer = made(2)
        steps(nets, optimizer, n_before)
        zs.load(tmp_path / "a.npz", nets, optimizer)
        for value, other in zip(expected, steps(nets, optimizer, 2)):
            assert np.array_equal(value, other)


def test_a_checkpoint_without_states_loads(tmp_path):
    model, optimizer = made(1, 1.0)
    zs.save(tmp_path / "a.npz", [model.generator, model.variational])
    zs.load(tmp_path / "a.npz", [model.generator, model.variational])
    steps(model, optimizer, 1)
