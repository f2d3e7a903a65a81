"""Small models whose bounds and gradients are exact: by enumeration and Gauss-Hermite quadrature.

Each datum has parameters of its own, so that one run gives as many independent draws of the
gradient as there are data.
"""

from __future__ import annotations

import itertools

import jittor as jt
import numpy as np
from scipy.special import logsumexp

import zhusuan as zs

N_DATA, Y, S = 50_000, 1.3, 0.7


def normal(x, mean, logstd=0.0):
    return -0.5 * np.log(2 * np.pi) - logstd - 0.5 * ((x - mean) / np.exp(logstd)) ** 2


def bernoulli(x, logits):
    return x * -np.logaddexp(0, -logits) + (1 - x) * -np.logaddexp(0, logits)


def points(n_normal, n_binary, degree=20):
    """Return (noise [M, n_normal], bits [M, n_binary], weights of the noise [M])."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(degree)
    weights = weights / weights.sum()
    noise, bits, mass = [], [], []
    for i in itertools.product(range(degree), repeat=n_normal):
        for b in itertools.product((0.0, 1.0), repeat=n_binary):
            noise.append(nodes[list(i)])
            bits.append(b)
            mass.append(np.prod(weights[list(i)]))
    return np.array(noise), np.array(bits), np.array(mass)


class Net(zs.BayesianNet):
    """A net whose parameters are one row per datum; ``rows`` says how they make nodes."""

    def __init__(self, rows, n_particles, data=N_DATA, **options):
        super().__init__()
        self._options = options
        self._k = {"n_samples": n_particles}
        self._n = data
        self._theta = {
            name: jt.array(np.full((data, *np.shape(v)), v, "float32")) for name, v in rows.items()
        }

    def __getattr__(self, name):
        if name in self.__dict__.get("_theta", {}):
            return self._theta[name]
        return super().__getattr__(name)

    def targets(self):
        return list(self._theta.values())


class Case:
    """p and q as nets, and as log-probabilities at points that cover all draws."""

    p_start: dict
    q_start: dict
    n_normal = n_binary = 0
    degree = 20

    def nets(self, n_particles=None, data=N_DATA, **options):
        return self.P(self.p_start, None, data), self.Q(self.q_start, n_particles, data, **options)

    def table(self, theta):
        """Return log w and the weight of each point, under the parameters ``theta``."""
        noise, bits, mass = points(self.n_normal, self.n_binary, self.degree)
        log_p, log_q, log_q_bits = self.densities(theta, noise.T, bits.T)
        return log_p - log_q, mass * np.exp(log_q_bits)

    def exact(self, bound, n_particles=1):
        """Return the value and the gradient of the expectation of ``bound(log_w [K, ...])``."""
        start = {**self.p_start, **self.q_start}

        def value(theta):
            log_w, mass = self.table(theta)
            grids = np.meshgrid(*[np.arange(len(mass))] * n_particles, indexing="ij")
            index = np.stack([g.ravel() for g in grids])
            return (bound(log_w[index]) * mass[index].prod(0)).sum()

        gradients = []
        for name, v in start.items():
            v = np.asarray(v, "float64")
            for i in np.ndindex(v.shape or (1,)):
                e = np.zeros(v.shape or (1,))
                e[i] = 1e-4
                e = e.reshape(v.shape)
                up, down = ({**start, name: v + s * e} for s in (1, -1))
                gradients.append((value(up) - value(down)) / 2e-4)
        return value(start), np.array(gradients)


class Gaussian(Case):
    """z ~ N(a, 1), y ~ N(z, S); q(z) = N(m, e^l)."""

    p_start, q_start, n_normal = {"a": 0.1}, {"m": 0.2, "l": -0.4}, 1

    class P(Net):
        def execute(self, observed):
            self.observe(observed)
            z = self.sn("Normal", "z", mean=self.a, std=1.0)
            self.sn("Normal", "y", mean=z, std=S)
            return self

    class Q(Net):
        def execute(self, observed):
            self.observe(observed)
            self.sn("Normal", "z", mean=self.m, logstd=self.l, **self._k, **self._options)
            return self

    def densities(self, t, noise, bits):
        z = t["m"] + np.exp(t["l"]) * noise[0]
        return normal(z, t["a"]) + normal(Y, z, np.log(S)), normal(z, t["m"], t["l"]), 0.0


class Bits(Case):
    """Two bits z ~ Bernoulli(a), y ~ N(1.5 z0 - 0.7 z1, S); q(z) = Bernoulli(m)."""

    p_start, q_start, n_binary = {"a": [0.1, -0.3]}, {"m": [0.4, 0.2]}, 2
    degree = 1

    class P(Net):
        def execute(self, observed):
            self.observe(observed)
            z = self.sn("Bernoulli", "z", logits=self.a, group_ndims=1)
            mean = (z * jt.array([1.5, -0.7])).sum(-1)
            self.sn("Normal", "y", mean=mean, std=S)
            return self

    class Q(Net):
        def execute(self, observed):
            self.observe(observed)
            options = {**self._k, **self._options}
            self.sn("Bernoulli", "z", logits=self.m, group_ndims=1, **options)
            return self

    def densities(self, t, noise, bits):
        log_p = sum(bernoulli(bits[i], np.asarray(t["a"])[i]) for i in (0, 1))
        log_q = sum(bernoulli(bits[i], np.asarray(t["m"])[i]) for i in (0, 1))
        return log_p + normal(Y, 1.5 * bits[0] - 0.7 * bits[1], np.log(S)), log_q, log_q


class WeightedBits(Bits):
    """The same nets, with the divergence from the prior multiplied by 0.3."""

    def densities(self, t, noise, bits):
        log_p, log_q, log_q_bits = super().densities(t, noise, bits)
        prior = sum(bernoulli(bits[i], np.asarray(t["a"])[i]) for i in (0, 1))
        return log_p - 0.7 * prior, 0.3 * log_q, log_q_bits


class BitThenNormal(Case):
    """A reparameterised node whose mean is chosen by a bit, in both nets."""

    p_start, q_start = {"a": 0.2}, {"b": 0.3, "m": 0.5, "l": -0.3}
    n_normal = n_binary = 1

    class P(Net):
        def execute(self, observed):
            self.observe(observed)
            c = self.sn("Bernoulli", "c", logits=self.a)
            z = self.sn("Normal", "z", mean=c, std=1.0)
            self.sn("Normal", "y", mean=z, std=S)
            return self

    class Q(Net):
        def execute(self, observed):
            self.observe(observed)
            c = self.sn("Bernoulli", "c", logits=self.b, **self._k)
            self.sn("Normal", "z", mean=self.m * (c + 0.5), logstd=self.l, **self._options)
            return self

    def densities(self, t, noise, bits):
        c = bits[0]
        mean = t["m"] * (c + 0.5)
        z = mean + np.exp(t["l"]) * noise[0]
        log_c = bernoulli(c, t["b"])
        log_p = bernoulli(c, t["a"]) + normal(z, c) + normal(Y, z, np.log(S))
        return log_p, log_c + normal(z, mean, t["l"]), log_c


class NormalThenBit(Case):
    """A bit whose logits are a reparameterised node, in both nets."""

    p_start, q_start = {"a": 0.2}, {"m": 0.5, "l": -0.3, "b": 0.6}
    n_normal = n_binary = 1

    class P(Net):
        def execute(self, observed):
            self.observe(observed)
            z = self.sn("Normal", "z", mean=self.a, std=1.0)
            c = self.sn("Bernoulli", "c", logits=z)
            self.sn("Normal", "y", mean=z + c, std=S)
            return self

    class Q(Net):
        def execute(self, observed):
            self.observe(observed)
            z = self.sn("Normal", "z", mean=self.m, logstd=self.l, **self._k, **self._options)
            self.sn("Bernoulli", "c", logits=self.b * z)
            return self

    def densities(self, t, noise, bits):
        c, z = bits[0], t["m"] + np.exp(t["l"]) * noise[0]
        log_c = bernoulli(c, t["b"] * z)
        log_p = normal(z, t["a"]) + bernoulli(c, z) + normal(Y, z + c, np.log(S))
        return log_p, log_c + normal(z, t["m"], t["l"]), log_c


class Chain(Case):
    """Two reparameterised nodes, the second given the first."""

    p_start, q_start = {"a": 0.2}, {"m": 0.5, "l": -0.3, "r": 0.6}
    n_normal, degree = 2, 14

    class P(Net):
        def execute(self, observed):
            self.observe(observed)
            z = self.sn("Normal", "z", mean=self.a, std=1.0)
            u = self.sn("Normal", "u", mean=z, std=1.0)
            self.sn("Normal", "y", mean=u, std=S)
            return self

    class Q(Net):
        def execute(self, observed):
            self.observe(observed)
            z = self.sn("Normal", "z", mean=self.m, logstd=self.l, **self._k, **self._options)
            self.sn("Normal", "u", mean=self.r * z + 0.3, std=0.8, **self._options)
            return self

    def densities(self, t, noise, bits):
        z = t["m"] + np.exp(t["l"]) * noise[0]
        mean = t["r"] * z + 0.3
        u = mean + 0.8 * noise[1]
        log_p = normal(z, t["a"]) + normal(u, z) + normal(Y, u, np.log(S))
        return log_p, normal(z, t["m"], t["l"]) + normal(u, mean, np.log(0.8)), 0.0


def elbo_of(log_w):
    return log_w.mean(0)


def renyi_of(alpha):
    def bound(log_w):
        k = len(log_w)
        return (logsumexp((1 - alpha) * log_w, 0) - np.log(k)) / (1 - alpha)

    return bound


iw_of = renyi_of(0.0)


def gradients(cost, nets):
    """Return the gradients of the cost of each datum, [N_DATA, parameters of p and q]."""
    targets = [v for net in nets for v in net.targets()]
    columns = [g.numpy().reshape(len(g), -1) for g in jt.grad(cost.sum(), targets)]
    # numpy adds a column of float32 up in float32.
    return np.concatenate(columns, 1).astype("float64")


def z_scores(draws, exact):
    """Return (mean - exact) / standard error; 0 where all draws are the exact value."""
    error = draws.mean(0) - exact
    se = draws.std(0, ddof=1) / np.sqrt(len(draws))
    # Constant gradients, such as those of a closed form, have the rounding of float32 only.
    return error / np.maximum(se, 2e-5)
