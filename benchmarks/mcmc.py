"""How fast the samplers are, beside NumPyro's and Pyro's: effective samples by second and gradient.

Logistic regression (1000 data, 20 weights), eight schools and a normal distribution of 100
correlated numbers, each with few chains and with many. Each library runs as its users would write
it, in a process of its own and one after the other on the same cores; what is compiled once is not
counted. The effective sample size is that of this library's diagnostics for all (the bulk's, of the
element that has least), and the figure is it by the seconds of warm-up and draws. Pyro has no
batches of chains: its figure is that of one chain, and stands beside any number of ours.

Run ``make bench-mcmc``, which installs the peers into ``.venv-peers``. A table is printed and
written to ``benchmarks/results/mcmc.md``, with all figures in ``mcmc.json``.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from harness import HERE, PEERS_PYTHON
from peers.mcmc_targets import TARGETS
from tqdm import tqdm

from zhusuan.diagnostics import ess_bulk

SETTINGS = ("n_chains", "n_warmup", "n_draws")
# library and sampler -> for few and for many chains: chains, warm-up, draws
RUNS: dict[str, dict[str, tuple[int, int, int]]] = {
    "few": {
        "zhusuan NUTS": (4, 500, 1000),
        "numpyro NUTS": (4, 500, 1000),
        "pyro NUTS": (1, 300, 300),
    },
    "many": {
        "zhusuan NUTS": (64, 500, 500),
        "zhusuan ChEES": (64, 500, 500),
        "numpyro NUTS": (64, 500, 500),
    },
}


def run_once(
    library: str, target: str, sizes: tuple[int, int, int], seed: int, python: str, threads: int
) -> dict[str, float]:
    """Run one library once; return its figures.

    :raises RuntimeError: if its process fails.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "JAX_PLATFORMS": "cpu"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "draws.npz"
        done = subprocess.run(
            [python, "-m", "peers.mcmc_worker", library, target, *map(str, (*sizes, seed)), path],
            cwd=HERE, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{library} on {target} failed:\n{done.stderr[-2000:]}")
        with np.load(path) as file:
            draws = {n: file[n] for n in file.files if n not in ("seconds", "n_gradients")}
            seconds, n_gradients = float(file["seconds"]), int(file["n_gradients"])
    ess = min(float(np.min(ess_bulk(values))) for values in draws.values())
    return {
        "seconds": seconds,
        "ess": ess,
        "ess_per_second": ess / seconds,
        # The gradients of the warm-up are not told by all.
        "ess_per_gradient": ess / n_gradients if n_gradients > 0 else float("nan"),
    }


def measure(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Return one row of figures for each target, number of chains, and library."""
    cells = [
        (target, kind, library, sizes)
        for target in args.targets
        for kind in args.chains
        for library, sizes in RUNS[kind].items()
    ]
    found: dict[tuple[str, str, str], list[dict[str, float]]] = {}
    for round_ in range(1, args.rounds + 1):
        for target, kind, library, sizes in tqdm(cells, f"round {round_}", disable=None):
            python = sys.executable if library.startswith("zhusuan") else args.peers_python
            figures = run_once(library, target, sizes, round_, python, args.threads)
            found.setdefault((target, kind, library), []).append(figures)
        rows = [row_of(cell, found[cell[:3]]) for cell in cells]
        write(rows, round_, args)  # a long run that is stopped has its whole rounds
    return rows


def row_of(
    cell: tuple[str, str, str, tuple[int, int, int]], rounds: list[dict[str, float]]
) -> dict[str, Any]:
    """Return the medians of the rounds of one cell."""
    target, kind, library, sizes = cell
    row: dict[str, Any] = {"target": target, "chains": kind, "library": library}
    row |= dict(zip(SETTINGS, sizes))
    for name in rounds[0]:
        row[name] = statistics.median(figures[name] for figures in rounds)
    row["spread"] = [figures["ess_per_second"] for figures in rounds]
    return row


def write(rows: list[dict[str, Any]], n_rounds: int, args: argparse.Namespace) -> None:
    """Write the table and all figures."""
    machine = f"{platform.machine()}, {os.cpu_count()} cores, {args.threads} threads"
    heading = (
        f"# Samplers, effective samples by second\n\n{datetime.date.today()}, {machine}; medians "
        f"of {n_rounds} rounds. `make bench-mcmc` makes this table.\n\n"
    )
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "mcmc.md").write_text(heading + table(rows) + "\n", encoding="utf-8")
    (args.out / "mcmc.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as a table in Markdown, with ratios to this library's best."""
    lines = [
        "| target | library | chains | ESS | seconds | ESS / s | ours by theirs | ESS / gradient |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        own = [
            other["ess_per_second"]
            for other in rows
            if other["target"] == row["target"]
            and other["chains"] == row["chains"]
            and other["library"].startswith("zhusuan")
        ]
        ratio = "" if row["library"].startswith("zhusuan") else (
            f"{max(own) / row['ess_per_second']:.2f}" if own else ""
        )
        by_gradient = row["ess_per_gradient"]
        lines.append(
            f"| {row['target']} | {row['library']} | {row['n_chains']} | {row['ess']:.0f} | "
            f"{row['seconds']:.2f} | {row['ess_per_second']:.0f} | {ratio} | "
            f"{'' if by_gradient != by_gradient else f'{by_gradient:.3f}'} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--peers-python", type=os.path.abspath, default=str(PEERS_PYTHON))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=list(TARGETS))
    parser.add_argument("--chains", nargs="+", choices=list(RUNS), default=list(RUNS))
    parser.add_argument("--out", type=Path, default=HERE / "results")
    args = parser.parse_args()
    print(table(measure(args)))


if __name__ == "__main__":
    main()
