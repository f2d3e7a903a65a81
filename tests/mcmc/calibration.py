"""Whether a kernel leaves the posterior invariant, told from simulated data of known truth.

Each chain has a data set of its own, given to the model as observations with the chains as the
leading axis: hundreds of replications are one batch. Truth and data come from numpy, not from the
library's samplers.
"""

from typing import NamedTuple

import jittor as jt
import numpy as np
from scipy import stats

import zhusuan as zs
from zhusuan import mcmc


class Regression(zs.BayesianNet):
    """A conjugate regression, w ~ N(0, I) and y ~ N(X w, I / 4), with correlated posteriors."""

    x = np.array([[1.0, 0.2], [-0.4, 0.8], [0.6, 0.9], [0.3, -0.2]])
    std = 0.5

    def __init__(self):
        super().__init__()
        self._xt = jt.array(np.ascontiguousarray(self.x.T))

    def execute(self, observed):
        self.observe(observed)
        w = self.sn("Normal", name="w", mean=jt.zeros([2]), std=1.0, group_ndims=1)
        mean = jt.matmul(w.reshape([-1, 2]), self._xt)
        self.sn("Normal", name="y", mean=mean, std=self.std, group_ndims=1)
        return self

    @staticmethod
    def draw_prior(rng, n):
        """Draw n truths."""
        return {"w": rng.normal(size=(n, 2))}

    @classmethod
    def draw_data(cls, rng, values):
        """Draw the data of each truth."""
        mean = values["w"] @ cls.x.T
        return rng.normal(mean, cls.std)

    @classmethod
    def log_likelihood(cls, values, y):
        """Return the log-density of the data, shape [n, ...]; values may have more axes."""
        return stats.norm.logpdf(y, values["w"] @ cls.x.T, cls.std).sum(-1)

    @classmethod
    def residuals(cls, values, y):
        """Return data less their mean, by their standard deviation."""
        return (y - values["w"] @ cls.x.T) / cls.std

    @staticmethod
    def prior_uniforms(values):
        """Return what is uniform and independent if the values are draws of the prior."""
        return stats.norm.cdf(values["w"])


class Counts(zs.BayesianNet):
    """Gamma-Poisson with a level above the rates: all latents are positive."""

    alpha, beta = 5.0, 4.0  # of the level
    shape = 2.0  # of the rates

    def execute(self, observed):
        self.observe(observed)
        level = self.sn(
            "Gamma", name="level", alpha=jt.array([self.alpha]), beta=self.beta, group_ndims=1
        )
        shape = jt.array(np.full(2, self.shape))
        rate = self.sn("Gamma", name="rate", alpha=shape, beta=level, group_ndims=1)
        self.sn("Poisson", name="y", rate=rate, group_ndims=1)
        return self

    @classmethod
    def draw_prior(cls, rng, n):
        """Draw n truths."""
        level = rng.gamma(cls.alpha, 1.0 / cls.beta, (n, 1))
        return {"level": level, "rate": rng.gamma(cls.shape, 1.0 / level, (n, 2))}

    @staticmethod
    def draw_data(rng, values):
        """Draw the data of each truth."""
        return rng.poisson(values["rate"])

    @staticmethod
    def log_likelihood(values, y):
        """Return the log-density of the data, shape [n, ...]; values may have more axes."""
        return stats.poisson.logpmf(y, values["rate"]).sum(-1)

    @staticmethod
    def residuals(values, y):
        """Return data less their mean, by their standard deviation."""
        return (y - values["rate"]) / np.sqrt(values["rate"])

    @classmethod
    def prior_uniforms(cls, values):
        """Return what is uniform and independent if the values are draws of the prior."""
        level, rate = values["level"], values["rate"]
        above = stats.gamma.cdf(level, cls.alpha, scale=1.0 / cls.beta)
        return np.concatenate([above, stats.gamma.cdf(rate * level, cls.shape)], 1)


