"""How long a newcomer waits: the first training steps of the VAE on an empty kernel cache.

Each run is a process of its own with an empty kernel cache (Jittor's core is built already).
Plain Jittor's way of compiling (``ZHUSUAN_FAST_COMPILE=0 ZHUSUAN_FAST_MATH=1``) and ours
alternate. Run: ``python benchmarks/cold_start.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WAYS = {
    "plain Jittor": {"ZHUSUAN_FAST_COMPILE": "0", "ZHUSUAN_FAST_MATH": "1"},
    "ours": {},
}


def measure() -> None:
    """Take six training steps and print how long they took, as JSON."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples"))
    start = time.perf_counter()
    import zhusuan as zs  # noqa: PLC0415

    seconds = {"import": time.perf_counter() - start}
    import jittor as jt  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415
    from variational_autoencoders.vae_mnist import Generator, Variational  # noqa: PLC0415

    zs.set_seed(1)
    x = np.random.default_rng(0).random((64, 784), dtype=np.float32)
    start = time.perf_counter()
    model = zs.variational.ELBO(Generator(784, 40, 64), Variational(784, 40, 64, True))
    optimizer = jt.optim.Adam(model.parameters(), 1e-3)
    losses = []
    for step in range(6):
        loss = model({"x": jt.array(x)})
        optimizer.step(loss)
        losses.append(loss.detach())  # as vae_mnist.py does, which fetches many at once
        if step == 0:
            jt.sync_all(True)
            seconds["first step"] = time.perf_counter() - start
    last = float(jt.fetch_sync(losses)[-1][0])
    seconds["six steps"] = time.perf_counter() - start
    kernels = list(Path(jt.flags.cache_path, "jit").glob("*.so"))
    print(json.dumps({**seconds, "kernels": len(kernels), "loss": last}))


def run(way: dict[str, str], cache: str) -> dict[str, float]:
    """Measure in a new process."""
    done = subprocess.run(
        [sys.executable, __file__, "--measure"],
        env={**os.environ, **way, "ZHUSUAN_KERNEL_CACHE": cache},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--measure", action="store_true", help="one run, in this process")
    args = parser.parse_args()
    if args.measure:
        measure()
        return
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in (*WAYS, "ours, warm")}
    for _ in range(args.repeats):
        for name, way in WAYS.items():
            with tempfile.TemporaryDirectory() as cache:
                rows[name].append(run(way, cache))
                if name == "ours":
                    rows["ours, warm"].append(run(way, cache))
    print(f"{'seconds':14}{'import':>22}{'first step':>22}{'six steps':>22}{'kernels':>9}  loss")
    for name, results in rows.items():
        cells = "".join(
            f"{' '.join(f'{r[key]:.1f}' for r in results):>22}"
            for key in ("import", "first step", "six steps")
        )
        print(f"{name:14}{cells}{results[0]['kernels']:9}  {results[0]['loss']:.4f}")
    medians = {n: statistics.median(r["six steps"] for r in results) for n, results in rows.items()}
    print(f"six steps: ours {medians['plain Jittor'] / medians['ours']:.1f} times faster")


if __name__ == "__main__":
    main()
