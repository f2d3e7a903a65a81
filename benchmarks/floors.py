"""What a training step cannot be faster than here: its arithmetic and its bytes at full speed.

Arithmetic: the products of matrices and convolutions, forwards, and backwards with respect to
weights and inputs, at the rate of one large product of numpy's BLAS. Bytes: parameters, gradients
and Adam's two moments (eight passes of 4 bytes), and each layer's outputs and their gradients,
written and read once (four passes), at the rate of copying memory that no cache holds. What fits
into a cache is faster than that, so the second is a floor only where the numbers are many. Small
products do not reach the rate of a large one.
"""

from __future__ import annotations

import json
import sys
import threading
import time

import numpy as np

# case -> multiplications of one forward pass, parameters, outputs of layers
Work = tuple[float, float, float]


def works() -> dict[str, Work]:
    """Return what the steps of ``bench.py`` consist of."""
    vae = 784 * 500 + 500 * 500 + 2 * 500 * 40 + 40 * 500 + 500 * 500 + 500 * 784
    encoder, decoder = 784 * 200 + 200 * 200 + 2 * 200 * 50, 50 * 200 + 200 * 200 + 200 * 784
    conv = (14 * 14 * 32 * 16 + 7 * 7 * 64 * 32 * 16) * 2 + 3136 * 256 + 2 * 256 * 32 + 32 * 3136
    weights = 2 * (32 * 16 + 64 * 32 * 16) + 3136 * 256 + 2 * 256 * 32 + 32 * 3136
    return {
        "vae": (64 * vae, vae, 64 * (4 * 500 + 2 * 40 + 784)),
        "iwae": (20 * encoder + 1000 * decoder, encoder + decoder, 1000 * (400 + 50 + 784)),
        "conv": (64 * conv, weights, 64 * (2 * 6272 + 2 * 3136 + 256 + 2 * 32 + 784)),
        "bnn": (512 * 114 * (13 * 50 + 50), 2 * 751, 512 * 114 * 51),
    }


def product_rate(n: int = 2048) -> float:
    """Return the floating-point operations of a large product in a second, in 1e9."""
    a = np.random.default_rng(1).normal(size=(n, n)).astype(np.float32)
    seconds = []
    for _ in range(5):
        begin = time.perf_counter()
        a @ a
        seconds.append(time.perf_counter() - begin)
    return 2e-9 * n**3 / min(seconds)


def copy_rate(threads: int, n: int = 2**25) -> float:
    """Return the bytes read and written in a second by copies, in 1e9."""
    pairs = [(np.ones(n, np.float32), np.empty(n, np.float32)) for _ in range(threads)]
    seconds = []
    for _ in range(5):
        workers = [threading.Thread(target=np.copyto, args=pair[::-1]) for pair in pairs]
        begin = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        seconds.append(time.perf_counter() - begin)
    return 8e-9 * n * threads / min(seconds)


def floors(threads: int) -> dict[str, dict[str, float]]:
    """Return GFLOP, megabytes and the milliseconds that both take, for each case.

    :param threads: how many copy at a time; numpy's BLAS takes what its environment says.
    """
    gflops, gbytes = product_rate(), copy_rate(threads)
    found: dict[str, dict[str, float]] = {"rates": {"gflops": gflops, "gbytes": gbytes}}
    for case, (multiplications, parameters, outputs) in works().items():
        gflop = 6e-9 * multiplications
        mbytes = 1e-6 * (32 * parameters + 16 * outputs)
        found[case] = {
            "gflop": gflop,
            "arithmetic ms": 1e3 * gflop / gflops,
            "mbytes": mbytes,
            "bytes ms": mbytes / gbytes,
        }
    return found


if __name__ == "__main__":
    print(json.dumps(floors(int(sys.argv[1]))))
