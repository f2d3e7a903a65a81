"""Score function estimates in use: state, learning, memory, and what is refused."""

import jittor as jt
import numpy as np
import pytest
from jittor import nn

import zhusuan as zs
from tests.variational.bias import Bits, BitThenNormal, Gaussian, Y
from zhusuan.variational.baselines import MovingMean
from zhusuan.variational.elbo import ELBO

OBSERVED = {"y": Y}


class P(zs.BayesianNet):
    """z [3] bits, y [4] given z."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 4)

    def execute(self, observed):
        self.observe(observed)
        z = self.sn("Bernoulli", "z", logits=np.zeros((8, 3)), group_ndims=1)
        self.sn("Bernoulli", "y", logits=self.fc(z), group_ndims=1)
        return self


class Q(zs.BayesianNet):
    def __init__(self, k=None, **options):
        super().__init__()
        self.fc = nn.Linear(4, 3)
        self._options = {"n_samples": k, **options}

    def execute(self, observed):
        self.observe(observed)
        logits = self.fc(self.observed["y"])
        self.sn("Bernoulli", "z", logits=logits, group_ndims=1, **self._options)
        return self


DATA = {"y": np.float32([[1, 1, 0, 0], [0, 0, 1, 1]] * 4)}


def test_the_moving_mean_of_a_constant_is_that_constant_from_the_first_step_on():
    mean = MovingMean(0.8)
    assert mean.value.item() == 0.0
    for _ in range(12):
        mean.update(jt.ones([5]) * 3.0)
        assert mean.value.item() == pytest.approx(3.0, abs=1e-5)
    mean.update(jt.ones([2]) * 8.0)
    # (1 - d) / (1 - d^13) more weight on the newest.
    weight = 0.2 / (1 - 0.8**13)
    assert mean.value.item() == pytest.approx(3 + 5 * weight, abs=1e-4)


def test_the_first_step_has_no_baseline_and_evaluation_leaves_the_state_alone():
    model = ELBO(P(), Q(), estimator="reinforce")
    with jt.no_grad():
        model(DATA)
    assert model._moving_mean._steps == 0
    model(DATA)
    model(DATA)
    assert model._moving_mean._steps == 2


def test_state_is_no_parameter():
    model = ELBO(P(), Q(), estimator="reinforce", baseline=nn.Linear(4, 1))
    names = sorted(ELBO(P(), Q(), estimator="reinforce").state_dict())
    plain = ELBO(P(), Q(), estimator="reinforce")
    plain(DATA)
    assert sorted(plain.state_dict()) == names
    assert sorted(model.state_dict()) == sorted([*names, "baseline.bias", "baseline.weight"])


class Predicts(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 1)

    def execute(self, observed):
        return self.fc(jt.array(observed["y"])).squeeze(-1)


@pytest.mark.parametrize("options", [
    {}, {"variance_reduction": "rloo", "axis": 0}, {"baseline": Predicts},
])  # fmt: skip
def test_adam_consumes_the_loss_and_the_bound_rises(options):
    options = {n: v() if n == "baseline" else v for n, v in options.items()}
    model = ELBO(P(), Q(4 if "axis" in options else None), estimator="reinforce", **options)
    optimizer = jt.optim.Adam(model.parameters(), 0.05)
    losses = []
    for _ in range(150):
        loss = model(DATA)
        assert tuple(loss.shape) == (1,)
        optimizer.step(loss)
        losses.append(loss.item())
    # Two kinds of rows, equally likely: log 2 = 0.69 nats, of 4 log 2 = 2.77 at the start.
    if "baseline" not in options:
        assert np.mean(losses[-20:]) < 1.6 < np.mean(losses[:5])


def of_module():
    model = ELBO(P(), Q(), estimator="reinforce")
    return model.parameters(), lambda: model(DATA)


def of_functions():
    p, q = P(), Q(2)
    bounds = zs.variational.elbo, zs.variational.iw_objective

    def cost():
        bound, tighter = (f(p, DATA, axis=0, variational=q) for f in bounds)
        return (bound.reinforce() + tighter.vimco()).mean()

    return p.parameters() + q.parameters(), cost


@pytest.mark.parametrize(("make", "steps"), [(of_module, 3000), (of_functions, 400)])
def test_memory_is_flat(make, steps):
    parameters, cost = make()
    optimizer = jt.optim.Adam(parameters, 0.01)
    alive = []
    for step in range(steps):
        optimizer.step(cost())
        if step in (50, steps - 1):
            jt.sync_all()
            info = jt.liveness_info()
            alive.append((info["lived_vars"], info["lived_ops"]))
    assert alive[1][0] <= alive[0][0] + 2
    assert alive[1][1] <= alive[0][1] + 2


def test_the_function_keeps_its_moving_mean_with_the_model():
    p, q = P(), Q()
    for _ in range(3):
        cost = zs.variational.elbo(p, DATA, variational=q).reinforce()
    assert tuple(cost.shape) == (8,)
    from_module = ELBO(p, q, estimator="reinforce", variance_reduction=False)(DATA)
    assert tuple(from_module.shape) == (1,)
    bound = zs.variational.elbo(p, DATA, variational=q)
    state = MovingMean(0.5)
    cost = bound.reinforce(moving_mean=state)
    np.testing.assert_allclose(cost.numpy(), -bound.numpy(), rtol=1e-5)
    assert state._steps == 1


def test_pairs_of_samples_and_log_probabilities_can_be_scored():
    q = Q()(DATA)
    z, log_q = q.query("z", outputs=True, local_log_prob=True)
    bound = zs.variational.elbo(P(), DATA, latent={"z": (z, log_q)})
    cost = bound.reinforce(variance_reduction=False)
    np.testing.assert_allclose(cost.numpy(), -bound.numpy(), rtol=1e-5)
    (ours,) = jt.grad(cost.mean(), [q.fc.weight])
    (wanted,) = jt.grad(-(bound.detach() * log_q).mean(), [q.fc.weight])
    np.testing.assert_allclose(ours.numpy(), wanted.numpy(), atol=1e-6)
    with pytest.raises(ValueError, match="'auto' needs the variational net"):
        bound.auto()


def test_what_q_was_told_is_no_part_of_the_bound():
    class Labelled(Q):
        def execute(self, observed):
            super().execute(observed)
            self.sn("Bernoulli", "label", logits=self.fc(self.observed["y"])[..., 0])
            return self

    class Model(P):
        def execute(self, observed):
            super().execute(observed)
            self.sn("Bernoulli", "label", logits=np.zeros(8))
            return self

    data = {**DATA, "label": np.ones(8, "float32")}
    q = Labelled()
    bound = zs.variational.elbo(Model(), data, variational=q)
    log_p, log_q = bound.objective.bn.log_joint(), q.nodes["z"].log_prob()
    np.testing.assert_allclose(bound.numpy(), (log_p - log_q).numpy(), rtol=1e-5)


def run(case, estimator, k=3, bound="ELBO", axis=0, options=None, **arguments):
    def make():
        p, q = case().nets(k, data=4, **(options or {}))
        return getattr(zs.variational, bound)(p, q, estimator, axis, **arguments)(OBSERVED)

    return make


REFUSED = [
    (run(Gaussian, "reinforce"), ["node 'z'", "reparameterised", "reparameterize=False"]),
    (run(Bits, "sgvb"), ["node 'z'", "biased", "'auto'"]),
    (run(BitThenNormal, "sgvb"), ["node 'c'", "biased"]),
    (run(BitThenNormal, "reinforce"), ["node 'z'", "biased"]),
    (
        run(Bits, "reinforce", options={"use_path_derivative": True}),
        ["node 'z'", "use_path_derivative", "reinforce"],
    ),
    (run(Bits, "magic"), ["'magic'", "'sgvb', 'reinforce', 'auto'"]),
    (run(Bits, "auto", variance_reduction="best"), ["variance_reduction", "'best'"]),
    (run(Bits, "auto", variance_reduction="rloo", axis=None), ["rloo", "axis"]),
    (run(Bits, "auto", variance_reduction="rloo", k=1), ["rloo", "at least 2"]),
    (run(Bits, "auto", decay=1.0), ["decay", "1.0"]),
    (run(Bits, "sgvb", baseline=lambda o: None), ["baseline", "'reinforce'"]),
    (
        run(Bits, "reinforce", baseline=lambda o: jt.zeros([5])),
        ["baseline has shape [5]", "[3, 4]"],
    ),
]


@pytest.mark.parametrize(("make", "pieces"), REFUSED)
def test_what_is_refused_is_explained(make, pieces):
    with pytest.raises(ValueError, match=".") as caught:
        make()
    assert [piece for piece in pieces if piece not in str(caught.value)] == []
