"""The Sphinx directive ``.. benchmark-table:: steps``: figures as ``make bench`` wrote them.

Tables: ``machine``, ``steps``, ``overhead``, ``floors``, ``parts``, ``samplers``, ``growth``,
``start``, ``memory``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive

FIGURES = Path(__file__).resolve().parents[2] / "benchmarks" / "results" / "bench.json"

Rows = tuple[Sequence[str], list[list[str]]]

PEERS = ("torch", "torch fused", "pyro", "numpyro")


def _best(case: dict[str, Any]) -> str:
    return (
        "zhusuan fast"
        if "zhusuan fast" in case["ratios"]
        else ("zhusuan fit" if "zhusuan fit" in case["ratios"] else "zhusuan")
    )


def _median(found: dict[str, Any], key: str) -> str:
    return f"{found[key]['median']:.2f}" if key in found else ""


def _steps(figures: dict[str, Any]) -> Rows:
    rows = []
    for case in figures["cases"].values():
        best = _best(case)
        ms = case["columns"][best]["ms"]["median"]
        ratios = [_median(case["ratios"][best], peer) for peer in PEERS]
        rows.append([case["title"], f"{ms:.3g} ms", *ratios])
    return ("work", "time", *(f"by {peer}" for peer in PEERS)), rows


def _overhead(figures: dict[str, Any]) -> Rows:
    ways = {
        "zhusuan": "by the graph",
        "zhusuan replay": "TrainStep",
        "zhusuan fast": "TrainStep, zs.optim",
        "zhusuan fit": "fit, zs.optim",
    }
    rows = [
        [case["title"], *(_median(case["ratios"].get(way, {}), "jittor") for way in ways)]
        for case in figures["cases"].values()
        if "jittor" in case["columns"]
    ]
    return ("work", *ways.values()), rows


def _floors(figures: dict[str, Any]) -> Rows:
    rows = []
    for name, floor in figures["floors"].items():
        if name == "rates":
            continue
        case = figures["cases"][name]
        columns = case["columns"]
        ours = columns[_best(case)]["ms"]["median"]
        fastest = min(columns[p]["ms"]["median"] for p in PEERS if p in columns)
        rows.append(
            [case["title"], f"{floor['gflop']:.2f}", f"{floor['arithmetic ms']:.1f}",
             f"{floor['mbytes']:.0f}", f"{floor['bytes ms']:.1f}", f"{ours:.1f}", f"{fastest:.1f}"]
        )  # fmt: skip
    return ("work", "GFLOP", "ms", "MB", "ms", "ours, ms", "fastest peer, ms"), rows


def _parts(figures: dict[str, Any]) -> Rows:
    profile = figures["profile"]
    rows = [[part, f"{profile[part]:.1f}"] for part in ("kernels", "executor", "python")]
    return ("part of a step by the graph", "ms"), rows


def _samplers(figures: dict[str, Any]) -> Rows:
    found = figures["mcmc"]["rows"]
    rows = []
    for row in found:
        if row["library"].startswith("zhusuan"):
            peers = {
                other["library"]: other["ess_per_second"]
                for other in found
                if other["target"] == row["target"] and other["chains"] == row["chains"]
                and not other["library"].startswith("zhusuan")
            }  # fmt: skip
            own = row["ess_per_second"]
            ratios = [
                f"{own / peers[p]:.2f}" if p in peers else "" for p in ("numpyro NUTS", "pyro NUTS")
            ]
            name = row["library"].split()[-1]
            rows.append([row["target"], name, f"{row['n_chains']}", f"{own:.0f}", *ratios])
    return ("posterior", "sampler", "chains", "ESS / s", "by numpyro", "by pyro"), rows


def _growth(figures: dict[str, Any]) -> Rows:
    rows = []
    for axis, found in figures["growth"].items():
        for library, points in found["columns"].items():
            cells = [f"{p['median']:.3g} ms, {p['memory']:.0f} MiB" for p in points]
            cells += [""] * (4 - len(cells))
            a, b = points[-2:]
            steps = math.log(b["size"] / a["size"])
            powers = [math.log(b[key] / a[key]) / steps for key in ("median", "memory")]
            sizes = "-".join(str(size) for size in (found["sizes"][0], found["sizes"][-1]))
            rows.append([f"{axis} {sizes}", library, cells[0], cells[len(points) - 1],
                         *(f"{power:.2f}" for power in powers)])  # fmt: skip
    return ("grows", "library", "least", "most", "time grows as power", "memory"), rows


def _start(figures: dict[str, Any]) -> Rows:
    rows = [[name, f"{s['median']:.1f}"] for name, s in figures["start"].items()]
    return ("library", "seconds to the first loss"), rows


def _memory(figures: dict[str, Any]) -> Rows:
    names = ("zhusuan", "zhusuan fast", "jittor", "torch", "pyro", "numpyro")
    rows = [
        [case["title"], *(f"{case['columns'][n]['memory']:.0f}" if n in case["columns"] else ""
                          for n in names)]
        for case in figures["cases"].values()
    ]  # fmt: skip
    return ("work", *names), rows


def _machine(figures: dict[str, Any]) -> Rows:
    versions = ", ".join(f"{name} {version}" for name, version in figures["versions"].items())
    rows = [
        ["machine", f"{figures['machine']}, {figures['threads']} threads"],
        ["day", figures["date"]],
        ["versions", versions],
        ["rounds", f"{figures['rounds']}, in {figures['minutes']:.0f} minutes"],
    ]
    return ("", ""), rows


TABLES: dict[str, Callable[[dict[str, Any]], Rows]] = {
    "machine": _machine, "steps": _steps, "overhead": _overhead, "floors": _floors,
    "parts": _parts, "samplers": _samplers, "growth": _growth, "start": _start, "memory": _memory,
}  # fmt: skip


class BenchmarkTable(Directive):
    """A table of figures that were measured."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        self.state.document.settings.record_dependencies.add(str(FIGURES))
        header, rows = TABLES[self.arguments[0]](json.loads(FIGURES.read_text()))
        group = nodes.tgroup(cols=len(header))
        group += [nodes.colspec(colwidth=1) for _ in header]
        if any(header):
            group += nodes.thead("", _row(header))
        group += nodes.tbody("", *map(_row, rows))
        return [nodes.table("", group)]


def _row(cells: Sequence[str]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", nodes.paragraph(text=cell)) for cell in cells))


def setup(app: Any) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("benchmark-table", BenchmarkTable)
    return {"parallel_read_safe": True}
