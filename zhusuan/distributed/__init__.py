"""Several processes that work together, started by ``mpirun``.

A script needs no change: with one process everything here does nothing, and ``mpirun -np 4 python
script.py`` makes it data-parallel. Optimizers take the mean of the gradients over the ranks, and
begin from the parameters of rank 0; each rank has a stream of random numbers of its own, all from
one seed; :func:`zhusuan.variational.fit` cuts its data; files are written by rank 0. What a script
exchanges beside that, it exchanges by the functions here, which take and return NumPy arrays.

======================  ===========================================================
``collectives``         sums, means and the like over the ranks
``shards``              which part of the data is this rank's
``gradients``           optimizers take the mean of the gradients over the ranks
``interrupts``          Ctrl-C on one rank stops all
``failures``            a rank that fails ends the job
``library``             MPI's functions
======================  ===========================================================
"""

from zhusuan.distributed.collectives import (
    PeerError,
    all_gather,
    all_reduce,
    announce,
    barrier,
    broadcast,
    do_all,
    gather_rows,
    is_main,
    rank,
    world_size,
)
from zhusuan.distributed.failures import end_together
from zhusuan.distributed.gradients import average_in_optimizers, batch_part
from zhusuan.distributed.shards import shard

end_together()
average_in_optimizers()

__all__ = [
    "PeerError",
    "all_gather",
    "all_reduce",
    "announce",
    "barrier",
    "batch_part",
    "broadcast",
    "do_all",
    "gather_rows",
    "is_main",
    "rank",
    "shard",
    "world_size",
]
