"""Traces on disk: the same draws, after kills and in other processes; damage is told."""

import os
import signal
import subprocess
import sys
import time
from typing import Any, NamedTuple

import jittor as jt
import numpy as np
import pytest

import zhusuan as zs
from tests.mcmc.models import Known, Y
from tests.mcmc.targets import gaussian
from zhusuan import mcmc
from zhusuan.mcmc import draws as mcmc_draws
from zhusuan.mcmc.state_trees import decode, encode


@pytest.fixture
def saves_often(monkeypatch):
    monkeypatch.setattr(mcmc_draws, "_SAVE_SECONDS", 0.0)


def short(kernel=None, target=None, **options):
    target = gaussian(np.zeros(2), np.eye(2)) if target is None else target
    given = {"n_chains": 4, "n_warmup": 40, "n_draws": 30, "seed": 1, "progress": False}
    return mcmc.run(kernel or mcmc.NUTS(), target, **{**given, **options})


def assert_same(one, other):
    assert list(one.samples) == list(other.samples)
    assert list(one.stats) == list(other.stats)
    for name, array in {**one.samples, **one.stats}.items():
        theirs = {**other.samples, **other.stats}[name]
        assert array.dtype == theirs.dtype
        np.testing.assert_array_equal(array, theirs, err_msg=name)
    assert (one.n_warmup, one.interrupted) == (other.n_warmup, other.interrupted)


KERNELS = {
    "hmc": lambda: mcmc.HMC(0.5, 3),
    "dense": lambda: mcmc.NUTS(metric="dense"),
    "chees": lambda: mcmc.ChEES(),
}


@pytest.mark.parametrize("name", list(KERNELS))
def test_a_folder_has_what_memory_has(name, tmp_path, saves_often):
    make = KERNELS[name]
    there = short(make(), save_to=tmp_path / "draws", thin=2)
    assert_same(there, short(make(), thin=2))
    assert there.path == tmp_path / "draws"
    assert isinstance(there.samples["x"].base, np.memmap)
    assert there.summary()["x"]["mean"].shape == (2,)
    loaded = mcmc.load_trace(str(tmp_path / "draws"))
    assert_same(loaded, there)
    assert loaded.seconds == there.seconds > 0.0


@pytest.mark.parametrize("name", list(KERNELS))
@pytest.mark.parametrize("n_warmed", [0, 15, 40])
def test_a_run_goes_on_from_a_folder(name, n_warmed, tmp_path):
    """Bit for bit: from its own folder, or a copy of the trace; in the warm-up and after it."""
    make, path = KERNELS[name], tmp_path / "draws"
    whole = short(make(), n_draws=30)
    if n_warmed < 40:
        first = stopped_after(n_warmed, make(), save_to=path)
        assert (first.n_warmup, first.n_draws, first.interrupted) == (n_warmed, 0, True)
    else:
        first = short(make(), n_draws=10, save_to=path)
    first.save(tmp_path / "copy")
    rest = {"n_draws": 30 - first.n_draws, "seed": None}
    loaded = mcmc.load_trace(tmp_path / "copy")
    again = short(make(), init=loaded, **rest)
    together = np.concatenate([loaded.samples["x"], again.samples["x"]], 1)
    np.testing.assert_array_equal(together, whole.samples["x"])
    assert_same(short(make(), init=mcmc.load_trace(path), save_to=path, **rest), whole)


class Stopping(mcmc.Kernel):
    """A kernel that presses Ctrl-C at a step; otherwise that which it is given."""

    def __init__(self, kernel, n_steps):
        self._kernel, self._left = kernel, [n_steps]

    def bind(self, target):
        bound = super().bind(target)
        bound._kernel = self._kernel.bind(target)
        return bound

    def init(self, position, n_warmup=0):
        return self._kernel.init(position, n_warmup)

    def step(self, state):
        if not self._left[0]:
            raise KeyboardInterrupt
        self._left[0] -= 1
        return self._kernel.step(state)


def stopped_after(n_steps, kernel, **options):
    return short(Stopping(kernel, n_steps), **options)


