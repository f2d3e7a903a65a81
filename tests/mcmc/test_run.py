"""Runs: reproducible, resumable, interruptible; all kinds of targets; errors name the cause."""

import gc
import os
import resource
import signal
from pathlib import Path

import jittor as jt
import numpy as np
import pytest

import zhusuan as zs
from tests.mcmc.models import Known, Y
from tests.mcmc.targets import gaussian
from zhusuan import mcmc


def short(kernel=None, target=None, **options):
    target = gaussian(np.zeros(2), np.eye(2)) if target is None else target
    given = {"n_chains": 4, "n_warmup": 50, "n_draws": 30, "seed": 1, "progress": False}
    return mcmc.run(kernel or mcmc.NUTS(), target, **{**given, **options})


def test_trace_has_the_documented_parts():
    trace = short()
    assert trace.samples["x"].shape == (4, 30, 2)
    assert (trace.n_chains, trace.n_draws, trace.n_warmup) == (4, 30, 50)
    for name in ("acceptance_rate", "divergent", "step_size", "n_leapfrogs", "log_prob", "energy"):
        assert trace.stats[name].shape == (4, 30)
    assert trace.stats["divergent"].dtype == bool
    np.testing.assert_allclose(
        trace.stats["log_prob"], -0.5 * (trace.samples["x"] ** 2).sum(-1), atol=1e-5
    )
    # The momentum has 2 degrees of freedom, so the mean kinetic energy is 1; 5 standard errors.
    kinetic = trace.stats["energy"] + trace.stats["log_prob"]
    assert kinetic.mean() == pytest.approx(1.0, abs=5 / np.sqrt(120))
    assert trace.stacked()["x"].shape == (120, 2)
    table = trace.summary()
    assert table["x"]["mean"].shape == (2,)
    assert table["x"]["mean"][0] == pytest.approx(trace.samples["x"][..., 0].mean())
    assert repr(trace).startswith("<Trace of x [2]: 4 chains of 30 draws")


def test_seed_reproduces_and_leaves_the_stream_alone():
    zs.set_seed(7)
    before = zs.random.get_state()
    one, two = short(seed=3), short(seed=3)
    assert zs.random.get_state() == before
    np.testing.assert_array_equal(one.samples["x"], two.samples["x"])
    assert not np.array_equal(one.samples["x"], short(seed=4).samples["x"])
    unseeded = [short(seed=None).samples["x"] for _ in range(2)]
    assert not np.array_equal(*unseeded)
    zs.set_seed(7)
    np.testing.assert_array_equal(unseeded[0], short(seed=None).samples["x"])


@pytest.mark.parametrize("make", [mcmc.NUTS, lambda: mcmc.HMC(0.5, 3)])
def test_a_run_goes_on_as_if_it_had_never_ended(make):
    whole = short(make(), n_draws=40)
    first = short(make(), n_draws=15)
    second = short(make(), n_draws=25, init=first, seed=None)
    both = np.concatenate([first.samples["x"], second.samples["x"]], 1)
    np.testing.assert_array_equal(both, whole.samples["x"])
    other = gaussian(np.zeros(3), np.eye(3))
    with pytest.raises(ValueError, match="has 2 coordinates.*belongs to another model"):
        short(make(), other, init=first.state)


class Interrupting:
    """A density that presses Ctrl-C at its n-th evaluation."""

    def __init__(self, n):
        self.n, self.count = n, 0

    def __call__(self, position):
        self.count += 1
        if self.count == self.n:
            os.kill(os.getpid(), signal.SIGINT)
        return -0.5 * (position**2).sum(1), -position


