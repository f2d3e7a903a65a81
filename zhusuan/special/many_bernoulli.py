"""Log-probabilities of so many Bernoulli variables that threads pay off, with their slopes.

Jittor's fused kernels run in one thread. At 784,000 pixels, as an importance-weighted bound has
them, they took 3 ms of a step of 14: one exponential forwards and two backwards. Here one kernel
gives value and slope from one exponential.
"""

from __future__ import annotations

import math

import jittor as jt

from zhusuan import kernels
from zhusuan._tensor import Shape, Var, shape_of

_HEADER = kernels.include("bernoulli.h")
_LARGE = 2**17


def is_for(logits: Var, x: Var) -> bool:
    """Return whether :func:`log_prob` takes these, and is the faster.

    :param logits: log-odds, Var of any shape.
    :param x: values, Var of any shape.
    """
    shape = shape_of(logits)
    return (
        math.prod(shape) >= _LARGE
        and not jt.flags.use_cuda
        and str(logits.dtype) == str(x.dtype) == "float32"
        and _is_repeated(shape_of(x), shape)
    )


def _is_repeated(shape: Shape, along: Shape) -> bool:
    """Return whether broadcasting repeats an array as a whole."""
    while shape and shape[0] == 1:
        shape = shape[1:]
    return len(shape) > 0 and along[len(along) - len(shape) :] == shape


def log_prob(logits: Var, x: Var) -> Var:
    """Return what :func:`zhusuan.special.bernoulli_log_prob` does.

    :param logits: of the shape of the result.
    :param x: repeated along the leading dims.
    """
    return _LogProb(logits, x)(logits, x)


class _LogProb(jt.Function):
    def __init__(self, logits: Var, x: Var) -> None:
        # Kept from outside of execute, which is cut off the graph: for second derivatives.
        self.logits, self.x = logits, x

    def execute(self, logits: Var, x: Var) -> Var:
        with_slope = not jt.flags.no_grad
        shape = list(logits.shape)
        source = (
            f"zs::bernoulli::log_prob<{str(with_slope).lower()}>(in0_p, in1_p, in0->num, in1->num, "
            f"out0_p, {'out1_p' if with_slope else 'nullptr'});"
        )
        n_outputs = 2 if with_slope else 1
        found = jt.code(
            [shape] * n_outputs, ["float32"] * n_outputs, [logits, x],
            cpu_src=source, cpu_header=_HEADER,
        )  # fmt: skip
        self._slope = found[1] if with_slope else None
        return found[0]

    def grad(self, upstream: Var) -> tuple[Var, Var]:
        logits, x = self.logits, self.x
        slope = upstream * _Slope(logits, x, self._slope)(logits, x)
        to_x = upstream * logits
        n_leading = len(shape_of(logits)) - len(shape_of(x))
        return slope.stop_fuse(), _summed(to_x, shape_of(x), n_leading)


class _Slope(jt.Function):
    def __init__(self, logits: Var, x: Var, value: Var) -> None:
        self.logits, self.x, self._value = logits, x, value

    def execute(self, logits: Var, x: Var) -> Var:
        return self._value

    def grad(self, upstream: Var) -> tuple[Var, Var]:
        # Of x s(-l) - (1 - x) s(l): -s(l) s(-l), and s(-l) + s(l) = 1.
        logits, x = self.logits, self.x
        product = 1.0 / ((1.0 + jt.exp(-logits)) * (1.0 + jt.exp(logits)))
        inside = ((x >= 0) & (x <= 1)).broadcast(list(logits.shape))
        to_logits = jt.ternary(inside, -(upstream * product), jt.zeros_like(logits))
        n_leading = len(shape_of(logits)) - len(shape_of(x))
        return to_logits, _summed(upstream, shape_of(x), n_leading)


def _summed(gradient: Var, shape: Shape, n_leading: int) -> Var:
    """Sum over the dims along which an array of this shape was repeated."""
    dims = list(range(n_leading))
    dims += [n_leading + i for i, size in enumerate(shape) if gradient.shape[n_leading + i] != size]
    total = gradient.sum(dims) if dims else gradient
    return total.reshape(list(shape))
