"""Forked processes: OpenMP's threads do not survive a fork, and its next parallel loop hangs."""

from __future__ import annotations

import ctypes
import os

_is_set = False


def keep_forks_from_hanging() -> None:
    """Let forked children run OpenMP loops on one thread.

    After a parallel loop in the parent, a child that begins another one waits for threads it does
    not have, forever: matrix products by oneDNN as well as the kernels of this library. A loop on
    one thread needs nobody.
    """
    global _is_set
    if _is_set:
        return
    try:
        libgomp = ctypes.CDLL("libgomp.so.1")
    except OSError:  # another OpenMP; nothing is known of it
        return
    os.register_at_fork(after_in_child=lambda: libgomp.omp_set_num_threads(1))
    _is_set = True
