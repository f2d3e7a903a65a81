"""The C++ special functions against mpmath: values, gradients and Hessians, with two sets of flags.

``-Ofast`` is what kernels may be compiled with: it assumes that there is no NaN and no infinity and
reorders sums, so that it breaks what is right only by luck.
"""

import ctypes
import functools
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf

import zhusuan

HEADERS = Path(zhusuan.__file__).parent / "kernels"
DIGITS = 50
INF, NAN = float("inf"), float("nan")


# ---- references, from formulas other than those of the headers where there is a choice


def log_beta(a, b):
    return mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)


def gamma_p(a, x):
    # DLMF 8.5.1; maxterms, since shapes of 1e6 take thousands of terms.
    series = mp.hyp1f1(1, a + 1, x, maxterms=10**6)
    return mp.exp(a * mp.log(x) - x - mp.loggamma(a + 1)) * series


def gamma_q(a, x):
    return 1 - gamma_p(a, x)


def gamma_upper(a, x):
    # gamma_q cancels where Q is less than the digits that are carried.
    return mp.gammainc(a, x, regularized=True)


def gamma_pdf(a, x):
    return mp.exp((a - 1) * mp.log(x) - x - mp.loggamma(a))


def beta_lower(a, b, x, y):
    # DLMF 8.17.8
    series = mp.hyp2f1(a + b, 1, a + 1, x, maxterms=10**6)
    return mp.exp(a * mp.log(x) + b * mp.log(y) - log_beta(a, b)) / a * series


def beta_i(a, b, x, y=None):
    y = 1 - x if y is None else y
    if x < (a + 1) / (a + b + 2):
        return beta_lower(a, b, x, y)
    return 1 - beta_lower(b, a, y, x)


def beta_pdf(a, b, x, y=None):
    y = 1 - x if y is None else y
    return mp.exp((a - 1) * mp.log(x) + (b - 1) * mp.log(y) - log_beta(a, b))


def student_cdf(df, t):
    x, y = df / (df + t * t), t * t / (df + t * t)
    tail = beta_i(df / 2, mpf(1) / 2, x, y) / 2
    return tail if t < 0 else 1 - tail


def student_pdf(df, t):
    scale = mp.sqrt(df) * mp.exp(log_beta(df / 2, mpf(1) / 2))
    return (1 + t * t / df) ** (-(df + 1) / 2) / scale


def von_mises_pdf(x, kappa):
    return mp.exp(kappa * mp.cos(x)) / (2 * mp.pi * mp.besseli(0, kappa))


def von_mises_cdf(x, kappa):
    # The Fourier series of the density, integrated; its terms fall like those of a Gaussian.
    terms = range(1, int(60 + 20 * mp.sqrt(kappa)))
    total = mp.fsum(mp.besseli(j, kappa) * mp.sin(j * x) / j for j in terms)
    return mpf(1) / 2 + x / (2 * mp.pi) + total / (mp.pi * mp.besseli(0, kappa))


def normal_cdf(x):
    return mp.erfc(-x / mp.sqrt(2)) / 2


def log_normal_cdf(x):
    return mp.log(normal_cdf(x))


def log_normal_diff(a, b):
    return mp.log(normal_cdf(-a) - normal_cdf(-b) if a > 0 else normal_cdf(b) - normal_cdf(a))


def normal_quantile(p):
    # Where 1 - 2p has no digits left for erfinv, -sqrt(-2 log p) is near enough to start from.
    if p > mpf(1) / 2:
        return -normal_quantile(1 - p)
    start = -mp.sqrt(2) * mp.erfinv(1 - 2 * p) if p > mpf(10) ** -3 else -mp.sqrt(-2 * mp.log(p))
    return mp.findroot(lambda x: log_normal_cdf(x) - mp.log(p), start)


def log_binomial(n, k):
    return mp.loggamma(n + 1) - mp.loggamma(k + 1) - mp.loggamma(n - k + 1)


def implicit(cdf, pdf, wrt):
    """Return the derivative of a sample, the last argument, in argument `wrt` at its quantile."""

    def derivative(*args):
        return -partial(cdf, args, [wrt]) / pdf(*args)

    return derivative


def of_logit(derivative):
    # d logit(x) = dx / (x y), with y known where 1 - x would round to 0.
    def wrapped(a, b, logit):
        x, y = 1 / (1 + mp.exp(-logit)), 1 / (1 + mp.exp(logit))
        return derivative(a, b, x, y) / (x * y)

    return wrapped


