"""How fast each distribution is, beside torch.distributions and numpyro.

For each family at a million elements: a sample, ``log_prob`` with its gradients to the parameters
and the value, and a reparameterised sample with its gradients. Each library runs in a process of
its own, as its users would write it (numpyro compiled by ``jax.jit``, the compilation left out);
the processes take turns, operation by operation and round by round, on the same cores.
The ratio is the median over the rounds of our time by theirs in the same round. Values are not
checked by any library; "checked" is ours with checks, as users have it by default.

Run ``make bench-distributions``, which installs the peers into ``.venv-peers``, or
``python benchmarks/distributions.py`` where they are there. A table of ratios is printed and
written to ``benchmarks/results/distributions.md``, with all figures in ``distributions.json``.
"""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness import HERE, PEERS_PYTHON, Worker, WorkerDied, machine, summary, use_cores
from peers.families import FAMILIES
from tqdm import tqdm

PEERS = ("torch", "numpyro")
CHECKED = ", checked"

# A run that takes less is repeated within its round.
ROUND_SECONDS = 0.02
SLOW = 1.5
# In float32 the libraries' means of log_prob differ by less, if they compute the same thing.
TOLERANCE = 1e-3


def start_workers(peers_python: Path, threads: int) -> tuple[dict[str, Worker], dict[str, str]]:
    """Return the workers of the libraries that are there and all versions; say what is missing."""
    workers: dict[str, Worker] = {}
    versions: dict[str, str] = {}
    for name in ("zhusuan", *PEERS):
        python = sys.executable if name == "zhusuan" else str(peers_python)
        worker = Worker(
            name, [python, "-m", "peers.worker", name, str(threads)], threads,
            # The threads of a process whose turn is over would otherwise go on spinning.
            environment={"OMP_WAIT_POLICY": "passive"},
        )  # fmt: skip
        answer = worker.start()
        if "missing" in answer:
            worker.stop()
            if name == "zhusuan":
                sys.exit(f"{sys.executable} does not import zhusuan: {answer['missing']}")
            print(f"{name} is left out: {answer['missing']}", file=sys.stderr)
            continue
        workers[name] = worker
        versions |= answer["versions"]
    if len(workers) < 1 + len(PEERS):
        print(
            "`make bench-distributions` installs the peers into .venv-peers; or name a Python "
            "that has those of benchmarks/peers/requirements.txt with --peers-python",
            file=sys.stderr,
        )
    return workers, versions


def measure(
    name: str, workers: dict[str, Worker], args: argparse.Namespace, notes: list[str]
) -> list[dict[str, Any]]:
    """Return the rows of one family, one for each operation that we have."""
    # Library -> operation -> seconds in the warm-up.
    estimates: dict[str, dict[str, float]] = {}
    log_probs: dict[str, float] = {}
    for library, worker in workers.items():
        try:
            answer = worker.ask(prepare=name, size=args.size)
        except WorkerDied as error:
            notes.append(f"{name}: {error}")
            continue
        if "missing" in answer:
            notes.append(f"{name}: not in {library}: {answer['missing']}")
        for operation, error in answer.get("errors", {}).items():
            notes.append(f"{name}, {operation}: {library} fails: {error}")
        estimates[library] = answer["seconds"]
        if "log_prob" in answer:
            log_probs[library] = answer["log_prob"]
    for library in PEERS:
        ours, theirs = log_probs.get("zhusuan"), log_probs.get(library)
        if None not in (ours, theirs) and abs(ours - theirs) > TOLERANCE * (1 + abs(ours)):
            notes.append(f"{name}: our mean log_prob is {ours:.6g}, that of {library} {theirs:.6g}")

    operations = [o for o in estimates.get("zhusuan", {}) if not o.endswith(CHECKED)]
    seconds: dict[tuple[str, str], list[float]] = {}
    spent = dict.fromkeys(operations, 0.0)
    for turn in range(args.repeats):
        for operation in operations:
            if turn >= 3 and spent[operation] > args.seconds:
                continue
            for column, library, run in _turns(operation, workers, turn):
                estimate = estimates.get(library, {}).get(run)
                # What takes seconds is not measured again and again.
                if estimate is None or (turn and estimate > args.seconds):
                    continue
                try:
                    answer = workers[library].ask(run=run, times=_times(estimate))
                except WorkerDied as error:
                    notes.append(f"{name}, {run}: {error}")
                    del estimates[library]
                    continue
                seconds.setdefault((operation, column), []).append(
                    statistics.median(answer["seconds"])
                )
                spent[operation] += sum(answer["seconds"])
    return [_row(name, operation, seconds) for operation in operations]


def _turns(
    operation: str, workers: Iterable[str], turn: int
) -> list[tuple[str, str, str]]:
    """Return (column, library, operation) in an order that changes from round to round."""
    turns = [(library, library, operation) for library in workers]
    turns.append(("checked", "zhusuan", operation + CHECKED))
    first = turn % len(turns)
    return turns[first:] + turns[:first]


def _times(estimate: float) -> int:
    return max(1, min(20, int(ROUND_SECONDS / max(estimate, 1e-9))))


