"""The same work in every library: training steps, samplers, distributions, starts, memory, growth.

Each library runs in a process of its own, as its users would write it, from the same first weights
on the same batches; the processes of a case stay alive and take turns, in an order that changes
from round to round, on the same cores. A ratio is the median over the rounds of our time by theirs
in the same round. The losses are compared at the first step and after the warm-up: they may differ
by the noise of the latents alone, so that all do the same work. What is compiled once is not
counted, but stands under "start".

Run ``make bench``, which installs the peers into ``.venv-peers``; ``make bench ARGS=--quick`` looks
whether it runs. Writes ``benchmarks/RESULTS.md``, with all figures in ``results/bench.json`` and
the growth as ``results/growth.png``.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from bench_report import write_report
from harness import HERE, PEERS_PYTHON, Worker, WorkerDied, machine, summary, use_cores
from peers.training import SIZES
from tqdm import tqdm

TIMEOUT_SECONDS = 240.0
WARM_UP = 40
FAMILIES = "Normal,Gamma,Beta,Bernoulli,Categorical,Dirichlet,MultivariateNormalCholesky"


class Column(NamedTuple):
    """A library and the way in which it is used."""

    library: str
    variant: str = "example"


COLUMNS = {
    "zhusuan": Column("zhusuan"),
    "zhusuan replay": Column("zhusuan", "replay"),
    "zhusuan fast": Column("zhusuan", "fast"),
    "zhusuan fit": Column("zhusuan", "fit"),
    "jittor": Column("jittor"),
    "torch": Column("torch"),
    "torch fused": Column("torch", "fused"),
    "pyro": Column("pyro"),
    "pyro graph": Column("pyro", "graph"),
    "numpyro": Column("numpyro"),
}
OURS = ("zhusuan", "zhusuan replay", "zhusuan fast", "zhusuan fit")


class Case(NamedTuple):
    """What is timed.

    :ivar kind: what the workers call it.
    :ivar title: what it is, for the table.
    :ivar unit: of what the time is.
    :ivar columns: who takes part.
    :ivar sizes: those that differ from the usual ones.
    :ivar tolerance: by how much the losses may differ, relatively.
    """

    kind: str
    title: str
    unit: str
    columns: tuple[str, ...]
    sizes: dict[str, int]
    tolerance: float


STEPS = ("zhusuan", "zhusuan replay", "zhusuan fast", "jittor", "torch", "pyro", "numpyro")
CASES = {
    "vae": Case(
        "vae", "VAE, 784-500-500-40, batch 64, Adam", "step",
        ("zhusuan", "zhusuan replay", "zhusuan fast", "jittor", "torch", "torch fused", "pyro",
         "pyro graph", "numpyro"),
        {}, 0.01,
    ),
    "epoch": Case(
        "epoch", "the same, an epoch of 6000 images with feeding", "epoch",
        ("zhusuan", "zhusuan fit", "jittor", "torch", "pyro", "numpyro"), {}, 0.02,
    ),
    "iwae": Case("iwae", "IWAE, 784-200-200-50, k = 50, batch 20", "step", STEPS, {}, 0.02),
    "conv": Case("conv", "convolutional VAE, batch 64", "step", STEPS, {}, 0.02),
    "bnn": Case(
        "bnn", "Bayesian net 13-50-1, 512 particles, batch 114 of 455", "step", STEPS, {}, 0.02
    ),
    "hmc1": Case(
        "hmc", "HMC, logistic regression 1000 x 20, 10 leapfrogs, 1 chain", "transition",
        ("zhusuan", "pyro", "numpyro"), {"chains": 1}, 0.15,
    ),
    "hmc64": Case(
        "hmc", "the same, 64 chains", "transition", ("zhusuan", "numpyro"), {"chains": 64}, 0.05,
    ),
}  # fmt: skip
SECTIONS = (*CASES, "floors", "profile", "start", "growth", "distributions", "mcmc")

# axis -> case, the size that grows, its values, who takes part
GROWTH: dict[str, tuple[str, str, tuple[int, ...], tuple[str, ...]]] = {
    "batch": ("vae", "batch", (16, 64, 256, 1024), ("zhusuan", "zhusuan fast", "torch", "numpyro")),
    "particles": (
        "iwae", "particles", (5, 20, 80, 320), ("zhusuan", "zhusuan fast", "torch", "numpyro"),
    ),
    "latent size": (
        "vae", "latent", (10, 40, 160, 640), ("zhusuan", "zhusuan fast", "torch", "numpyro"),
    ),
    "chains": ("hmc", "chains", (4, 16, 64, 256), ("zhusuan", "numpyro")),
}  # fmt: skip


class Bench:
    """One run of the benchmark.

    :param args: the command line.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.notes: list[str] = []
        self.versions: dict[str, str] = {}
        self._missing: set[str] = set()

    def start(self, name: str, environment: dict[str, str] | None = None) -> Worker | None:
        """Start the process of a column; None, with a note, if its library is not there."""
        library, variant = COLUMNS[name]
        ours = library in ("zhusuan", "jittor")
        python = sys.executable if ours else str(self.args.peers_python)
        worker = Worker(
            name,
            [python, "-m", "peers.train_worker", library, variant, str(self.args.threads)],
            self.args.threads, TIMEOUT_SECONDS, environment,
        )  # fmt: skip
        answer = self._ask(worker, worker.start)
        if answer is None or "missing" in answer:
            worker.stop()
            if answer is not None and library not in self._missing:
                self._missing.add(library)
                self.notes.append(f"{library} is left out: {answer['missing']}")
            return None
        self.versions |= answer["versions"]
        return worker

    def ask(self, worker: Worker, **command: Any) -> dict[str, Any] | None:
        """Send a command; None, with a note, where there is no figure."""
        return self._ask(worker, lambda: worker.ask(**command))

    def _ask(self, worker: Worker, ask: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
        try:
            answer = ask()
        except WorkerDied as error:
            self.notes.append(str(error))
            return None
        if "error" in answer:
            self.notes.append(f"{worker.name}: {answer['error']}")
            return None
        return answer

    def case(self, name: str) -> dict[str, Any]:
        """Measure a case; return its figures by column."""
        case = CASES[name]
        sizes = {**SIZES[case.kind], **case.sizes}
        workers: dict[str, Worker] = {}
        found: dict[str, dict[str, Any]] = {}
        times: dict[str, int] = {}
        try:
            for column in case.columns:
                prepared = self._prepared(column, case, sizes)
                if prepared is not None:
                    workers[column], found[column], times[column] = prepared
            self._compare(name, found)
            seconds = self._rounds(workers, found, times)
        finally:
            for worker in workers.values():
                worker.stop()
        for column, values in seconds.items():
            if values:
                found[column]["ms"] = summary([1e3 * v for v in values])
        return {
            "title": case.title, "unit": case.unit, "sizes": sizes,
            "columns": {c: f for c, f in found.items() if "ms" in f},
            "ratios": ratios(seconds),
        }  # fmt: skip

    def _prepared(
        self, column: str, case: Case, sizes: dict[str, int]
    ) -> tuple[Worker, dict[str, Any], int] | None:
        worker = self.start(column)
        if worker is None:
            return None
        # An epoch is a step here, of some hundred.
        warm_up = {"epoch": 2, "hmc": 10 * WARM_UP}.get(case.kind, WARM_UP)
        answer = self.ask(worker, prepare=case.kind, sizes=sizes, warm_up=warm_up)
        if answer is None or "missing" in answer:
            worker.stop()
            return None
        if answer["problem"]:
            self.notes.append(f"{column}, {case.title}: {answer['problem']}")
        n = max(1, min(400, int(self.args.seconds / max(answer["seconds"], 1e-6))))
        # Not counted: NumPyro compiles its samplers for this number of transitions.
        if case.kind == "hmc" and self.ask(worker, steps=n) is None:
            worker.stop()
            return None
        figures = {key: answer[key] for key in ("first", "last", "first_seconds", "memory")}
        return worker, figures, n

    def _rounds(
        self, workers: dict[str, Worker], found: dict[str, dict[str, Any]], times: dict[str, int]
    ) -> dict[str, list[float]]:
        seconds: dict[str, list[float]] = {column: [] for column in workers}
        order = list(workers)
        for turn in range(self.args.rounds):
            first = turn % max(1, len(order))
            for column in order[first:] + order[:first]:
                answer = self.ask(workers[column], steps=times[column])
                if answer is None:  # its rounds would no longer be those of the others
                    order = [c for c in order if c != column]
                    seconds[column] = []
                    continue
                seconds[column].append(answer["seconds"])
                found[column]["memory"] = answer["memory"]
        return seconds

    def _compare(self, name: str, found: dict[str, dict[str, Any]]) -> None:
        """Note losses that are not those of the first column."""
        if not found:
            return
        base, *others = found
        for column in others:
            # First epochs depend on the order of the images, first transitions on chance.
            later = CASES[name].kind in ("epoch", "hmc")
            for key in ("last",) if later else ("first", "last"):
                ours, theirs = found[base][key], found[column][key]
                if not abs(ours - theirs) <= CASES[name].tolerance * abs(ours):
                    self.notes.append(
                        f"{name}: the {key} loss of {base} is {ours:.6g}, of {column} {theirs:.6g}"
                    )

    def floors(self) -> dict[str, Any]:
        """Return what ``floors.py`` prints, which needs much memory: in a process of its own.

        The peak memory of a process counts that of its parent before it.
        """
        command = [sys.executable, HERE / "floors.py", str(self.args.threads)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def profile(self) -> dict[str, Any]:
        """Return where the time of our VAE step goes."""
        worker = self.start("zhusuan")
        if worker is None:
            return {}
        try:
            return self.ask(worker, profile=True, steps=50) or {}
        finally:
            worker.stop()

    def starts(self) -> dict[str, Any]:
        """Return seconds from nothing to the first loss of a VAE, each in a new process."""
        columns = ("zhusuan", "torch", "pyro", "numpyro")
        seconds: dict[str, list[float]] = {}
        for _ in range(1 if self.args.quick else 3):
            for column in columns:
                self._start_once(column, column, {}, seconds)
        if not self.args.quick:
            with tempfile.TemporaryDirectory() as cache:
                empty = {"ZHUSUAN_KERNEL_CACHE": cache}
                self._start_once("zhusuan", "zhusuan, no kernels yet", empty, seconds)
        return {column: summary(values) for column, values in seconds.items()}

    def _start_once(
        self, column: str, label: str, environment: dict[str, str], seconds: dict[str, list[float]]
    ) -> None:
        begin = time.perf_counter()
        worker = self.start(column, environment)
        if worker is None:
            return
        try:
            # Of the second half of a warm-up nothing is counted, but one step there must be.
            answer = self.ask(worker, prepare="vae", sizes=SIZES["vae"], warm_up=2)
            if answer is not None:
                imported = time.perf_counter() - begin - answer["prepare_seconds"]
                seconds.setdefault(label, []).append(imported + answer["first_seconds"])
        finally:
            worker.stop()

    def growth(self) -> dict[str, Any]:
        """Return milliseconds and memory by size, for every axis."""
        growing: dict[str, Any] = {}
        for axis, (kind, size, values, columns) in GROWTH.items():
            rows: dict[str, list[dict[str, float]]] = {}
            values = values[:2] if self.args.quick else values
            for column in columns:
                worker = self.start(column)
                if worker is None:
                    continue
                try:
                    rows[column] = self._grown(worker, kind, size, values)
                finally:
                    worker.stop()
            measured = {column: found for column, found in rows.items() if found}
            growing[axis] = {"case": kind, "sizes": values, "columns": measured}
        return growing

    def _grown(
        self, worker: Worker, kind: str, size: str, values: tuple[int, ...]
    ) -> list[dict[str, float]]:
        rows = []
        for value in values:  # upwards, as what is measured of the memory is its peak
            sizes = {**SIZES[kind], size: value}
            answer = self.ask(worker, prepare=kind, sizes=sizes, warm_up=8)
            if answer is None or "missing" in answer:
                break
            n = max(1, min(50, int(0.2 / max(answer["seconds"], 1e-6))))
            turns = [self.ask(worker, steps=n) for _ in range(4)]
            times = [1e3 * turn["seconds"] for turn in turns[1:] if turn is not None]
            if len(times) < 3:
                break
            rows.append({"size": value, **summary(times), "memory": turns[-1]["memory"]})
        return rows

    def distributions(self) -> dict[str, Any]:
        """Return what ``distributions.py`` finds for the main families."""
        with tempfile.TemporaryDirectory() as folder:
            options = [
                "--only", "Normal,Bernoulli" if self.args.quick else FAMILIES, "--repeats", "5",
                "--seconds", "0.5", "--threads", str(self.args.threads), "--results", folder,
                "--peers-python", str(self.args.peers_python),
            ]  # fmt: skip
            try:
                subprocess.run(
                    [sys.executable, HERE / "distributions.py", *options], check=True,
                    capture_output=True, timeout=2 * TIMEOUT_SECONDS,
                )  # fmt: skip
            except subprocess.SubprocessError as error:
                self.notes.append(f"distributions: {error}")
                return {}
            figures = json.loads((Path(folder) / "distributions.json").read_text())
        return {key: figures[key] for key in ("rows", "notes", "size")}

    def mcmc(self) -> dict[str, Any]:
        """Return what ``make bench-mcmc`` found last: it takes longer than all else."""
        path = self.args.results / "mcmc.json"
        if not path.is_file():
            self.notes.append("no samplers' figures: `make bench-mcmc` makes them")
            return {}
        date = datetime.date.fromtimestamp(path.stat().st_mtime).isoformat()
        return {"date": date, "rows": json.loads(path.read_text())}


def ratios(seconds: dict[str, list[float]]) -> dict[str, dict[str, dict[str, float]]]:
    """Return, for each way of ours and each other column, our time by theirs in the same round."""
    return {
        ours: {
            column: summary([o / t for o, t in zip(seconds[ours], theirs)])
            for column, theirs in seconds.items()
            if theirs and column != ours
        }
        for ours in OURS
        if seconds.get(ours)
    }


def _sections(text: str | None, exit_with: argparse.ArgumentParser) -> list[str]:
    chosen = list(SECTIONS) if text is None else [name.strip() for name in text.split(",")]
    unknown = [name for name in chosen if name not in SECTIONS]
    if unknown:
        exit_with.error(f"no case {unknown[0]!r}; there are {', '.join(SECTIONS)}")
    return chosen


def run(args: argparse.Namespace, sections: list[str]) -> dict[str, Any]:
    """Measure, and write after each case; return all figures."""
    bench = Bench(args)
    begin = time.monotonic()
    load = os.getloadavg()[0]
    figures: dict[str, Any] = {"cases": {}}
    others: dict[str, Callable[[], Any]] = {
        "floors": bench.floors, "profile": bench.profile,
        "start": bench.starts, "growth": bench.growth,
        "distributions": bench.distributions, "mcmc": bench.mcmc,
    }  # fmt: skip

    def found() -> dict[str, Any]:
        return {
            "date": datetime.date.today().isoformat(), "machine": machine(),
            "threads": args.threads, "load before": load, "rounds": args.rounds,
            "minutes": (time.monotonic() - begin) / 60, "versions": bench.versions,
            "notes": bench.notes, **figures,
        }  # fmt: skip

    try:
        for name in tqdm(sections, unit="case", disable=None):
            if time.monotonic() - begin > 60 * args.minutes:
                bench.notes.append(f"{name}: left out, as {args.minutes:g} minutes were over")
            elif name in CASES:
                figures["cases"][name] = bench.case(name)
            else:
                figures[name] = others[name]()
            write_report(found(), args.out)  # whatever ends the run, this much is there
    except KeyboardInterrupt:
        bench.notes.append("interrupted: this is what was measured until then")
    return found()


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--cases", metavar="NAMES", help=f"some of {', '.join(SECTIONS)}, separated by commas"
    )
    parser.add_argument("--rounds", type=int, default=9, help="rounds (default 9)")
    parser.add_argument(
        "--seconds", type=float, default=0.4, help="of a library's turn in a round (default 0.4)"
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="cores for each")
    parser.add_argument(
        "--minutes", type=float, default=12.0, help="begin nothing new after them (default 12)"
    )
    parser.add_argument("--quick", action="store_true", help="2 rounds, few sizes: does it run?")
    parser.add_argument(
        "--peers-python", type=lambda text: Path(text).absolute(), default=PEERS_PYTHON,
        help="the Python that has the peers (default .venv-peers/bin/python)",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, default=HERE, help="folder of RESULTS.md and results/")
    args = parser.parse_args()
    sections = _sections(args.cases, parser)
    if args.quick:
        args.rounds, args.seconds = 2, 0.1
    if args.rounds < 1 or not math.isfinite(args.seconds):
        parser.error("--rounds must be at least 1 and --seconds a number")
    use_cores(args.threads)
    args.results = args.out / "results"
    args.results.mkdir(parents=True, exist_ok=True)
    figures = run(args, sections)
    print(write_report(figures, args.out))


if __name__ == "__main__":
    main()
