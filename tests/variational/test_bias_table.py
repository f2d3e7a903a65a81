"""Every estimator against the exact gradient; what is broken is caught by the same test."""

import jittor as jt
import numpy as np
import pytest

from tests.variational.bias import (
    N_DATA,
    Bits,
    BitThenNormal,
    Chain,
    Gaussian,
    NormalThenBit,
    WeightedBits,
    Y,
    elbo_of,
    gradients,
    iw_of,
    points,
    renyi_of,
    z_scores,
)
from zhusuan.variational.baselines import MovingMean
from zhusuan.variational.inclusive_kl import klpq
from zhusuan.variational.lower_bound import LowerBound
from zhusuan.variational.multi_sample import MultiSampleBound

K = 3
SCORED = {"reparameterize": False}


def elbo(estimator, **arguments):
    def cost(p, q, **bound):
        objective = LowerBound(p, {"y": Y}, None, 0, q, **bound)
        return getattr(objective, estimator)(**arguments)

    return cost


def with_history(estimator):
    """Score function estimate after some steps of its moving mean."""
    def cost(p, q):
        state = MovingMean(0.8)
        for _ in range(3):
            result = getattr(LowerBound(p, {"y": Y}, None, 0, q), estimator)(moving_mean=state)
        return result

    return cost


def analytic(estimator):
    return lambda p, q: elbo(estimator)(p, q, analytic_kl=True)


def weighted(estimator, **options):
    return lambda p, q: elbo(estimator)(p, q, kl_weight=0.3, **options)


def multi(estimator, alpha=0.0):
    return lambda p, q: getattr(
        MultiSampleBound(p, {"y": Y}, None, 0, q, alpha=alpha), estimator
    )()


PLAIN = elbo("reinforce", variance_reduction=False)
# case, options of q, estimator, bound, cost
TABLE = [
    (Gaussian, {}, "sgvb", elbo_of, elbo("sgvb")),
    (Gaussian, {"use_path_derivative": True}, "sgvb, path derivative", elbo_of, elbo("sgvb")),
    (Gaussian, {}, "sgvb, analytic KL", elbo_of, analytic("sgvb")),
    (Gaussian, SCORED, "reinforce, plain", elbo_of, PLAIN),
    (Gaussian, SCORED, "reinforce, moving mean", elbo_of, with_history("reinforce")),
    (Gaussian, SCORED, "reinforce, rloo", elbo_of, elbo("reinforce", variance_reduction="rloo")),
    (Gaussian, SCORED, "reinforce, analytic KL", elbo_of, analytic("reinforce")),
    (Gaussian, {}, "importance weighted", iw_of, multi("sgvb")),
    (Gaussian, {}, "importance weighted, dreg", iw_of, multi("dreg")),
    (Gaussian, SCORED, "importance weighted, vimco", iw_of, multi("vimco")),
    (Gaussian, {}, "renyi 0.5", renyi_of(0.5), multi("sgvb", 0.5)),
    (Gaussian, {}, "renyi 0.5, dreg", renyi_of(0.5), multi("dreg", 0.5)),
    (Gaussian, {}, "renyi 2, dreg", renyi_of(2.0), multi("dreg", 2.0)),
    (Bits, {}, "reinforce, plain", elbo_of, PLAIN),
    (Bits, {}, "reinforce, moving mean", elbo_of, with_history("reinforce")),
    (Bits, {}, "reinforce, rloo", elbo_of, elbo("reinforce", variance_reduction="rloo")),
    (Bits, {}, "auto, analytic KL", elbo_of, analytic("auto")),
    (Bits, {}, "importance weighted, vimco", iw_of, multi("vimco")),
    (Bits, {}, "renyi 0.5, vimco", renyi_of(0.5), multi("vimco", 0.5)),
    (Bits, {}, "renyi 1, vimco", elbo_of, multi("vimco", 1.0)),
    (WeightedBits, {}, "reinforce, weight", elbo_of, weighted("reinforce")),
    (WeightedBits, {}, "analytic KL, weight", elbo_of, weighted("auto", analytic_kl=True)),
    (BitThenNormal, {}, "auto", elbo_of, with_history("auto")),
    (BitThenNormal, {"use_path_derivative": True}, "auto, path", elbo_of, with_history("auto")),
    (BitThenNormal, {}, "auto, analytic KL", elbo_of, analytic("auto")),
    (BitThenNormal, {}, "importance weighted, auto", iw_of, multi("auto")),
    (NormalThenBit, {}, "auto, rloo", elbo_of, elbo("auto", variance_reduction="rloo")),
    (NormalThenBit, {}, "importance weighted, auto", iw_of, multi("auto")),
    (Chain, {}, "sgvb", elbo_of, elbo("sgvb")),
    (Chain, {"use_path_derivative": True}, "sgvb, path derivative", elbo_of, elbo("sgvb")),
    (Chain, {}, "sgvb, analytic KL", elbo_of, analytic("sgvb")),
    (Chain, {}, "importance weighted, dreg", iw_of, multi("dreg")),
]
_exact: dict = {}


