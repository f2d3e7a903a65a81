r"""Special functions of one or more Vars, computed in double and differentiable to any order.

Each is a :class:`~zhusuan.formula.Formula` over the C++ of ``zhusuan/kernels``, where the source
of every expansion is named. The inputs are numbers, arrays or Vars that broadcast; the result is
float64 if one of them is, otherwise float32, right to its last digit or two. Outside the domain
of a function the result is NaN.
"""

from __future__ import annotations

from typing import Any

from zhusuan._tensor import Var, as_var
from zhusuan.formula import Formula

_lgamma = Formula("x", "return lgamma(x);")
_digamma = Formula("x", "return digamma(x);")
_polygamma = Formula(
    "n, x", "return polygamma((int)value(n), x);", constants="n"
)
_betaln = Formula("a, b", "return betaln(a, b);")
_log_binomial = Formula("n, k", "return lbinom(n, k);")
_igamma = Formula("a, x", "return igamma(a, x);")
_igammac = Formula("a, x", "return igammac(a, x);")
_igammainv = Formula("a, p", "return igammainv(a, p);")
_betainc = Formula("a, b, x", "return betainc(a, b, x);")
_betaincinv = Formula("a, b, p", "return betaincinv(a, b, p);")
_expm1 = Formula("x", "return expm1(x);")
_log1mexp = Formula("x", "return log1mexp(x);")
_log_add_exp = Formula("x, y", "return log_add_exp(x, y);")
_logit = Formula("p", "return logit(p);")
_erfinv = Formula("x", "return erfinv(x);")
_erfcx = Formula("x", "return erfcx(x);")
_ndtr = Formula("x", "return ndtr(x);")
_log_ndtr = Formula("x", "return log_ndtr(x);")
_ndtri = Formula("p", "return ndtri(p);")
_i0e = Formula("x", "return i0e(x);")
_i1e = Formula("x", "return i1e(x);")


def _call(formula: Formula, *inputs: Any) -> Var:
    return formula(
        *(as_var(v, None, name) for v, name in zip(inputs, formula.inputs))
    )


def lgamma(x: Any) -> Var:
    r"""Return :math:`\log|\Gamma(x)|` (DLMF 5.2.1); infinite at 0, -1, -2, ...

    :param x: number, array or Var of any shape.
    :return: Var of the shape of ``x``.
    :raises TypeError: if it is no number, array or Var.
    """
    return _call(_lgamma, x)


def digamma(x: Any) -> Var:
    r"""Return :math:`\psi(x) = \Gamma'(x) / \Gamma(x)` (DLMF 5.2.2).

    :param x: number, array or Var of any shape.
    :return: Var of the shape of ``x``.
    :raises TypeError: if it is no number, array or Var.
    """
    return _call(_digamma, x)


def polygamma(n: Any, x: Any) -> Var:
    r"""Return the n-th derivative of :func:`digamma` (DLMF 5.15.1).

    :param n: order, a whole number >= 1; no gradient.
    :param x: positive; broadcasts with ``n``.
    :return: Var of the broadcast shape.
    :raises TypeError: if one of them is no number, array or Var.
    :raises ValueError: if their shapes do not broadcast.
    """
    return _call(_polygamma, n, x)


def betaln(a: Any, b: Any) -> Var:
    r"""Return :math:`\log B(a, b) = \log\Gamma(a) + \log\Gamma(b) - \log\Gamma(a + b)`.

    DLMF 5.12.1.

    :param a: positive; number, array or Var of any shape.
    :param b: positive; broadcasts with ``a``.
    :return: Var of the broadcast shape.
    :raises TypeError: if one of them is no number, array or Var.
    :raises ValueError: if their shapes do not broadcast.
    """
    return _call(_betaln, a, b)


def log_binomial(n: Any, k: Any) -> Var:
    r"""Return the logarithm of the binomial coefficient :math:`\binom{n}{k}` (DLMF 1.2.6).

    :param n: upper index, real and >= k; number, array or Var of any shape.
    :param k: lower index, >= 0; broadcasts with ``n``.
    :return: Var of the broadcast shape.
    :raises TypeError: if one of them is no number, array or Var.
    :raises ValueError: if their shapes do not broadcast.
    """
    return _call(_log_binomial, n, k)


def igamma(a: Any, x: Any) -> Var:
    r"""Return the regularised lower incomplete gamma function :math:`P(a, x)` (DLMF 8.2.4).

    :param a: positive; number, array or Var of any shape.
    :param x: >= 0; broadcasts with ``a``.
    :return: Var of the broadcast shape.
    :raises TypeError: if one of them is no number, array or Var.
    :raises ValueError: if their shapes do not broadcast.
    """
    return _call(_igamma, a, x)


def igammac(a: Any, x: Any) -> Var:
    r"""Return the regularised upper incomplete gamma function :math:`Q(a, x) = 1 - P(a, x)`.

    DLMF 8.2.4; without the cancellation of the difference.

    :param a: positive; number, array or Var of any shape.
    :param x: >= 0; broadcasts with ``a``.
    :return: Var of the broadcast shape.
    :raises TypeError: if one of them is no number, array or Var.
    :raises ValueError: if their shapes do not broadcast.
    """
    return _call(_igammac, a, x)


