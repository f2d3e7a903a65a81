"""Makes ``import jittor`` work on any machine. Runs before Jittor is imported.

``zhusuan/__init__.py`` calls :func:`start` as its first act. What it changed, and why, is in the
:class:`Report` that it returns; ``python -m zhusuan.runtime`` prints the same for people.

One file per concern:

======================  ===========================================================
:mod:`.startup`         the order of things: inspect, prepare, import Jittor
:mod:`.cache`           where Jittor keeps its compiled files, and whether they exist
:mod:`.cuda`            an nvcc that has no CUDA runtime must not stop the import
:mod:`.mpi`             MPI only for processes that ``mpirun`` has started
:mod:`.device`          :func:`use_cuda`
:mod:`.onednn`          oneDNN without a network
:mod:`.site`            whether Jittor's own site answers
:mod:`.prerequisites`   compiler, Python headers, numpy version
:mod:`.kernels`         kernels that compile quickly and compute strictly
:mod:`.kernel_flags`    their flags
:mod:`.kernel_tools`    wrapper, precompiled header, linker
:mod:`.kernel_polling`  Jittor notices at once that kernels are compiled
:mod:`.quiet`           Jittor's log lines
:mod:`.interrupts`      Ctrl-C stays Python's
:mod:`.notebooks`       errors in IPython do not come back in the next cell
:mod:`.progress`        what the user sees while Jittor's core is built
:mod:`.warm`            kernels of the examples, compiled ahead of time
:mod:`.locks`           a lock between processes
:mod:`.report`          the record of what was done
======================  ===========================================================
"""

from zhusuan.runtime.device import use_cuda
from zhusuan.runtime.kernels import KernelReport
from zhusuan.runtime.report import Change, Report
from zhusuan.runtime.startup import start

__all__ = ["Change", "KernelReport", "Report", "start", "use_cuda"]