@pytest.fixture
def ctrl_c_heard():
    """Python's own handler: a process started in the background by a shell ignores the signal."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c_heard")
def test_ctrl_c_returns_what_was_drawn():
    target = gaussian(np.zeros(2), np.eye(2))
    kernel = mcmc.HMC(0.5, 3, adapt_step_size=False)
    target._both = Interrupting(3 * 50 + 3 * 10 + 8)
    trace = short(kernel, target)
    assert trace.interrupted
    assert 5 <= trace.n_draws <= 12
    assert trace.stats["log_prob"].shape == (4, trace.n_draws)
    target._both = Interrupting(60)
    early = short(kernel, target)
    assert early.interrupted
    assert early.n_draws == 0
    rest = short(kernel, target, init=early.state, seed=None)
    assert early.n_warmup + rest.n_warmup == 50
    assert rest.n_draws == 30


def test_thinning_keeps_every_third():
    every, third = short(n_draws=30), short(n_draws=10, thin=3)
    np.testing.assert_array_equal(every.samples["x"][:, 2::3], third.samples["x"])
    counts = every.stats["n_leapfrogs"].reshape(4, 10, 3).sum(-1)
    np.testing.assert_array_equal(third.stats["n_leapfrogs"], counts)


def test_progress_shows_what_matters(capsys):
    short(progress=True)
    shown = capsys.readouterr().err
    for text in ("step size", "acceptance", "divergences=0"):
        assert text in shown


def test_memory_is_flat():
    target = mcmc.FunctionTarget(density, {"x": [2]}, observed={"centre": CENTRE})
    state, counts = short(target=target, n_draws=0).state, []
    for _ in range(3):
        state = short(target=target, n_draws=20, init=state, seed=None).state
        counts.append((jt.liveness_info()["lived_vars"], jt.liveness_info()["lived_ops"]))
    assert counts[0] == counts[1] == counts[2]


def resident_mib():
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


@pytest.mark.slow
def test_100_000_transitions_in_flat_memory(tmp_path):
    """Draws that go into a folder; those in memory take what they take, but nothing else grows."""
    target = mcmc.FunctionTarget(density, {"x": [2]}, observed={"centre": CENTRE})
    kernel = mcmc.HMC(0.5, 2, adapt_step_size=False)
    trace = short(kernel, target, n_warmup=0, n_draws=100, save_to=tmp_path)
    found, n_done = {}, 100
    for n in (1_000, 10_000, 100_000):
        trace = short(kernel, target, n_draws=n - n_done, init=trace, seed=None, save_to=tmp_path)
        n_done = trace.n_draws
        assert n_done == n
        found[n] = resident_mib(), jt.liveness_info()["lived_vars"]
    for n, (mib, n_vars) in found.items():
        print(f"{n:6d} transitions: {mib:.1f} MiB resident, {n_vars} Vars alive")
    # A Var that leaks at each step takes 500 bytes or more, which would be 45 MiB. A block of draws
    # waits in memory, 100 bytes each.
    assert found[100_000][0] - found[1_000][0] < 8.0
    assert found[1_000][1] == found[10_000][1] == found[100_000][1]
    np.testing.assert_allclose(trace.samples["x"].mean((0, 1)), CENTRE, atol=0.02)


# -- targets


def density(values):
    x = values["x"]
    return -0.5 * ((x - values["centre"]) ** 2).sum(-1)


CENTRE = np.array([1.0, 2.0], np.float32)


def test_a_plain_function_is_a_target():
    init = {"x": np.zeros((4, 2))}
    trace = short(target=density, observed={"centre": CENTRE}, init=init, n_draws=300)
    np.testing.assert_allclose(trace.samples["x"].mean((0, 1)), CENTRE, atol=0.3)
    target = mcmc.FunctionTarget(density, {"x": [2]}, observed={"centre": CENTRE})
    again = short(target=target, init=init, n_draws=290)
    rest = short(target=density, observed={"centre": CENTRE}, init=again, n_draws=10, seed=None)
    joined = np.concatenate([again.samples["x"], rest.samples["x"]], 1)
    np.testing.assert_array_equal(trace.samples["x"], joined)
    alone = mcmc.FunctionTarget(density, {"x": [2]}, None, {"centre": CENTRE}, "sequential")
    q = np.random.default_rng(0).normal(size=(4, 2))
    for ours, theirs in zip(alone.log_prob_and_grad(q), target.log_prob_and_grad(q)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    moved = target.with_observed({"centre": CENTRE + 1.0})
    np.testing.assert_allclose(
        moved.log_prob_and_grad(q + 1.0)[0], target.log_prob_and_grad(q)[0], rtol=1e-5
    )
    assert repr(target) == "<FunctionTarget of x [2]: 2 real coordinates>"


def test_values_go_to_their_support_and_back():
    target = mcmc.as_target(Known(), {"y": Y})
    q = np.random.default_rng(0).normal(size=(16, target.dim))
    values = target.to_support(q)
    assert {name: v.shape[1:] for name, v in values.items()} == {
        "w": (3,), "rate": (1,), "p": (1,), "theta": (3,)
    }  # fmt: skip
    np.testing.assert_allclose(target.from_support(values, 16), q, atol=1e-4)
    names = [latent.name for latent in target.latents]
    assert names == ["w", "rate", "p", "theta"]
    assert np.isnan(target.from_support({"w": [0.0, 0.0, 0.0]}, 2)[:, 3:]).all()
    for given, message in [
        ({"v": 1.0}, "'v', which is no latent"),
        ({"w": [1.0, 2.0]}, r"has shape \[2\], expected \[3\] or \[4, 3\]"),
        ({"rate": [-1.0]}, "init of 'rate' must be inside its support"),
    ]:
        with pytest.raises(ValueError, match=message):
            target.from_support(given, 4)


class Scale(zs.BayesianNet):
    """A model that is nowhere finite when ``y`` is infinite."""

    def execute(self, observed):
        self.observe(observed)
        w = self.sn("Normal", name="w", mean=jt.zeros([3]), std=1.0, group_ndims=1)
        self.sn("Normal", name="y", mean=w * 2.0, std=1.0, group_ndims=1)
        return self


def test_no_finite_start_names_the_node():
    y = np.array([0.0, np.inf, 0.0], np.float32)
    with pytest.raises(ValueError, match=r"4 of 4 chains in 100 tries: the log-density of node "
                       "'y' is -inf"):  # fmt: skip
        short(target=Scale(), observed={"y": y})
    with pytest.raises(ValueError, match="at the values of init: the log-density of node 'y'"):
        short(target=Scale(), observed={"y": y}, init={"w": [0.0, 0.0, 0.0]})


class Wrong(zs.BayesianNet):
    """Models that do not keep chains apart."""

    def __init__(self, kind):
        super().__init__()
        self._kind = kind

    def execute(self, observed):
        self.observe(observed)
        w = self.sn("Normal", name="w", mean=jt.zeros([3]), std=1.0, group_ndims=1)
        if self._kind == "mixes":
            w = w - w.sum(0, keepdims=True)
        group = 0 if self._kind == "no groups" else 1
        self.sn("Normal", name="y", mean=w * 2.0, std=1.0, group_ndims=group)
        return self


def test_models_that_mix_up_chains_are_refused():
    y = np.zeros(3, np.float32)
    with pytest.raises(ValueError, match="when chain 0 moves"):
        short(target=Wrong("mixes"), observed={"y": y})
    with pytest.raises(ValueError, match="do not align.*'y'|'y'.*do not align"):
        short(target=Wrong("no groups"), observed={"y": y})


@pytest.mark.parametrize(
    "kernel",
    [mcmc.HMC(), mcmc.NUTS(), mcmc.ChEES(), mcmc.MALA(), mcmc.EllipticalSlice()],
    ids=lambda kernel: type(kernel).__name__,
)
def test_minibatches_are_for_stochastic_gradients_alone(kernel):
    batches = mcmc.minibatches({"y": np.zeros((10, 3), np.float32)}, 4)
    target = mcmc.MinibatchTarget(Minibatch(), batches)
    name = type(kernel).__name__
    with pytest.raises(ValueError, match=f"{name} needs the log-density of all data.*SGLD"):
        short(kernel, target)


class Minibatch(zs.BayesianNet):
    def execute(self, observed):
        self.observe(observed)
        w = self.sn("Normal", name="w", mean=jt.zeros([3]), std=1.0, group_ndims=1)
        self.sn("Normal", name="y", mean=w.unsqueeze(-2), std=1.0, group_ndims=1, n_data=10)
        return self


def test_wrong_arguments_are_named():
    target = gaussian(np.zeros(2), np.eye(2))
    for options, error, message in [
        ({"n_chains": 0}, ValueError, "n_chains must be at least 1"),
        ({"n_draws": 1.5}, TypeError, "n_draws must be an int, got 1.5"),
        ({"progress": "no"}, TypeError, "progress must be"),
        ({"kernel": mcmc.NUTS}, TypeError, "kernel must be a kernel"),
        ({"init": np.zeros((4, 3))}, ValueError, r"of shape \[4, 2\], got shape \[4, 3\]"),
        ({"observed": {"y": 1.0}}, ValueError, "has its observations already"),
    ]:
        with pytest.raises(error, match=message):
            short(target=target, **options)
    with pytest.raises(TypeError, match="must be callable"):
        short(target=3)
    with pytest.raises(TypeError, match="give init="):
        short(target=density)
    with pytest.raises(ValueError, match="chain_method must be"):
        short(target=Known(), observed={"y": Y}, chain_method="parallel")