def beta_sample(wrt):
    def derivative(a, b, x, y=None):
        y = 1 - x if y is None else y
        slope = partial(lambda a, b: beta_i(a, b, x, y), (a, b), [wrt])
        return -slope / beta_pdf(a, b, x, y)

    return derivative


def partial(f, args, indices):
    """Return the derivative of f in the arguments named, with steps relative to each of them."""

    def scaled(*s):
        moved = list(args)
        for i, step in zip(indices, s):
            moved[i] = moved[i] + args[i] * step
        return f(*moved)

    zeros, orders = (mpf(0),) * len(indices), (1,) * len(indices)
    if len(indices) == 1:
        slope = mp.diff(scaled, 0)
    elif indices[0] == indices[1]:
        slope = mp.diff(lambda s: scaled(s, 0), 0, 2)
    else:
        slope = mp.diff(scaled, zeros, orders)
    return slope / mpmath.fprod(args[i] for i in indices)


# ---- points


def log_uniform(low, high, n, seed=0):
    return np.exp(np.random.default_rng(seed).uniform(np.log(low), np.log(high), n))


def columns(*cs):
    return np.stack(np.broadcast_arrays(*cs), axis=1)


def gamma_points(low, high, n):
    a = log_uniform(low, high, n)
    return columns(a, np.maximum(np.random.default_rng(1).standard_gamma(a), 1e-290))


def beta_points(low, high, n):
    a, b = log_uniform(low, high, n, 2), log_uniform(low, high, n, 3)
    return columns(a, b, np.clip(np.random.default_rng(4).beta(a, b), 1e-290, 0.999))


def logit_points(n):
    """Both shapes, and a logit from the tail that the smaller shape makes long."""
    a, b = log_uniform(0.05, 20.0, n, 5), log_uniform(0.05, 20.0, n, 6)
    log_u = np.log(np.random.default_rng(7).uniform(size=n))
    return columns(a, b, np.where(a < b, log_u / a, -log_u / b))


def student_points(low, high, n):
    df = log_uniform(low, high, n, 8)
    return columns(df, np.clip(np.random.default_rng(9).standard_t(df), -1e100, 1e100))


def von_mises_points(low, high, n):
    kappa = log_uniform(low, high, n, 10)
    return columns(np.random.default_rng(11).vonmises(0.0, kappa), kappa)


def intervals(n):
    rng = np.random.default_rng(12)
    a = rng.normal(size=n) * np.where(np.arange(n) % 2, 3.0, 30.0)
    return columns(a, a + log_uniform(1e-9, 10.0, n, 13))


UNIT = np.random.default_rng(14).uniform(size=6)
POSITIVE = np.concatenate(
    [log_uniform(1e-290, 1.0, 6), log_uniform(0.1, 20.0, 10), log_uniform(20.0, 1e15, 4)]
)
NEAR_1_AND_2 = np.concatenate([1.0 + log_uniform(1e-12, 0.1, 3), 2.0 - log_uniform(1e-12, 0.1, 3)])
NEGATIVE = -np.array([1e-5, 0.3, 1.7, 2.4, 9.2, 33.3])
REAL = np.array([-37.0, -20.5, -5.1, -1.01, -0.99, -0.3, 1e-9, 0.4, 1.7, 3.1, 5.2])
BESSEL = np.array([-40.0, -3.0, 1e-9, 0.01, 1.3, 7.9, 8.1, 21.0, 31.0, 1e3, 1e6])
PAIRS = columns(log_uniform(1e-4, 1e8, 10, 15), log_uniform(1e-4, 1e8, 10, 16))


@dataclass
class Case:
    """A function with the points to test it at.

    Errors are relative to the reference plus `floor`: a function has no relative precision near
    its zeros, and a derivative none where it is a difference of much larger terms.
    """

    name: str
    points: np.ndarray
    reference: Callable
    value: float = 1e-14
    gradient: float = 0.0  # not tested if 0
    hessian: float = 0.0
    floor: float = 0.0
    second: int = 3  # how many of the points serve for the Hessian, which mpmath takes long for
    label: str = ""


