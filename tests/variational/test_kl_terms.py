"""The divergence from the prior: closed forms, weights, schedules, free bits."""

import jittor as jt
import numpy as np
import pytest

import zhusuan as zs
from tests.framework.models import Generator, Variational
from zhusuan.variational.elbo import ELBO
from zhusuan.variational.lower_bound import LowerBound
from zhusuan.variational.schedules import linear_warmup

K, N, D = 6, 50, 3
X = np.float32(np.random.default_rng(0).normal(size=(N, 4)))
MEAN = np.float32([0.5, -1.0, 0.02])


class P(zs.BayesianNet):
    """z [N, 3], u [N] given z, x [N, 4] given both."""

    def __init__(self, **z_options):
        super().__init__()
        self.w = jt.array(np.float32(np.random.default_rng(1).normal(size=(D, 4))))
        self._options = {"group_ndims": 1, **z_options}

    def execute(self, observed):
        self.observe(observed)
        z = self.sn("Normal", "z", mean=np.zeros(D), std=1.0, **self._options)
        u = self.sn("Laplace", "u", loc=z.sum(-1), scale=1.0)
        mean = jt.matmul(z, self.w) + u.unsqueeze(-1)
        self.sn("Normal", "x", mean=mean, std=1.0, group_ndims=1)
        return self


class Q(zs.BayesianNet):
    def __init__(self, u="Laplace", k=K, **z_options):
        super().__init__()
        self.mean, self.logstd = jt.array(MEAN), jt.array(np.float32([-0.5, 0.1, 0.0]))
        self.r = jt.array([0.7])
        self._u, self._k, self._options = u, k, {"group_ndims": 1, **z_options}

    def execute(self, observed):
        self.observe(observed)
        mean = self.mean.broadcast([N, D])
        options = {"n_samples": self._k, **self._options}
        z = self.sn("Normal", "z", mean=mean, logstd=self.logstd, **options)
        where = {"Laplace": ("loc", "scale"), "Normal": ("mean", "std")}[self._u]
        self.sn(self._u, "u", **{where[0]: self.r * z[..., 0], where[1]: 0.9})
        return self

    def targets(self):
        return [self.mean, self.logstd, self.r]


def bound_of(p, q, seed, **options):
    zs.set_seed(seed)
    return LowerBound(p, {"x": X}, None, 0, q, **options)


@pytest.mark.parametrize("u", ["Laplace", "Normal"])
def test_the_analytic_bound_has_the_same_mean_and_less_variance(u):
    p, q = P(), Q(u)
    values, slopes = {}, {}
    for analytic_kl in (False, True):
        bounds, gradients = [], []
        for seed in range(40):
            bound = bound_of(p, q, seed, analytic_kl=analytic_kl)
            cost = bound.sgvb().mean()
            bounds.append(bound.tensor.mean().item())
            gradients.append(np.concatenate([g.numpy() for g in jt.grad(cost, q.targets())]))
        values[analytic_kl], slopes[analytic_kl] = np.array(bounds), np.array(gradients)
    for found in (values, slopes):
        gap = (found[True] - found[False]).mean(0)
        se = (found[True] - found[False]).std(0, ddof=1) / np.sqrt(40)
        assert np.abs(gap / se).max() < 4
    print(u, "variances of the bound", values[False].var(), values[True].var())
    print(u, "variances of gradients", slopes[False].var(0), slopes[True].var(0))
    # z ends in a likelihood that is far from the prior: there the sampled divergence is noise.
    assert values[True].var() < values[False].var()


@pytest.mark.parametrize("z_options", [
    {"group_ndims": 0, "reduce_sum_dims": [-1]},
    {"group_ndims": 1, "multiplier": 2.5},
])  # fmt: skip
def test_reductions_apply_to_the_closed_form(z_options):
    p, q = P(**z_options), Q(**z_options)
    bound = bound_of(p, q, 0, analytic_kl=True)
    kl = -bound._negative_kl("z", is_scored=False).numpy()
    sd = np.exp(q.logstd.numpy())
    wanted = (0.5 * (MEAN**2 + sd**2 - 1) - np.log(sd)).sum() * z_options.get("multiplier", 1.0)
    assert kl.shape == (K, N)
    np.testing.assert_allclose(kl, wanted, rtol=1e-5)


