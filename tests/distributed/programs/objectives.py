"""Objectives whose value or state is that of all ranks; rank 0 writes to the file argv[1].

All draws are given, so any number of processes is to make the same steps as one.
"""

from __future__ import annotations

import sys

import numpy as np

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import jittor as jt
from jittor import nn

from zhusuan.distributed import (
    all_gather,
    batch_part,
    broadcast,
    gather_rows,
    is_main,
    rank,
    shard,
    world_size,
)

K, N_DATA, X_DIM, Z_DIM = 6, 12, 8, 3
generator = np.random.default_rng(0)
X = (generator.random((N_DATA, X_DIM)) < 0.4).astype(np.float32)
NOISE = generator.normal(size=(K, N_DATA, Z_DIM)).astype(np.float32)
given: list[np.ndarray] = []


def standard_normal(shape, dtype="float32"):
    """Stands in for the library's own: the next numbers that were given."""
    noise = given.pop(0)
    assert noise.shape == tuple(shape), (noise.shape, shape)
    return jt.array(noise)


zs.random.standard_normal = standard_normal


class Generator(zs.BayesianNet):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(Z_DIM, X_DIM)

    def execute(self, observed):
        self.observe(observed)
        z = self.sn("Normal", name="z", mean=jt.zeros([Z_DIM]), std=1.0, group_ndims=1)
        self.sn("Bernoulli", name="x", logits=self.fc(z), group_ndims=1)
        return self


class Variational(zs.BayesianNet):
    def __init__(self, n_samples, reparameterize: bool) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(X_DIM, Z_DIM), nn.Linear(X_DIM, Z_DIM)
        self._options = {"n_samples": n_samples, "reparameterize": reparameterize}

    def execute(self, observed):
        self.observe(observed)
        x = self.observed["x"]
        self.sn(
            "Normal", name="z", mean=self.fc1(x), logstd=self.fc2(x), group_ndims=1, **self._options
        )
        return self


def train(made, observed, n_steps: int = 1) -> np.ndarray:
    """Return the loss before each step of gradient descent, and the weights after the last."""
    optimizer = jt.optim.SGD(made.parameters(), 0.05)
    found = []
    for _ in range(n_steps):
        loss = made(observed)
        optimizer.step(loss)
        # Parts of the data are of one length here.
        found.append(all_gather(loss.numpy()).mean())
    weights = [var.numpy().ravel() for var in made.parameters()]
    return np.concatenate([np.array(found), *weights])


found = {}
own = shard(K)
k = own.stop - own.start
for alpha in (0.0, 0.5, 1.0):
    for estimator in ("sgvb", "dreg", "vimco"):
        zs.set_seed(1)
        q = Variational(k, reparameterize=estimator != "vimco")
        objective = zs.variational.RenyiObjective(
            Generator(), q, alpha, axis=0, estimator=estimator, spread=True
        )
        given[:] = [NOISE[own]]
        found[f"{estimator}, alpha {alpha}"] = train(objective, {"x": jt.array(X)})

# fit leaves the data whole for it.
zs.set_seed(1)
model = zs.variational.ImportanceWeightedObjective(
    Generator(), Variational(k, True), axis=0, spread=True
)
given[:] = [NOISE[own]] * 3
history = zs.variational.fit(
    model, {"x": X}, jt.optim.SGD(model.parameters(), 0.05), 3, shuffle=False, replay=False
)
weights = [var.numpy().ravel() for var in model.parameters()]
found["fit"] = np.concatenate([np.array(history.train), *weights])

# The moving mean of learning signals is that of all data.
zs.set_seed(1)
rows = shard(N_DATA)
model = zs.variational.ELBO(Generator(), Variational(None, False), estimator="reinforce")
given[:] = [NOISE[i, rows] for i in range(4)]
with batch_part(X) as part:
    found["moving mean"] = train(model, {"x": jt.array(part)}, n_steps=4)

# Evaluation over parts of the data, and over parts of the particles.
zs.set_seed(1)
p = Generator()
nets = {n: Variational(n, True) for n in (K, k)}
jt.optim.SGD(p.parameters() + nets[K].parameters(), 0.05)  # which takes the weights of rank 0
for var, value in zip(nets[k].parameters(), nets[K].parameters()):
    var.assign(value.detach())
with jt.no_grad():
    given[:] = [NOISE[:, rows]]
    log_p = zs.is_loglikelihood(p, {"x": shard(X)}, axis=0, proposal=nets[K])
    found["log p, data"] = gather_rows(log_p)
    given[:] = [NOISE[own]]
    log_p = zs.is_loglikelihood(p, {"x": X}, axis=0, proposal=nets[k])
    found["log p, particles"] = np.logaddexp.reduce(all_gather(log_p)) - np.log(world_size())

for name, value in found.items():
    assert np.isfinite(value).all(), name
    np.testing.assert_array_equal(broadcast(value), value, err_msg=f"{name}, rank {rank()}")
if is_main():
    np.savez(sys.argv[1], **found)
