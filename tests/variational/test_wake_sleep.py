"""The inclusive divergence and reweighted wake-sleep: who is trained by what, and learning."""

import jittor as jt
import numpy as np
import pytest

import zhusuan as zs
from tests.variational.bias import Bits, Gaussian, Y, gradients, iw_of, z_scores
from zhusuan.variational.inclusive_kl import InclusiveKLObjective, klpq
from zhusuan.variational.wake_sleep import ReweightedWakeSleep

OBSERVED = {"y": Y}


def test_the_wake_phase_of_p_is_unbiased_for_p_and_leaves_q_alone():
    case = Bits()
    _, exact = case.exact(iw_of, 3)
    p, q = case.nets(3)
    cost = ReweightedWakeSleep(p, q, axis=0).wake_theta(OBSERVED, reduce_mean=False)
    draws = gradients(cost, (p, q))
    assert np.abs(z_scores(-draws[:, :2], exact[:2])).max() < 4
    assert (draws[:, 2:] == 0).all()


def test_the_sleep_phase_fits_q_to_what_p_dreams_and_leaves_p_alone():
    case = Bits()
    p, q = case.nets(3)
    cost = ReweightedWakeSleep(p, q, axis=0).sleep_phi(OBSERVED, reduce_mean=False)
    draws = gradients(cost, (p, q))
    assert (draws[:, :2] == 0).all()
    # q does not look at y: its logits are drawn to those of the prior.
    a, m = np.array(case.p_start["a"]), np.array(case.q_start["m"])
    exact = 1 / (1 + np.exp(-a)) - 1 / (1 + np.exp(-m))
    assert np.abs(z_scores(-draws[:, 2:], exact)).max() < 4


def test_the_objective_is_the_weighted_sum_of_its_phases():
    p, q = Bits().nets(5, data=4)
    model = ReweightedWakeSleep(p, q, axis=0, insomnia=0.25)
    zs.set_seed(0)
    total = model(OBSERVED)
    assert tuple(total.shape) == (1,)
    zs.set_seed(0)
    theta = model.wake_theta(OBSERVED).item()
    zs.set_seed(0)
    phi = model.wake_phi(OBSERVED).item()
    zs.set_seed(0)
    model.wake_theta(OBSERVED).item()  # the draws of the wake phase come first
    sleep = model.sleep_phi(OBSERVED, data=["y"]).item()
    assert total.item() == pytest.approx(theta + 0.25 * phi + 0.75 * sleep, rel=1e-5)
    assert tuple(model(OBSERVED, reduce_mean=False).shape) == (4,)


def test_wake_sleep_finds_the_posterior():
    case = Bits()
    log_w, mass = case.table({**case.p_start, **case.q_start})
    posterior = np.exp(log_w) * mass
    p, q = case.nets(50, data=20)
    optimizer = jt.optim.Adam(q.targets(), 0.05)
    model = InclusiveKLObjective(p, q, axis=0)
    for _ in range(150):
        optimizer.step(model(OBSERVED))
    bits = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    wanted = (posterior / posterior.sum()) @ bits  # q is factorised: its marginals are those of p
    found = 1 / (1 + np.exp(-q.targets()[0].numpy().mean(0)))
    np.testing.assert_allclose(found, wanted, atol=0.03)


def test_the_divergence_has_no_value_and_one_particle_warns():
    p, q = Bits().nets(None, data=4)
    with pytest.warns(UserWarning, match="without axis"):
        objective = klpq(p, OBSERVED, variational=q)
    assert tuple(objective.importance().shape) == (4,)
    with pytest.raises(NotImplementedError, match="importance"):
        _ = objective.tensor


def test_what_is_refused_is_explained():
    p, q = Gaussian().nets(3, data=4)
    with pytest.raises(ValueError, match="node 'z'.*klpq"):
        klpq(p, OBSERVED, axis=0, variational=q)
    with pytest.raises(ValueError, match="node 'z'.*ReweightedWakeSleep"):
        ReweightedWakeSleep(p, q, axis=0).wake_theta(OBSERVED)
    with pytest.raises(ValueError, match="axis"):
        ReweightedWakeSleep(p, q)
    with pytest.raises(ValueError, match="insomnia"):
        ReweightedWakeSleep(p, q, 0, insomnia=1.5)
    with pytest.raises(ValueError, match="'vimco'"):
        InclusiveKLObjective(p, q, 0, "vimco")