def _row(
    family: str, operation: str, seconds: dict[tuple[str, str], list[float]]
) -> dict[str, Any]:
    row: dict[str, Any] = {"family": family, "operation": operation, "ms": {}, "ratio": {}}
    for (o, column), values in seconds.items():
        if o == operation:
            row["ms"][column] = summary([1e3 * v for v in values])
    ours = seconds.get((operation, "zhusuan"), [])
    for column in (*PEERS, "checked"):
        theirs = seconds.get((operation, column), [])
        if ours and theirs:
            pairs = zip(ours, theirs)
            row["ratio"][column] = summary(
                [t / o if column == "checked" else o / t for o, t in pairs]
            )
    return row


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as a Markdown table, with the spread (quartiles) of the ratios."""
    header = [
        "family", "operation", "ours ms", "torch ms", "numpyro ms",
        "ours / torch", "quartiles", "ours / numpyro", "quartiles", "checked / ours",
    ]  # fmt: skip
    lines = [header, ["---", "---", *["---:"] * (len(header) - 2)]]
    for row in rows:
        ms, ratio = row["ms"], row["ratio"]
        cells = [row["family"], row["operation"]]
        cells += [
            f"{ms[column]['median']:.3g}" if column in ms else ""
            for column in ("zhusuan", *PEERS)
        ]
        for column in PEERS:
            found = ratio.get(column)
            cells += (
                [f"{found['median']:.2f}", f"{found['q1']:.2f}-{found['q3']:.2f}"]
                if found else ["", ""]
            )
        cells.append(f"{ratio['checked']['median']:.2f}" if "checked" in ratio else "")
        lines.append(cells)
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    padded = []
    for line in lines:
        cells = [
            c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths))
        ]
        padded.append("| " + " | ".join(cells) + " |")
    return "\n".join(padded)


def slower_than_torch(rows: list[dict[str, Any]]) -> list[str]:
    """Return one line for each row that is slower than torch by more than SLOW."""
    return [
        f"{row['family']}, {row['operation']}: {row['ratio']['torch']['median']:.2f}"
        for row in rows
        if "torch" in row["ratio"] and row["ratio"]["torch"]["median"] > SLOW
    ]


def report(
    rows: list[dict[str, Any]], notes: list[str], setting: dict[str, Any], folder: Path
) -> None:
    """Print the table and write it, with all figures, into ``folder``."""
    # The slowest beside torch first; those without a peer at the end.
    rows.sort(key=lambda row: -row["ratio"].get("torch", {"median": 0.0})["median"])
    text = table(rows)
    slow = slower_than_torch(rows)
    print(text)
    print(f"\nslower than torch by more than {SLOW} times: {len(slow)}")
    for line in slow:
        print(f"  {line}")
    for note in notes:
        print(note, file=sys.stderr)
    versions = ", ".join(f"{name} {version}" for name, version in setting["versions"].items())
    preface = (
        "# Distributions beside torch and numpyro\n\n"
        f"{setting['date']}, {setting['machine']}, {setting['threads']} threads; {versions}. "
        f"{setting['size']} elements, {setting['repeats']} rounds: medians, and quartiles of the "
        "ratios. Written by `benchmarks/distributions.py`, which says what is measured.\n\n"
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "distributions.md").write_text(preface + text + "\n")
    figures = {**setting, "slower": slow, "notes": notes, "rows": rows}
    (folder / "distributions.json").write_text(json.dumps(figures, indent=1) + "\n")
    print(f"written to {folder / 'distributions.md'} and .json")


def _families(only: str | None, exit_with: argparse.ArgumentParser) -> list[str]:
    names = [family.name for family in FAMILIES]
    if only is None:
        return names
    chosen = [name.strip() for name in only.split(",")]
    unknown = [name for name in chosen if name not in names]
    if unknown:
        exit_with.error(f"no family {unknown[0]!r}; there are {', '.join(names)}")
    return chosen


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="NAMES", help="families, separated by commas")
    parser.add_argument(
        "--size", type=lambda text: int(float(text)), default=10**6,
        help="elements of the largest array (default 1e6)",
    )  # fmt: skip
    parser.add_argument("--repeats", type=int, default=9, help="rounds (default 9)")
    parser.add_argument(
        "--seconds", type=float, default=2.0,
        help="after 3 rounds, stop measuring an operation that has taken so long (default 2)",
    )  # fmt: skip
    parser.add_argument("--threads", type=int, default=2, help="cores for each (default 2)")
    parser.add_argument(
        "--peers-python", type=lambda text: Path(text).absolute(),
        default=PEERS_PYTHON,
        help="the Python that has torch and numpyro (default .venv-peers/bin/python)",
    )  # fmt: skip
    parser.add_argument(
        "--results", type=Path, default=HERE / "results", help="folder to write into"
    )
    parser.add_argument(
        "--smoke", action="store_true", help="few elements and rounds: does it run?"
    )
    args = parser.parse_args()
    if args.smoke:
        args.size, args.repeats = 1000, 2
    names = _families(args.only, parser)
    use_cores(args.threads)

    workers, versions = start_workers(args.peers_python, args.threads)
    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    try:
        for name in tqdm(names, unit="family", disable=None):
            rows += measure(name, workers, args, notes)
    except KeyboardInterrupt:
        print("interrupted: here is what was measured", file=sys.stderr)
    finally:
        for worker in workers.values():
            worker.stop()
    setting = {
        "date": datetime.date.today().isoformat(), "machine": machine(), "versions": versions,
        "size": args.size, "repeats": args.repeats, "threads": args.threads,
    }  # fmt: skip
    report(rows, notes, setting, args.results)


if __name__ == "__main__":
    main()
