"""KL divergences against quadrature, sums and dense algebra; the registry."""

import itertools

import jittor as jt
import numpy as np
import pytest
from scipy import integrate, stats

from zhusuan import distributions as zd
from zhusuan.distributions.kl.registry import _registry

# family -> two parameterisations of shape [3], and SciPy's distribution for them
UNIVARIATE = {
    "Normal": (
        [{"mean": [0.0, 1.0, -2.0], "std": [1.0, 0.5, 3.0]},
         {"mean": [0.3, -1.0, 1.0], "std": [1.1, 2.0, 1.0]}],
        lambda p: stats.norm(p["mean"], p["std"]),
    ),
    "LogNormal": (
        [{"mean": [0.0, 0.5, -1.0], "std": [1.0, 0.5, 0.3]},
         {"mean": [0.3, -0.5, 0.0], "std": [1.1, 0.9, 0.7]}],
        lambda p: stats.lognorm(p["std"], scale=np.exp(p["mean"])),
    ),
    "HalfNormal": (
        [{"scale": [1.0, 0.5, 3.0]}, {"scale": [1.2, 2.0, 1.0]}],
        lambda p: stats.halfnorm(scale=p["scale"]),
    ),
    "Cauchy": (
        [{"loc": [0.0, 1.0, -2.0], "scale": [1.0, 0.5, 3.0]},
         {"loc": [0.3, -1.0, 1.0], "scale": [1.1, 2.0, 1.0]}],
        lambda p: stats.cauchy(p["loc"], p["scale"]),
    ),
    "HalfCauchy": (
        [{"scale": [1.0, 0.5, 3.0]}, {"scale": [1.2, 2.0, 1.0]}],
        lambda p: stats.halfcauchy(scale=p["scale"]),
    ),
    "Laplace": (
        [{"loc": [0.0, 1.0, -2.0], "scale": [1.0, 0.5, 3.0]},
         {"loc": [0.3, -1.0, 1.0], "scale": [1.1, 2.0, 1.0]}],
        lambda p: stats.laplace(p["loc"], p["scale"]),
    ),
    "Logistic": (
        [{"loc": [0.0, 1.0, -2.0], "scale": [1.0, 0.5, 3.0]},
         {"loc": [0.3, -1.0, 1.0], "scale": [1.1, 2.0, 1.0]}],
        lambda p: stats.logistic(p["loc"], p["scale"]),
    ),
    "Gumbel": (
        [{"loc": [0.0, 1.0, -2.0], "scale": [1.0, 0.5, 1.5]},
         {"loc": [0.3, -1.0, 1.0], "scale": [1.1, 2.0, 1.0]}],
        lambda p: stats.gumbel_r(p["loc"], p["scale"]),
    ),
    "VonMises": (
        [{"loc": [0.0, 1.0, -2.0], "concentration": [1.0, 0.5, 30.0]},
         {"loc": [0.3, -1.0, 1.0], "concentration": [1.1, 2.0, 10.0]}],
        lambda p: stats.vonmises(p["concentration"], p["loc"]),
    ),
    "Gamma": (
        [{"alpha": [0.5, 3.0, 40.0], "beta": [1.0, 0.5, 3.0]},
         {"alpha": [0.6, 2.0, 30.0], "beta": [1.1, 2.0, 2.5]}],
        lambda p: stats.gamma(p["alpha"], scale=1 / p["beta"]),
    ),
    "InverseGamma": (
        [{"alpha": [2.5, 3.0, 40.0], "beta": [1.0, 0.5, 3.0]},
         {"alpha": [1.6, 2.0, 30.0], "beta": [1.1, 2.0, 2.5]}],
        lambda p: stats.invgamma(p["alpha"], scale=p["beta"]),
    ),
    "Exponential": (
        [{"rate": [1.0, 0.5, 3.0]}, {"rate": [1.2, 2.0, 1.0]}],
        lambda p: stats.expon(scale=1 / p["rate"]),
    ),
    "Chi2": (
        [{"df": [1.0, 2.5, 30.0]}, {"df": [1.2, 2.0, 25.0]}],
        lambda p: stats.chi2(p["df"]),
    ),
    "Weibull": (
        [{"scale": [1.0, 0.5, 3.0], "concentration": [1.0, 2.0, 1.5]},
         {"scale": [1.2, 2.0, 1.0], "concentration": [1.1, 0.8, 2.0]}],
        lambda p: stats.weibull_min(p["concentration"], scale=p["scale"]),
    ),
    "Pareto": (
        [{"scale": [1.5, 1.0, 3.0], "alpha": [4.0, 5.0, 6.0]},
         {"scale": [1.2, 1.0, 1.0], "alpha": [3.0, 1.2, 5.0]}],
        lambda p: stats.pareto(p["alpha"], scale=p["scale"]),
    ),
    "Beta": (
        [{"alpha": [0.5, 3.0, 40.0], "beta": [1.0, 0.5, 3.0]},
         {"alpha": [0.6, 2.0, 30.0], "beta": [1.1, 2.0, 2.5]}],
        lambda p: stats.beta(p["alpha"], p["beta"]),
    ),
    "Uniform": (
        [{"minval": [0.1, 0.0, 0.2], "maxval": [0.9, 1.0, 0.5]},
         {"minval": [0.0, -1.0, 0.0], "maxval": [1.0, 2.0, 3.0]}],
        lambda p: stats.uniform(p["minval"], p["maxval"] - p["minval"]),
    ),
    "Bernoulli": (
        [{"logits": [0.0, -5.0, 3.0]}, {"logits": [0.1, 2.0, -3.0]}],
        lambda p: stats.bernoulli(1 / (1 + np.exp(-p["logits"]))),
    ),
    "Poisson": (
        [{"rate": [1.0, 0.1, 30.0]}, {"rate": [1.1, 3.0, 20.0]}],
        lambda p: stats.poisson(p["rate"]),
    ),
    "Geometric": (
        [{"logits": [0.0, -1.0, 3.0]}, {"logits": [0.1, 2.0, -2.0]}],
        lambda p: stats.geom(1 / (1 + np.exp(-p["logits"])), loc=-1),
    ),
    "Binomial": (
        [{"logits": [0.0, -5.0, 3.0], "n_experiments": [5.0, 5.0, 30.0]},
         {"logits": [0.1, 2.0, -3.0], "n_experiments": [5.0, 5.0, 30.0]}],
        lambda p: stats.binom(p["n_experiments"].astype(int), 1 / (1 + np.exp(-p["logits"]))),
    ),
    "NegativeBinomial": (
        [{"logits": [0.0, -1.0, 1.0], "total_count": [5.0, 0.5, 3.0]},
         {"logits": [0.1, 0.5, -1.0], "total_count": [5.0, 0.5, 3.0]}],
        lambda p: stats.nbinom(p["total_count"], 1 / (1 + np.exp(p["logits"]))),
    ),
}


