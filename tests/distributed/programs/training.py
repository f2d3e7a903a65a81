"""Trains by each optimizer with given noise; rank 0 writes the parameters to the file argv[1].

The losses and parameters of any number of processes are to be those of one.
"""

from __future__ import annotations

import sys

import numpy as np

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import jittor as jt
from jittor import nn

from zhusuan.distributed import all_gather, batch_part, broadcast, is_main, rank, world_size

X_DIM, Z_DIM, N_STEPS, BATCH = 8, 3, 100, 64
generator = np.random.default_rng(0)
X = (generator.random((N_STEPS * BATCH, X_DIM)) < 0.4).astype(np.float32)
NOISE = generator.normal(size=(N_STEPS * BATCH, Z_DIM)).astype(np.float32)


class Generator(zs.BayesianNet):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(Z_DIM, X_DIM)

    def execute(self, observed):
        self.observe(observed)
        z = self.observed["z"]
        zeros = jt.zeros([z.shape[0], Z_DIM])
        self.sn("Normal", name="z", mean=zeros, std=1.0, reduce_mean_dims=[0], reduce_sum_dims=[1])
        self.sn("Bernoulli", name="x", logits=self.fc(z), reduce_mean_dims=[0], reduce_sum_dims=[1])
        return self


class NegativeBound(nn.Module):
    """The negative ELBO, its noise observed: a Var of shape [1]."""

    def __init__(self) -> None:
        self.mean, self.log_std = nn.Linear(X_DIM, Z_DIM), nn.Linear(X_DIM, Z_DIM)
        self.generator = Generator()

    def execute(self, observed):
        x, noise = observed["x"], observed["noise"]
        log_std = self.log_std(x)
        z = self.mean(x) + jt.exp(log_std) * noise
        log_q = (-0.5 * noise * noise - log_std).sum(1).mean()
        return log_q - self.generator({"z": z, "x": x}).log_joint()


def batches():
    for start in range(0, len(X), BATCH):
        rows = slice(start, start + BATCH)
        yield {"x": X[rows], "noise": NOISE[rows]}


def fresh(optimizer):
    # Ranks that start from other weights take those of rank 0.
    zs.set_seed(1)
    if rank():
        jt.set_global_seed(1234 + rank())
    net = NegativeBound()
    made = optimizer(net.parameters(), 1e-2)
    zs.set_seed(1)
    return net, made


def flat(net) -> np.ndarray:
    return np.concatenate([var.numpy().ravel() for var in net.parameters()])


OPTIMIZERS = {
    "jt.Adam": jt.optim.Adam,
    "zs.Adam": zs.optim.Adam,
    "jt.SGD": lambda params, lr: jt.optim.SGD(params, lr, momentum=0.9),
}
found = {}
for name, optimizer in OPTIMIZERS.items():
    net, opt = fresh(optimizer)
    for batch in batches():
        with batch_part({key: jt.array(value) for key, value in batch.items()}) as part:
            opt.step(net(part))
    found[name] = flat(net)

    net, opt = fresh(optimizer)
    step, losses = zs.variational.TrainStep(net, opt), []
    for batch in batches():
        with batch_part(batch) as part:
            losses.append(step(part))
    assert step.n_replayed > 80, step.problem
    found[f"TrainStep {name}"], found[f"TrainStep {name}, losses"] = flat(net), np.array(losses)

# Two halves of a batch, summed up by backward before the step.
net, opt = fresh(jt.optim.Adam)
for batch in list(batches())[:20]:
    for half in (slice(0, BATCH // 2), slice(BATCH // 2, BATCH)):
        with batch_part({key: jt.array(value[half]) for key, value in batch.items()}) as part:
            opt.backward(net(part) / 2)
    opt.step()
found["backward twice"] = flat(net)

# fit, where 66 data don't divide by 3 nor 6400 by 66, and a validation set of 101.
for replay in (True, False):
    net, opt = fresh(zs.optim.Adam)
    calls: list[int] = []
    history = zs.variational.fit(
        net, {"x": X, "noise": NOISE}, opt, 3, batch_size=66, patience=2, min_delta=1e9,
        validation={"x": X[:101], "noise": NOISE[:101]}, seed=None, replay=replay,
        callback=lambda epoch, history, calls=calls: calls.append(epoch),
    )  # fmt: skip
    assert (calls, history.stopped, history.best_epoch) == ([1, 2, 3], "patience", 1)
    found[f"fit {replay}"] = flat(net)
    found[f"fit {replay}, losses"] = np.array(history.train + history.validation)
net, opt = fresh(zs.optim.Adam)
history = zs.variational.fit(
    net, {"x": X, "noise": NOISE}, opt, 3, batch_size=64,
    callback=lambda epoch, history: rank() == world_size() - 1,  # one rank is enough
)  # fmt: skip
assert (history.stopped, history.epochs) == ("callback", 1)

# A batch of one datum: the other ranks take part and count nothing.
net, opt = fresh(jt.optim.Adam)
for batch in list(batches())[:3]:
    with batch_part({key: jt.array(value[:1]) for key, value in batch.items()}) as part:
        opt.step(net(part))
found["one datum"] = flat(net)

# Jittor's Dataset cuts by itself: batch_size is that of all ranks together.
from jittor.dataset import Dataset  # noqa: E402


class Numbers(Dataset):
    def __init__(self) -> None:
        super().__init__(batch_size=12, shuffle=True)
        self.set_attrs(total_len=48)

    def __getitem__(self, i):
        return np.array([i], np.float32)


seen = np.concatenate([batch.numpy() for batch in Numbers()])
assert sorted(all_gather(seen).ravel().tolist()) == list(range(48))

for name, value in found.items():
    assert np.isfinite(value).all(), name
    np.testing.assert_array_equal(broadcast(value), value, err_msg=name)
if is_main():
    np.savez(sys.argv[1], **found)
