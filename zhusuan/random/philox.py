"""Large float32 draws on the CPU by a kernel: a counter-based generator, vectorised, on all cores.

numpy's generators make one number after the other: 9 ms for 1e6 normals on a core that makes
them in 1.2 ms by Philox4x32-10 (Salmon et al. 2011) and Box-Muller. The key, 128 bits, is drawn
from the stream in use, whose saved state therefore determines what comes; the i-th number is a
function of the key and of i, whatever the number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence

import jittor as jt
import numpy as np

from zhusuan import kernels
from zhusuan._tensor import Var
from zhusuan.random import source
from zhusuan.random.uploads import uploaded

# Below, numpy is as quick: a kernel's call costs 30 us.
LARGE = 32_768


def serves(size: int, dtype: str) -> bool:
    """Return whether a draw of ``size`` numbers is made here.

    :param size: how many.
    :param dtype: their dtype.
    """
    return size >= LARGE and dtype == "float32"


def draw(kind: str, shape: Sequence[int]) -> Var:
    """Return float32 draws of N(0, 1), or of the uniform distribution on [0, 1).

    :param kind: ``'normal'`` or ``'uniform'``.
    :param shape: shape of the result.
    """

    def key() -> np.ndarray:
        return source.generator().integers(0, 2**32, size=4, dtype=np.uint32).view(np.int32)

    # One dim, so that one kernel serves all shapes.
    flat = jt.code(
        [int(np.prod(shape))],
        "float32",
        [uploaded(key)],
        cpu_header=kernels.include("philox.h"),
        cpu_src=f"zs::philox_{kind}(out0_shape0, (const uint32_t*)in0_p, out0_p);",
    )
    return flat.reshape(list(shape))
