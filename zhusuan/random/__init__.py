r"""The one source of randomness: every draw of the library is made here.

Jittor's CPU generator is ``minstd_rand0``: seeds 0 and 1 give the same stream, neighbouring seeds
are correlated, its state can be neither saved nor split. So on the CPU draws come from
:class:`numpy.random.Generator` over PCG64DXSM (O'Neill 2014, as revised in NumPy), seeded through
``SeedSequence``, whose streams are independent for neighbouring seeds. On CUDA
(``jt.flags.use_cuda``) normals, uniforms and what follows from a uniform in a line come from the
device's own generator, which Jittor seeds; everything else is drawn on the host by the same numpy
source and uploaded, as the function then says.

Draws of 200 000 and more elements, uniforms and integers apart, are filled by four threads from
four child streams. Their key is drawn from the stream in use, so such draws too depend on its
state alone and not on the machine.

``jt.set_global_seed(s)`` reproduces everything, draws of this library included; so does
:func:`set_seed`, which also keeps Jittor's own streams (weight initialisation) apart for
neighbouring seeds.

Under ``mpirun`` each rank has a stream of its own, and :func:`common_stream` gives all of them the
one that a single process would have.
"""

from zhusuan.random.continuous import (
    beta_logit,
    log_standard_gamma,
    open_uniform,
    standard_cauchy,
    standard_exponential,
    standard_gamma,
    standard_gumbel,
    standard_laplace,
    standard_logistic,
    standard_normal,
    uniform,
    von_mises,
)
from zhusuan.random.discrete import (
    binomial,
    categorical,
    geometric,
    integers,
    multinomial,
    permutation,
    poisson,
)
from zhusuan.random.source import (
    State,
    common_stream,
    get_state,
    set_seed,
    set_state,
    spawn,
    stream,
)

__all__ = [
    "State",
    "beta_logit",
    "binomial",
    "categorical",
    "common_stream",
    "geometric",
    "get_state",
    "integers",
    "log_standard_gamma",
    "multinomial",
    "open_uniform",
    "permutation",
    "poisson",
    "set_seed",
    "set_state",
    "spawn",
    "standard_cauchy",
    "standard_exponential",
    "standard_gamma",
    "standard_gumbel",
    "standard_laplace",
    "standard_logistic",
    "standard_normal",
    "stream",
    "uniform",
    "von_mises",
]
