"""The training steps as the examples write them, and HMC, by this library.

The variant "example" is an objective and ``jt.optim.Adam`` in a loop; "replay" the same optimizer
by ``TrainStep``; "fast" is what the documentation calls the fastest, which one function here
chooses.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples"))

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import jittor as jt
import numpy as np
from jittor import nn
from peers.train_jittor import epochs, load, stepping
from peers.training import (
    BNN_DATA,
    BNN_FEATURES,
    BNN_HIDDEN,
    BNN_SCALE,
    BNN_STD,
    EPOCH_IMAGES,
    HMC_STEP,
    LEARNING_RATE,
    SIZES,
    X_DIM,
    Weights,
    batches,
    first_weights,
    images,
)  # fmt: skip
from variational_autoencoders import iwae, vae_conv, vae_mnist

VERSIONS = {"zhusuan": zs.__version__, "jittor": jt.__version__, "numpy": np.__version__}

# The layers of the examples by the names of their first weights.
LAYERS = {
    "vae": (
        {"fc1": "dec1", "fc2": "dec2", "fc2_": "dec3"},
        {"fc1": "enc1", "fc2": "enc2", "fc3": "mean", "fc4": "logstd"},
    ),
    "iwae": (
        {"net.0": "dec1", "net.2": "dec2", "out": "dec3"},
        {"net.0": "enc1", "net.2": "enc2", "mean": "mean", "logstd": "logstd"},
    ),
    "conv": (
        {"fc": "dec1", "deconv1": "dec2", "deconv2": "dec3"},
        {"conv1": "enc1", "conv2": "enc2", "fc": "enc3", "fc_mean": "mean", "fc_logstd": "logstd"},
    ),
}


def set_up(threads: int) -> None:
    """Draw the same numbers at every run."""
    zs.set_seed(1)


class Regression(zs.BayesianNet):
    """A net of random weights with one hidden layer, as in ``bnn_vi.py``; the noise is known."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        layers = nn.Sequential(
            nn.Linear(BNN_FEATURES, BNN_HIDDEN), nn.Relu(), nn.Linear(BNN_HIDDEN, 1)
        )
        load(layers, _renamed(weights, {"0": "l1", "2": "l2"}))
        self.net = zs.bayesian(layers, prior="scaled", name="net")

    def execute(self, observed):
        """Describe one run on ``observed['x']``."""
        self.observe(observed)
        mean = self.net(self, self.observed["x"]).squeeze(-1)
        self.sn("Normal", name="y", mean=mean, std=BNN_STD, n_data=BNN_DATA)
        return self


def _renamed(weights: Weights, layers: dict[str, str]) -> Weights:
    return {
        f"{layer}.{kind}": weights[f"{name}.{kind}"]
        for layer, name in layers.items()
        for kind in ("weight", "bias")
    }


def objective(case: str, sizes: dict[str, int]) -> Any:
    """Return the objective with the first weights."""
    weights = first_weights(case, sizes)
    if case == "bnn":
        model = Regression(weights)
        x, y = next(batches(case, sizes))
        guide = zs.variational.auto.MeanField(
            model, {"x": x, "y": y}, n_samples=sizes["particles"], init=model.net.initial,
            init_scale=BNN_SCALE,
        )  # fmt: skip
        return zs.variational.ELBO(model, guide, axis=0)
    latent, batch = sizes["latent"], sizes["batch"]
    if case == "conv":
        generator = vae_conv.Generator(latent)
        variational = vae_conv.Variational(latent, False)
        made = zs.variational.ELBO(generator, variational)
    elif case == "iwae":
        generator = iwae.Generator(latent, np.zeros(X_DIM, np.float32))
        variational = iwae.Variational(latent, sizes["particles"])
        made = zs.variational.ImportanceWeightedObjective(generator, variational, axis=0)
    else:
        generator = vae_mnist.Generator(X_DIM, latent, batch)
        variational = vae_mnist.Variational(X_DIM, latent, batch)
        made = zs.variational.ELBO(generator, variational)
    for net, layers in zip((generator, variational), LAYERS["vae" if case == "epoch" else case]):
        load(net, _renamed(weights, layers))
    return made


def example_step(made: Any) -> Callable[[dict[str, Any]], Any]:
    """Return a step as the scripts write it."""
    optimizer = jt.optim.Adam(made.parameters(), LEARNING_RATE)

    def step(observed):
        loss = made(observed)
        optimizer.step(loss)
        return loss.detach()

    return step


def fast_optimizer(made: Any) -> Any:
    """Return our optimizer."""
    return zs.optim.Adam(made.parameters(), LEARNING_RATE)


def fast_step(made: Any) -> Any:
    """Return the fastest step that is documented: the one place where it is chosen."""
    return zs.variational.TrainStep(made, fast_optimizer(made))


def replayed_step(made: Any) -> Any:
    """Return a replayed step with Jittor's own optimizer, as the hand-written step has it."""
    return zs.variational.TrainStep(made, jt.optim.Adam(made.parameters(), LEARNING_RATE))


STEPS = {"example": example_step, "replay": replayed_step, "fast": fast_step}


