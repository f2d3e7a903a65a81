r"""Continuous draws.

The standard forms are computed in float64 on the host, from draws that carry 53 bits also close
to 0, and rounded at the end: their tails are those of the distribution as far as a sample of
:math:`10^{15}` would show, in float32 as well, and no draw is infinite.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jittor as jt
import numpy as np

from zhusuan._tensor import Var, constant
from zhusuan.random import philox
from zhusuan.random.filling import check, check_dtype, expand, fill, host, on_device

# Half the resolution of Generator.random: stands in for a draw of exactly 0.
_SMALLEST_UNIFORM = 2.0**-54


def standard_normal(shape: Sequence[int], dtype: str = "float32") -> Var:
    """Draw from N(0, 1); on CUDA by the device's generator.

    On the CPU, NumPy's ziggurat (Marsaglia and Tsang 2000), and for many float32 draws Philox
    (Salmon et al. 2011) with Box-Muller.

    :param shape: shape of the result, at least one dim.
    :param dtype: ``'float32'`` or ``'float64'``.
    :return: Var of shape ``shape``.
    """
    if on_device():
        return jt.ops.random(tuple(shape), dtype, "normal")
    if philox.serves(math.prod(shape), dtype):
        return philox.draw("normal", shape)
    kind = np.dtype(dtype).type
    return fill(lambda generator, n: generator.standard_normal(n, kind), shape, dtype)


def uniform(shape: Sequence[int], dtype: str = "float32") -> Var:
    r"""Draw from the uniform distribution on [0, 1); on CUDA by the device's generator.

    On the CPU, NumPy's generator (O'Neill 2014), and for many float32 draws Philox (Salmon et al.
    2011).

    :param shape: shape of the result, at least one dim.
    :param dtype: ``'float32'`` (multiples of :math:`2^{-24}`) or ``'float64'``
        (:math:`2^{-53}`).
    :return: Var of shape ``shape``.
    """
    if on_device():
        drawn = jt.ops.random(tuple(shape), dtype, "uniform")
        return drawn * (drawn < 1.0).cast(dtype)  # cuRAND draws from (0, 1]
    if philox.serves(math.prod(shape), dtype):
        return philox.draw("uniform", shape)
    kind = np.dtype(dtype).type
    return fill(lambda generator, n: generator.random(n, kind), shape, dtype, parallel=False)


def open_uniform(shape: Sequence[int], dtype: str = "float32") -> Var:
    r"""Draw from the uniform distribution on (0, 1): never 0 and never 1, so logs are finite.

    A float64 uniform, a multiple of :math:`2^{-53}` with :math:`2^{-54}` in place of 0, rounded to
    ``dtype``, with the largest number below 1 in place of 1. So float32 draws have their full 24
    bits also close to 0. On CUDA by the device's generator. Source: NumPy's float64 uniforms.

    :param shape: shape of the result, at least one dim.
    :param dtype: ``'float32'`` or ``'float64'``.
    :return: Var of shape ``shape``.
    :raises ValueError: for another ``dtype``.
    """
    check_dtype("open_uniform", dtype)
    kind = np.dtype(dtype).type
    largest = float(np.nextafter(kind(1), kind(0)))
    if on_device():
        drawn = jt.ops.random(tuple(shape), "float64", "uniform")
        return jt.minimum(drawn, constant(largest, drawn)).cast(dtype)

    def draw(generator: np.random.Generator, n: int) -> np.ndarray:
        u = generator.random(n)
        return np.clip(u, _SMALLEST_UNIFORM, largest, out=u)

    return fill(draw, shape, dtype, parallel=False)


def _exponential(generator: np.random.Generator, n: int) -> np.ndarray:
    e = generator.standard_exponential(n)
    return np.maximum(e, _SMALLEST_UNIFORM, out=e)


def standard_exponential(shape: Sequence[int], dtype: str = "float32") -> Var:
    r"""Draw from the exponential distribution of rate 1; never 0.

    On the host by numpy's ziggurat in float64 (Marsaglia and Tsang 2000), on CUDA as
    :math:`-\log u` of a float64 uniform.

    :param shape: shape of the result, at least one dim.
    :param dtype: ``'float32'`` or ``'float64'``.
    :return: Var of shape ``shape``.
    :raises ValueError: for another ``dtype``.
    """
    check_dtype("standard_exponential", dtype)
    if on_device():
        return (-jt.log(open_uniform(shape, "float64"))).cast(dtype)
    return fill(_exponential, shape, dtype)


def standard_gumbel(shape: Sequence[int], dtype: str = "float32") -> Var:
    r"""Draw from the standard Gumbel distribution: :math:`-\log E`, E exponential.

    Johnson, Kotz and Balakrishnan 1995, vol. 2, ch. 22. On CUDA by the device's generator.

    :param shape: shape of the result, at least one dim.
    :param dtype: ``'float32'`` or ``'float64'``.
    :return: Var of shape ``shape``.
    :raises ValueError: for another ``dtype``.
    """
    check_dtype("standard_gumbel", dtype)
    if on_device():
        return -jt.log(standard_exponential(shape, dtype))

    def draw(generator: np.random.Generator, n: int) -> np.ndarray:
        e = _exponential(generator, n)
        return np.negative(np.log(e, out=e), out=e)

    return fill(draw, shape, dtype)


def standard_logistic(shape: Sequence[int], dtype: str = "float32") -> Var:
    r"""Draw from the standard logistic distribution: :math:`\log(E_1 / E_2)`, both exponential.

    Johnson, Kotz and Balakrishnan 1995, vol. 2, ch. 23. On CUDA by the device's generator.

    :param shape: shape of the result, at least one dim.
    :param dtype: ``'float32'`` or ``'float64'``.
    :return: Var of shape ``shape``.
    :raises ValueError: for another ``dtype``.
    """
    check_dtype("standard_logistic", dtype)
    if on_device():
        return jt.log(standard_exponential(shape, dtype) / standard_exponential(shape, dtype))

    def draw(generator: np.random.Generator, n: int) -> np.ndarray:
        # The same as log(E1 / E2) in distribution, from one draw: u / (1 - u), where 1 - u is
        # exact. It is symmetric because -log(u / (1 - u)) is the logit of 1 - u.
        u = np.maximum(generator.random(n), _SMALLEST_UNIFORM)
        u /= 1.0 - u
        return np.log(u, out=u)

    return fill(draw, shape, dtype)


def standard_laplace(shape: Sequence[int], dtype: str = "float32") -> Var:
    r"""Draw from the standard Laplace distribution: :math:`E_1 - E_2`, both exponential.

    Johnson, Kotz and Balakrishnan 1995, vol. 2, ch. 24. On CUDA by the device's generator.

    :param shape: shape of the result, at least one dim.
    :param dtype: ``'float32'`` or ``'float64'``.
    :return: Var of shape ``shape``.
    :raises ValueError: for another ``dtype``.
    """
    check_dtype("standard_laplace", dtype)
    if on_device():
        return standard_exponential(shape, dtype) - standard_exponential(shape, dtype)

    def draw(generator: np.random.Generator, n: int) -> np.ndarray:
        e = generator.standard_exponential(n)
        e -= generator.standard_exponential(n)
        return e

    return fill(draw, shape, dtype)


def standard_cauchy(shape: Sequence[int], dtype: str = "float32") -> Var:
    r"""Draw from the standard Cauchy distribution; no draw exceeds :math:`10^{16}`.

    :math:`\pm\tan(\pi v / 4)` or its reciprocal with equal chances, v uniform on (0, 1): x and 1 /
    x follow the same distribution (Johnson, Kotz and Balakrishnan 1994, vol. 1, ch. 16), and each
    tail is as accurate as the middle. On CUDA drawn on the host and uploaded.

    :param shape: shape of the result, at least one dim.
    :param dtype: ``'float32'`` or ``'float64'``.
    :return: Var of shape ``shape``.
    :raises ValueError: for another ``dtype``.
    """
    check_dtype("standard_cauchy", dtype)

    def draw(generator: np.random.Generator, n: int) -> np.ndarray:
        # One uniform gives the sign, the branch and, with 51 bits, v.
        u = generator.random(n) - 0.5
        v = np.abs(u)
        v *= 4.0
        flip = v >= 1.0
        v -= flip
        np.maximum(v, 4.0 * _SMALLEST_UNIFORM, out=v)
        v *= 0.25 * np.pi
        x = np.tan(v, out=v)
        return np.copysign(np.where(flip, 1.0 / x, x), u)

    return fill(draw, shape, dtype)


def _check_positive(name: str, what: str, value: np.ndarray) -> None:
    check(name, what, value, (value > 0) & np.isfinite(value), "positive and finite")


def standard_gamma(alpha: Any, shape: Sequence[int], dtype: str = "float32") -> Var:
    r"""Draw from the Gamma distribution of rate 1 (Marsaglia and Tsang 2000, as in NumPy).

    For ``alpha`` below about 0.1 a draw can be smaller than any float: it is then the smallest
    normal number of ``dtype``. :func:`log_standard_gamma` gives its log as it is. On CUDA drawn
    on the host and uploaded.

    :param alpha: shape parameter, positive; broadcasts to ``shape``.
    :param shape: shape of the result, at least one dim.
    :param dtype: ``'float32'`` or ``'float64'``.
    :return: Var of shape ``shape``.
    :raises ValueError: if ``alpha`` is not positive or does not broadcast.
    """
    check_dtype("standard_gamma", dtype)
    alpha = host(alpha)
    _check_positive("standard_gamma", "alpha", alpha)
    # Jittor's kernels flush denormals to 0, which is no Gamma draw.
    limits = np.finfo(dtype)
    smallest, largest = float(limits.tiny), float(limits.max)

    def draw(generator: np.random.Generator, n: int, alpha: np.ndarray) -> np.ndarray:
        g = generator.standard_gamma(alpha, n)
        return np.clip(g, smallest, largest, out=g)

    return fill(draw, shape, dtype, expand("standard_gamma", "alpha", alpha, shape))


def _log_gamma(generator: np.random.Generator, n: int, alpha: np.ndarray) -> np.ndarray:
    small = alpha < 1.0
    log_g = np.log(generator.standard_gamma(alpha + small, n))
    if np.any(small):
        # G(a) = G(a + 1) U^(1/a) (Marsaglia and Tsang 2000, sec. 6); -log U is exponential.
        rows = np.flatnonzero(np.broadcast_to(small, n))
        # Below 1e-300 the division would overflow.
        a = np.maximum(alpha[rows] if alpha.ndim else alpha, 1e-300)
        log_g[rows] -= generator.standard_exponential(len(rows)) / a
    return log_g


def _finite(drawn: np.ndarray, dtype: str) -> np.ndarray:
    # log(U) / a leaves the range of float32 for a below 1e-37.
    largest = float(np.finfo(dtype).max)
    return np.clip(drawn, -largest, largest, out=drawn)


def log_standard_gamma(alpha: Any, shape: Sequence[int], dtype: str = "float32") -> Var:
    r"""Draw the log of a Gamma variable of rate 1, also where the variable itself underflows.

    For :math:`\alpha < 1` by :math:`\log G_\alpha = \log G_{\alpha+1} + \log(U) / \alpha`
    (Marsaglia and Tsang 2000, sec. 6). Always finite. On CUDA drawn on the host and uploaded.

    :param alpha: shape parameter, positive; broadcasts to ``shape``.
    :param shape: shape of the result, at least one dim.
    :param dtype: ``'float32'`` or ``'float64'``.
    :return: Var of shape ``shape``.
    :raises ValueError: if ``alpha`` is not positive or does not broadcast.
    """
    name = "log_standard_gamma"
    check_dtype(name, dtype)
    alpha = host(alpha)
    _check_positive(name, "alpha", alpha)

    def draw(generator: np.random.Generator, n: int, alpha: np.ndarray) -> np.ndarray:
        return _finite(_log_gamma(generator, n, alpha), dtype)

    return fill(draw, shape, dtype, expand(name, "alpha", alpha, shape))


def beta_logit(a: Any, b: Any, shape: Sequence[int], dtype: str = "float32") -> Var:
    r"""Draw the logit :math:`\log x - \log(1 - x)` of a Beta variable x.

    The difference of two log-Gamma draws (Johnson, Kotz and Balakrishnan 1995, vol. 2, ch. 25), so
    it is right also where x rounds to 0 or 1. Always finite. On CUDA drawn on the host and
    uploaded.

    :param a: weight of x, positive; broadcasts to ``shape``.
    :param b: weight of 1 - x, positive; broadcasts to ``shape``.
    :param shape: shape of the result, at least one dim.
    :param dtype: ``'float32'`` or ``'float64'``.
    :return: Var of shape ``shape``.
    :raises ValueError: if ``a`` or ``b`` is not positive or does not broadcast.
    """
    name = "beta_logit"
    check_dtype(name, dtype)
    a, b = host(a), host(b)
    _check_positive(name, "a", a)
    _check_positive(name, "b", b)

    def draw(generator: np.random.Generator, n: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return _finite(_log_gamma(generator, n, a) - _log_gamma(generator, n, b), dtype)

    return fill(draw, shape, dtype, expand(name, "a", a, shape), expand(name, "b", b, shape))


def von_mises(mu: Any, kappa: Any, shape: Sequence[int], dtype: str = "float32") -> Var:
    r"""Draw angles in :math:`[-\pi, \pi]` from the von Mises distribution (Best and Fisher 1979).

    NumPy's sampler; on CUDA drawn on the host and uploaded.

    :param mu: mode in radians, finite; broadcasts to ``shape``.
    :param kappa: concentration, not negative; broadcasts to ``shape``.
    :param shape: shape of the result, at least one dim.
    :param dtype: ``'float32'`` or ``'float64'``.
    :return: Var of shape ``shape``, in radians.
    :raises ValueError: if a parameter is outside its domain or does not broadcast.
    """
    name = "von_mises"
    check_dtype(name, dtype)
    mu, kappa = host(mu), host(kappa)
    check(name, "mu", mu, np.isfinite(mu), "finite")
    check(name, "kappa", kappa, (kappa >= 0) & np.isfinite(kappa), "finite and not negative")
    return fill(
        lambda generator, n, mu, kappa: generator.vonmises(mu, kappa, n),
        shape,
        dtype,
        expand(name, "mu", mu, shape),
        expand(name, "kappa", kappa, shape),
    )