def judged(case, options, bound, cost):
    """Return z-scores of the value and the gradients, and the gradients' variances."""
    k = 2 if case is Chain else K
    key = case, bound.__qualname__ if bound in (elbo_of, iw_of) else id(bound)
    if key not in _exact:
        _exact[key] = case().exact(bound, 1 if bound is elbo_of else k)
    value, gradient = _exact[key]
    nets = case().nets(k, **options)
    loss = cost(*nets)
    draws = gradients(loss, nets)
    # The nets hold one copy of the parameters for each datum; p's prior may be an expectation.
    of_value = z_scores(-loss.numpy().reshape(-1, 1).astype("float64"), np.array([value]))
    return np.concatenate([of_value, z_scores(-draws, gradient)]), draws.var(0)


@pytest.mark.parametrize(
    ("case", "options", "name", "bound", "cost"),
    TABLE,
    ids=[f"{row[0].__name__}-{row[2]}" for row in TABLE],
)
def test_the_gradient_is_unbiased(case, options, name, bound, cost):
    z, variance = judged(case, options, bound, cost)
    columns = ", ".join(f"{v:.2g}" for v in variance)
    print(f"{case.__name__:14} {name:26} max|z| {np.abs(z).max():.2f}  variances {columns}")
    assert np.abs(z).max() < 4


def test_reduced_variance_is_reduced():
    """At the same parameters and draws per datum, the variance for q beside the plain score's."""
    def of(case, options, bound, cost):
        n_p = np.size(case.p_start["a"])
        return judged(case, options, bound, cost)[1][n_p:]

    for case in (Gaussian, Bits):
        options = SCORED if case is Gaussian else {}
        plain = of(case, options, elbo_of, PLAIN)
        assert (of(case, options, elbo_of, with_history("reinforce")) < plain).all()
        rloo = elbo("reinforce", variance_reduction="rloo")
        assert (of(case, options, elbo_of, rloo) < plain).all()
    plain = of(Gaussian, SCORED, elbo_of, PLAIN)
    assert (of(Gaussian, {}, elbo_of, elbo("sgvb")) < plain).all()
    sgvb = of(Gaussian, {}, iw_of, multi("sgvb"))
    assert (of(Gaussian, {}, iw_of, multi("dreg")) < 0.2 * sgvb).all()


def signal_not_detached(p, q):
    bound = LowerBound(p, {"y": Y}, None, 0, q)
    return -(bound._bound + bound._bound * bound._nets.log_q()).mean(0)


def mean_of_all(signal, axes):
    return signal.mean(axes[0], keepdims=True)


def gain_over_all(log_w):
    """VIMCO's signal with the particle itself in the geometric mean that replaces it."""
    w = np.exp(log_w.numpy())
    total, geometric = w.sum(-1, keepdims=True), np.exp(log_w.numpy().mean(-1, keepdims=True))
    return jt.array(np.log(total) - np.log(total - w + geometric))