class Ranks(NamedTuple):
    """What simulation-based calibration found.

    :param ranks: of the truth among the draws, [n_sets, n_quantities], 0 to n_draws.
    :param n_draws: draws of each chain.
    :param autocorrelation: the largest of neighbouring draws, over the quantities.
    """

    ranks: np.ndarray
    n_draws: int
    autocorrelation: float

    @property
    def p_value(self):
        """Of uniform ranks, by chi-square; that of the worst quantity, times their number."""
        n_sets, n_quantities = self.ranks.shape
        counts = [np.bincount(column, minlength=self.n_draws + 1) for column in self.ranks.T]
        assert n_sets >= 10 * (self.n_draws + 1), "too few data sets for a chi-square test"
        p = min(1.0, n_quantities * min(stats.chisquare(row).pvalue for row in counts))
        print(
            f"ranks of {n_quantities} quantities in {n_sets} data sets: p = {p:.3g}, "
            f"autocorrelation of neighbouring draws {self.autocorrelation:.3f}"
        )
        return p


def rank_truths(kernel, model, seed, n_sets=320, n_warmup=100, n_draws=15, thin=4):
    """Rank the truth among draws from its posterior (Talts et al. 2018, algorithm 2).

    Beside the latents the log-likelihood is ranked: it depends on the data, and sees mistakes that
    the latents' own ranks can't (Modrak et al. 2023).

    The chains share what the warm-up learns, though their posteriors differ: any setting is valid
    once it is fixed, and no data set has more than the n_sets-th part in it.
    """
    rng = np.random.default_rng(seed)
    truth = model.draw_prior(rng, n_sets)
    y = model.draw_data(rng, truth)
    trace = mcmc.run(
        kernel, model, {"y": y.astype(np.float32)}, n_sets, n_warmup, n_draws, thin, seed=seed,
        progress=False,
    )  # fmt: skip
    draws = {name: np.asarray(trace.samples[name], np.float64) for name in truth}
    drawn = _quantities(model, draws, y[:, None])
    true = _quantities(model, {n: v[:, None] for n, v in truth.items()}, y[:, None])
    return Ranks((drawn < true).sum(1), n_draws, _autocorrelation(drawn))


def _quantities(model, values, y):
    """Return all that is ranked, [n_sets, n_draws, n_quantities]."""
    return np.concatenate([*values.values(), model.log_likelihood(values, y)[..., None]], -1)


def _autocorrelation(drawn):
    """Return the largest correlation of neighbouring draws, estimated from all chains together."""
    n = drawn.shape[1]
    away = drawn - drawn.mean(1, keepdims=True)
    # Draws that are independent have -1 / n, for their chain's own mean is taken off.
    neighbours = (away[:, 1:] * away[:, :-1]).mean((0, 1))
    return float(np.max(neighbours / (away**2).mean((0, 1)) + 1.0 / n))


def geweke(kernel, model, seed, n_chains=2000, n_steps=10):
    """Return the p-value of Geweke's (2004) joint test.

    In turn a step of the kernel given the data, and new data given the latents: that leaves the
    joint distribution of both as it is, so chains that begin at draws of it stay there. There are
    many chains and each is independent, so that no autocorrelation is to be estimated: the averages
    over each chain, of functions whose mean is known, are compared with that mean, and the last
    latents with the distribution functions of their prior.

    :param kernel: with settings that are fixed.
    """
    rng = np.random.default_rng(seed)
    values = model.draw_prior(rng, n_chains)
    target = mcmc.ModelTarget(model, {"y": model.draw_data(rng, values).astype(np.float32)})
    position = target.from_support(values, n_chains)
    total = 0.0
    with zs.random.stream(seed):
        for _ in range(n_steps):
            y = model.draw_data(rng, values)
            target = target.with_observed({"y": y.astype(np.float32)})
            bound = kernel.bind(target)
            state, _ = bound.step(bound.init(position))
            position = state.position
            values = {n: v.astype(np.float64) for n, v in target.to_support(position).items()}
            # The data that the latents have seen: new data would tell nothing of the kernel.
            total = total + _centred(model, values, y)
    p_values = [stats.kstest(u, "uniform").pvalue for u in model.prior_uniforms(values).T]
    p_values += list(stats.ttest_1samp(total / n_steps, 0.0).pvalue)
    p = min(1.0, len(p_values) * min(p_values))
    print(f"joint test of {n_chains} chains, {n_steps} steps: p = {p:.3g}")
    return p


def _centred(model, values, y):
    """Return functions of latents and data whose mean is 0, [n_chains, n_functions]."""
    u, z = model.prior_uniforms(values) - 0.5, model.residuals(values, y)
    return np.concatenate([u, u**2 - 1.0 / 12.0, z, (z**2).mean(1, keepdims=True) - 1.0], 1)
