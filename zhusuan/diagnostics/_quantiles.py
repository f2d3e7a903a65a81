"""Quantiles of the normal and of the beta distribution in numpy.

Those of ``zhusuan.special`` are Jittor's, and a diagnostic must not wait for a kernel to compile.
"""

from __future__ import annotations

import math

import numpy as np

# Wichura (1988), Algorithm AS 241 (PPND16): numerators and denominators, lowest power first.
_CENTRE = (
    (
        3.3871328727963666080, 133.14166789178437745, 1971.5909503065514427,
        13731.693765509461125, 45921.953931549871457, 67265.770927008700853,
        33430.575583588128105, 2509.0809287301226727,
    ),
    (
        1.0, 42.313330701600911252, 687.18700749205790830, 5394.1960214247511077,
        21213.794301586595867, 39307.895800092710610, 28729.085735721942674,
        5226.4952788528545610,
    ),
)  # fmt: skip
_TAIL = (
    (
        1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550,
        3.64784832476320460504, 1.27045825245236838258, 2.41780725177450611770e-1,
        2.27238449892691845833e-2, 7.74545014278341407640e-4,
    ),
    (
        1.0, 2.05319162663775882187, 1.67638483018380384940, 6.89767334985100004550e-1,
        1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
        1.05075007164441684324e-9,
    ),
)  # fmt: skip
_FAR_TAIL = (
    (
        6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580,
        2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
        2.71155556874348757815e-5, 2.01033439929228813265e-7,
    ),
    (
        1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
        7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7,
        2.04426310338993978564e-15,
    ),
)  # fmt: skip

_MAX_TERMS = 100_000
_TINY = 1e-300


def normal_quantile(p: np.ndarray) -> np.ndarray:
    """Return the points below which a standard normal falls with probability p.

    Wichura (1988), Algorithm AS 241, with a relative error of about 1e-16.

    :param p: probabilities strictly between 0 and 1.
    :return: the same shape.
    """
    q = p - 0.5
    far = np.sqrt(-np.log(np.minimum(p, 1.0 - p)))
    tail = np.where(far <= 5.0, _ratio(_TAIL, far - 1.6), _ratio(_FAR_TAIL, far - 5.0))
    centre = q * _ratio(_CENTRE, 0.180625 - q * q)
    return np.where(np.abs(q) <= 0.425, centre, np.copysign(tail, q))


def _ratio(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: np.ndarray) -> np.ndarray:
    above, below = (np.polynomial.polynomial.polyval(x, c) for c in coefficients)
    return above / below


def beta_quantile(p: float, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the points below which beta variables fall with probability p.

    Newton's method on the distribution function, kept inside a bracket that shrinks, up to a step
    of relative size 1e-12; the error left is about its square, or that of rounding.

    :param p: one probability, strictly between 0 and 1.
    :param a: first shapes, >= 1.
    :param b: second shapes, >= 1, as many.
    :return: the same shape.
    """
    low, high = np.zeros(a.shape), np.ones(a.shape)
    x = a / (a + b)
    for _ in range(200):
        excess = beta_cdf(x, a, b) - p
        low, high = np.where(excess < 0.0, x, low), np.where(excess < 0.0, high, x)
        with np.errstate(all="ignore"):
            slope = np.exp(_log_power(x, a, b)) / (x * (1.0 - x))
            new = x - excess / slope
        outside = ~((low < new) & (new < high))
        new = np.where(outside, 0.5 * (low + high), new)
        done = np.abs(new - x) <= 1e-12 * x
        x = new
        if done.all():
            break
    return x


def beta_cdf(x: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the probability that a beta variable is below x: the ratio I_x(a, b).

    The continued fraction DLMF 8.17.22 by Lentz's method, at 1 - x where that converges sooner.

    :param x: points strictly between 0 and 1.
    :param a: first shapes, positive.
    :param b: second shapes, positive.
    :return: the same shape.
    """
    upper = x > (a + 1.0) / (a + b + 2.0)
    scale = np.exp(_log_power(x, a, b))
    x, a, b = np.where(upper, 1.0 - x, x), np.where(upper, b, a), np.where(upper, a, b)
    c = np.ones(x.shape)
    d = 1.0 / _off_zero(1.0 - (a + b) * x / (a + 1.0))
    fraction = d
    for m in range(1, _MAX_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        d, c = 1.0 / _off_zero(1.0 + even * d), _off_zero(1.0 + even / c)
        fraction = fraction * d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        d, c = 1.0 / _off_zero(1.0 + odd * d), _off_zero(1.0 + odd / c)
        fraction = fraction * d * c
        if (np.abs(d * c - 1.0) < 1e-15).all():
            break
    ratio = scale * fraction / a
    return np.where(upper, 1.0 - ratio, ratio)


def _off_zero(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) < _TINY, _TINY, x)


def _log_power(x: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return log x^a (1-x)^b / B(a, b) without the cancellation of large log-gammas."""
    n = a + b
    with np.errstate(divide="ignore"):
        powers = a * np.log1p((x * n - a) / a) + b * np.log1p((a - x * n) / b)
    rest = _stirling_error(n) - _stirling_error(a) - _stirling_error(b)
    return powers + 0.5 * np.log(a * b / (2.0 * math.pi * n)) + rest


def _stirling_error(z: np.ndarray) -> np.ndarray:
    """Return log Gamma(z) less Stirling's formula (DLMF 5.11.1), for z > 0.

    The series is used from 16 on, with the recurrence of the gamma function below that.
    """
    shifted = np.where(z < 16.0, z + 16.0, z)
    w = 1.0 / (shifted * shifted)
    series = (1 / 12 - w * (1 / 360 - w * (1 / 1260 - w * (1 / 1680 - w / 1188)))) / shifted
    # From z + 1 to z the error grows by (z + 1/2) log(1 + 1/z) - 1.
    steps = np.asarray(z)[..., None] + np.arange(16)
    grown = ((steps + 0.5) * np.log1p(1.0 / steps) - 1.0).sum(-1)
    return np.where(z < 16.0, series + grown, series)
