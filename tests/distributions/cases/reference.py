"""References for families that SciPy lacks: everything from a log-density, by quadrature.

Both classes work element by element over a batch: the function that they are given takes values
of shape (...) + batch_shape and broadcasts them with its parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import expit, log_expit

LogDensity = Callable[[np.ndarray], np.ndarray]

# Mass below exp(-90) of the highest is left out.
_DEPTH = 90.0
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)


class Numeric:
    """A continuous univariate distribution, known by its log-density.

    The line is mapped to y, by x = sinh(y), or x = lower + exp(y) and its mirror image, or a
    sigmoid between two bounds, so that tails and singularities at the bounds become exponential
    tails in y; there Gauss-Legendre panels cover all that counts.

    :param logpdf: the log-density; normalised.
    :param lower: the support's lower bound, a number or an array over the batch; -inf for none.
    :param upper: the upper bound; inf for none.
    :param batch_shape: shape of the batch.
    :param breaks: values where the density has a kink or a jump (arrays over the batch).
    :param n_panels: panels that the mass is cut into.
    """

    def __init__(
        self,
        logpdf: LogDensity,
        lower: Any = -np.inf,
        upper: Any = np.inf,
        batch_shape: tuple[int, ...] = (2, 3),
        breaks: Any = (),
        n_panels: int = 400,
    ) -> None:
        self.logpdf = logpdf
        self._shape = batch_shape
        self._lower = np.broadcast_to(np.asarray(lower, dtype=float), batch_shape)
        self._upper = np.broadcast_to(np.asarray(upper, dtype=float), batch_shape)
        self._breaks, self._n_panels = breaks, n_panels

    @property
    def total(self) -> np.ndarray:
        """The integral of the density: 1 if ``logpdf`` is right."""
        return self._below[-1]

    def mean(self) -> np.ndarray:
        return self._moment(lambda x, _: x)

    def var(self) -> np.ndarray:
        mean = self.mean()
        return self._moment(lambda x, _: (x - mean) ** 2)

    def entropy(self) -> np.ndarray:
        return self._moment(lambda x, log_density: -log_density)

    def cdf(self, x: Any) -> np.ndarray:
        x = np.broadcast_to(x, np.broadcast_shapes(np.shape(x), self._shape)).astype(float)
        with np.errstate(all="ignore"):
            inside = np.clip(x, self._lower, self._upper)
            return self._below_y(np.nan_to_num(self._to_y(inside)))

    def ppf(self, u: Any) -> np.ndarray:
        u = np.broadcast_to(u, np.broadcast_shapes(np.shape(u), self._shape)).astype(float)
        low = np.broadcast_to(self._edges[0], u.shape)
        high = np.broadcast_to(self._edges[-1], u.shape)
        for _ in range(60):
            middle = (low + high) / 2
            below = self._below_y(middle) < u
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return self._to_x((low + high) / 2)

    # -- the coordinate y

    def _to_x(self, y: np.ndarray) -> np.ndarray:
        low, high = self._lower, self._upper
        with np.errstate(all="ignore"):
            return np.select(
                [
                    np.isinf(low) & np.isinf(high),
                    np.isinf(high),
                    np.isinf(low),
                    y < 0,
                ],
                [
                    np.sinh(y),
                    low + np.exp(y),
                    high - np.exp(-y),
                    low + (high - low) * expit(y),
                ],
                high - (high - low) * expit(-y),
            )

    def _to_y(self, x: np.ndarray) -> np.ndarray:
        low, high = self._lower, self._upper
        y = np.select(
            [np.isinf(low) & np.isinf(high), np.isinf(high), np.isinf(low)],
            [np.arcsinh(x), np.log(x - low), -np.log(high - x)],
            np.log(x - low) - np.log(high - x),
        )
        return np.clip(y, -740, 740)

    def _log_density_of_y(self, y: np.ndarray) -> np.ndarray:
        low, high = self._lower, self._upper
        log_slope = np.select(
            [np.isinf(low) & np.isinf(high), np.isinf(high), np.isinf(low)],
            [np.abs(y) + np.log1p(np.exp(-2 * np.abs(y))) - np.log(2), y, -y],
            np.log(high - low) + log_expit(y) + log_expit(-y),
        )
        density = self.logpdf(self._to_x(y)) + log_slope
        return np.where(np.isfinite(density), density, -np.inf)

    # A reference is made for every finite difference; only few are asked for an integral.
    @cached_property
    def _edges(self) -> np.ndarray:
        """Close in on the part of y that has the mass, and cut it into panels."""
        low = np.full(self._shape, -700.0)
        high = np.full(self._shape, 700.0)
        t = np.linspace(0, 1, 2001).reshape(-1, *[1] * len(self._shape))
        for _ in range(12):
            grid = low + (high - low) * t
            with np.errstate(all="ignore"):
                density = self._log_density_of_y(grid)
            counts = density > density.max(0) - _DEPTH
            first = np.maximum(counts.argmax(0) - 1, 0)
            last = np.minimum(len(t) - counts[::-1].argmax(0), len(t) - 1)
            low, high = (np.take_along_axis(grid, i[None], 0)[0] for i in (first, last))
        even = np.linspace(low, high, self._n_panels + 1)
        with np.errstate(all="ignore"):
            kinks = [
                np.clip(self._to_y(np.broadcast_to(np.asarray(b, float), self._shape)), low, high)
                for b in self._breaks
            ]
        return np.sort(np.concatenate([even, *(y[None] for y in kinks)]), 0)

    @cached_property
    def _below(self) -> np.ndarray:
        with np.errstate(all="ignore"):
            mass = self._integrate(self._edges[:-1], self._edges[1:])
        return np.concatenate([np.zeros((1, *self._shape)), np.cumsum(mass, 0)])

    def _integrate(
        self,
        start: np.ndarray,
        end: np.ndarray,
        f: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
    ) -> np.ndarray:
        half = (end - start) / 2
        total = np.zeros(np.broadcast_shapes(np.shape(half), self._shape))
        for node, weight in zip(_NODES, _WEIGHTS):
            y = start + half * (1 + node)
            density = np.exp(self._log_density_of_y(y))
            if f is not None:
                x = self._to_x(y)
                density = np.where(density > 0, f(x, self.logpdf(x)) * density, 0.0)
            total = total + weight * half * density
        return total

    def _moment(self, f: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
        with np.errstate(all="ignore"):
            return self._integrate(self._edges[:-1], self._edges[1:], f).sum(0)

    def _below_y(self, y: np.ndarray) -> np.ndarray:
        y = np.clip(y, self._edges[0], self._edges[-1])
        panel = np.zeros(y.shape, dtype=int)
        for member in np.ndindex(*self._shape):
            place = (..., *member)
            found = np.searchsorted(self._edges[place], y[place], side="right") - 1
            panel[place] = np.clip(found, 0, len(self._edges) - 2)
        flat = panel.reshape(-1, *self._shape)
        start = np.take_along_axis(self._edges, flat, 0).reshape(y.shape)
        below = np.take_along_axis(self._below, flat, 0).reshape(y.shape)
        with np.errstate(all="ignore"):
            return below + self._integrate(start, y)


class Summed:
    """A discrete univariate distribution, known by its log-mass.

    :param logpmf: the log-mass at whole numbers; -inf outside the support is not needed.
    :param lower: the smallest value, a number or an array over the batch; -inf for none.
    :param upper: the largest value; inf for none.
    :param batch_shape: shape of the batch.
    :param n_max: how many values at most are summed from ``lower`` (or on both sides of 0).
    """

    def __init__(
        self,
        logpmf: LogDensity,
        lower: Any = 0,
        upper: Any = np.inf,
        batch_shape: tuple[int, ...] = (2, 3),
        n_max: int = 100_000,
    ) -> None:
        self._logpmf = logpmf
        self._lower, self._upper = np.asarray(lower, float), np.asarray(upper, float)
        self._shape, self._n_max = batch_shape, n_max

    @cached_property
    def _table(self) -> tuple[np.ndarray, np.ndarray]:
        """Values and their log-masses."""
        n_max, batch_shape = self._n_max, self._shape
        first = -n_max if np.isinf(self._lower).any() else int(self._lower.min())
        last = first + n_max * (2 if np.isinf(self._lower).any() else 1)
        if np.isfinite(self._upper).all():
            last = min(last, int(self._upper.max()))
        k = np.arange(first, last + 1).reshape(-1, *[1] * len(batch_shape)).astype(float)
        log_mass = np.broadcast_to(self.logpmf(k), (len(k), *batch_shape))
        # What lies beyond the last value that has any mass costs time only.
        used = np.flatnonzero((log_mass > -100).any(tuple(range(1, log_mass.ndim))))
        return k[used[0] : used[-1] + 1], log_mass[used[0] : used[-1] + 1]

    @property
    def _k(self) -> np.ndarray:
        return self._table[0]

    @cached_property
    def _mass(self) -> np.ndarray:
        return np.exp(self._table[1])

    @cached_property
    def _below(self) -> np.ndarray:
        return np.cumsum(self._mass, 0)

    @property
    def total(self) -> np.ndarray:
        """The sum of all masses: 1 if ``logpmf`` is right."""
        return self._below[-1]

    def logpmf(self, x: Any) -> np.ndarray:
        x = np.asarray(x, dtype=float)
        inside = (x >= self._lower) & (x <= self._upper) & (x == np.floor(x))
        least = np.where(np.isfinite(self._lower), self._lower, 0.0)
        with np.errstate(all="ignore"):
            return np.where(inside, self._logpmf(np.where(inside, x, least)), -np.inf)

    def mean(self) -> np.ndarray:
        return (self._mass * self._k).sum(0)

    def var(self) -> np.ndarray:
        return (self._mass * (self._k - self.mean()) ** 2).sum(0)

    def entropy(self) -> np.ndarray:
        log_mass = np.where(self._mass > 0, self._table[1], 0.0)
        return -(self._mass * log_mass).sum(0)

    def cdf(self, x: Any) -> np.ndarray:
        shape = np.broadcast_shapes(np.shape(x), self._mass.shape[1:])
        place = np.broadcast_to(np.floor(x), shape) - self._k.flat[0]
        index = np.clip(place, 0, len(self._k) - 1).astype(int)
        flat = index.reshape(-1, *self._mass.shape[1:])
        below = np.take_along_axis(self._below, flat, 0).reshape(shape)
        return np.where(place < 0, 0.0, below)

    def ppf(self, u: Any) -> np.ndarray:
        u = np.broadcast_to(u, np.broadcast_shapes(np.shape(u), self._mass.shape[1:]))
        found = np.zeros(u.shape)
        for member in np.ndindex(*self._mass.shape[1:]):
            place = (..., *member)
            index = np.searchsorted(self._below[place], u[place], side="left")
            found[place] = self._k.ravel()[np.minimum(index, len(self._k) - 1)]
        return found