def igammainv(a: Any, p: Any) -> Var:
    r"""Return the x for which :math:`P(a, x) = p`.

    DLMF 8.2.4, solved for x.

    :param a: positive; number, array or Var of any shape.
    :param p: in [0, 1]; broadcasts with ``a``.
    :return: Var of the broadcast shape.
    :raises TypeError: if one of them is no number, array or Var.
    :raises ValueError: if their shapes do not broadcast.
    """
    return _call(_igammainv, a, p)


def betainc(a: Any, b: Any, x: Any) -> Var:
    r"""Return the regularised incomplete beta function :math:`I_x(a, b)` (DLMF 8.17.2).

    :param a: positive; number, array or Var of any shape.
    :param b: likewise.
    :param x: in [0, 1]; all three broadcast.
    :return: Var of the broadcast shape.
    :raises TypeError: if one of them is no number, array or Var.
    :raises ValueError: if their shapes do not broadcast.
    """
    return _call(_betainc, a, b, x)


def betaincinv(a: Any, b: Any, p: Any) -> Var:
    r"""Return the x for which :math:`I_x(a, b) = p`.

    DLMF 8.17.2, solved for x.

    :param a: positive; number, array or Var of any shape.
    :param b: likewise.
    :param p: in [0, 1]; all three broadcast.
    :return: Var of the broadcast shape.
    :raises TypeError: if one of them is no number, array or Var.
    :raises ValueError: if their shapes do not broadcast.
    """
    return _call(_betaincinv, a, b, p)


def expm1(x: Any) -> Var:
    r"""Return :math:`e^x - 1`, precise for small x (DLMF 4.2).

    :param x: number, array or Var of any shape.
    :return: Var of the shape of ``x``.
    :raises TypeError: if it is no number, array or Var.
    """
    return _call(_expm1, x)


def log1mexp(x: Any) -> Var:
    r"""Return :math:`\log(1 - e^{-|x|})` (Mächler 2012, eq. 7); :math:`-\infty` at 0.

    :param x: number, array or Var of any shape.
    :return: Var of the shape of ``x``.
    :raises TypeError: if it is no number, array or Var.
    """
    return _call(_log1mexp, x)


def log_add_exp(x: Any, y: Any) -> Var:
    r"""Return :math:`\log(e^x + e^y)`; either may be :math:`-\infty`.

    The larger term is taken out first (Blanchard, Higham and Higham 2021).

    :param x: number, array or Var of any shape.
    :param y: broadcasts with ``x``.
    :return: Var of the broadcast shape.
    :raises TypeError: if one of them is no number, array or Var.
    :raises ValueError: if their shapes do not broadcast.
    """
    return _call(_log_add_exp, x, y)


def logit(p: Any) -> Var:
    r"""Return :math:`\log(p / (1 - p))` (Bishop 2006, eq. 4.61).

    :param p: in [0, 1]; number, array or Var of any shape.
    :return: Var of the shape of ``p``.
    :raises TypeError: if it is no number, array or Var.
    """
    return _call(_logit, p)


def erfinv(x: Any) -> Var:
    r"""Return the inverse of the error function (DLMF 7.17.1).

    :param x: in [-1, 1]; number, array or Var of any shape.
    :return: Var of the shape of ``x``.
    :raises TypeError: if it is no number, array or Var.
    """
    return _call(_erfinv, x)


def erfcx(x: Any) -> Var:
    r"""Return :math:`e^{x^2} \mathrm{erfc}(x)` (DLMF 7.2.3, scaled).

    :param x: number, array or Var of any shape.
    :return: Var of the shape of ``x``.
    :raises TypeError: if it is no number, array or Var.
    """
    return _call(_erfcx, x)


def ndtr(x: Any) -> Var:
    r"""Return the standard normal cdf :math:`\Phi(x) = \tfrac12 \mathrm{erfc}(-x / \sqrt 2)`.

    DLMF 7.2.2 has the erfc.

    :param x: number, array or Var of any shape.
    :return: Var of the shape of ``x``.
    :raises TypeError: if it is no number, array or Var.
    """
    return _call(_ndtr, x)


def log_ndtr(x: Any) -> Var:
    r"""Return :math:`\log \Phi(x)`, precise far into the lower tail (the erfc of DLMF 7.2.2).

    :param x: number, array or Var of any shape.
    :return: Var of the shape of ``x``.
    :raises TypeError: if it is no number, array or Var.
    """
    return _call(_log_ndtr, x)


def ndtri(p: Any) -> Var:
    r"""Return the standard normal quantile :math:`\Phi^{-1}(p)`.

    Wichura 1988, algorithm AS 241.

    :param p: in [0, 1]; number, array or Var of any shape.
    :return: Var of the shape of ``p``.
    :raises TypeError: if it is no number, array or Var.
    """
    return _call(_ndtri, p)


def i0e(x: Any) -> Var:
    r"""Return the scaled modified Bessel function :math:`e^{-|x|} I_0(x)` (DLMF 10.25.2).

    :param x: number, array or Var of any shape.
    :return: Var of the shape of ``x``.
    :raises TypeError: if it is no number, array or Var.
    """
    return _call(_i0e, x)


def i1e(x: Any) -> Var:
    r"""Return the scaled modified Bessel function :math:`e^{-|x|} I_1(x)` (DLMF 10.25.2).

    :param x: number, array or Var of any shape.
    :return: Var of the shape of ``x``.
    :raises TypeError: if it is no number, array or Var.
    """
    return _call(_i1e, x)