# 1e-14 is some 50 rounding errors. Where a tolerance is larger, the reason stands there.
CASES = [
    Case("lgamma", POSITIVE, mp.loggamma, 1e-14, 1e-14, 1e-14, label="positive", second=12),
    Case("lgamma", NEAR_1_AND_2, mp.loggamma, 1e-15, 1e-14, label="near its zeros"),
    Case("lgamma", NEGATIVE, lambda x: mp.re(mp.loggamma(x)), 1e-14, floor=1.0, label="negative"),
    Case("lgamma1p", log_uniform(1e-15, 5.0, 6), lambda z: mp.loggamma(1 + z), 1e-14, 1e-13),
    # No relative precision near the zero at 1.46.
    Case("digamma", POSITIVE, mp.digamma, 1e-14, 1e-14, 1e-14, floor=0.1, label="positive"),
    Case("digamma", NEGATIVE, mp.digamma, 1e-13, floor=1.0, label="negative"),
    *(
        Case(f"polygamma_{n}", POSITIVE[6:], lambda x, n=n: mp.polygamma(n, x), 1e-13, 1e-13)
        for n in (1, 2, 5)
    ),
    # The derivative of order n of the cotangent is a polynomial with cancelling terms.
    *(
        Case(f"polygamma_{n}", NEGATIVE, lambda x, n=n: mp.polygamma(n, x), 1e-11, label="negative")
        for n in (1, 2, 5)
    ),
    # log B is zero along a curve; its derivatives are differences of digamma.
    Case("betaln", PAIRS, log_beta, 1e-14, 1e-12, 1e-12, floor=1.0),
    Case("lbinom", columns(PAIRS.sum(1), PAIRS[:, 0]), log_binomial, 1e-14, 1e-12, floor=1.0),
    # x^a with a log x up to 700 has an error of 700 ulps.
    Case("igamma", gamma_points(1e-4, 1e4, 30), gamma_p, 1e-12, 1e-12, 1e-10),
    Case("igamma", [[1e6, 1e6 + 900.0], [2e6, 2e6 - 5e3]], gamma_p, 1e-12, 1e-11, label="huge"),
    Case("igamma", columns(log_uniform(0.3, 200.0, 16), log_uniform(1.0, 60.0, 16, 1)),
         gamma_p, 1e-12, 1e-12, 1e-9, floor=1e-30, label="both tails"),
    Case("igammac", columns(log_uniform(1e-4, 100.0, 16), log_uniform(1e-3, 60.0, 16, 1)),
         gamma_q, 1e-12, 1e-12, 1e-10, floor=1e-20),
    Case("log_igamma", columns(log_uniform(0.1, 500.0, 16), log_uniform(0.5, 300.0, 16, 1)),
         lambda a, x: mp.log(gamma_p(a, x)), 1e-12, 1e-12, 1e-9, floor=1e-15),
    Case("log_igammac", [[0.2, 2.0], [3.0, 900.0], [50.0, 60.0], [0.5, 0.1], [40.0, 2.0]],
         lambda a, x: mp.log(gamma_upper(a, x)), 1e-12, 1e-12, 1e-9, floor=1e-15, second=5),
    Case("gamma_density", gamma_points(1e-4, 1e6, 12), gamma_pdf, 1e-12, 1e-11),
    Case("gamma_sample_da", gamma_points(1e-4, 1e6, 40), implicit(gamma_p, gamma_pdf, 0), 1e-7),
    Case("log_gamma_sample_da", columns(log_uniform(1e-4, 5.0, 10), [-3e4, -900.0] * 5),
         lambda a, log_x: implicit(gamma_p, gamma_pdf, 0)(a, mp.exp(log_x)) / mp.exp(log_x), 1e-9),
    # Shapes of 1e4 amplify the rounding of x: a log x.
    Case("betainc", beta_points(0.05, 1e4, 16), beta_i, 1e-11, 1e-10, 1e-8, floor=1e-12),
    Case("betainc", beta_points(1e-3, 1.0, 8), beta_i, 1e-12, 1e-10, label="small shapes"),
    Case("betaincc", beta_points(0.05, 30.0, 10), lambda a, b, x: 1 - beta_i(a, b, x), 1e-12,
         1e-10, floor=1e-25),
    Case("beta_sample_da", beta_points(0.05, 1e4, 16), beta_sample(0), 1e-9),
    Case("beta_sample_db", beta_points(0.05, 1e4, 16), beta_sample(1), 1e-9),
    Case("beta_logit_sample_da", logit_points(12), of_logit(beta_sample(0)), 1e-11),
    Case("beta_logit_sample_db", logit_points(12), of_logit(beta_sample(1)), 1e-11),
    # The derivative in df is a difference of terms 1/df and vanishes as df grows.
    Case("stdtr", student_points(0.05, 1e6, 16), student_cdf, 1e-13, 1e-9, 1e-8, floor=1e-10),
    Case("student_t_sample_ddf", student_points(0.05, 1e5, 16),
         implicit(student_cdf, student_pdf, 0), 1e-7),
    # The tail of the normal cdf has a condition number of x^2.
    Case("ndtr", REAL, normal_cdf, 1e-14, 1e-12, 1e-12, second=11),
    Case("log_ndtr", REAL, log_normal_cdf, 1e-14, 1e-13, 1e-12, second=8),
    Case("log_ndtr", [-100.0, -1e4], log_normal_cdf, 1e-15, 1e-14, 1e-11, label="far tail"),
    Case("log_ndtr_diff", intervals(16), log_normal_diff, 1e-13, 1e-10, floor=1e-3),
    Case("erfcx", np.r_[REAL[2:], 30.0, 1e5], lambda x: mp.exp(x * x) * mp.erfc(x), 1e-14, 1e-13,
         1e-12, second=11),
    Case("ndtri", [1e-290, 1e-20, 0.01, 0.2, 0.500001, 0.8, 0.999], normal_quantile, 1e-14, 1e-12,
         floor=1e-3),
    Case("erfinv", [-0.999, -0.5, 1e-15, 0.1, 0.86, 0.9999], mp.erfinv, 1e-14, 1e-12, 1e-12),
    Case("erfcinv", [1e-9, 0.2, 0.9999, 1.6], lambda x: mp.erfinv(1 - x), 1e-14, 1e-12),
    Case("log1mexp", log_uniform(1e-10, 40.0, 6), lambda x: mp.log(1 - mp.exp(-x)), 1e-14, 1e-14,
         1e-13),
    Case("logit", UNIT, lambda p: mp.log(p / (1 - p)), 1e-14, 1e-14, 1e-13),
    Case("log_add_exp", [[1.0, 1.0], [-3.0, 2.0], [5.0, -30.0], [800.0, 801.0]],
         lambda a, b: mp.log(mp.exp(a) + mp.exp(b)), 1e-14, 1e-13, 1e-13, second=4),
    Case("log_diff_exp", [[1.0, 0.999], [3.0, 2.0], [5.0, -30.0], [801.0, 800.0]],
         lambda a, b: mp.log(mp.exp(a) - mp.exp(b)), 1e-13, 1e-13, 1e-12, second=4),
    # e^-x I' is the difference of two nearly equal terms: x digits, and x^2 at second order.
    Case("i0e", BESSEL, lambda x: mp.besseli(0, x) * mp.exp(-abs(x)), 1e-14, 1e-12, 1e-10),
    Case("i1e", BESSEL, lambda x: mp.besseli(1, x) * mp.exp(-abs(x)), 1e-14, 1e-12, 1e-10),
    Case("i1_over_i0", BESSEL, lambda x: mp.besseli(1, x) / mp.besseli(0, x), 1e-14, 1e-12, 1e-10,
         second=10),
    Case("log_i0", BESSEL, lambda x: mp.log(mp.besseli(0, x)), 1e-14, 1e-14, 1e-12),
    # The series has an absolute error; beyond kappa = 60 an expansion is cut at 1e-12.
    Case("von_mises_cdf", von_mises_points(1e-6, 300.0, 10), von_mises_cdf, 1e-11, 1e-9, 1e-8,
         floor=1e-3),
    Case("von_mises_sample_dkappa", von_mises_points(1e-3, 150.0, 10),
         lambda x, kappa: implicit(lambda k, x: von_mises_cdf(x, k),
                                   lambda k, x: von_mises_pdf(x, k), 0)(kappa, x), 1e-7),
    Case("von_mises_sample_dkappa", [[3.0, 30.0], [-2.0, 45.0], [3.1, 0.1]],
         lambda x, kappa: implicit(lambda k, x: von_mises_cdf(x, k),
                                   lambda k, x: von_mises_pdf(x, k), 0)(kappa, x), 1e-7,
         label="tails"),
]  # fmt: skip