@pytest.mark.parametrize("n_steps", [3, 40, 57])
def test_ctrl_c_loses_nothing(n_steps, tmp_path):
    """Not even in the middle of the transitions of one draw."""
    whole, path = short(thin=3), tmp_path / "draws"
    for options in ({}, {"save_to": path}):
        first = stopped_after(n_steps, mcmc.NUTS(), thin=3, **options)
        assert first.interrupted
        assert first.n_draws == max(n_steps - 40, 0) // 3
        rest = short(init=first, n_draws=30 - first.n_draws, thin=3, seed=None, **options)
        if not options:
            joined = np.concatenate([first.samples["x"], rest.samples["x"]], 1)
            np.testing.assert_array_equal(joined, whole.samples["x"])
    assert_same(rest, whole)


def test_an_error_leaves_what_was_drawn(tmp_path):
    class Failing(Stopping):
        def step(self, state):
            try:
                return super().step(state)
            except KeyboardInterrupt:
                raise ZeroDivisionError from None

    with pytest.raises(ZeroDivisionError):
        short(Failing(mcmc.NUTS(), 60), save_to=tmp_path)
    assert mcmc.load_trace(tmp_path).n_draws == 20


def test_draws_on_a_support_do_not_depend_on_blocks(tmp_path, monkeypatch):
    kernel = mcmc.HMC(0.1, 2)
    options = {"kernel": kernel, "target": Known(), "observed": {"y": Y}, "n_chains": 3}
    whole = short(n_draws=31, **options)
    first = short(n_draws=14, **options)
    rest = short(n_draws=17, init=first, **{**options, "seed": None})
    monkeypatch.setattr(mcmc_draws, "_BLOCK_BYTES", 500)  # 5 draws
    there = short(n_draws=31, save_to=tmp_path, **options)
    for name, array in whole.samples.items():
        joined = np.concatenate([first.samples[name], rest.samples[name]], 1)
        np.testing.assert_array_equal(joined, array, err_msg=name)
    assert_same(there, whole)


def test_stochastic_gradients_and_slices_go_on_as_well(tmp_path):
    """Their states hold Vars, or must not hold the prior."""

    class Scale(zs.BayesianNet):
        def execute(self, observed):
            self.observe(observed)
            w = self.sn("Normal", name="w", mean=jt.zeros([3]), std=1.0, group_ndims=1)
            self.sn("Normal", name="y", mean=w * 2.0, std=1.0, group_ndims=1)
            return self

    given = {"target": Scale(), "observed": {"y": np.ones(3)}, "n_warmup": 5}
    for i, make in enumerate([lambda: mcmc.SGHMC(1e-2), lambda: mcmc.SGNHT(1e-2),
                              lambda: mcmc.PSGLD(1e-2), mcmc.EllipticalSlice]):  # fmt: skip
        path = tmp_path / str(i)
        short(make(), n_draws=4, save_to=path, **given)
        loaded = mcmc.load_trace(path)
        there = short(make(), n_draws=6, init=loaded, save_to=path, **{**given, "seed": None})
        assert_same(there, short(make(), n_draws=10, **given))


SCRIPT = """
import sys, numpy as np, zhusuan as zs
from tests.mcmc.targets import gaussian
from zhusuan import mcmc
from zhusuan.mcmc import draws
draws._SAVE_SECONDS = 0.05
path, n_draws, resumes = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "resumes"
init = mcmc.load_trace(path) if resumes else None
n_draws -= init.n_draws if resumes else 0
mcmc.run(mcmc.NUTS(), gaussian(np.zeros(2), np.eye(2)), n_warmup=40, n_draws=n_draws, init=init,
         seed=None if resumes else 1, progress=False, save_to=path)
"""


def start(path, n_draws, how="begins"):
    return subprocess.Popen([sys.executable, "-c", SCRIPT, str(path), str(n_draws), how])


def test_kill_leaves_a_trace_that_another_process_goes_on_with(tmp_path):
    path = tmp_path / "draws"
    process = start(path, 10**7)
    until = time.monotonic() + 120
    n_draws = 0
    while n_draws < 50 and time.monotonic() < until:
        time.sleep(0.05)
        if (path / "state.npz").exists():
            n_draws = mcmc.load_trace(path).n_draws  # of a run that is going on
    assert n_draws >= 50
    process.send_signal(signal.SIGKILL)
    process.wait()
    with (path / "draws.bin").open("ab") as file:
        file.write(b"half a record")
    killed = mcmc.load_trace(path)
    assert killed.interrupted
    assert killed.n_draws >= n_draws
    n = killed.n_draws + 30
    assert start(path, n, "resumes").wait(timeout=120) == 0
    whole = short(n_draws=n)
    np.testing.assert_array_equal(mcmc.load_trace(path).samples["x"], whole.samples["x"])


