"""Replayed steps of training do what steps by the graph do."""

from __future__ import annotations

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import jittor as jt
import numpy as np
import pytest
from jittor import nn

from zhusuan.variational import TrainStep

N, X, Z = 8, 5, 3
DATA = np.random.default_rng(0).random((40, N, X)).astype(np.float32)


class Generator(zs.BayesianNet):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(Z, X)

    def execute(self, observed):
        self.observe(observed)
        z = self.sn("Normal", "z", mean=jt.zeros([N, Z]), std=1.0, group_ndims=1)
        self.sn("Bernoulli", "x", logits=self.layer(z), group_ndims=1)
        return self


class Variational(zs.BayesianNet):
    def __init__(self, norm: bool = False) -> None:
        super().__init__()
        self.mean, self.logstd = nn.Linear(X, Z), nn.Linear(X, Z)
        self.norm = nn.BatchNorm1d(X) if norm else None

    def execute(self, observed):
        self.observe(observed)
        x = self.observed["x"] if self.norm is None else self.norm(self.observed["x"])
        self.sn("Normal", "z", mean=self.mean(x), logstd=self.logstd(x), group_ndims=1)
        return self


class Weighted(nn.Module):
    """An objective with a number that a user may turn."""

    def __init__(self, elbo: nn.Module) -> None:
        super().__init__()
        self.elbo, self.weight = elbo, 1.0

    def execute(self, observed):
        return self.elbo(observed) * self.weight


def adam(parameters):
    return zs.optim.Adam(parameters, 0.01)


def training(optimizer=adam, norm: bool = False, **options):
    zs.set_seed(3)
    model = Weighted(zs.variational.ELBO(Generator(), Variational(norm), **options))
    return model, optimizer(model.parameters())


def by_graph(model, optimizer, data, change=None):
    losses = []
    for i, x in enumerate(data):
        if change is not None:
            change(i, model)
        loss = model({"x": jt.array(x)})
        optimizer.step(loss)
        losses.append(float(loss.item()))
    return losses


def weights(model):
    return {name: var.numpy() for name, var in model.state_dict().items()}


def compare(data=DATA, change=None, optimizer=adam, **options) -> TrainStep:
    """Train twice, and compare; return the step."""
    # Kernels and random numbers are the same, to the bit; the update of the weights may be rounded
    # in another order, which 40 steps make more of.
    model, by = training(optimizer, **options)
    expected = by_graph(model, by, data, change)
    numbers = zs.random.get_state()

    other, optimizer_ = training(optimizer, **options)
    step = TrainStep(other, optimizer_)
    found = []
    for i, x in enumerate(data):
        if change is not None:
            change(i, other)
            step.recheck()
        found.append(step({"x": x}))
    np.testing.assert_allclose(found, expected, rtol=2e-5)
    for name, value in weights(model).items():
        np.testing.assert_allclose(weights(other)[name], value, rtol=1e-3, atol=2e-5)
    assert optimizer_.n_step == by.n_step == len(data)
    assert zs.random.get_state() == numbers
    return step


OPTIMIZERS = {
    "Adam": adam,
    "Jittor's Adam": lambda p: jt.optim.Adam(p, 0.01),
    "AdamW": lambda p: zs.optim.AdamW(p, 0.01, weight_decay=0.1),
    "SGD": lambda p: zs.optim.SGD(p, 0.01, momentum=0.9),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_replayed_training_is_the_training(optimizer) -> None:
    step = compare(optimizer=optimizer)
    assert not step.problem
    assert step.n_replayed >= len(DATA) - 5


def test_batches_of_two_sizes_have_a_recording_each() -> None:
    class Flexible(Generator):
        def execute(self, observed):
            self.observe(observed)
            n = self.observed["x"].shape[0]
            z = self.sn("Normal", "z", mean=jt.zeros([n, Z]), std=1.0, group_ndims=1)
            self.sn("Bernoulli", "x", logits=self.layer(z), group_ndims=1)
            return self

    zs.set_seed(1)
    model = zs.variational.ELBO(Flexible(), Variational())
    step = TrainStep(model, adam(model.parameters()))
    for x in DATA[:12]:
        step({"x": x})
        step({"x": x[:4]})
    assert step.n_replayed >= 16
    assert not step.problem


def test_a_number_that_is_turned_is_noticed_when_told() -> None:
    def change(i: int, model) -> None:
        model.weight = 1.0 if i < 20 else 0.25

    step = compare(change=change)
    assert step.n_replayed >= len(DATA) - 6


@pytest.mark.parametrize(
    "options",
    [
        {"norm": True},
        {"kl_weight": zs.variational.linear_warmup(1000)},
    ],
    ids=["batch norm", "warm-up"],
)
def test_an_objective_with_a_state_is_not_replayed(options) -> None:
    step = compare(**options)
    assert step.n_replayed == 0
    assert step.problem


def test_an_optimizer_of_another_kind_is_not_replayed() -> None:
    step = compare(optimizer=lambda p: jt.optim.RMSprop(p, 0.01))
    assert "RMSprop" in step.problem


def test_weights_that_are_loaded_are_used() -> None:
    other = weights(training()[0])

    def change(i: int, model) -> None:
        if i == 20:
            model.load_state_dict({name: 0.5 * value for name, value in other.items()})

    assert compare(change=change).n_replayed >= len(DATA) - 6


def test_nothing_is_changed_by_a_loss_that_is_not_finite() -> None:
    model, optimizer = training()
    step = TrainStep(model, optimizer)
    with zs.distributions.validation(False):
        for x in DATA[:10]:
            step({"x": x})
        before, numbers = weights(model), zs.random.get_state()
        assert step.attempt({"x": jt.array(np.full((N, X), np.nan, np.float32))}) is None
    assert zs.random.get_state() == numbers
    for name, value in weights(model).items():
        np.testing.assert_array_equal(value, before[name])


def test_a_weight_that_is_held_by_somebody_keeps_its_value() -> None:
    model, optimizer = training()
    step = TrainStep(model, optimizer)
    for x in DATA[:10]:
        step({"x": x})
    held = [var.detach() for var in model.parameters()]
    before = [var.numpy().copy() for var in held]
    for x in DATA[10:20]:
        step({"x": x})
    for var, value in zip(held, before):
        np.testing.assert_array_equal(var.numpy(), value)
    assert step.n_replayed > 15
