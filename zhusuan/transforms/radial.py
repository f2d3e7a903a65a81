"""Radial flows."""

from __future__ import annotations

import jittor as jt
import numpy as np

from zhusuan import random, special
from zhusuan._tensor import Var
from zhusuan.formula import Formula
from zhusuan.transforms._amortised import _Amortisable, check_size
from zhusuan.transforms._parameters import number

# With g = alpha + beta both eigenvalues are sums of positive terms.
_log_det = Formula(
    "r, alpha, g, n",
    """
    T s = alpha + r;
    return n * log((g + r) / s) + log((r * r + 2.0 * alpha * r + alpha * g) / (s * s));
    """,
    constants="n",
)
# r^2 + (g - R) r - alpha R = 0, without the difference of the root's two terms.
_radius = Formula(
    "R, alpha, g",
    """
    T p = g - R, q = sqrt(p * p + 4.0 * alpha * R);
    return p > 0.0 ? 2.0 * alpha * R / (p + q) : 0.5 * (q - p);
    """,
)


class Radial(_Amortisable):
    r"""A push away from a centre, or towards it, that fades with the distance r.

    .. math:: y = x + \frac{\beta}{\alpha + r} (x - c), \qquad r = \|x - c\|, \qquad
              \det = \Big(1 + \frac{\beta}{\alpha + r}\Big)^{n - 1}
                     \Big(1 + \frac{\alpha \beta}{(\alpha + r)^2}\Big)

    (radial flow, Rezende and Mohamed 2015, eq. 14), with :math:`\alpha = \log(1 + e^p)` and
    :math:`\beta = -\alpha + \log(1 + e^q)`, which keeps it invertible (their appendix A.2). The
    radius of x is the positive root of :math:`r^2 + (\alpha + \beta - R) r - \alpha R = 0` with
    :math:`R = \|y - c\|`. It starts near the identity.

    :param n_dim: n, entries of x.
    :param amortised: take c, p and q, ``n_parameters`` = n_dim + 2 numbers in this order, from
        ``context``, shape (..., n_parameters), whose leading dims broadcast to the batch of x.
    :raises ValueError: if ``n_dim`` is below 1.
    :ivar raw: the parameters, shape [n_parameters]; None if they come from the context.
    :ivar n_parameters: entries that a context must have.
    """

    def __init__(self, n_dim: int, amortised: bool = False) -> None:
        check_size("Radial", n_dim=n_dim)
        noise = random.standard_normal((n_dim + 1,)).numpy()
        q = np.log(np.e - 1.0) + 0.01 * noise[:1]
        start = [0.5 * noise[1:], np.array([np.log(np.e - 1.0)]), q]
        super().__init__(n_dim, start, amortised)

    def _map(self, x: Var, *parameters: Var) -> tuple[Var, Var]:
        centre, alpha, g = _positive(*parameters)
        r = _distance(x, centre)
        y = centre + (x - centre) * ((g + r) / (alpha + r))
        return y, _log_det(r, alpha, g, number(self.n_dim - 1.0, str(x.dtype)))

    def _solve(self, y: Var, *parameters: Var) -> Var:
        centre, alpha, g = _positive(*parameters)
        r = _radius(_distance(y, centre), alpha, g)
        return centre + (y - centre) * ((alpha + r) / (g + r))


def _positive(centre: Var, p: Var, q: Var) -> tuple[Var, Var, Var]:
    return centre, special.softplus(p), special.softplus(q)


def _distance(x: Var, centre: Var) -> Var:
    gap = x - centre
    # At the centre the root would have an infinite slope.
    return jt.sqrt((gap * gap).sum(1, keepdims=True) + 1e-30)
