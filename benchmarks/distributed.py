"""Training with one and two processes beside torch's DistributedDataParallel over gloo.

The VAE of ``vae_mnist.py`` (784-500-500-40, 1.3 million weights, Adam). ``strong`` divides a batch
of 64 between the processes, ``weak`` gives each 64. Every process has one thread, but for the
column "1 process, all cores". Each round starts every configuration anew, in turn; figures are
medians over the blocks of all rounds. Run it by ``make bench-mpi``, on a machine that does nothing
else; it writes ``results/distributed.md`` and ``.json`` beside this file.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness import HERE, PEERS_PYTHON, machine, summary

BATCH = 64
LIBRARIES = {"zhusuan": "distributed_zhusuan.py", "torch": "distributed_torch.py"}


def configurations(n_ranks: int, n_cores: int) -> dict[str, tuple[int, int, int]]:
    """Return name -> (processes, threads of each, data in the whole batch)."""
    return {
        "1 process": (1, 1, BATCH),
        "1 process, all cores": (1, n_cores, BATCH),
        f"{n_ranks} processes, strong": (n_ranks, 1, BATCH),
        f"{n_ranks} processes, weak": (n_ranks, 1, BATCH * n_ranks),
    }


def measure(
    library: str, python: str, setting: tuple[int, int, int], blocks: int, steps: int
) -> dict[str, Any]:
    """Start one configuration; return what its rank 0 prints.

    :raises RuntimeError: if it fails.
    """
    n_ranks, threads, batch = setting
    with tempfile.TemporaryDirectory() as folder:
        script = [python, str(HERE / "peers" / LIBRARIES[library])]
        arguments = [str(batch), str(blocks), str(steps), f"{folder}/meet"]
        if library == "zhusuan":
            arguments.pop()
        launcher = ["mpirun", "-np", str(n_ranks), "--oversubscribe", "--bind-to", "none"]
        if os.geteuid() == 0:
            launcher.append("--allow-run-as-root")
        done = subprocess.run(
            [*(launcher if n_ranks > 1 else []), *script, *arguments],
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{library} with {n_ranks} processes failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().split("\n")[-1])


def table(results: dict[str, dict[str, dict[str, Any]]]) -> str:
    """Return the figures as Markdown."""
    lines = [
        "| configuration | zhusuan, ms | torch, ms | ratio | zhusuan, all-reduce, ms | torch's |",
        "|---|---|---|---|---|---|",
    ]
    for name, found in results["zhusuan"].items():
        other = results["torch"].get(name)
        ours = found["step"]["median"] * 1e3
        cells = [name, f"{ours:.2f} ({found['step']['q1'] * 1e3:.2f} to "
                 f"{found['step']['q3'] * 1e3:.2f})"]  # fmt: skip
        if other is None:
            cells += ["not measured", "", f"{found['reduce']['median'] * 1e3:.2f}", ""]
        else:
            theirs = other["step"]["median"] * 1e3
            cells += [
                f"{theirs:.2f} ({other['step']['q1'] * 1e3:.2f} to "
                f"{other['step']['q3'] * 1e3:.2f})",
                f"{ours / theirs:.2f}",
                f"{found['reduce']['median'] * 1e3:.2f}",
                f"{other['reduce']['median'] * 1e3:.2f}",
            ]
        lines.append("| " + " | ".join(cells) + " |")
    lines.append("")
    for library, found in results.items():
        single = found["1 process"]["step"]["median"]
        for name, of in found.items():
            if "strong" in name or "weak" in name:
                work = 1 if "strong" in name else of["ranks"]
                gain = single * work / of["step"]["median"]
                lines.append(f"- {library}, {name}: {gain:.2f} times the data a second of one.")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure everything and write the table; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers-python", default=str(PEERS_PYTHON))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--result-dir", type=Path, default=HERE / "results")
    args = parser.parse_args(argv)
    if shutil.which("mpirun") is None:
        print("mpirun is missing: apt-get install openmpi-bin libopenmpi-dev", file=sys.stderr)
        return 1
    interpreters = {"zhusuan": sys.executable, "torch": args.peers_python}
    if not Path(args.peers_python).exists():
        print(f"torch is not measured: there is no {args.peers_python}", file=sys.stderr)
        del interpreters["torch"]
    settings = configurations(args.ranks, len(os.sched_getaffinity(0)))
    raw: dict[str, dict[str, list[dict[str, Any]]]] = {
        library: {name: [] for name in settings} for library in interpreters
    }
    for i in range(args.rounds):
        for name, setting in settings.items():
            for library, python in interpreters.items():
                found = measure(library, python, setting, args.blocks, args.steps)
                raw[library][name].append(found)
                print(
                    f"round {i + 1}: {library}, {name}: {min(found['seconds']) * 1e3:.2f} ms",
                    flush=True,
                )
    results = {
        library: {
            name: {
                "step": summary([s for one in found for s in one["seconds"]]),
                "reduce": summary([s for one in found for s in one["reduce"]]),
                "ranks": found[0]["ranks"], "bytes": found[0]["bytes"],
                "loss": found[-1]["loss"],
            }
            for name, found in of_library.items()
        }
        for library, of_library in raw.items()
    }  # fmt: skip
    results.setdefault("torch", {})
    text = (
        f"# Training with several processes\n\n{machine()}. {args.rounds} rounds of {args.blocks} "
        f"blocks of {args.steps} steps; medians, quartiles in brackets. The VAE of vae_mnist.py, "
        f"{results['zhusuan']['1 process']['bytes'] / 1e6:.1f} MB of gradients, one thread in each "
        f"process but where it says all cores.\n\n{table(results)}\n"
    )
    args.result_dir.mkdir(parents=True, exist_ok=True)
    (args.result_dir / "distributed.md").write_text(text)
    (args.result_dir / "distributed.json").write_text(json.dumps(results, indent=1) + "\n")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
