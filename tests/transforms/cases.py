"""The table of transforms: how each is made, its truth, and what is special about it."""

from __future__ import annotations

import jittor as jt
import numpy as np

from tests.transforms import cases_coupling, cases_residual
from tests.transforms import references as ref
from tests.transforms.rows import CONTEXT, Case, plain, randomised
from zhusuan import transforms as zt

ORDER = [2, 0, 3, 1]


def autoregressive(cls, update, context_size=0):
    def build():
        net = zt.MADE(4, (6, 6), context_size=context_size, order=ORDER, activation=jt.tanh)
        return randomised(cls(net, update))

    return build


def triangle(x):
    """Turn normal numbers into Cholesky factors."""
    return np.where(np.eye(3) == 1, np.exp(0.3 * x), np.tril(x))


IAF, MAF = zt.InverseAutoregressive, zt.MaskedAutoregressive
LOC, SCALE = np.array([1.0, -2.0, 0.5]), np.array([2.0, -0.3, 1.0])
LOW, HIGH = np.array([-1.0, 2.0, -np.inf]), np.array([1.0, np.inf, 3.0])


def mixed_interval(x):
    y = [-1.0 + 2.0 * ref.sigmoid(x[..., 0]), 2.0 + np.exp(x[..., 1]), 3.0 - np.exp(-x[..., 2])]
    return np.stack(y, -1)


# Four entries, each e^5 times the one before at most, stay finite at 5; nobody asks for 80.
NETS = {"extremes": (-5.0, 0.0, 5.0)}

CASES = [
    Case("Identity", zt.Identity, plain(lambda x: x)),
    Case("Affine", lambda: zt.Affine(1.5, -2.0), plain(lambda x: 1.5 - 2.0 * x)),
    Case(
        "Affine of vectors",
        lambda: zt.Sequential([zt.Affine(LOC, SCALE), zt.Permutation([0, 1, 2])]),
        plain(lambda x: LOC + SCALE * x), event=(3,),
    ),
    Case("Exp", zt.Exp, plain(np.exp)),
    Case("Softplus", zt.Softplus, plain(ref.softplus)),
    Case("Sigmoid", zt.Sigmoid, plain(ref.sigmoid)),
    Case(
        "Logit", zt.Logit, plain(lambda x: np.log(x / (1 - x))), domain=ref.sigmoid,
        extremes=(1e-37, 1e-3, 0.5, 1 - 6e-8),
    ),
    Case("Tanh", zt.Tanh, plain(np.tanh)),
    Case(
        "SinhArcsinh", lambda: zt.SinhArcsinh(0.4, 1.3),
        plain(lambda x: np.sinh(1.3 * (np.arcsinh(x) + 0.4))),
    ),
    Case("Interval", lambda: zt.Interval(-2.0, 5.0), plain(lambda x: -2 + 7 * ref.sigmoid(x))),
    Case("GreaterThan", lambda: zt.GreaterThan(0.5), plain(lambda x: 0.5 + np.exp(x))),
    Case("LessThan", lambda: zt.LessThan(0.5), plain(lambda x: 0.5 - np.exp(-x))),
    Case(
        "Interval of vectors",
        lambda: zt.Sequential([zt.Interval(LOW, HIGH), zt.Permutation([0, 1, 2])]),
        plain(mixed_interval), event=(3,),
    ),
    Case(
        "Inverse", lambda: zt.Inverse(zt.Exp()), plain(np.log), domain=np.exp,
        extremes=(1e-37, 1.0, 1e37),
    ),
    Case(
        "StickBreaking", zt.StickBreaking, plain(ref.stick_breaking), event=(3,),
        free=lambda y: y[:-1],
    ),
    Case(
        "LogStickBreaking", zt.LogStickBreaking, plain(lambda x: np.log(ref.stick_breaking(x))),
        event=(3,), free=ref.log_ratios,
    ),
    Case("Ordered", zt.Ordered, plain(ref.ordered), event=(3,)),
    Case(
        "LowerCholesky", zt.LowerCholesky, plain(ref.lower_cholesky), event=(6,),
        free=ref.on_and_below,
    ),
    Case(
        "CorrelationCholesky", zt.CorrelationCholesky, plain(ref.correlation_cholesky), event=(6,),
        free=ref.below,
    ),
    # Finite far out as well, but with a condition number that float32 has no digits for.
    Case(
        "PositiveDefinite", zt.PositiveDefinite, plain(ref.positive_definite), event=(6,),
        free=ref.on_and_below, extremes=(-1.0, 0.0, 1.0),
    ),
    Case(
        "CholeskyProduct", zt.CholeskyProduct, plain(ref.cholesky_product), event=(3, 3),
        free=ref.on_and_below, columns=[0, 3, 4, 6, 7, 8], domain=triangle, extremes=(),
    ),
    Case(
        "Permutation", lambda: zt.Permutation([2, 0, 1]), plain(lambda x: x[[2, 0, 1]]), event=(3,)
    ),
    Case(
        "Sequential",
        lambda: zt.Sequential([zt.Affine(0.2, 0.5), zt.StickBreaking()]),
        plain(lambda x: ref.stick_breaking(0.2 + 0.5 * x)), event=(3,), free=lambda y: y[:-1],
    ),
    Case(
        "InverseAutoregressive", autoregressive(IAF, "affine"), ref.inverse_autoregressive,
        event=(4,), **NETS,
    ),
    Case(
        "InverseAutoregressive gated, context", autoregressive(IAF, "gated", 2),
        ref.inverse_autoregressive, event=(4,), context=CONTEXT, **NETS,
    ),
    Case(
        "MaskedAutoregressive", autoregressive(MAF, "affine"), ref.masked_autoregressive,
        event=(4,), **NETS,
    ),
    Case(
        "MaskedAutoregressive gated, context", autoregressive(MAF, "gated", 2),
        ref.masked_autoregressive, event=(4,), context=CONTEXT, **NETS,
    ),
    *cases_coupling.CASES,
    *cases_residual.CASES,
]