def make(case: str, sizes: dict[str, int], variant: str) -> Callable[[Any], Any]:
    """Return the function that trains or samples."""
    if case == "hmc":
        return _hmc(sizes)
    made = objective(case, sizes)
    if case == "epoch" and variant == "fit":
        return _fitting(made, sizes["batch"])
    step = STEPS[variant](made)

    def observed(batch):
        if isinstance(batch, tuple):
            return step({"x": jt.array(batch[0]), "y": jt.array(batch[1])})
        return step({"x": jt.array(batch)})

    run = epochs(observed, sizes["batch"]) if case == "epoch" else stepping(observed)
    if variant != "example":
        run.problem = lambda: step.problem
    return run


def _fitting(made: Any, size: int) -> Callable[[int], Any]:
    x, optimizer = images(EPOCH_IMAGES), fast_optimizer(made)

    def run(n: int):
        history = zs.variational.fit(
            made, {"x": x}, optimizer, n, batch_size=size, progress=False
        )
        return list(history.train)

    return run


def _hmc(sizes: dict[str, int]) -> Callable[[int], Any]:
    from peers.mcmc_zhusuan import Logistic, logistic_data  # noqa: PLC0415  (only this case)

    model, observed = Logistic(), {"y": logistic_data()[1]}
    # Runs go on where the last one ended: the first transitions lead to where the posterior is.
    seed, at = [0], [np.zeros(20, np.float32)]

    def run(n: int):
        seed[0] += 1
        kernel = zs.mcmc.HMC(HMC_STEP, sizes["leapfrogs"], adapt_step_size=False, metric="unit")
        trace = zs.mcmc.run(
            kernel, model, observed, sizes["chains"], n_warmup=0, n_draws=n, seed=seed[0],
            init={"w": at[0]}, progress=False,
        )  # fmt: skip
        at[0] = trace.samples["w"][:, -1]
        return [float(np.mean(np.square(trace.samples["w"])))]

    return run


def profile(n: int) -> dict[str, Any]:
    """Return where the time of a VAE step of the scripts goes, in milliseconds.

    The kernels' time is that of Jittor's profiler, in a run of its own. In another, the time within
    calls that wait for the executor is noted; less the kernels', it is the executor's own, and the
    rest of the step is Python, which builds the graph.
    """
    sizes = SIZES["vae"]
    step = stepping_on_vae(sizes)
    given = batches("vae", sizes)
    steps = [next(given) for _ in range(n)]
    step(steps)
    step(steps)
    waiting = [0.0]

    def noting(wait: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*args: Any, **options: Any) -> Any:
            start = time.perf_counter()
            try:
                return wait(*args, **options)
            finally:
                waiting[0] += time.perf_counter() - start

        return noted

    old = {name: getattr(jt, name) for name in ("sync", "fetch_sync", "sync_all")}
    for name, wait in old.items():
        setattr(jt, name, noting(wait))
    try:
        start = time.perf_counter()
        step(steps)
        total = time.perf_counter() - start
    finally:
        for name, wait in old.items():
            setattr(jt, name, wait)
    with jt.profile_scope() as report:
        step(steps)
    names = report[0]
    by_kernel = [
        (float(row[names.index("TotalTime")]) / 1e6 / n, _short(row[names.index("Name")]))
        for row in report[1:]
    ]
    kernels = sum(ms for ms, _ in by_kernel)
    total_ms, waited = 1e3 * total / n, 1e3 * waiting[0] / n
    return {
        "step": total_ms, "kernels": kernels, "executor": waited - kernels,
        "python": total_ms - waited,
        "largest": [
            {"ms": ms, "kernel": name} for ms, name in sorted(by_kernel, reverse=True)[:8]
        ],
        "gflops": _vae_flops(sizes) / 1e9,
        "adam_mbytes": _adam_bytes(sizes) / 1e6,
    }  # fmt: skip


def _short(kernel: str) -> str:
    """Return a kernel's name, or how many operations it fuses, and which."""
    fields = kernel.replace("\u00ab", "|").strip("|").split("|")
    if not fields[0].startswith("opkey"):
        return " ".join(f for f in fields if ":" not in f or f.startswith("Trans"))
    kinds = [f.split(":")[1] for f in fields if f.startswith("opkey")]
    arithmetic = dict.fromkeys(f[3:] for f in fields if f.startswith("OP:"))
    return f"{len(kinds)} fused: {', '.join(arithmetic) or ', '.join(dict.fromkeys(kinds))}"


def stepping_on_vae(sizes: dict[str, int]) -> Callable[[Any], Any]:
    """Return the scripts' step on batches of images."""
    step = example_step(objective("vae", sizes))
    return stepping(lambda batch: step({"x": jt.array(batch)}))


def _vae_flops(sizes: dict[str, int]) -> float:
    # A product forwards and two backwards, 2 operations each; that to the data is not needed.
    products = sum(math.prod(w.shape) for w in first_weights("vae", sizes).values() if w.ndim == 2)
    return 2.0 * sizes["batch"] * (3 * products - X_DIM * sizes["hidden"])


def _adam_bytes(sizes: dict[str, int]) -> float:
    # Weight, two moments read and written, the gradient read.
    return 7.0 * 4 * sum(w.size for w in first_weights("vae", sizes).values())
