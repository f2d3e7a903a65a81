"""What is measured: each family as this library and its peers write it, with the same numbers.

The expressions are evaluated in the worker of each library, where the names of its distributions
and of the family's inputs are defined. A library without the distribution has a blank.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Operation = Callable[[], Any]
"""Computes something anew and returns it, in a list."""

# What is measured of each family; gradients are taken to all parameters and to the value.
SAMPLE, LOG_PROB, RSAMPLE = "sample", "log_prob + grad", "rsample + grad"

Draw = Callable[[np.random.Generator, Sequence[int]], np.ndarray]

N_CATEGORIES = 10
N_TRIALS = 10


@dataclass(frozen=True)
class Input:
    """How an array is drawn, the shape of its row, and whether there is one row for all."""

    draw: Draw
    row: tuple[int, ...] = ()
    is_shared: bool = False

    def array(self, rng: np.random.Generator, rows: int) -> np.ndarray:
        """Return the array of ``rows`` rows, floats in float32."""
        shape = self.row if self.is_shared else (rows, *self.row)
        drawn = self.draw(rng, shape)
        return drawn.astype("int32" if drawn.dtype.kind == "i" else "float32")


@dataclass(frozen=True)
class Family:
    """One line of the table.

    :ivar name: what it is called in the table.
    :ivar zhusuan: expression that makes the distribution.
    :ivar torch: the same in torch.distributions; empty if it has none.
    :ivar numpyro: the same in numpyro.distributions; empty if it has none.
    :ivar given: the values whose ``log_prob`` is taken; differentiated in as well, unless they
        are discrete.
    :ivar inputs: the parameters, which gradients are taken to.
    """

    name: str
    zhusuan: str
    torch: str
    numpyro: str
    given: Input
    inputs: dict[str, Input]
    is_discrete: bool = False

    def arrays(self, size: int) -> dict[str, np.ndarray]:
        """Return the parameters and ``given``, the largest of them with about ``size`` elements."""
        every = {**self.inputs, "given": self.given}
        largest = max(int(np.prod(i.row)) for i in every.values() if not i.is_shared)
        rng = np.random.default_rng(0)
        return {name: i.array(rng, max(1, size // largest)) for name, i in every.items()}


def _uniform(low: float, high: float) -> Draw:
    return lambda rng, shape: rng.uniform(low, high, shape)


def _whole(high: int) -> Draw:
    return lambda rng, shape: rng.integers(0, high, shape).astype("float64")


def _real(rng: np.random.Generator, shape: Sequence[int]) -> np.ndarray:
    return rng.standard_normal(shape)


def _index(rng: np.random.Generator, shape: Sequence[int]) -> np.ndarray:
    return rng.integers(0, N_CATEGORIES, shape)


def _onehot(rng: np.random.Generator, shape: Sequence[int]) -> np.ndarray:
    return np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])]


def _counts(rng: np.random.Generator, shape: Sequence[int]) -> np.ndarray:
    return rng.multinomial(N_TRIALS, np.full(shape[-1], 1 / shape[-1]), shape[:-1]).astype("f8")


def _simplex(rng: np.random.Generator, shape: Sequence[int]) -> np.ndarray:
    weights = rng.uniform(0.2, 1.0, shape)
    return weights / weights.sum(-1, keepdims=True)


def _log_simplex(rng: np.random.Generator, shape: Sequence[int]) -> np.ndarray:
    return np.log(_simplex(rng, shape))


def _tril(rng: np.random.Generator, shape: Sequence[int]) -> np.ndarray:
    return np.tril(rng.uniform(-0.3, 0.3, shape), -1) + np.eye(shape[-1]) * rng.uniform(
        0.5, 1.5, shape[:-1]
    )[..., None]


def _positive_definite(rng: np.random.Generator, shape: Sequence[int]) -> np.ndarray:
    tril = _tril(rng, shape)
    return tril @ np.swapaxes(tril, -1, -2)


def _correlation_tril(rng: np.random.Generator, shape: Sequence[int]) -> np.ndarray:
    tril = _tril(rng, shape)
    return tril / np.linalg.norm(tril, axis=-1, keepdims=True)


REAL = Input(_real)
POSITIVE = Input(_uniform(0.5, 3.0))
UNIT = Input(_uniform(0.05, 0.95))
LOGITS = Input(_real, (N_CATEGORIES,))
VECTOR = Input(_real, (10,))
TRIL = Input(_tril, (10, 10))


def _one(
    name: str, zhusuan: str, torch: str, numpyro: str, given: Input, **inputs: Input
) -> Family:
    return Family(name, zhusuan, torch, numpyro, given, inputs)


def _discrete(
    name: str, zhusuan: str, torch: str, numpyro: str, given: Input, **inputs: Input
) -> Family:
    return Family(name, zhusuan, torch, numpyro, given, inputs, is_discrete=True)


def _location_scale(name: str, given: Input = REAL) -> Family:
    same = f"{name}(loc, scale)"
    return _one(name, same, same, same, given, loc=REAL, scale=POSITIVE)


FAMILIES = [
    _one(
        "Normal",
        "Normal(mean, std)", "Normal(mean, std)", "Normal(mean, std)",
        REAL, mean=REAL, std=POSITIVE,
    ),
    _one(
        "FoldNormal",
        "FoldNormal(mean, std)", "", "FoldedDistribution(Normal(mean, std))",
        POSITIVE, mean=REAL, std=POSITIVE,
    ),
    _one(
        "LogNormal",
        "LogNormal(mean, std)", "LogNormal(mean, std)", "LogNormal(mean, std)",
        POSITIVE, mean=REAL, std=POSITIVE,
    ),
    _one(
        "HalfNormal",
        "HalfNormal(scale)", "HalfNormal(scale)", "HalfNormal(scale)",
        POSITIVE, scale=POSITIVE,
    ),
    _one(
        "TruncatedNormal",
        "TruncatedNormal(mean, std, low=low, high=high)", "",
        "TruncatedNormal(mean, std, low=low, high=high)",
        Input(_uniform(-1.0, 1.0)),
        mean=REAL, std=POSITIVE, low=Input(_uniform(-3.0, -1.0)), high=Input(_uniform(1.0, 3.0)),
    ),
    _one(
        "Uniform",
        "Uniform(low, high)", "Uniform(low, high)", "Uniform(low, high)",
        Input(_uniform(-1.0, 1.0)),
        low=Input(_uniform(-3.0, -1.0)), high=Input(_uniform(1.0, 3.0)),
    ),
    _location_scale("Laplace"),
    _location_scale("Cauchy"),
    _location_scale("Gumbel"),
    _one(
        "Logistic",
        "Logistic(loc, scale)", "", "Logistic(loc, scale)",
        REAL, loc=REAL, scale=POSITIVE,
    ),
    _one(
        "HalfCauchy",
        "HalfCauchy(scale)", "HalfCauchy(scale)", "HalfCauchy(scale)",
        POSITIVE, scale=POSITIVE,
    ),
    _one(
        "StudentT",
        "StudentT(df, loc, scale)", "StudentT(df, loc, scale)", "StudentT(df, loc, scale)",
        REAL, df=POSITIVE, loc=REAL, scale=POSITIVE,
    ),
    _one(
        "Exponential",
        "Exponential(rate)", "Exponential(rate)", "Exponential(rate)",
        POSITIVE, rate=POSITIVE,
    ),
    _one(
        "Gamma",
        "Gamma(alpha, beta)", "Gamma(alpha, beta)", "Gamma(alpha, beta)",
        POSITIVE, alpha=POSITIVE, beta=POSITIVE,
    ),
    _one(
        "InverseGamma",
        "InverseGamma(alpha, beta)", "InverseGamma(alpha, beta)", "InverseGamma(alpha, beta)",
        POSITIVE, alpha=POSITIVE, beta=POSITIVE,
    ),
    _one("Chi2", "Chi2(df)", "Chi2(df)", "Chi2(df)", POSITIVE, df=POSITIVE),
    _one(
        "Weibull",
        "Weibull(scale, concentration)", "Weibull(scale, concentration)",
        "Weibull(scale, concentration)",
        POSITIVE, scale=POSITIVE, concentration=POSITIVE,
    ),
    _one(
        "Pareto",
        "Pareto(scale, alpha)", "Pareto(scale, alpha)", "Pareto(scale, alpha)",
        Input(_uniform(1.0, 4.0)), scale=Input(_uniform(0.5, 1.0)), alpha=POSITIVE,
    ),
    _one(
        "Beta",
        "Beta(alpha, beta)", "Beta(alpha, beta)", "Beta(alpha, beta)",
        UNIT, alpha=POSITIVE, beta=POSITIVE,
    ),
    _one(
        "VonMises",
        "VonMises(loc, concentration)", "VonMises(loc, concentration)",
        "VonMises(loc, concentration)",
        Input(_uniform(-3.0, 3.0)), loc=REAL, concentration=POSITIVE,
    ),
    _one(
        "BinConcrete",
        "BinConcrete(0.5, logits)", "RelaxedBernoulli(tensor(0.5), logits=logits)",
        "RelaxedBernoulli(0.5, logits=logits)",
        UNIT, logits=REAL,
    ),
    _one(
        "Mixture",
        "Mixture(Normal(mean, std), logits)",
        "MixtureSameFamily(Categorical(logits=logits), Normal(mean, std))",
        "MixtureSameFamily(Categorical(logits=logits), Normal(mean, std))",
        REAL, logits=Input(_real, (4,)), mean=Input(_real, (4,)),
        std=Input(_uniform(0.5, 3.0), (4,)),
    ),
    _discrete(
        "Bernoulli",
        "Bernoulli(logits)", "Bernoulli(logits=logits)", "Bernoulli(logits=logits)",
        Input(_whole(2)), logits=REAL,
    ),
    _discrete(
        "Geometric",
        "Geometric(logits)", "Geometric(logits=logits)", "Geometric(logits=logits)",
        Input(_whole(6)), logits=REAL,
    ),
    _discrete(
        "Binomial",
        f"Binomial(logits, {N_TRIALS})", f"Binomial({N_TRIALS}, logits=logits)",
        f"Binomial({N_TRIALS}, logits=logits)",
        Input(_whole(N_TRIALS + 1)), logits=REAL,
    ),
    _discrete(
        "NegativeBinomial",
        "NegativeBinomial(total_count, logits)", "NegativeBinomial(total_count, logits=logits)",
        "NegativeBinomialLogits(total_count, logits)",
        Input(_whole(10)), total_count=POSITIVE, logits=REAL,
    ),
    _discrete(
        "Poisson", "Poisson(rate)", "Poisson(rate)", "Poisson(rate)",
        Input(_whole(8)), rate=Input(_uniform(0.5, 8.0)),
    ),
    _discrete(
        "ZeroInflatedPoisson",
        "ZeroInflatedPoisson(gate, rate)", "", "ZeroInflatedPoisson(gate, rate)",
        Input(_whole(8)), gate=UNIT, rate=Input(_uniform(0.5, 8.0)),
    ),
    _discrete(
        "Categorical",
        "Categorical(logits)", "Categorical(logits=logits)", "Categorical(logits=logits)",
        Input(_index), logits=LOGITS,
    ),
    _discrete(
        "OnehotCategorical",
        "OnehotCategorical(logits)", "OneHotCategorical(logits=logits)", "",
        Input(_onehot, (N_CATEGORIES,)), logits=LOGITS,
    ),
    _discrete(
        "Multinomial",
        f"Multinomial(logits, {N_TRIALS})", f"Multinomial({N_TRIALS}, logits=logits)",
        f"Multinomial({N_TRIALS}, logits=logits)",
        Input(_counts, (N_CATEGORIES,)), logits=LOGITS,
    ),
    _one(
        "Dirichlet",
        "Dirichlet(alpha)", "Dirichlet(alpha)", "Dirichlet(alpha)",
        Input(_simplex, (10,)), alpha=Input(_uniform(0.5, 3.0), (10,)),
    ),
    _one(
        "Concrete",
        "Concrete(0.5, logits)", "RelaxedOneHotCategorical(tensor(0.5), logits=logits)", "",
        Input(_simplex, (N_CATEGORIES,)), logits=LOGITS,
    ),
    _one(
        "ExpConcrete",
        "ExpConcrete(0.5, logits)",
        "relaxed_categorical.ExpRelaxedCategorical(tensor(0.5), logits=logits)", "",
        Input(_log_simplex, (N_CATEGORIES,)), logits=LOGITS,
    ),
    _one(
        "MultivariateNormalCholesky",
        "MultivariateNormalCholesky(mean, tril)", "MultivariateNormal(mean, scale_tril=tril)",
        "MultivariateNormal(mean, scale_tril=tril)",
        VECTOR, mean=VECTOR, tril=TRIL,
    ),
    _one(
        "MultivariateNormalCholesky, one tril",
        "MultivariateNormalCholesky(mean, tril)", "MultivariateNormal(mean, scale_tril=tril)",
        "MultivariateNormal(mean, scale_tril=tril)",
        VECTOR, mean=VECTOR, tril=Input(_tril, (10, 10), is_shared=True),
    ),
    _one(
        "MultivariateNormal",
        "MultivariateNormal(mean, covariance=covariance)",
        "MultivariateNormal(mean, covariance)", "MultivariateNormal(mean, covariance)",
        VECTOR, mean=VECTOR, covariance=Input(_positive_definite, (10, 10)),
    ),
    _one(
        "LowRankMultivariateNormal",
        "LowRankMultivariateNormal(mean, factor, diagonal)",
        "LowRankMultivariateNormal(mean, factor, diagonal)",
        "LowRankMultivariateNormal(mean, factor, diagonal)",
        VECTOR, mean=VECTOR, factor=Input(_real, (10, 2)),
        diagonal=Input(_uniform(0.5, 3.0), (10,)),
    ),
    _one(
        "MatrixVariateNormalCholesky",
        "MatrixVariateNormalCholesky(mean, u, v)", "", "MatrixNormal(mean, u, v)",
        Input(_real, (5, 5)), mean=Input(_real, (5, 5)), u=Input(_tril, (5, 5)),
        v=Input(_tril, (5, 5)),
    ),
    _one(
        "Wishart",
        "Wishart(df, scale_tril=tril)", "Wishart(df, scale_tril=tril)",
        "Wishart(df, scale_tril=tril)",
        Input(_positive_definite, (5, 5)), df=Input(_uniform(6.0, 9.0)), tril=Input(_tril, (5, 5)),
    ),
    _one(
        "LKJCholesky",
        "LKJCholesky(5, concentration)", "LKJCholesky(5, concentration)",
        "LKJCholesky(5, concentration)",
        Input(_correlation_tril, (5, 5)), concentration=POSITIVE,
    ),
]
