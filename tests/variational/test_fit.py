"""The training loop: what it learns, when it stops, and what it leaves behind."""

import gc

import jittor as jt
import numpy as np
import pytest
from jittor import nn

import zhusuan as zs
from tests.variational.bias import Bits, BitThenNormal, Gaussian, Y
from zhusuan.checkpoint.states import states
from zhusuan.variational import fit

S = 0.7
X = np.random.default_rng(0).normal(0, np.sqrt(1 + S**2), 40).astype("float32")


def parameter(value):
    return jt.array(np.float32([value]))


class Generator(zs.BayesianNet):
    """z_i ~ N(0, 1), x_i ~ N(z_i, S)."""

    def execute(self, observed):
        self.observe(observed)
        n = self.observed["x"].shape[0]
        z = self.sn("Normal", "z", mean=jt.zeros([n]), std=1.0, reduce_mean_dims=[0])
        self.sn("Normal", "x", mean=z, std=S, reduce_mean_dims=[0])
        return self


class Variational(zs.BayesianNet):
    """q(z_i | x_i) = N(a x_i + b, std); the posterior has a = 1 / (1 + S^2), std = S sqrt(a)."""

    def __init__(self, std=1.0):
        super().__init__()
        self.a, self.b, self.std = parameter(0.0), parameter(0.5), parameter(std)

    def execute(self, observed):
        self.observe(observed)
        mean = self.a * self.observed["x"] + self.b
        self.sn(
            "Normal", "z", mean=mean, std=self.std, use_path_derivative=True, reduce_mean_dims=[0]
        )
        return self

    def values(self):
        return np.concatenate(jt.fetch_sync([self.a, self.b, self.std]))


POSTERIOR = [1 / (1 + S**2), 0.0, S / np.sqrt(1 + S**2)]


def make(lr=0.1, std=1.0):
    q = Variational(std)
    model = zs.variational.ELBO(Generator(), q)
    return model, q, jt.optim.SGD(model.parameters(), lr)


class Slope(nn.Module):
    """The loss is w times the mean of x, and so is the gradient, but for w."""

    def __init__(self, w=1.0):
        super().__init__()
        self.w = parameter(w)
        self._seen = []

    def execute(self, observed):
        self._seen.append(observed["x"].numpy().copy())
        return (self.w * observed["x"]).sum() / len(self._seen[-1])


def bits(values):
    return [np.array(v).tobytes() for v in values]


# -- data


def batches(size=16):
    return [{"x": X[i : i + size]} for i in range(0, len(X), size)]


@pytest.mark.parametrize(
    ("data", "options"),
    [
        ({"x": X}, {"batch_size": 16}),
        ({"x": X}, {}),
        (batches(), {}),
        (lambda epoch: iter(batches()), {}),
        (lambda epoch: {"x": X}, {"batch_size": 16}),
    ],
    ids=["arrays", "all at once", "list", "function to generator", "function to arrays"],
)
def test_the_posterior_is_found_exactly(data, options):
    """Path derivatives have no noise at the posterior, so constant steps end there."""
    model, q, optimizer = make()
    history = fit(model, data, optimizer, 60, **options)
    # 60 epochs leave 0.9^60 = 2e-3 of the distance to the slowest, and float32 1e-6.
    np.testing.assert_allclose(q.values(), POSTERIOR, atol=5e-3)
    evidence = -0.5 * np.log(2 * np.pi * (1 + S**2)) - X**2 / (2 * (1 + S**2))
    # At the posterior, the estimate of the bound is the evidence itself.
    assert history.train[-1] == pytest.approx(-evidence.mean(), abs=2e-3)
    assert history.stopped == "epochs"
    assert history.epochs == len(history.train) == 60