# Inverses, tested through the functions they invert: name, forward function, points, tolerance.
# The condition number of P(a, x) in x is sqrt(a).
INVERSES = [
    ("igammainv", "igamma", columns(log_uniform(1e-4, 1e8, 300), log_uniform(1e-200, 1, 300, 1)),
     1e-9),
    ("igammacinv", "igammac", columns(log_uniform(0.1, 1e8, 300), log_uniform(1e-200, 1, 300, 1)),
     1e-9),
    ("betaincinv", "betainc", columns(log_uniform(0.05, 1e4, 300), log_uniform(0.2, 1e4, 300, 1),
                                      log_uniform(1e-50, 0.99, 300, 2)), 1e-9),
    ("stdtrit", "stdtr", columns(log_uniform(0.05, 1e6, 300), log_uniform(1e-10, 1, 300, 1)),
     1e-12),
    ("von_mises_icdf", "von_mises_cdf", columns(log_uniform(1e-6, 1, 300),
                                                log_uniform(1e-6, 1e6, 300, 1)), 1e-9),
    ("ndtri_exp", "log_ndtr", -log_uniform(1e-15, 1e8, 300)[:, None], 1e-13),
]  # fmt: skip

EDGES = [
    ("lgamma", (0.0,), INF), ("lgamma", (-3.0,), INF), ("lgamma", (INF,), INF),
    ("lgamma", (1.0,), 0.0), ("lgamma", (2.0,), 0.0), ("lgamma", (NAN,), NAN),
    ("digamma", (0.0,), -INF), ("digamma", (-2.0,), NAN), ("digamma", (INF,), INF),
    ("polygamma_1", (0.0,), INF), ("polygamma_1", (INF,), 0.0), ("betaln", (0.0, 1.0), INF),
    ("lbinom", (5.0, 6.0), -INF), ("lbinom", (5.0, -1.0), -INF), ("lbinom", (0.5, 3.0), NAN),
    ("igamma", (2.0, 0.0), 0.0), ("igamma", (2.0, INF), 1.0), ("igamma", (-1.0, 2.0), NAN),
    ("igamma", (2.0, -1.0), NAN), ("igamma", (0.0, 1.0), 1.0), ("igamma", (NAN, 1.0), NAN),
    ("log_igamma", (2.0, 0.0), -INF), ("log_igammac", (2.0, INF), -INF),
    ("igammac", (2.0, 0.0), 1.0), ("igammac", (2.0, INF), 0.0),
    ("igammainv", (2.0, 0.0), 0.0), ("igammainv", (2.0, 1.0), INF), ("igammainv", (2.0, 1.1), NAN),
    ("igammacinv", (2.0, 0.0), INF), ("igammacinv", (2.0, 1.0), 0.0),
    ("gamma_sample_da", (2.0, 0.0), 0.0), ("gamma_sample_da", (0.0, 1.0), NAN),
    ("betainc", (2.0, 3.0, 0.0), 0.0), ("betainc", (2.0, 3.0, 1.0), 1.0),
    ("betainc", (2.0, 3.0, 1.1), NAN), ("betainc", (0.0, 3.0, 0.5), NAN),
    ("betaincc", (2.0, 3.0, 0.0), 1.0), ("betaincc", (2.0, 3.0, 1.0), 0.0),
    ("betaincinv", (2.0, 3.0, 0.0), 0.0), ("betaincinv", (2.0, 3.0, 1.0), 1.0),
    ("stdtr", (3.0, -INF), 0.0), ("stdtr", (3.0, INF), 1.0), ("stdtr", (3.0, 0.0), 0.5),
    ("stdtrit", (3.0, 0.0), -INF), ("stdtrit", (3.0, 1.0), INF), ("stdtrit", (3.0, 0.5), 0.0),
    ("ndtr", (-INF,), 0.0), ("ndtr", (INF,), 1.0), ("ndtr", (NAN,), NAN),
    ("log_ndtr", (-INF,), -INF), ("log_ndtr", (INF,), 0.0), ("erfcx", (-30.0,), INF),
    ("ndtri", (0.0,), -INF), ("ndtri", (1.0,), INF), ("ndtri", (1.5,), NAN),
    ("ndtri_exp", (-INF,), -INF), ("ndtri_exp", (0.0,), INF), ("ndtri_exp", (0.1,), NAN),
    ("erfinv", (1.0,), INF), ("erfinv", (-1.0,), -INF), ("erfcinv", (0.0,), INF),
    ("erfcinv", (2.0,), -INF), ("log_ndtr_diff", (1.0, 1.0), -INF),
    ("log_ndtr_diff", (-INF, INF), 0.0), ("log_ndtr_diff", (2.0, 1.0), NAN),
    ("log1mexp", (0.0,), -INF), ("log_add_exp", (-INF, -INF), -INF),
    ("log_add_exp", (-INF, 2.0), 2.0), ("log_add_exp", (INF, 2.0), INF),
    ("log_diff_exp", (2.0, -INF), 2.0), ("log_diff_exp", (2.0, 2.0), -INF),
    ("log_diff_exp", (1.0, 2.0), NAN), ("logit", (0.0,), -INF), ("logit", (1.0,), INF),
    ("logit", (-0.1,), NAN), ("i0e", (0.0,), 1.0), ("i1_over_i0", (0.0,), 0.0),
    ("von_mises_cdf", (-np.pi, 3.0), 0.0), ("von_mises_cdf", (np.pi, 3.0), 1.0),
    ("von_mises_cdf", (0.0, 1e6), 0.5), ("von_mises_cdf", (1.0, -1.0), NAN),
    ("von_mises_sample_dkappa", (0.0, 3.0), 0.0),
]  # fmt: skip


