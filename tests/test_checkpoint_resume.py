"""A training that goes on from a checkpoint is the training that was never interrupted."""

import random
import subprocess
import sys
from pathlib import Path

import jittor as jt
import numpy as np
import pytest
from jittor import nn

import zhusuan as zs

BATCH, X, Z, SAVED, STEPS = 8, 6, 2, 3, 6
DATA = (np.random.default_rng(5).random((40, X)) < 0.4).astype("float32")


class Generator(zs.BayesianNet):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(Z, 5)
        self.out = nn.Linear(5, X)

    def execute(self, observed):
        self.observe(observed)
        z = self.sn("Normal", "z", mean=jt.zeros([BATCH, Z]), std=1.0, group_ndims=1)
        self.sn("Bernoulli", "x", logits=self.out(jt.tanh(self.fc(z))), group_ndims=1)
        return self


class Variational(zs.BayesianNet):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(X, Z)
        self.logstd = nn.Linear(X, Z)

    def execute(self, observed):
        self.observe(observed)
        x = self.observed["x"]
        self.sn("Normal", "z", mean=self.fc(x), logstd=self.logstd(x), group_ndims=1)
        return self


OPTIMIZERS = {
    "SGD": lambda p: jt.optim.SGD(p, 0.1, momentum=0.9, nesterov=True),
    "RMSprop": lambda p: jt.optim.RMSprop(p, 0.01),
    "Adam": lambda p: jt.optim.Adam(p, 0.01, betas=(0.8, 0.99)),
    "AdamW": lambda p: jt.optim.AdamW(p, 0.01, weight_decay=0.1),
    "Adan": lambda p: jt.optim.Adan(p, 0.01),
    "two groups": lambda p: jt.optim.Adam(
        [{"params": p[:3], "lr": 0.02}, {"params": p[3:], "betas": (0.7, 0.9)}], 0.01
    ),
}


class Training:
    """A model, its optimizer, and the order of its data."""

    def __init__(self, seed, name, sync=False):
        zs.set_seed(seed)
        self.sync = sync
        self.model = zs.variational.ELBO(Generator(), Variational())
        self.optimizer = OPTIMIZERS[name](self.model.parameters())
        self.order = np.random.default_rng(seed)
        self.losses = []

    def run(self, n):
        for _ in range(n):
            batch = DATA[self.order.integers(len(DATA), size=BATCH)]
            # numpy's and Python's own states are part of the training, too.
            noise = (np.random.random(batch.shape) < 0.1) * random.random()
            batch = np.abs(batch - noise)
            loss = self.model({"x": jt.array(batch.astype("float32"))})
            self.optimizer.step(loss)
            self.losses.append(loss.item())
            if self.sync:
                jt.sync_all()
        return self

    def save(self, path):
        zs.save(path, self.model, self.optimizer, losses=self.losses, order=self.order)

    def load(self, path):
        extra = zs.load(path, self.model, self.optimizer)
        self.losses, self.order = extra["losses"], extra["order"]
        return self

    def everything(self):
        """Every number that the next step depends on, by name."""
        found = {name: var.numpy() for name, var in self.model.state_dict().items()}
        for g, group in enumerate(self.optimizer.param_groups):
            for key, values in group.items():
                if isinstance(values, list) and key not in ("params", "grads"):
                    found.update({f"{g}.{key}.{i}": v.numpy() for i, v in enumerate(values)})
        found["losses"] = np.array(self.losses)
        found["next"] = np.array(str(zs.random.get_state()))
        return found


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert np.array_equal(one[name], other[name]), name


