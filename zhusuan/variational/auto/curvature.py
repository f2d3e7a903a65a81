"""The matrix of second derivatives of a function, from its gradient."""

from __future__ import annotations

from collections.abc import Callable

import jittor as jt
import numpy as np

from zhusuan._tensor import Var

# Of the standard deviation that the curvature implies. The error of the extrapolated difference is
# of the fourth order in this, that of rounding falls with it: both are below 1e-3 around 0.2.
STEP = 0.2
_FIRST_STEP = 0.01


def hessian_by_differences(
    gradient: Callable[[np.ndarray], np.ndarray], at: np.ndarray
) -> np.ndarray:
    r"""Return second derivatives by central differences of the gradient.

    With :math:`D(h) = (g(u + h) - g(u - h)) / 2h`, each row is :math:`(4 D(h/2) - D(h)) / 3`,
    Richardson's extrapolation (Press et al. 2007, sec. 5.7). The step of each coordinate is a part
    of the scale on which the function bends.

    :param gradient: function from a point [D] to the gradient [D]; called 6 D times.
    :param at: the point, float64.
    :return: symmetric matrix, float64 of shape [D, D].
    """
    n = len(at)
    rows = np.zeros((n, n))

    def difference(i: int, step: float) -> np.ndarray:
        # As float32 numbers, in which the gradient is computed.
        above, below = at.copy(), at.copy()
        above[i], below[i] = np.float32(at[i] + step), np.float32(at[i] - step)
        return (gradient(above) - gradient(below)) / (above[i] - below[i])

    for i in range(n):
        bend = -difference(i, _FIRST_STEP * max(1.0, abs(at[i])))[i]
        step = STEP / np.sqrt(bend) if bend > 0 else STEP
        rows[i] = (4.0 * difference(i, 0.5 * step) - difference(i, step)) / 3.0
    return 0.5 * (rows + rows.T)


def hessian_by_autodiff(function: Callable[[Var], Var], at: np.ndarray) -> np.ndarray:
    """Return second derivatives by differentiating the gradient.

    Jittor's second derivatives are 0 through a ``jt.Function`` that does not keep its inputs, and
    end the process through ``jt.linalg``.

    :param function: of a Var of shape [D], with a value of shape [1].
    :param at: the point, float64.
    :return: symmetric matrix, float64 of shape [D, D].
    """
    point = jt.array(np.float32(at))
    slope = jt.grad(function(point), point)
    rows = [jt.grad(slope[i], point) for i in range(len(at))]
    matrix = np.stack(jt.fetch_sync(rows)).astype(np.float64)
    return 0.5 * (matrix + matrix.T)