# ---- the library


def only_double(name):
    return "_sample_d" in name


def wrappers():
    """Return C++ functions NAME_v, NAME_g and NAME_h: value, gradient and Hessian at points."""
    arity = {case.name: np.reshape(case.points, (len(case.points), -1)).shape[1] for case in CASES}
    for name, forward, points, _ in INVERSES:
        arity[name] = arity.setdefault(forward, points.shape[1])
    source = ['#include "special.h"']
    for name, k in arity.items():
        source.append(f"typedef zs::Dual<double, {k}> D_{name};")
        source.append(f"typedef zs::Dual<D_{name}, {k}> H_{name};")
        number = "polygamma_" in name and name.split("_")[1] + ", "
        function = "polygamma" if number else name
        start = number or ""
        for kind, t in (("v", "double"), ("g", f"D_{name}"), ("h", f"H_{name}")):
            if kind != "v" and only_double(name):
                continue
            variable = {"v": "x[{0}]", "g": "D(x[{0}], {0})", "h": "H(D(x[{0}], {0}), {0})"}[kind]
            variable = variable.replace("H(", f"H_{name}(").replace("D(", f"D_{name}(")
            arguments = start + ", ".join(variable.format(i) for i in range(k))
            store = {
                "v": "*out++ = r;",
                "g": f"for (int i = 0; i < {k}; i++) *out++ = r.d[i];",
                "h": f"for (int i = 0; i < {k * k}; i++) *out++ = r.d[i / {k}].d[i % {k}];",
            }[kind]
            source.append(
                f'extern "C" void {name}_{kind}(int n, const double* x, double* out) {{\n'
                f"    for (int p = 0; p < n; p++, x += {k}) {{\n"
                f"        {t} r = zs::{function}({arguments});\n        {store}\n    }}\n}}"
            )
    return "\n".join(source)