def test_an_epochs_mean_weighs_batches_by_their_data():
    model = Slope()
    x = np.float32([0, 0, 0, 0, 10])
    history = fit(model, {"x": x}, jt.optim.SGD(model.parameters(), 0.0), 1, batch_size=4,
                  shuffle=False, validation={"x": x})  # fmt: skip
    assert history.train == history.validation == [2.0]  # and not (0 + 10) / 2
    history = fit(model, [{"x": x[:4]}, {"x": x[4:]}], jt.optim.SGD(model.parameters(), 0.0), 1)
    assert history.train == [2.0]


def order(**options):
    model = Slope()
    x = np.arange(8, dtype="float32")
    fit(model, {"x": x}, jt.optim.SGD(model.parameters(), 0.0), 2, batch_size=3, **options)
    return [array.tolist() for array in model._seen]


def test_the_order_follows_from_the_seed():
    zs.set_seed(3)
    first, second = order(), order()
    zs.set_seed(3)
    assert order() == first != second
    seeded = order(seed=5)
    assert order(seed=5) == seeded != order(seed=6)
    sizes = [len(batch) for batch in seeded]
    assert sizes == [3, 3, 2] * 2
    epochs = [sum(seeded[:3], []), sum(seeded[3:], [])]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(8))
    assert epochs[0] != epochs[1]
    assert order(shuffle=False) == [[0, 1, 2], [3, 4, 5], [6, 7]] * 2
    assert order(shuffle=False, drop_last=True) == [[0, 1, 2], [3, 4, 5]] * 2


def test_everything_follows_from_set_seed():
    def losses():
        zs.set_seed(3)
        model, q, optimizer = make()
        history = fit(model, {"x": X}, optimizer, 2, batch_size=16, validation={"x": X})
        return history.train, history.validation, q.values().tolist()

    assert losses() == losses()


def test_a_var_keeps_its_dtype_and_a_function_is_told_the_epoch():
    model, told = Slope(), []

    def data(epoch):
        told.append(epoch)
        return {"x": jt.array([1, 2, 3])}

    fit(model, data, jt.optim.SGD(model.parameters(), 0.0), 3)
    assert told == [1, 2, 3]
    assert {array.dtype.name for array in model._seen} == {"int32"}


# -- stopping


def scripted(losses):
    left = iter(losses)
    return lambda: next(left)


@pytest.mark.parametrize(
    ("min_delta", "losses", "epochs", "best", "stopped"),
    [
        (0.0, [3, 2, 1, 1, 1.5, 0], 5, 3, "patience"),
        (0.5, [3, 2, 1.9, 1.6, 0], 4, 2, "patience"),
        (0.0, [3, 2, 2.5], 3, 2, "epochs"),
    ],
)
def test_early_stopping_puts_the_best_weights_back(min_delta, losses, epochs, best, stopped):
    model = Slope()
    optimizer = jt.optim.Adam(model.parameters(), 0.1)
    after = []
    history = fit(
        model, {"x": X}, optimizer, min(len(losses), 6), patience=2, min_delta=min_delta,
        validation=scripted(losses), callback=lambda *_: after.append(model.w.numpy().copy()),
    )  # fmt: skip
    assert (history.epochs, history.best_epoch, history.stopped) == (epochs, best, stopped)
    assert history.validation == losses[:epochs]
    assert len(set(bits(after))) == epochs
    assert bits([model.w.numpy()]) == bits([after[best - 1]])


def test_without_validation_the_training_loss_is_judged():
    model = Slope()
    data = [[{"x": np.float32([v, v])}] for v in (3, 2, 4, 5, 1)]
    history = fit(
        model, lambda epoch: data[epoch - 1], jt.optim.SGD(model.parameters(), 0.0), 5, patience=2
    )
    assert history.train == [3, 2, 4, 5]
    assert (history.best_epoch, history.stopped) == (2, "patience")


def test_a_callback_ends_training():
    model = Slope()
    seen = []

    def callback(epoch, history):
        seen.append((epoch, history.epochs, len(history.train), history.stopped))
        return epoch == 2

    history = fit(model, {"x": X}, jt.optim.SGD(model.parameters(), 0.1), 9, callback=callback)
    assert seen == [(1, 1, 1, None), (2, 2, 2, None)]
    assert history.stopped == "callback"
    assert history.seconds > 0


