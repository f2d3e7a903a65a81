"""Quadrature and tests of fit, with numpy alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Array = np.ndarray

# Tests of fit fail beyond five standard errors. A check of a batch of six looks at about thirty
# such numbers: a right distribution fails for one seed in 60,000.
Z_LIMIT = 5.0
P_LIMIT = 6e-7

_N_EDGES = 257
_N_END_STEPS = 64
_INNER = np.polynomial.legendre.leggauss(4)
_OUTER = np.polynomial.legendre.leggauss(8)
# Tails are integrated over y with x = edge + scale (exp(y) - 1), or x - bound = width exp(-y):
# exponential decay for every power law. The panels grow with y.
_TAIL_EDGES = 300.0 * (np.arange(65) / 64) ** 3


def kolmogorov_p(distance: float, n: int) -> float:
    """Return the asymptotic p-value of a Kolmogorov-Smirnov distance.

    :param distance: the largest difference of the two distribution functions.
    :param n: number of samples.
    """
    # Stephens 1970: with this factor the limit is good from n = 5 on.
    root = math.sqrt(n)
    x = distance * (root + 0.12 + 0.11 / root)
    if x < 0.2:
        return 1.0
    terms = [(-1) ** (k - 1) * math.exp(-2.0 * (k * x) ** 2) for k in range(1, 101)]
    return min(1.0, max(0.0, 2.0 * sum(terms)))


def uniformity(u: Array) -> tuple[str, float, float]:
    """Return how numbers in [0, 1] deviate from uniform: what deviates most, by how much, limit.

    Neyman's smooth test: the first four orthonormal Legendre polynomials, whose means have mean
    0 and variance 1 / n. They see a wrong location, scale and shape much better than
    Kolmogorov-Smirnov, which is made as well. The columns are tested one by one and together.

    :param u: array [n, m]; each column is a sample.
    """
    n = len(u)
    t = 2.0 * u - 1.0
    polynomials = [
        math.sqrt(3) * t,
        math.sqrt(5) * (1.5 * t**2 - 0.5),
        math.sqrt(7) * (2.5 * t**3 - 1.5 * t),
        3.0 * (4.375 * t**4 - 3.75 * t**2 + 0.375),
    ]
    names = ["location", "scale", "skewness", "tails"]
    worst = ("nothing", 0.0, Z_LIMIT)
    for name, polynomial in zip(names, polynomials):
        z = polynomial.sum(0) / math.sqrt(n)
        together = z.sum() / math.sqrt(len(z))
        size = float(max(np.abs(z).max(), abs(together)))
        if not size <= worst[1]:
            worst = (f"{name} (standard errors)", size, Z_LIMIT)
    if worst[1] <= Z_LIMIT:
        grid = np.arange(1, n + 1)[:, None] / n
        ordered = np.sort(u, 0)
        distance = np.maximum(np.abs(ordered - grid), np.abs(ordered - grid + 1 / n)).max(0)
        p = min(kolmogorov_p(float(d), n) for d in distance)
        if p < P_LIMIT:
            return f"Kolmogorov-Smirnov (p = {p:.1g}), distance", float(distance.max()), 0.0
    return worst


@dataclass
class Table:
    """A univariate density or mass, integrated member by member of a batch.

    :param points: values at which the density was computed, [k] + batch.
    :param log_density: its logarithm there.
    :param weights: quadrature weights, 1 for a mass.
    :param edges: values at which ``below`` is known, [j] + batch.
    :param below: probability below each edge (up to and including it, for a mass).
    :param unresolved: bound on what quadrature may have missed.
    """

    points: Array
    log_density: Array
    weights: Array
    edges: Array
    below: Array
    unresolved: Array
    discrete: bool = False

    @property
    def total(self) -> Array:
        """The integral over the whole support."""
        return self.expectation(lambda x, _: np.ones_like(x))

    def expectation(self, f: Callable[[Array, Array], Array]) -> Array:
        """Return the integral of ``f(x, log_density)`` times the density.

        :param f: an elementwise function.
        """
        density = np.exp(self.log_density)
        counts = (density > 0) & (self.weights > 0)
        with np.errstate(all="ignore"):
            terms = f(self.points, self.log_density) * density * self.weights
        return np.where(counts, terms, 0.0).sum(0)

    def uniforms(self, samples: Array, rng: np.random.Generator) -> Array:
        """Return the distribution function at ``samples``: uniform if they follow the density.

        For a mass, each jump is filled at random.

        :param samples: [n] + batch.
        :param rng: fills the jumps.
        """
        n = len(samples)
        columns = samples.reshape(n, -1)
        edges = self.edges.reshape(len(self.edges), -1)
        below = self.below.reshape(len(self.below), -1)
        u = np.empty(columns.shape)
        for i in range(columns.shape[1]):
            if self.discrete:
                place = np.searchsorted(edges[:, i], columns[:, i])
                place = np.minimum(place, len(edges) - 1)
                upper = below[place, i]
                lower = np.where(place > 0, below[place - 1, i], 0.0)
                u[:, i] = lower + rng.random(n) * (upper - lower)
            else:
                u[:, i] = np.interp(columns[:, i], edges[:, i], below[:, i])
        return u


LogDensity = Callable[[Array], Array]


def tabulate_density(
    log_density: LogDensity, samples: Array, lower: Array, upper: Array
) -> Table:
    """Integrate a density, with panels between quantiles of the samples and tails beyond.

    :param log_density: function of values of shape [k] + batch.
    :param samples: [n] + batch, float64.
    :param lower: the support's lower bound over the batch, -inf for none.
    :param upper: its upper bound, inf for none.
    """
    edges = np.quantile(samples, np.linspace(0, 1, _N_EDGES), axis=0)
    # A sample may lie on the bound itself, where a density may be infinite.
    scale = edges[3 * _N_EDGES // 4] - edges[_N_EDGES // 4]
    scale = np.where(scale > 0, scale, 1.0)
    edges = _refine_ends(edges, scale)
    x_in, w_in = _inner(edges, lower, upper)
    below_x, below_w = _tail(edges[0], lower, scale, -1)
    above_x, above_w = _tail(edges[-1], upper, scale, 1)
    points = np.concatenate([x_in, below_x, above_x])
    weights = np.concatenate([w_in, below_w, above_w])
    with np.errstate(all="ignore"):
        value = log_density(points)
    value = np.where(np.isnan(value) & (weights == 0), -np.inf, value)
    weights = np.where(value == np.inf, 0.0, weights)
    mass = np.where(weights > 0, np.exp(np.where(weights > 0, value, -np.inf)) * weights, 0.0)
    n_in, n_below = len(x_in), len(below_x)
    panel = mass[:n_in].reshape(len(_INNER[0]), len(edges) - 1, *edges.shape[1:]).sum(0)
    tail_below, tail_above = mass[n_in : n_in + n_below], mass[n_in + n_below :]
    below = tail_below.sum(0) + np.concatenate([np.zeros_like(panel[:1]), np.cumsum(panel, 0)])
    unresolved = _left_out(tail_below) + _left_out(tail_above)
    return Table(points, value, weights, edges, below, unresolved)


def _refine_ends(edges: Array, scale: Array) -> Array:
    """Divide the first and the last interval: of a heavy tail they hold most of its length."""
    steps = (np.arange(1, _N_END_STEPS) / _N_END_STEPS).reshape(-1, *[1] * scale.ndim)

    def between(inner: Array, outer: Array) -> Array:
        # In equal steps of log(1 + distance / scale).
        length = np.abs(outer - inner)
        distance = scale * np.expm1(steps * np.log1p(length / scale))
        return inner + np.sign(outer - inner) * np.minimum(distance, length)

    first, last = between(edges[1], edges[0])[::-1], between(edges[-2], edges[-1])
    return np.concatenate([edges[:1], first, edges[1:-1], last, edges[-1:]])


def _inner(edges: Array, lower: Array, upper: Array) -> tuple[Array, Array]:
    """Return points and weights between the edges: all first nodes, then all second ones, ...

    Next to a bound, the logarithm of the distance is what nodes are laid out in, since a density
    may be a power of it.
    """
    start, end = edges[:-1], edges[1:]
    is_left = (np.arange(len(start)) < len(start) // 2).reshape(-1, *[1] * (edges.ndim - 1))
    bound = np.where(is_left, lower, upper)
    side = np.where(is_left, 1.0, -1.0)
    near, far = side * (start - bound), side * (end - bound)
    use_log = np.isfinite(bound) & (near > 0) & (far > 0)
    with np.errstate(all="ignore"):
        a = np.where(use_log, np.log(np.where(use_log, near, 1.0)), start)
        b = np.where(use_log, np.log(np.where(use_log, far, 1.0)), end)
    half = (b - a) / 2
    points, weights = [], []
    for node, weight in zip(*_INNER):
        y = a + half * (1 + node)
        distance = np.exp(np.where(use_log, y, 0.0))
        points.append(np.where(use_log, np.where(use_log, bound, 0.0) + side * distance, y))
        weights.append(weight * np.where(use_log, side * half * distance, half))
    return np.concatenate(points), np.concatenate(weights)


def _tail(edge: Array, bound: Array, scale: Array, side: int) -> tuple[Array, Array]:
    """Return points and weights beyond the outermost sample."""
    start, end = _TAIL_EDGES[:-1], _TAIL_EDGES[1:]
    half = (end - start) / 2
    y = (start + half * (1 + _OUTER[0][:, None])).T.ravel()
    w = (half * _OUTER[1][:, None]).T.ravel()
    shape = (-1, *[1] * edge.ndim)
    y, w = y.reshape(shape), w.reshape(shape)
    width = np.abs(bound - edge)
    bounded = np.isfinite(width)
    width = np.where(bounded, width, 1.0)
    toward = np.where(bounded, bound, 0.0) - side * width * np.exp(-y)
    away = edge + side * scale * np.expm1(y)
    x = np.where(bounded, toward, away)
    slope = np.where(bounded, width * np.exp(-y), scale * np.exp(y))
    # Beyond the last digit of the bound there is nothing to integrate over.
    at_bound = bounded & (x == bound)
    return x, np.where(at_bound, 0.0, w * slope)


def _left_out(mass: Array) -> Array:
    """Bound what lies beyond the last panel of a tail with any weight, as a geometric series."""
    panels = mass.reshape(-1, len(_OUTER[0]), *mass.shape[1:]).sum(1)
    left = np.zeros(panels.shape[1:])
    for member in np.ndindex(*left.shape):
        used = panels[(slice(None), *member)]
        used = used[: int(np.flatnonzero(used)[-1]) + 1] if used.any() else used[:0]
        if len(used) < 3 or used[-2] < 1e-12:
            continue
        # The panel that ends in the middle of nowhere is incomplete; the one before is whole.
        width = _TAIL_EDGES[len(used) - 1] - _TAIL_EDGES[len(used) - 2]
        before = _TAIL_EDGES[len(used) - 2] - _TAIL_EDGES[len(used) - 3]
        rate = np.log((used[-3] / before) / (used[-2] / width)) / ((width + before) / 2)
        left[member] = used[-2] / width / max(rate, 1e-3) * 2
    return left


def tabulate_mass(
    log_mass: LogDensity, samples: Array, lower: Array, upper: Array, n_max: int = 20_000
) -> Table:
    """Sum a mass over the whole numbers of the support, or those near the samples.

    :param log_mass: function of values of shape [k] + batch.
    :param samples: [n] + batch.
    :param lower: the support's lower bound over the batch, -inf for none.
    :param upper: its upper bound, inf for none.
    :param n_max: how many numbers at most.
    """
    reach = 20 * (np.ptp(samples, axis=0).max() + 5)
    low, high = samples.min(0).min() - reach, samples.max(0).max() + reach
    low = np.ceil(max(low, lower.min()))
    high = np.floor(min(high, upper.max(), low + n_max))
    batch = samples.shape[1:]
    k = np.arange(low, high + 1).reshape(-1, *[1] * len(batch)) * np.ones(batch)
    inside = (k >= lower) & (k <= upper)
    value = np.where(inside, log_mass(np.clip(k, lower, upper)), -np.inf)
    mass = np.exp(value)
    # A tail like a power law: what is beyond the last number is about that number times its mass.
    beyond = np.where((mass[-1] > 0) & (k[-1] < upper), mass[-1] * np.abs(k[-1] - k[0]) * 10, 0)
    unresolved = beyond + np.where((mass[0] > 0) & (k[0] > lower), mass[0] * len(k) * 10, 0)
    return Table(k, value, np.ones_like(k), k, np.cumsum(mass, 0), unresolved, discrete=True)
