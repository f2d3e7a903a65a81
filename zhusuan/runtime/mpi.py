"""Whether Jittor may build its MPI operations.

Where Jittor finds an ``mpicc`` it compiles them at its first import and loads Open MPI at every
one, also into processes that ``mpirun`` has not started and that will never use them.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping

from zhusuan.runtime.report import Change


def is_under_mpirun(env: Mapping[str, str]) -> bool:
    """Tell whether Open MPI's ``mpirun`` has started this process, the way Jittor tells it.

    :param env: the environment variables.
    """
    return "OMPI_COMM_WORLD_SIZE" in env


def plan_mpi(env: Mapping[str, str]) -> Change | None:
    """Keep MPI out of a process that works alone, unless the user said something else.

    :param env: the environment variables.
    :return: the variable to set, or None to leave Jittor to itself.
    """
    if "use_mpi" in env or is_under_mpirun(env):
        return None
    return Change("use_mpi", "0", "this process was not started by mpirun")


def check_mpi(env: Mapping[str, str]) -> None:
    """Check that Jittor can be imported under ``mpirun``.

    :param env: the environment variables.
    :raises RuntimeError: if it is told not to use MPI there, or would not find the compiler.
    """
    if not is_under_mpirun(env):
        return
    if env.get("use_mpi", "1") != "1":
        raise RuntimeError(
            f"mpirun started this process, but use_mpi is {env['use_mpi']!r} in the environment: "
            "Jittor cannot be imported like this; unset use_mpi"
        )
    if not (env.get("mpicc_path") or shutil.which("mpicc", path=env.get("PATH"))):
        raise RuntimeError(
            "mpirun started this process, but there is no mpicc, by which Jittor builds its MPI "
            "operations. On Debian or Ubuntu: apt-get install libopenmpi-dev"
        )