class Interrupting:
    """An optimizer that is interrupted after its third step has changed the weights."""

    def __init__(self, optimizer):
        self.inner, self.steps = optimizer, 0

    def step(self, loss):
        self.inner.step(loss)
        self.steps += 1
        if self.steps == 3:
            raise KeyboardInterrupt


def test_an_interrupted_step_is_undone():
    model = Slope()
    after = []
    history = fit(
        model, {"x": X}, Interrupting(jt.optim.SGD(model.parameters(), 0.1)), 9,
        callback=lambda *_: after.append(model.w.numpy().copy()),
    )  # fmt: skip
    assert (history.stopped, history.epochs) == ("interrupted", 2)
    assert bits([model.w.numpy()]) == bits(after[1:])


def test_an_interrupt_between_steps_keeps_the_weights():
    model = Slope()

    def callback(epoch, history):
        callback.w = model.w.item()
        if epoch == 2:
            raise KeyboardInterrupt

    history = fit(model, {"x": X}, jt.optim.SGD(model.parameters(), 0.1), 9, callback=callback)
    assert (history.stopped, history.epochs) == ("interrupted", 2)
    assert model.w.item() == callback.w != 1.0


# -- numbers that break down


def state_of(model, optimizer):
    group = optimizer.param_groups[0]
    return [
        *bits(var.numpy() for var in model.parameters()),
        *bits(var.numpy() for key in ("m", "values") for var in group[key]),
        optimizer.n_step,
        optimizer.lr,
        states(model),
    ]


def fails(model, optimizer, data, match):
    """Train on batches, one an epoch, the last of which fails; return the error."""
    after = []
    with pytest.raises(FloatingPointError, match=match) as caught:
        fit(model, lambda epoch: [data[epoch - 1]], optimizer, len(data),
            callback=lambda *_: after.append(state_of(model, optimizer)))  # fmt: skip
    error = caught.value
    assert (error.epoch, error.step) == (len(data), 1)
    assert error.history.epochs == len(error.history.train) == len(data) - 1
    assert error.history.stopped == "not finite"
    # Bit by bit; the check that looks for the cause has left no trace either.
    assert state_of(model, optimizer) == after[-1]
    return error


def test_a_loss_that_is_not_finite_is_undone_and_its_node_named():
    model, _, _ = make()
    optimizer = jt.optim.Adam(model.parameters(), 0.1)
    good, bad = {"x": X[:16]}, {"x": np.where(np.arange(16) == 3, np.float32(1e30), X[:16])}
    fails(
        model, optimizer, [good, good, good, bad],
        # z follows x, and is the first to have no density.
        "epoch 4, step 1: the loss is inf: generator: node 'z': log-probability: 1 of 1 infinite",
    )  # fmt: skip
    # Training goes on as if nothing had been.
    assert fit(model, [good], optimizer, 1).stopped == "epochs"


def test_moving_means_are_put_back():
    p, q = Bits().nets(data=4, reparameterize=False)
    holder = nn.Module()
    holder.a, holder.m = p.targets()[0], q.targets()[0]
    model = zs.variational.ELBO(p, q, "reinforce", kl_weight=zs.variational.linear_warmup(10))
    model.holder = holder
    optimizer = jt.optim.Adam(holder.parameters(), 0.1)
    error = fails(model, optimizer, [{"y": 1.0}, {"y": 2.0}, {"y": 1e30}], "generator: node 'y'")
    kept = states(model)[""]
    assert kept["step of kl_weight"] == 2
    assert "infinite" in str(error)