def _build(name, which):
    parameters = UNIVARIATE[name][0][which]
    given = {k: np.float32(v) for k, v in parameters.items()}
    exact = {k: np.asarray(v, dtype=np.float32).astype(float) for k, v in parameters.items()}
    return getattr(zd, name)(**given), UNIVARIATE[name][1](exact)


def _numeric(p, q, i, discrete):
    """KL of the i-th members by summation or quadrature of p's density over its quantiles."""

    def member(frozen):
        arguments = [np.broadcast_to(a, (3,))[i] for a in frozen.args]
        keywords = {k: np.broadcast_to(a, (3,))[i] for k, a in frozen.kwds.items()}
        return frozen.dist(*arguments, **keywords)

    p, q = member(p), member(q)
    if discrete:
        k = np.arange(p.ppf(1e-15), p.ppf(1 - 1e-15) + 1)
        mass = p.pmf(k)
        return np.sum(mass * (p.logpmf(k) - q.logpmf(k)))
    # x = F^-1(u), in u = 1 / (1 + exp(-t)): the integrand becomes smooth and light-tailed.

    def integrand(t):
        lower, upper = 1 / (1 + np.exp(-t)), 1 / (1 + np.exp(t))
        x = p.ppf(lower) if t < 0 else p.isf(upper)
        value = (p.logpdf(x) - q.logpdf(x)) * lower * upper
        # Where the quantile has rounded to an end of the support there is nothing left to add.
        return value if np.isfinite(value) or abs(t) < 12 else 0.0

    total = 0.0
    for a, b in itertools.pairwise((-34, -10, -3, 0, 3, 10, 34)):
        total += integrate.quad(integrand, a, b, limit=200)[0]
    return total


PAIRS = sorted(
    (p.__name__, q.__name__)
    for p, q in _registry
    if p.__name__ in UNIVARIATE and q.__name__ in UNIVARIATE
)


def test_most_pairs_are_univariate():
    assert len(PAIRS) >= 50