def unchecked(*_):
    return None


NETS = "zhusuan.variational.nets.BothNets."
# case, options of q, bound, cost, what is broken: (place, replacement)
BROKEN = [
    (Bits, {}, elbo_of, signal_not_detached, None),
    (Bits, {}, elbo_of, elbo("reinforce", variance_reduction="rloo"),
     ("zhusuan.variational.baselines.leave_one_out_mean", mean_of_all)),
    (Bits, {}, iw_of, multi("vimco"),
     ("zhusuan.variational.multi_sample.leave_one_out_gain", gain_over_all)),
    (Gaussian, {"use_path_derivative": True}, iw_of, multi("sgvb"),
     ("zhusuan.variational.multi_sample.MultiSampleBound._check_full", unchecked)),
    (Gaussian, {}, elbo_of, PLAIN, (NETS + "check_score", unchecked)),
    (Gaussian, SCORED, elbo_of, elbo("sgvb"), (NETS + "check_path", unchecked)),
    (Bits, {}, iw_of, multi("sgvb"), (NETS + "check_path", unchecked)),
]  # fmt: skip


@pytest.mark.parametrize(("case", "options", "bound", "cost", "broken"), BROKEN)
def test_a_broken_estimator_is_caught(case, options, bound, cost, broken, monkeypatch):
    if broken:
        monkeypatch.setattr(*broken)
    z, _ = judged(case, options, bound, cost)
    print(f"{case.__name__:10} {broken and broken[0]}: max|z| {np.abs(z).max():.1f}")
    assert np.abs(z[1:]).max() > 8


def test_a_learned_baseline_leaves_the_gradient_unbiased_and_learns_the_signal():
    case = Bits()
    value, exact = case.exact(elbo_of)
    p, q = case.nets(K)
    baseline = jt.array(np.float32([[0.3]]))
    cost, baseline_cost = LowerBound(p, {"y": Y}, None, 0, q).reinforce(False, baseline)
    assert cost.shape == baseline_cost.shape == (N_DATA,)
    assert np.abs(z_scores(-gradients(cost, (p, q)), exact)).max() < 4
    # The derivative of half the squared error at b is b - E[signal], the signal being the bound.
    slope = jt.grad(baseline_cost.mean(), baseline)
    assert slope.item() == pytest.approx(0.3 - value, abs=0.02)
    assert float(jt.grad(cost.sum(), baseline).numpy().max()) == 0.0


def test_self_normalised_importance_sampling_has_the_gradient_of_its_expectation():
    case = Bits()
    log_w, mass = case.table({**case.p_start, **case.q_start})
    _, bits, _ = points(0, 2, 1)
    m = np.array(case.q_start["m"])
    score = bits - 1 / (1 + np.exp(-m))
    index = np.stack([g.ravel() for g in np.meshgrid(*[np.arange(4)] * K)])
    w = np.exp(log_w[index])
    each = ((w / w.sum(0))[..., None] * score[index]).sum(0)
    exact = (mass[index].prod(0)[:, None] * each).sum(0)

    p, q = case.nets(K)
    cost = klpq(p, {"y": Y}, axis=0, variational=q).importance()
    draws = gradients(cost, (p, q))
    assert (draws[:, :2] == 0).all()  # the generator is left alone
    assert np.abs(z_scores(-draws[:, 2:], exact)).max() < 4
    # Its bias falls as 1 / K: with 64 particles it is close to that of KL(p || q) itself.
    posterior = np.exp(log_w) * mass
    posterior /= posterior.sum()
    p, q = case.nets(64, data=2000)
    draws = gradients(klpq(p, {"y": Y}, axis=0, variational=q).rws(), (p, q))
    np.testing.assert_allclose(-draws[:, 2:].mean(0), posterior @ score, atol=0.01)