def test_a_gradient_that_is_not_finite_is_found_though_the_loss_is_fine():
    """NaN weights may hide: x > 0 is false for NaN, so a relu turns it into 0."""
    model = nn.Module()
    model.w = parameter(1.0)

    def loss(observed):
        return jt.sqrt(observed["x"] * model.w * model.w).sum()

    optimizer = jt.optim.Adam(model.parameters(), 0.1)
    with pytest.raises(
        zs.variational.NumericalError, match=r"after the step, weight 'model.w' is not fin"
    ) as caught:
        fit(loss, [{"x": np.float32([1, 2])}, {"x": np.float32([0, 2])}], optimizer, 1)
    assert (caught.value.epoch, caught.value.step) == (1, 2)
    # The function's module goes by the name under which the function knows it.
    assert "gradient of weight 'model.w': 1 of 1 not finite" in str(caught.value)
    assert model.w.item() == pytest.approx(0.9, abs=1e-6)  # after Adam's first step


def test_a_parameter_out_of_its_domain_is_named():
    """Here validation of the parameters stops the run, before there is a loss."""
    model, q, optimizer = make(lr=2.0, std=0.2)
    with pytest.raises(FloatingPointError, match="node 'z': parameter 'std'.*positive") as caught:
        fit(model, {"x": X}, optimizer, 50)
    assert isinstance(caught.value.__cause__, ValueError)
    assert np.isfinite(q.values()).all()


def test_functions_and_their_nets_are_looked_at():
    p, q = Generator(), Variational()
    optimizer = jt.optim.SGD(q.parameters(), 0.1)

    def objective(observed):
        return zs.variational.elbo(p, observed, variational=q).sgvb()

    good, bad = {"x": X[:16]}, {"x": np.full(16, 1e30, "float32")}
    with pytest.raises(FloatingPointError, match="step 2: the loss .*node '[xz]': log-prob"):
        fit(objective, [good, bad], optimizer, 1)
    assert np.isfinite(q.values()).all()


def test_a_validation_loss_that_is_not_finite_stops_training():
    model, _, optimizer = make()
    bad = {"x": np.full(16, 1e30, "float32")}
    with pytest.raises(FloatingPointError, match="validation loss.*node 'z'") as caught:
        fit(model, {"x": X[:16]}, optimizer, 3, validation=bad)
    assert (caught.value.epoch, caught.value.step) == (1, None)
    with pytest.raises(FloatingPointError, match=r"validation\(\) returned nan"):
        fit(model, {"x": X[:16]}, optimizer, 3, validation=lambda: float("nan"))


def test_validation_runs_in_evaluation_mode():
    modes = []

    class Net(Slope):
        def execute(self, observed):
            modes.append((self.drop.is_training(), bool(jt.flags.no_grad)))
            return super().execute(observed)

    model = Net()
    model.drop = nn.Dropout(0.5, is_train=True)  # Jittor's default is False
    fit(model, {"x": X}, jt.optim.SGD(model.parameters(), 0.1), 2, validation={"x": X})
    assert modes == [(True, False), (False, True)] * 2
    assert model.w.requires_grad


# -- every objective trains


V = zs.variational
OBJECTIVES = {
    "sgvb": (Gaussian, None, lambda p, q: V.ELBO(p, q)),
    "options": (Gaussian, None, lambda p, q: V.ELBO(
        p, q, kl_weight=V.linear_warmup(5), free_bits=0.1, analytic_kl=True)),
    "reinforce": (Bits, None, lambda p, q: V.ELBO(p, q, "reinforce")),
    "rloo": (Bits, 3, lambda p, q: V.ELBO(p, q, "reinforce", 0, variance_reduction="rloo")),
    "auto": (BitThenNormal, None, lambda p, q: V.ELBO(p, q, "auto")),
    "iw": (Gaussian, 3, lambda p, q: V.ImportanceWeightedObjective(p, q, 0)),
    "dreg": (Gaussian, 3, lambda p, q: V.ImportanceWeightedObjective(p, q, 0, "dreg")),
    "vimco": (Bits, 3, lambda p, q: V.ImportanceWeightedObjective(p, q, 0, "vimco")),
    "renyi": (Gaussian, 3, lambda p, q: V.RenyiObjective(p, q, 0.5, 0)),
    "klpq": (Bits, 3, lambda p, q: V.InclusiveKLObjective(p, q, 0)),
    "rws": (Bits, 3, lambda p, q: V.ReweightedWakeSleep(p, q, 0, insomnia=0.5)),
}  # fmt: skip


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_trains(name):
    case, n_particles, objective = OBJECTIVES[name]
    p, q = case().nets(n_particles, data=4)
    before = [v.numpy().copy() for v in q.targets()]
    optimizer = jt.optim.RMSprop(p.targets() + q.targets(), 0.05)
    history = fit(objective(p, q), [{"y": Y}] * 2, optimizer, 1)
    assert np.isfinite(history.train).all()
    assert all((v.numpy() != b).any() for v, b in zip(q.targets(), before))