@pytest.mark.parametrize(("name_p", "name_q"), PAIRS)
def test_univariate_pairs_match_quadrature(name_p, name_q):
    p, truth_p = _build(name_p, 0)
    q, truth_q = _build(name_q, 1)
    value = zd.kl_divergence(p, q).numpy()
    assert value.shape == (3,)
    with np.errstate(all="ignore"):
        expected = [_numeric(truth_p, truth_q, i, not p.is_continuous) for i in range(3)]
    for got, want in zip(value, expected):
        if np.isinf(want):
            assert np.isinf(got)
        else:
            # Quadrature to 1e-6 where tails are heavy; float32 terms cancel to 1e-6 absolute.
            assert got == pytest.approx(want, rel=3e-5, abs=3e-6)


@pytest.mark.parametrize("name", sorted({p for p, q in PAIRS if p == q}))
def test_divergence_from_itself_is_zero_and_gradients_are_those_of_differences(name):
    p, _ = _build(name, 0)
    twin, _ = _build(name, 0)
    assert np.abs(zd.kl_divergence(p, twin).numpy()).max() < 1e-6
    rows = [UNIVARIATE[name][0][i] for i in (0, 1)]
    fixed = {"n_experiments", "total_count"}
    free = [(i, k) for i in (0, 1) for k in rows[i] if k not in fixed]

    def divergence(values):
        given = [dict(rows[0]), dict(rows[1])]
        variables = []
        for (i, k), v in zip(free, values):
            given[i][k] = jt.array(np.asarray(v), dtype="float64")
            variables.append(given[i][k])
        return zd.kl_divergence(*(getattr(zd, name)(**g) for g in given)), variables

    start = [np.asarray(rows[i][k], dtype=float) for i, k in free]
    value, variables = divergence(start)
    for place, gradient in enumerate(jt.grad(value.sum(), variables)):
        moved = []
        for sign in (1, -1):
            values = [v + sign * 1e-6 * (j == place) for j, v in enumerate(start)]
            moved.append(divergence(values)[0].numpy())
        numeric = (moved[0] - moved[1]) / 2e-6
        usable = np.isfinite(numeric)
        np.testing.assert_allclose(
            gradient.numpy()[usable], numeric[usable], rtol=1e-5, atol=1e-6
        )


def _dense(mean_p, cov_p, mean_q, cov_q):
    inverse = np.linalg.inv(cov_q)
    away = mean_q - mean_p
    return 0.5 * (
        np.trace(inverse @ cov_p) + away @ inverse @ away - len(mean_p)
        + np.linalg.slogdet(cov_q)[1] - np.linalg.slogdet(cov_p)[1]
    )


def test_multivariate_normals_of_all_forms_match_dense_algebra():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 4, 4))
    cov_p, cov_q = a @ a.T + np.eye(4), b @ b.T + np.eye(4)
    mean_p, mean_q = rng.normal(size=(2, 4))
    factor, diagonal = rng.normal(size=(4, 2)), np.array([1.0, 0.5, 2.0, 0.3])
    low_rank = factor @ factor.T + np.diag(diagonal)
    p = zd.MultivariateNormalCholesky(mean_p, np.linalg.cholesky(cov_p))
    others = [
        (zd.MultivariateNormal(mean_q, covariance=cov_q), cov_q),
        (zd.MultivariateNormal(mean_q, precision=np.linalg.inv(cov_q)), cov_q),
        (zd.LowRankMultivariateNormal(mean_q, factor, diagonal), low_rank),
    ]
    for q, cov in others:
        value = zd.kl_divergence(p, q).numpy()
        assert value == pytest.approx([_dense(mean_p, cov_p, mean_q, cov)], rel=3e-5)
        back = zd.kl_divergence(q, p).numpy()
        assert back == pytest.approx([_dense(mean_q, cov, mean_p, cov_p)], rel=3e-5)


def test_matrix_normal_is_a_normal_of_kronecker_covariance():
    rng = np.random.default_rng(1)
    means = rng.normal(size=(2, 2, 3))
    rows = [np.tril(rng.normal(size=(2, 2))) + 3 * np.eye(2) for _ in range(2)]
    columns = [np.tril(rng.normal(size=(3, 3))) + 3 * np.eye(3) for _ in range(2)]
    p, q = (zd.MatrixVariateNormalCholesky(means[i], rows[i], columns[i]) for i in (0, 1))
    dense = [np.kron(rows[i] @ rows[i].T, columns[i] @ columns[i].T) for i in (0, 1)]
    expected = _dense(means[0].reshape(-1), dense[0], means[1].reshape(-1), dense[1])
    assert zd.kl_divergence(p, q).numpy() == pytest.approx([expected], rel=3e-5)