def test_nodes_without_a_closed_form_or_with_other_reductions_are_sampled():
    exact = bound_of(P(), Q("Normal"), 0, analytic_kl=True)
    sampled = bound_of(P(), Q("Normal"), 0)
    # Laplace and normal: none is known from normal to Laplace, or it agrees in expectation.
    assert tuple(exact.tensor.shape) == tuple(sampled.tensor.shape) == (N,)
    unlike = bound_of(P(multiplier=2.0), Q(), 0, analytic_kl=True)
    own = bound_of(P(multiplier=2.0), Q(), 0)
    ours, theirs = (b._negative_kl("z", is_scored=False).numpy() for b in (unlike, own))
    np.testing.assert_allclose(ours, theirs)


def parts(bound):
    """Return log p(x | z) and minus the sum of the sampled divergences."""
    terms = bound._nets.p.nodes
    return terms["x"].log_prob(), sum(bound._negative_kl(n, is_scored=False) for n in ("z", "u"))


def test_the_weight_multiplies_the_divergences():
    p, q = P(), Q()
    plain = bound_of(p, q, 0)
    log_likelihood, negative_kl = parts(plain)
    wanted = (log_likelihood + 0.3 * negative_kl).mean(0).numpy()
    weighted = bound_of(p, q, 0, kl_weight=0.3).tensor.numpy()
    np.testing.assert_allclose(weighted, wanted, rtol=1e-4)
    np.testing.assert_allclose(plain.tensor.numpy(), sum(parts(plain)).mean(0).numpy(), rtol=1e-4)


def test_free_bits_charge_each_node_at_least_the_floor():
    p, q = P(), Q()
    plain = bound_of(p, q, 0, analytic_kl=True)
    divergences = {n: -plain._negative_kl(n, is_scored=False).mean().item() for n in ("z", "u")}
    floor = np.mean(list(divergences.values()))  # above one, below the other
    floored = bound_of(p, q, 0, analytic_kl=True, free_bits=floor)
    low = min(divergences, key=divergences.get)
    gap = plain.tensor.mean().item() - floored.tensor.mean().item()
    assert gap == pytest.approx(floor - divergences[low], rel=1e-2)
    kept = floored._negative_kl(low, is_scored=False)
    assert all((g.numpy() == 0).all() for g in jt.grad(kept.sum() + 0 * q.r.sum(), q.targets()[2:]))


def test_a_schedule_counts_the_steps_that_learn():
    seen = []
    model = ELBO(Generator(), Variational(), kl_weight=lambda step: seen.append(step) or 1.0)
    x = {"x": np.ones((4, 3), "float32")}
    model(x)
    with jt.no_grad():
        model(x)
    model(x)
    assert seen == [0, 1, 1]


def test_linear_warmup():
    weight = linear_warmup(4, start=0.2)
    assert [round(weight(step), 6) for step in (0, 1, 2, 4, 1000)] == [0.2, 0.4, 0.6, 1.0, 1.0]


ERRORS = [
    (lambda: linear_warmup(0), ValueError, "at least 1"),
    (lambda: linear_warmup(10, start=-1.0), ValueError, "not negative"),
    (lambda: ELBO(Generator(), Variational(), kl_weight="big"), TypeError, "kl_weight"),
    (lambda: ELBO(Generator(), Variational(), kl_weight=-1), ValueError, "kl_weight"),
    (lambda: ELBO(Generator(), Variational(), free_bits=-1), ValueError, "free_bits"),
]


@pytest.mark.parametrize(("make", "error", "piece"), ERRORS)
def test_errors_name_what_is_wrong(make, error, piece):
    with pytest.raises(error, match=piece):
        make()


def test_a_log_joint_of_ones_own_has_no_parts():
    @zs.meta_bayesian_net(scope="own")
    def make():
        bn = zs.BayesianNet()
        bn.normal("z", 0.0, std=1.0)
        return bn

    model = make()
    model.log_joint = lambda bn: bn.cond_log_prob("z")

    @zs.meta_bayesian_net(scope="q")
    def guide():
        bn = zs.BayesianNet()
        bn.normal("z", 0.0, std=1.0)
        return bn

    with pytest.raises(ValueError, match="log_joint of its own"):
        zs.variational.elbo(model, {}, variational=guide(), kl_weight=0.5)