def test_a_baseline_is_trained_along():
    p, q = Bits().nets(data=4)
    baseline = nn.Linear(1, 1)
    model = V.ELBO(p, q, "reinforce", baseline=lambda observed: baseline(observed["y"]))
    optimizer = jt.optim.AdamW(baseline.parameters() + q.targets(), 0.05)
    before = baseline.weight.item()
    fit(model, [{"y": Y}], optimizer, 1)
    assert baseline.weight.item() != before


# -- what a person sees


def test_the_history_is_a_table_and_a_picture():
    history = zs.variational.History([3.0, 2.5, 2.25] + [2.0] * 20, [4.0, 3.5] + [3.0] * 21, 3, 23,
                                     "epochs", 1.5)  # fmt: skip
    lines = str(history).splitlines()
    assert lines[0].split() == ["epoch", "train", "validation"]
    assert lines[3].split() == ["3", "2.25", "3", "best"]
    assert lines[4].strip() == "..."
    assert len(lines) == 1 + 3 + 1 + 6 + 1
    assert lines[-1] == "23 epochs, stopped by 'epochs', 1.5 s"
    labels = [line.get_label() for line in history.plot().get_lines()]
    assert labels == ["training", "validation"]
    assert str(zs.variational.History()).splitlines()[-1] == "0 epochs, in training, 0.0 s"


def test_the_bar_is_shown_on_request(capsys):
    def run(**options):
        model = Slope()
        fit(model, {"x": X}, jt.optim.SGD(model.parameters(), 0.1), 2, validation=lambda: 1.25,
            **options)  # fmt: skip
        return capsys.readouterr().err

    assert run() == run(progress=False) == ""
    shown = run(progress=True)
    assert "2/2" in shown
    assert "validation=1.25" in shown


# -- what is refused


BAD_ARGUMENTS = {
    "no function": ({"objective": 3}, TypeError, "objective"),
    "no optimizer": ({"optimizer": "adam"}, TypeError, r"step\(loss\)"),
    "no epochs": ({"epochs": 0}, ValueError, "epochs must be at least 1, got 0"),
    "half an epoch": ({"epochs": 1.5}, TypeError, "epochs must be an int, got 1.5"),
    "empty batches": ({"batch_size": 0}, ValueError, "batch_size"),
    "no patience": ({"patience": 0}, ValueError, "patience"),
    "negative delta": ({"min_delta": -1.0}, ValueError, "min_delta"),
    "progress": ({"progress": "yes"}, TypeError, "progress"),
    "callback": ({"callback": 3}, TypeError, "callback"),
    "an array": ({"data": X}, TypeError, "data must be a dict .* got ndarray"),
    "a number": ({"data": 3}, TypeError, "data must be a dict .* got int"),
    "nothing": ({"data": {}}, ValueError, "empty dict"),
    "no list of numbers": ({"data": {"x": ["a"]}}, TypeError, r"data\['x'\]"),
    "a scalar": ({"data": {"x": 3.0}}, ValueError, r"data\['x'\] must have a dim 0"),
    "lengths": ({"data": {"x": X, "y": X[1:]}}, ValueError, "'x': 40, 'y': 39"),
    "length 0": ({"data": {"x": X[:0]}}, ValueError, "no data"),
    "all dropped": ({"batch_size": 41, "drop_last": True}, ValueError, "drop_last"),
    "a generator": ({"data": iter(batches())}, ValueError, "only once"),
    "an empty list": ({"data": []}, ValueError, "gives no batch in epoch 1"),
    "no dicts": ({"data": [X]}, TypeError, "batch 1 of data must be a dict"),
    "batch lengths": ({"data": [{"x": X, "y": X[1:]}]}, ValueError, "batch 1 .*'y': 39"),
    "a function to 3": ({"data": lambda e: 3}, TypeError, r"data\(1\) must be"),
    "validation": ({"validation": [X]}, TypeError, "batch 1 of validation"),
    "validation text": ({"validation": lambda: "low"}, TypeError, r"validation\(\) must"),
    "no loss": ({"objective": lambda b: 3.0}, TypeError, "a Var, got float"),
    "many losses": ({"objective": lambda b: b["x"]}, ValueError, r"shape \[1\], got \[40\]"),
    "seed": ({"seed": "x"}, TypeError, "seed must be an int"),
}