SIMULATED = [
    (
        zd.Dirichlet(np.float32([0.5, 2.0, 7.0])), zd.Dirichlet(np.float32([1.0, 1.5, 3.0])),
        stats.dirichlet([0.5, 2.0, 7.0]), stats.dirichlet([1.0, 1.5, 3.0]),
    ),
    (
        zd.Wishart(5.0, np.float32([[1.0, 0.0], [0.5, 2.0]])),
        zd.Wishart(4.0, np.float32([[1.5, 0.0], [-0.3, 1.0]])),
        stats.wishart(5, [[1.0, 0.5], [0.5, 4.25]]),
        stats.wishart(4, [[2.25, -0.45], [-0.45, 1.09]]),
    ),
]


@pytest.mark.parametrize(("p", "q", "truth_p", "truth_q"), SIMULATED, ids=["dirichlet", "wishart"])
def test_simplex_and_matrices_match_simulation(p, q, truth_p, truth_q):
    drawn = truth_p.rvs(50_000, random_state=np.random.default_rng(2))
    drawn = drawn.transpose(*range(1, drawn.ndim), 0)  # SciPy's logpdf wants the samples last
    ratio = truth_p.logpdf(drawn) - truth_q.logpdf(drawn)
    error = ratio.std() / np.sqrt(ratio.size)
    # Five standard errors, of one per cent of the value.
    assert error < 0.02 * ratio.mean()
    assert abs(zd.kl_divergence(p, q).item() - ratio.mean()) < 5 * error


def test_categories_and_counts_of_them():
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(2, 3, 4)).astype(np.float32)
    logits[0, 0, 1] = -np.inf
    probs = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(probs[0] > 0, probs[0] * (np.log(probs[0]) - np.log(probs[1])), 0.0)
    expected = terms.sum(-1)
    for family in (zd.Categorical, zd.OnehotCategorical):
        value = zd.kl_divergence(family(logits[0]), family(logits[1])).numpy()
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)
    p, q = (zd.Multinomial(logits[i], 7) for i in (0, 1))
    np.testing.assert_allclose(zd.kl_divergence(p, q).numpy(), 7 * expected, rtol=1e-5)
    # A category that p has and q lacks.
    back = zd.kl_divergence(zd.Categorical(logits[1]), zd.Categorical(logits[0]))
    assert np.isinf(back.numpy()[0])


def test_groups_are_summed_and_batches_broadcast():
    p = zd.Normal(np.zeros((2, 3)), 1.0, group_ndims=1)
    q = zd.Normal(np.ones(3), 1.0, group_ndims=1)
    np.testing.assert_allclose(zd.kl_divergence(p, q).numpy(), [1.5, 1.5], rtol=1e-6)


def test_what_can_not_be_compared_is_said():
    normal = zd.Normal(0.0, 1.0)
    with pytest.raises(NotImplementedError, match=r"Normal and Poisson.*Gumbel, Laplace, Normal"):
        zd.kl_divergence(normal, zd.Poisson(1.0))
    with pytest.raises(ValueError, match="group_ndims must be equal, got 0 and 1"):
        zd.kl_divergence(normal, zd.Normal(0.0, 1.0, group_ndims=1))
    with pytest.raises(ValueError, match=r"\[2\].*\[3\]"):
        zd.kl_divergence(zd.Normal(np.zeros(2), 1.0), zd.Normal(np.zeros(3), 1.0))
    with pytest.raises(NotImplementedError, match="equal n_experiments"):
        zd.kl_divergence(zd.Binomial([0.0], 3), zd.Binomial([0.0], 4))


def test_users_register_their_own_pairs():
    class Shifted(zd.Normal):
        pass

    assert zd.kl_divergence(Shifted(0.0, 1.0), zd.Normal(1.0, 1.0)).item() == pytest.approx(0.5)

    @zd.register_kl(Shifted, zd.Normal)
    def _shifted(p, q):
        return p.mean * 0 + 42.0

    try:
        q = zd.Normal(1.0, 1.0)
        assert zd.kl_divergence(Shifted(0.0, 1.0), q).item() == 42.0
        assert zd.kl_divergence(zd.Normal(0.0, 1.0), q).item() == pytest.approx(0.5)
        with pytest.raises(TypeError, match="register_kl"):
            zd.register_kl("Normal", zd.Normal)
    finally:
        del _registry[Shifted, zd.Normal]