def interrupted(name, path, sync=False):
    """Save half-way and go on; then resume from the file, in new objects."""
    training = Training(1, name, sync).run(SAVED)
    training.save(path)
    went_on = training.run(STEPS - SAVED).everything()
    # Other weights, other draws, and an optimizer that has made steps of its own.
    resumed = Training(2, name, sync).run(2).load(path)
    assert len(resumed.losses) == resumed.optimizer.n_step == SAVED
    resumed.run(STEPS - SAVED)
    for group, other in zip(resumed.optimizer.param_groups, training.optimizer.param_groups):
        assert group.keys() == other.keys()
        assert (group.get("lr"), group.get("betas")) == (other.get("lr"), other.get("betas"))
    return went_on, resumed.everything()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_resumed_equals_uninterrupted_bit_for_bit(name, tmp_path):
    went_on, resumed = interrupted(name, tmp_path / "a.npz")
    assert_same(resumed, went_on)
    # To save is to compute the weights and the optimizer's state at that moment, which changes
    # what Jittor fuses with what, and so the rounding, for AdamW and Adan; not for these.
    if name in ("SGD", "RMSprop", "Adam", "two groups"):
        assert_same(resumed, Training(1, name).run(STEPS).everything())


@pytest.mark.parametrize("name", ["AdamW", "Adan"])
def test_with_every_step_finished_saving_changes_no_bit(name, tmp_path):
    went_on, resumed = interrupted(name, tmp_path / "a.npz", sync=True)
    assert_same(resumed, went_on)
    assert_same(resumed, Training(1, name, sync=True).run(STEPS).everything())


def resume(folder):
    """Go on with the trainings that were saved in a folder; run in a process of its own."""
    for path in sorted(Path(folder).glob("*.npz")):
        training = Training(3, path.stem).load(path).run(STEPS - SAVED)
        np.savez(path.with_suffix(".done"), **training.everything())


def test_a_new_process_goes_on_bit_for_bit(tmp_path):
    names = ["Adam", "SGD"]
    for name in names:
        Training(1, name).run(SAVED).save(tmp_path / f"{name}.npz")
    program = "import sys, tests.test_checkpoint_resume as here; here.resume(sys.argv[1])"
    subprocess.run(
        [sys.executable, "-c", "import zhusuan\n" + program, str(tmp_path)],
        check=True,
        cwd=Path(__file__).resolve().parents[1],
    )
    for name in names:
        with np.load(tmp_path / f"{name}.done.npz", allow_pickle=False) as file:
            resumed = {key: file[key] for key in file.files}
        assert_same(resumed, Training(1, name).run(STEPS).everything())


def test_accumulated_gradients_are_part_of_the_state(tmp_path):
    def loss(training, i):
        return training.model({"x": jt.array(DATA[i * BATCH : (i + 1) * BATCH])})

    def accumulate(training, i):
        training.optimizer.backward(loss(training, i))

    one = Training(1, "Adam").run(1)
    accumulate(one, 0)
    one.save(tmp_path / "a.npz")
    accumulate(one, 1)
    one.optimizer.step()
    for steps in (0, 2):  # with and without gradients of its own
        other = Training(2, "Adam").run(steps).load(tmp_path / "a.npz")
        accumulate(other, 1)
        other.optimizer.step()
        assert_same(other.everything(), one.everything())
    # And where there are none in the file, those at hand are forgotten.
    one = Training(1, "Adam").run(1)
    one.save(tmp_path / "a.npz")
    went_on = one.run(1).everything()
    other = Training(2, "Adam")
    accumulate(other, 0)
    assert_same(other.load(tmp_path / "a.npz").run(1).everything(), went_on)


def test_learning_rates_of_a_schedule_come_back(tmp_path):
    def schedule(training):
        return jt.optim.LambdaLR(training.optimizer, lambda epoch: 0.5**epoch)

    one = Training(1, "SGD")
    scheduler = schedule(one)
    scheduler.step()
    zs.save(tmp_path / "a.npz", one.model, one.optimizer, epoch=scheduler.last_epoch)
    other = Training(2, "SGD")  # its groups have no "lr" yet
    extra = zs.load(tmp_path / "a.npz", other.model, other.optimizer)
    assert other.optimizer.param_groups[0]["lr"] == 0.05
    again = schedule(Training(3, "SGD"))
    again.last_epoch = extra["epoch"]
    again.step()
    scheduler.step()
    assert again.get_last_lr() == scheduler.get_last_lr() == [0.025]
