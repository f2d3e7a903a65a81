"""What respecting NaN and subnormal numbers costs: kernels under Jittor's flags and under ours.

Each set of flags is a process of its own with an empty kernel cache; they alternate, and the
best of several blocks counts, 10^6 elements each. Run: ``python benchmarks/kernel_flags.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

SETS = {"-Ofast": {"ZHUSUAN_FAST_MATH": "1"}, "strict": {"ZHUSUAN_FAST_MATH": "0"}}


def kernels() -> dict[str, Callable]:
    """Return the kernels by name."""
    import zhusuan  # noqa: F401, I001, PLC0415
    import jittor as jt  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    rng = np.random.default_rng(0)
    x = jt.array(rng.random((1000, 1000), dtype=np.float32) * 2 - 1)
    y = jt.array(rng.random((1000, 1000), dtype=np.float32) + 0.1)
    jt.sync([x, y])
    return {
        "exp": lambda: jt.exp(x),
        "log": lambda: jt.log(y),
        "tanh": lambda: jt.tanh(x),
        "sigmoid": lambda: jt.sigmoid(x),
        "atanh": lambda: jt.atanh(x),
        "erf": lambda: jt.erf(x),
        "sin": lambda: jt.sin(x),
        "sqrt": lambda: jt.sqrt(y),
        "power": lambda: y**2.5,
        "divide": lambda: x / y,
        "multiply-add": lambda: x * y + x,
        "where": lambda: jt.ternary(x > 0, x, y),
        "sum": lambda: x.sum(),
        "sum of rows": lambda: x.sum(1),
        "max of rows": lambda: x.max(1),
        "softmax": lambda: jt.nn.softmax(x, 1),
    }


def measure() -> None:
    """Time every kernel and print the microseconds as JSON."""
    times = {}
    for name, kernel in kernels().items():
        for _ in range(3):
            kernel().sync()
        blocks = []
        for _ in range(9):
            start = time.perf_counter()
            for _ in range(10):
                kernel().sync()
            blocks.append((time.perf_counter() - start) / 10)
        times[name] = 1e6 * min(blocks)
    print(json.dumps(times))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--measure", action="store_true", help="one set, in this process")
    args = parser.parse_args()
    if args.measure:
        measure()
        return
    best: dict[str, dict[str, float]] = {name: {} for name in SETS}
    with tempfile.TemporaryDirectory() as cache:
        for _ in range(args.repeats):
            for name, environment in SETS.items():
                done = subprocess.run(
                    [sys.executable, __file__, "--measure"],
                    env={**os.environ, **environment, "ZHUSUAN_KERNEL_CACHE": cache},
                    capture_output=True, text=True, check=True,
                )  # fmt: skip
                for kernel, microseconds in json.loads(done.stdout.splitlines()[-1]).items():
                    known = best[name].get(kernel, microseconds)
                    best[name][kernel] = min(known, microseconds)
    print(f"{'10^6 elements, us':20}{'-Ofast':>9}{'strict':>9}{'ratio':>8}")
    for kernel, fast in best["-Ofast"].items():
        strict = best["strict"][kernel]
        print(f"{kernel:20}{fast:9.0f}{strict:9.0f}{strict / fast:8.2f}")


if __name__ == "__main__":
    main()
