"""The functions of MPI that are needed, as ctypes calls them.

Jittor's own MPI module has called ``MPI_Init`` and has loaded Open MPI for the whole process by the
time that this is imported, so nothing has to be compiled or linked. Constants are those of Open
MPI, the only one that Jittor knows: it looks for ``OMPI_COMM_WORLD_SIZE``.
"""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Sequence

import numpy as np

IN_PLACE = ctypes.c_void_p(1)

_ANY_SOURCE = -1
_LEFT = 7
"""The tag of the message by which a rank says that it has ended."""

_TYPES = {
    "b1": "ompi_mpi_byte",
    "i1": "ompi_mpi_int8_t",
    "i2": "ompi_mpi_int16_t",
    "i4": "ompi_mpi_int32_t",
    "i8": "ompi_mpi_int64_t",
    "u1": "ompi_mpi_uint8_t",
    "u2": "ompi_mpi_uint16_t",
    "u4": "ompi_mpi_uint32_t",
    "u8": "ompi_mpi_uint64_t",
    "f4": "ompi_mpi_float",
    "f8": "ompi_mpi_double",
}


@functools.cache
def is_inside() -> bool:
    """Whether ``mpirun`` has started this process."""
    return "OMPI_COMM_WORLD_SIZE" in os.environ


class Library:
    """MPI, on a communicator of its own: what Jittor sends on the common one is never mixed in.

    :ivar rank: number of this process, from 0.
    :ivar size: number of processes.
    """

    def __init__(self) -> None:
        self._mpi = ctypes.CDLL(None)
        self._world = self._object("ompi_mpi_comm_world")
        self._comm = ctypes.c_void_p()
        self._mpi.MPI_Comm_dup(self._world, ctypes.byref(self._comm))
        self.rank = self._number(self._mpi.MPI_Comm_rank)
        self.size = self._number(self._mpi.MPI_Comm_size)
        self._types = {kind: self._object(name) for kind, name in _TYPES.items()}
        self._sum, self._max = (self._object(f"ompi_mpi_op_{name}") for name in ("sum", "max"))

    def _object(self, name: str) -> ctypes.c_void_p:
        return ctypes.c_void_p(ctypes.addressof(ctypes.c_char.in_dll(self._mpi, name)))

    def _number(self, function: ctypes._FuncPointer) -> int:
        number = ctypes.c_int()
        function(self._comm, ctypes.byref(number))
        return number.value

    def sum(self, array: np.ndarray) -> None:
        """Replace an array by the sum over the ranks.

        :param array: contiguous, of a type that :data:`_TYPES` has.
        """
        self._mpi.MPI_Allreduce(
            IN_PLACE, _address(array), array.size, self._types[_kind(array)], self._sum, self._comm
        )  # fmt: skip

    def start_max(self, array: np.ndarray) -> ctypes.c_void_p:
        """Begin to replace an array by the maximum over the ranks; return the request.

        :param array: contiguous; not to be touched until :meth:`is_done`.
        """
        request = ctypes.c_void_p()
        self._mpi.MPI_Iallreduce(
            IN_PLACE, _address(array), array.size, self._types[_kind(array)], self._max,
            self._comm, ctypes.byref(request),
        )  # fmt: skip
        return request

    def is_done(self, request: ctypes.c_void_p) -> bool:
        """Whether a request is fulfilled.

        :param request: what :meth:`start_max` returned.
        """
        done = ctypes.c_int()
        self._mpi.MPI_Test(ctypes.byref(request), ctypes.byref(done), None)
        return bool(done.value)

    def gather(self, rows: np.ndarray, gathered: np.ndarray, sizes: Sequence[int]) -> None:
        """Collect the bytes of all ranks on all ranks.

        :param rows: of this rank, contiguous bytes.
        :param gathered: where they go, in the order of the ranks; less than 2 GiB.
        :param sizes: how many bytes each rank has.
        """
        counts = (ctypes.c_int * self.size)(*sizes)
        starts = (ctypes.c_int * self.size)(*np.cumsum([0, *sizes[:-1]]).tolist())
        byte = self._types["b1"]
        self._mpi.MPI_Allgatherv(
            _address(rows), rows.size, byte, _address(gathered), counts, starts, byte, self._comm
        )

    def broadcast(self, data: np.ndarray, root: int) -> None:
        """Replace bytes by those of one rank.

        :param data: contiguous bytes, equally many on all ranks, less than 2 GiB.
        :param root: the rank.
        """
        self._mpi.MPI_Bcast(_address(data), data.size, self._types["b1"], root, self._comm)

    def say_left(self) -> None:
        """Tell all others that this rank has ended, and will take part in nothing more."""
        for other in range(self.size):
            if other != self.rank:
                request = ctypes.c_void_p()
                self._mpi.MPI_Isend(
                    None, 0, self._types["b1"], other, _LEFT, self._comm, ctypes.byref(request)
                )

    def find_left(self) -> int | None:
        """Return a rank that has ended, None if there is none."""
        found, status = ctypes.c_int(), (ctypes.c_int * 16)()
        self._mpi.MPI_Iprobe(_ANY_SOURCE, _LEFT, self._comm, ctypes.byref(found), status)
        return int(status[0]) if found.value else None  # MPI_SOURCE comes first in Open MPI's

    def abort(self, code: int) -> None:
        """End all processes of the job.

        :param code: the exit status.
        """
        self._mpi.MPI_Abort(self._world, code)


def _address(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def _kind(array: np.ndarray) -> str:
    return array.dtype.str[1:]


library = functools.cache(Library)
