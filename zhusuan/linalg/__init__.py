r"""Linear algebra on batches of matrices, with derivatives of any order.

Jittor has no triangular solve, ``jt.linalg.solve`` gives its right-hand side a zero gradient, and
second derivatives through ``jt.linalg`` end the process. The functions here take Vars of shape
(..., n, n), float32 or float64, whose leading dims broadcast as numpy's do, and accumulate in
float64 inside (:func:`matmul` is Jittor's own and does not).

A result for each matrix has the shape of the leading dims, and shape [1] where there are none,
since Jittor has no 0-d Var. Numbers and arrays are converted to Vars, of float64 if another
operand is.
"""

from zhusuan.linalg.dense import (
    diagonal,
    l_lt,
    make_diagonal,
    matmul,
    matvec,
    outer,
    symmetrise,
    tril,
)
from zhusuan.linalg.low_rank import (
    low_rank_capacitance_cholesky,
    low_rank_log_det,
    low_rank_mahalanobis,
)
from zhusuan.linalg.triangular import (
    cholesky,
    cholesky_solve,
    inverse_triangular,
    log_det_cholesky,
    log_det_triangular,
    solve_triangular,
    solve_triangular_vector,
)

__all__ = [
    "cholesky",
    "cholesky_solve",
    "diagonal",
    "inverse_triangular",
    "l_lt",
    "log_det_cholesky",
    "log_det_triangular",
    "low_rank_capacitance_cholesky",
    "low_rank_log_det",
    "low_rank_mahalanobis",
    "make_diagonal",
    "matmul",
    "matvec",
    "outer",
    "solve_triangular",
    "solve_triangular_vector",
    "symmetrise",
    "tril",
]
