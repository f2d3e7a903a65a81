"""Runs that must come out the same in one process and on two ranks, and runs that must fail.

``test_mcmc.py`` makes them in its own process, and on two ranks by ``mpirun`` of this file.
"""

import functools
import json
import os
import signal
import sys
from pathlib import Path

import numpy as np

import zhusuan as zs
from zhusuan import mcmc

# isort: split
import jittor as jt

X = np.linspace(-1.0, 1.0, 20, dtype=np.float32)
Y = np.random.default_rng(0).normal(size=20).astype(np.float32)


class Parabola(zs.BayesianNet):
    """A regression without matrix products, whose sums do not depend on the number of chains."""

    def __init__(self):
        super().__init__()
        self._x, self._square = jt.array(X), jt.array(X * X)

    def execute(self, observed):
        self.observe(observed)
        w = self.sn("Normal", name="w", mean=jt.zeros([3]), std=1.0, group_ndims=1)
        mean = w[..., 0:1] + w[..., 1:2] * self._x + w[..., 2:3] * self._square
        self.sn("Normal", name="y", mean=mean, std=0.5, group_ndims=1)
        return self


class Products(zs.BayesianNet):
    """The same with matrix products, and an unknown noise."""

    def __init__(self):
        super().__init__()
        self._design = jt.array(np.stack([np.ones_like(X), X, X * X]))

    def execute(self, observed):
        self.observe(observed)
        w = self.sn("Normal", name="w", mean=jt.zeros([3]), std=1.0, group_ndims=1)
        std = self.sn("Gamma", name="std", alpha=jt.array([2.0]), beta=2.0, group_ndims=1)
        mean = jt.matmul(w.reshape([-1, 3]), self._design)
        self.sn("Normal", name="y", mean=mean, std=std, group_ndims=1)
        return self


def parabola(kernel, n_chains, **options):
    """Sample from the regression."""
    given = {"n_warmup": 60, "n_draws": 20, "seed": 1, "progress": False, **options}
    return mcmc.run(kernel, Parabola(), {"y": Y}, n_chains, **given)


class Meeting(mcmc.HMC):
    """HMC whose ranks meet at each gradient, as for kernels that do not spread transitions."""

    _draws_uniforms = False


def unseeded():
    """Draw from the stream in use, twice."""
    zs.set_seed(3)
    parabola(mcmc.HMC(0.3, 2), 4, seed=None, n_warmup=0, n_draws=1)
    return parabola(mcmc.HMC(0.3, 2), 4, seed=None)


def own_start():
    """Begin at values that each rank has made for itself."""
    start = 0.1 + 0.1 * zs.distributed.rank()
    return parabola(mcmc.HMC(0.3, 2), 4, init={"w": np.full(3, start, np.float32)})


def by_minibatches():
    """Sample with stochastic gradients."""
    # The whole data twice, so that the scale of the likelihood need not change.
    batches = mcmc.minibatches({"y": np.tile(Y, (2, 1))}, 1)
    target = mcmc.MinibatchTarget(Parabola(), lambda t: {"y": batches(t)["y"][0]})
    options = {"n_chains": 5, "n_warmup": 10, "n_draws": 20, "seed": 1, "progress": False}
    return mcmc.run(mcmc.SGHMC(1e-3), target, **options)


def pressed():
    """Press Ctrl-C on the last rank, in step 30."""

    def rate(t):
        if t == 30 and zs.distributed.rank() == zs.distributed.world_size() - 1:
            os.kill(os.getpid(), signal.SIGINT)
        return 1e-3

    # A shell that starts the tests in the background lets them ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return parabola(mcmc.SGLD(rate), 4, n_warmup=10, n_draws=50)
    finally:
        signal.signal(signal.SIGINT, before)