@pytest.fixture(scope="module")
def libraries(tmp_path_factory):
    """Compile the wrappers once with each set of flags, both at the same time."""
    folder = tmp_path_factory.mktemp("special")
    (folder / "wrappers.cc").write_text(wrappers())
    compiler = ["g++", "-std=c++17", "-fPIC", f"-I{HEADERS}"]
    jobs = {
        flags: subprocess.Popen(
            [*compiler, flags, "-c", "wrappers.cc", "-o", f"lib{flags}.o"], cwd=folder
        )
        for flags in ("-Ofast", "-O2")
    }
    loaded = {}
    for flags, job in jobs.items():
        assert job.wait() == 0
        # Linked without -Ofast, which would flush subnormals to zero in the whole process.
        output = folder / f"lib{flags}.so"
        subprocess.check_call(["g++", "-shared", f"lib{flags}.o", "-o", output], cwd=folder)
        loaded[flags] = ctypes.CDLL(str(output))
    return loaded


@pytest.fixture(params=["-Ofast", "-O2"])
def library(request, libraries):
    return libraries[request.param]


def call(library, name, points, kind="v"):
    points = np.ascontiguousarray(points, dtype=np.float64)
    points = points.reshape(len(points), -1)
    n, k = points.shape
    out = np.empty((n, k ** "vgh".index(kind)))
    pointer = ctypes.POINTER(ctypes.c_double)
    function = getattr(library, f"{name}_{kind}")
    function(n, points.ctypes.data_as(pointer), out.ctypes.data_as(pointer))
    return out