@pytest.mark.parametrize("name", BAD_ARGUMENTS)
def test_bad_arguments_are_explained(name):
    changed, kind, message = BAD_ARGUMENTS[name]
    model = Slope()
    optimizer = jt.optim.SGD(model.parameters(), 0.0)
    given = {"objective": model, "data": {"x": X}, "optimizer": optimizer, "epochs": 2, **changed}
    with pytest.raises(kind, match=message) as caught:
        fit(**given)
    assert not isinstance(caught.value, FloatingPointError)


def test_a_generator_that_a_function_returns_twice_is_explained():
    model = Slope()
    once = iter(batches())
    with pytest.raises(ValueError, match="no batch in epoch 2; was it gone through before"):
        fit(model, lambda epoch: once, jt.optim.SGD(model.parameters(), 0.0), 2)


def test_errors_of_the_model_come_through_as_they_are():
    model, q, optimizer = make()
    before = bits(q.values())
    with pytest.raises(KeyError, match="'x' is not observed"):
        fit(model, {"y": X}, optimizer, 1)
    with pytest.raises(ValueError, match="'y'"):  # which no net reads
        fit(model, {"x": X, "y": X}, optimizer, 1)
    assert bits(q.values()) == before


# -- memory


def grows_by(steps, warm_up=200):
    model, _, _ = make()
    optimizer = jt.optim.Adam(model.parameters(), 1e-4)
    counts = {}

    def data(epoch):
        return [{"x": X[:16]}] * (warm_up if epoch == 1 else steps)

    def callback(epoch, history):
        gc.collect()
        counts[epoch] = jt.liveness_info()["lived_vars"]

    fit(model, data, optimizer, 2, callback=callback)
    return counts[2] - counts[1]


def test_names_and_frozen_weights_stay_as_they_are():
    """What holds the state of a step shares values with the weights, and nothing else."""
    model = Slope()
    model.frozen, model.late = parameter(2.0).stop_grad(), parameter(3.0).stop_grad()
    assert [name for name, _ in model.named_parameters()] == ["w", "frozen", "late"]

    def loss(observed):
        return model(observed) + 0.0 * model.frozen + model.late * model.late

    def callback(epoch, history):
        if epoch == 2:
            model.late.update(parameter(5.0))
            model.late.start_grad()

    optimizer = jt.optim.SGD(model.parameters(), 0.1)
    fit(loss, {"x": np.float32([1, 2])}, optimizer, 3, callback=callback)
    # Jittor names Vars by their place in the module that was last asked for its parameters.
    assert [model.w.name(), model.frozen.name()] == ["model.w", "model.frozen"]
    assert [var.is_stop_grad() for var in model.parameters()] == [False, True, False]
    assert model.frozen.item() == 2.0
    assert model.late.item() == pytest.approx(5.0 - 0.1 * 10.0)


def test_memory_is_flat():
    assert grows_by(400) <= 10  # one leaked Var a step would be 400


@pytest.mark.slow
def test_memory_is_flat_over_10000_steps():
    assert grows_by(10_000) <= 10