def test_folders_in_use_are_left_alone(tmp_path):
    short(save_to=tmp_path / "draws")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").touch()
    for path, message in [("draws", "has a trace already.*load_trace"), ("other", "exists")]:
        with pytest.raises(FileExistsError, match=message):
            short(save_to=tmp_path / path)
    with pytest.raises(FileExistsError, match="has a trace already"):
        short().save(tmp_path / "draws")
    path = tmp_path / "draws"
    with pytest.raises(FileExistsError, match="has a trace already"):
        short(save_to=path, init=short())  # of memory
    loaded = mcmc.load_trace(path)
    short(save_to=path, init=loaded)
    with pytest.raises(ValueError, match="60 draws by now.*load it again"):
        short(save_to=path, init=loaded)
    with mcmc_draws.TraceFiles.open(path), pytest.raises(RuntimeError, match="another run is writ"):
        short(save_to=path, init=mcmc.load_trace(path))


def test_damage_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no such folder"):
        mcmc.load_trace(tmp_path / "draws")
    with pytest.raises(FileNotFoundError, match=r"it has no state\.npz"):
        mcmc.load_trace(tmp_path)
    path = tmp_path / "draws"
    short(save_to=path)
    draws, state = path / "draws.bin", path / "state.npz"
    whole, saved = draws.read_bytes(), state.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 30 * 7 + 60] ^= 1
    draws.write_bytes(flipped)
    with pytest.raises(ValueError, match="checksum of draw 7 is wrong"):
        mcmc.load_trace(path)
    assert mcmc.load_trace(path, check=False).n_draws == 30
    draws.write_bytes(whole[:-1])
    with pytest.raises(ValueError, match="29 of 30 draws; the end is missing"):
        mcmc.load_trace(path)
    draws.write_bytes(whole)
    state.write_bytes(saved[:400] + b"?" + saved[401:])
    with pytest.raises(ValueError, match=r"state\.npz is no checkpoint of zhusuan, or is damaged"):
        mcmc.load_trace(path)
    zs.save(tmp_path / "weights.npz", jt.nn.Linear(1, 1))
    os.replace(tmp_path / "weights.npz", state)
    with pytest.raises(ValueError, match="not of a trace"):
        mcmc.load_trace(path)


def test_states_of_others_are_refused():
    first = short()
    moved = gaussian(np.ones(2), np.eye(2))
    with pytest.raises(ValueError, match=r"log_prob where chain \d ended was .* another model or"):
        short(target=moved, init=first)
    with pytest.raises(ValueError, match="is a HamiltonianState, but ChEES goes on from a ChEESS"):
        short(mcmc.ChEES(), init=first)
    more = short(mcmc.MALA(), init=first)  # of one kind with NUTS
    assert more.n_draws == 30


class Inner(NamedTuple):
    a: Any
    b: Any


def test_trees_come_back_as_they_were():
    tree = {
        "t": Inner(np.arange(3), (1, [2.5, None, "x", True])),
        "nan": [float("inf"), -0.1, 2**100],
        "single": np.float32(0.1),
        "var": jt.array([1.0, 2.0]),
    }
    arrays = {}
    found = decode(encode(tree, arrays), arrays)
    assert list(found) == list(tree)
    assert isinstance(found["t"], Inner)
    np.testing.assert_array_equal(found["t"].a, tree["t"].a)
    assert found["t"].b == tree["t"].b
    assert found["nan"] == tree["nan"]
    assert found["single"] == tree["single"]
    assert found["single"].dtype == np.float32
    assert isinstance(found["var"], jt.Var)
    with pytest.raises(TypeError, match=r"the state\['t'\]\.b is a object, which can't be saved"):
        encode({"t": Inner(1, object())}, {})
    for kind in ("os:system", "builtins:tuple", "tests.nothing:Gone"):
        with pytest.raises(ValueError, match="there is no such named tuple"):
            decode({"tuple": kind, "fields": {}}, {})
    with pytest.raises(ValueError, match="by another version"):
        decode({"tuple": f"{__name__}:Inner", "fields": {"a": 1}}, {})