EXACT = {
    "nuts 4": lambda: parabola(mcmc.NUTS(), 4),
    "nuts 5": lambda: parabola(mcmc.NUTS(), 5, thin=2),
    "nuts dense": lambda: parabola(mcmc.NUTS(metric="dense"), 5, n_draws=5),
    "hmc 4": lambda: parabola(mcmc.HMC(0.3, 5), 4),
    "hmc 5": lambda: parabola(mcmc.HMC(0.3, 5), 5),
    "chees 4": lambda: parabola(mcmc.ChEES(), 4),
    "chees 5": lambda: parabola(mcmc.ChEES(), 5),
    "hmc dense": lambda: parabola(mcmc.HMC(0.3, 5, metric="dense"), 5),
    "mala 5": lambda: parabola(mcmc.MALA(), 5),
    "elliptical slice 5": lambda: parabola(mcmc.EllipticalSlice(), 5, n_warmup=5, n_draws=10),
    "own kernel": lambda: parabola(Meeting(0.3, 2), 5),
    "more ranks than chains": lambda: parabola(mcmc.HMC(0.3, 2), 1),
    "unseeded": unseeded,
    "own start": own_start,
}

# Their sums are in another order, or their kernels others, where the batch has another size.
CLOSE = {
    "matrix products": lambda: mcmc.run(
        mcmc.NUTS(), Products(), {"y": Y}, 5, 10, 5, seed=1, progress=False
    ),
    "minibatches": by_minibatches,
    "ctrl-c": pressed,
}


def saved(path):
    """Write draws into a folder."""
    return parabola(mcmc.NUTS(), 5, n_draws=12, save_to=path)


def saved_further(path):
    """Go on with them."""
    return parabola(mcmc.NUTS(), init=mcmc.load_trace(path), save_to=path, n_chains=5, seed=None)


def of_rank(values):
    """Return the value of this rank."""
    return values[zs.distributed.rank()]


def failing_on_one_rank():
    """Raise in the evaluation on rank 1 alone."""

    def log_density(values):
        if zs.distributed.rank() == 1:
            raise ZeroDivisionError("by rank 1")
        return -0.5 * (values["x"] ** 2).sum(-1)

    return mcmc.run(mcmc.HMC(), mcmc.FunctionTarget(log_density, {"x": [2]}), progress=False)


def failing_in_the_kernel():
    """Raise on rank 1 alone, between two evaluations."""

    def rate(t):
        if t == 5 and zs.distributed.rank() == 1:
            raise ZeroDivisionError("by rank 1")
        return 1e-3

    return parabola(mcmc.SGLD(rate), 4)


FAILING = {
    "other data": lambda _: mcmc.run(
        mcmc.HMC(), Parabola(), {"y": of_rank([Y, Y[::-1].copy()])}, progress=False
    ),
    "other settings": lambda _: parabola(mcmc.HMC(0.3, 2), of_rank([4, 5])),
    "other step sizes": lambda _: parabola(mcmc.HMC(of_rank([0.3, 0.2]), 2), 4, n_warmup=0),
    "other learning rates": lambda _: parabola(mcmc.SGLD(lambda t: of_rank([1e-3, 2e-3])), 4),
    "evaluation": lambda _: failing_on_one_rank(),
    "kernel": lambda _: failing_in_the_kernel(),
    "taken folder": lambda path: parabola(mcmc.HMC(0.3, 2), 4, save_to=path),
}


def write(folder, name, trace):
    """Write a trace as one rank has it."""
    file = Path(folder) / f"{name} {zs.distributed.rank()}.npz"
    np.savez(file, **trace.samples, **trace.stats, interrupted=trace.interrupted)


def main(ours, theirs, taken):
    """Make all runs.

    :param ours: folder for what two ranks give.
    :param theirs: draws that one process has saved, to go on with.
    :param taken: a folder that has something else.
    """
    write_here = functools.partial(write, ours)
    for name, case in {**EXACT, **CLOSE}.items():
        write_here(name, case())
    write_here("saved", saved(Path(ours) / "draws"))
    write_here("saved further", saved_further(theirs))
    errors = {}
    for name, case in FAILING.items():
        try:
            case(taken)
        except Exception as error:  # noqa: BLE001 - the test judges it
            errors[name] = [type(error).__name__, str(error)]
    (Path(ours) / f"errors {zs.distributed.rank()}.json").write_text(json.dumps(errors))


if __name__ == "__main__":
    # As tests/conftest.py does: Jittor would end the process when a child of it is stopped.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    main(*sys.argv[1:])
