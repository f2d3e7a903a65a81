"""The compiler flags of kernels: Jittor's speed without its fast-math faults.

``-Ofast`` lets g++ assume that there are no NaNs and infinities (``x != x`` is False for NaN,
``inf - inf`` is 0), and links start-up code into every kernel that flushes subnormal numbers to
zero in the whole process, numpy included. The flags below leave both out and keep what makes
``-Ofast`` fast. Of 16 elementwise and reduction kernels of 10^6 elements, all but sqrt
(1.6 times as long) take the same time: benchmarks/kernel_flags.py.
"""

from __future__ import annotations

FAST_MATH = " -Ofast "
"""What Jittor's flags for kernels contain."""

STRICT_MATH = (
    " -O3 -fno-math-errno -fno-trapping-math -fno-signed-zeros -fassociative-math "
    # glibc declares its vector versions of exp, log and so on only under this macro: without it
    # these kernels are 10 to 40 times slower.
    "-freciprocal-math -D__FAST_MATH__ "
)
"""What it is replaced by."""


def strict_flags(cc_flags: str) -> str:
    """Return ``cc_flags`` without ``-Ofast``; unchanged if it is not there.

    :param cc_flags: ``jt.flags.cc_flags``.
    """
    return cc_flags.replace(FAST_MATH, STRICT_MATH)