@functools.cache
def reference(index, kind):
    """Return what mpmath gives for a case, at the precision of DIGITS; shared by the flags."""
    case = CASES[index]
    points = np.reshape(case.points, (len(case.points), -1))
    k = points.shape[1]
    indices = {"v": [[]], "g": [[i] for i in range(k)],
               "h": [[i, j] for i in range(k) for j in range(k)]}[kind]  # fmt: skip
    rows = []
    with mp.workdps(DIGITS):
        for point in points[-case.second :] if kind == "h" else points:
            args = [mpf(float(x)) for x in point]
            rows.append([partial(case.reference, args, i) if i else case.reference(*args)
                         for i in indices])  # fmt: skip
    return rows


def worst(got, want, floor):
    """Return the largest error. Where the reference overflows a double, so must the function."""
    errors = [0.0]
    for g, w in zip(got.ravel(), [w for row in want for w in row]):
        if abs(w) > np.finfo(np.float64).max:
            assert g == (INF if w > 0 else -INF)
        else:
            assert np.isfinite(g)
            # Both 0: no error.
            errors.append(float(abs(mpf(float(g)) - w) / (abs(w) + floor or 1)))
    return max(errors)


def identify(case):
    return f"{case.name} {case.label}".strip()


@pytest.mark.parametrize("index", range(len(CASES)), ids=[identify(c) for c in CASES])
def test_against_mpmath(library, index):
    case = CASES[index]
    for kind, tolerance in (("v", case.value), ("g", case.gradient), ("h", case.hessian)):
        if not tolerance:
            continue
        points = case.points[-case.second :] if kind == "h" else case.points
        error = worst(call(library, case.name, points, kind), reference(index, kind), case.floor)
        assert error <= tolerance, kind


@pytest.mark.parametrize(("name", "forward", "points", "tolerance"), INVERSES,
                         ids=[i[0] for i in INVERSES])  # fmt: skip
def test_inverses(library, name, forward, points, tolerance):
    # Von Mises alone has the variable first and the parameter last.
    column = 0 if name == "von_mises_icdf" else -1
    root = call(library, name, points)[:, 0]
    back = points.copy()
    back[:, column] = root
    # A root that a double does not hold, and those within an ulp of 1, cannot be inverted back.
    held = (np.abs(root) > 1e-300) & np.isfinite(root) & ((name != "betaincinv") | (root < 0.999))
    assert held.mean() > 0.7
    got, want = call(library, forward, back[held])[:, 0], points[held, column]
    np.testing.assert_allclose(got, want, rtol=tolerance)
    # The gradient solves forward(root(y), ...) = y: the chain rule gives 1, and 0 for parameters.
    outer = call(library, forward, back[held], "g")
    inner = call(library, name, points[held], "g")
    ours = outer[:, [column]] * inner
    theirs = -outer
    theirs[:, column] = 1.0
    scale = np.abs(theirs) + 1e-12 * np.abs(want)[:, None]
    assert np.max(np.abs(ours - theirs) / scale) < 1e-8


@pytest.mark.parametrize(("name", "arguments", "want"), EDGES, ids=[f"{n}{a}" for n, a, _ in EDGES])
def test_edges(library, name, arguments, want):
    # + 0.0 makes no difference between the zeros.
    np.testing.assert_equal(call(library, name, [arguments])[0, 0] + 0.0, want)


def test_cdfs_are_monotone_where_methods_meet(library):
    # 30 and 60 are where expansions take over; so is the mean, where the tails are exchanged.
    steps = np.linspace(-1.0, 1.0, 4001)
    for name, points in {
        "igamma": columns(np.array([29.999, 30.001])[:, None], 30.0 + 25.0 * steps),
        "von_mises_cdf": columns(np.pi * steps, np.array([59.999, 60.001])[:, None]),
    }.items():
        values = call(library, name, points.transpose(0, 2, 1).reshape(-1, 2)).reshape(2, -1)
        # The rounding of a sum of some 80 terms below 1.
        assert np.all(np.diff(values) >= -1e-14)
        np.testing.assert_allclose(values[0], values[1], rtol=0, atol=1e-3)
