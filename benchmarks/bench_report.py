"""The table of ratios, its figures and the picture of the growth, for benchmarks/bench.py."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

PEERS = ("jittor", "torch", "torch fused", "pyro", "pyro graph", "numpyro")
COLUMNS = ("zhusuan", "zhusuan replay", "zhusuan fast", "zhusuan fit", *PEERS)
COLORS = {
    "zhusuan": "tab:red", "zhusuan fast": "tab:orange", "torch": "tab:blue", "numpyro": "tab:green",
}  # fmt: skip

INTRODUCTION = """\
Written by `make bench` (`benchmarks/bench.py` says what is measured and how); all figures are in
`results/bench.json`. Every library starts from the same weights, sees the same batches and runs in
its own process; the processes of a case take turns. Ratios are our time by theirs in the same
round: below 1 we are faster. Medians; quartiles in brackets.

- zhusuan: `jt.optim.Adam.step(objective(observed))`; zhusuan replay: the same optimizer by
  `zs.variational.TrainStep`; zhusuan fast: by `TrainStep` and `zs.optim.Adam`, the fastest way that
  is documented; zhusuan fit: an epoch by `zs.variational.fit`
- jittor, torch: the same step written by hand; torch fused: with `Adam(fused=True)`
- pyro: `SVI` with `Trace_ELBO` (IWAE: `RenyiELBO`); pyro graph: with `TraceGraph_ELBO`
- numpyro: `SVI.update` under `jax.jit`
"""


def write_report(figures: dict[str, Any], folder: Path) -> str:
    """Write RESULTS.md, results/bench.json and results/growth.png; return the first of them."""
    results = folder / "results"
    (results / "bench.json").write_text(json.dumps(figures, indent=1) + "\n")
    if figures.get("growth"):
        _draw_growth(figures["growth"], results / "growth.png")
    text = report(figures)
    (folder / "RESULTS.md").write_text(text)
    return text


def report(figures: dict[str, Any]) -> str:
    """Return the report in Markdown."""
    versions = ", ".join(f"{name} {version}" for name, version in figures["versions"].items())
    parts = [
        "# Beside the peers",
        f"{figures['date']}; {figures['machine']}; {figures['threads']} threads; load before the "
        f"run {figures['load before']:.1f}. {versions}. {figures['rounds']} rounds; the whole took "
        f"{figures['minutes']:.1f} minutes.",
        INTRODUCTION.rstrip(),
    ]
    cases = figures["cases"]
    if cases:
        parts += ["## Ratios", _ratios(cases), "## Milliseconds", _times(cases)]
        parts += ["## Losses", LOSSES, _losses(cases)]
        parts += ["## Peak memory, MiB", MEMORY, _memory(cases)]
    writers = {
        "floors": _floors, "profile": _profile, "start": _start, "growth": _growth,
        "distributions": _distributions, "mcmc": _mcmc,
    }  # fmt: skip
    for name, write in writers.items():
        if figures.get(name):
            parts.append(write(figures[name]))
    if figures["notes"]:
        parts += ["## Notes", "\n".join(f"- {' '.join(n.split())}" for n in figures["notes"])]
    return "\n\n".join(parts) + "\n"


LOSSES = (
    "At the first step, and the mean of the last steps of the warm-up; HMC: mean squares of the "
    "draws. Equal but for the noise, if the work is the same. Notes name those that are not."
)
MEMORY = "Of the whole process at the end of the case, the library itself included."


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], n_left: int = 1) -> str:
    lines = [list(header), ["---"] * n_left + ["---:"] * (len(header) - n_left), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _used(cases: dict[str, Any], columns: Sequence[str]) -> list[str]:
    return [c for c in columns if any(c in case["columns"] for case in cases.values())]


def _ratios(cases: dict[str, Any]) -> str:
    columns = _used(cases, PEERS)
    rows = []
    for case in cases.values():
        for ours, found in case["ratios"].items():
            cells = [
                f"{r['median']:.2f} ({r['q1']:.2f}-{r['q3']:.2f})" if r else ""
                for r in map(found.get, columns)
            ]
            rows.append([case["title"], ours, *cells])
    return _table(["work", "ours", *(f"by {c}" for c in columns)], rows, 2)


def _times(cases: dict[str, Any]) -> str:
    columns = _used(cases, COLUMNS)
    rows = []
    for case in cases.values():
        cells = [
            f"{f['ms']['median']:.3g} ({f['ms']['q1']:.3g}-{f['ms']['q3']:.3g})" if f else ""
            for f in map(case["columns"].get, columns)
        ]
        rows.append([case["title"], case["unit"], *cells])
    return _table(["work", "of one", *columns], rows, 2)


def _losses(cases: dict[str, Any]) -> str:
    columns = _used(cases, COLUMNS)
    rows = [
        [
            case["title"],
            *(f"{f['first']:.5g}, {f['last']:.5g}" if f else ""
              for f in map(case["columns"].get, columns)),
        ]
        for case in cases.values()
    ]  # fmt: skip
    return _table(["work", *columns], rows)


def _memory(cases: dict[str, Any]) -> str:
    columns = _used(cases, COLUMNS)
    rows = [
        [case["title"], *(f"{f['memory']:.0f}" if f else ""
                          for f in map(case["columns"].get, columns))]
        for case in cases.values()
    ]  # fmt: skip
    return _table(["work", *columns], rows)


def _floors(floors: dict[str, Any]) -> str:
    rates = floors["rates"]
    rows = [
        [case, f"{f['gflop']:.2f}", f"{f['arithmetic ms']:.2f}", f"{f['mbytes']:.0f}",
         f"{f['bytes ms']:.2f}"]
        for case, f in floors.items() if case != "rates"
    ]  # fmt: skip
    return (
        "## Floors of the training steps\n\n"
        "What the arithmetic and the bytes of a step take at the rates of a large product "
        f"({rates['gflops']:.0f} GFLOP/s) and of copying memory ({rates['gbytes']:.1f} GB/s); "
        "`floors.py` says what is counted.\n\n"
        + _table(["case", "GFLOP", "ms", "MB", "ms"], rows)
    )


def _profile(profile: dict[str, Any]) -> str:
    rows = [
        [name, f"{profile[name]:.2f}"] for name in ("step", "kernels", "executor", "python")
    ] + [[f"kernel {k['kernel'][:80]}", f"{k['ms']:.2f}"] for k in profile["largest"]]
    return (
        "## Where the time of our VAE step goes\n\n"
        "By the examples' way. Kernels: Jittor's profiler, in a run of its own; executor: the time "
        "in calls that wait for results, less the kernels; Python: the rest, which builds the "
        f"graph. The floor: matrix products of {profile['gflops']:.2f} GFLOP, and "
        f"{profile['adam_mbytes']:.0f} MB that Adam reads and writes.\n\n"
        + _table(["part", "ms"], rows)
    )


def _start(starts: dict[str, Any]) -> str:
    rows = [[name, f"{s['median']:.1f}", f"{s['min']:.1f}"] for name, s in starts.items()]
    return (
        "## Start\n\nSeconds from a new process to the VAE's first loss. \"No kernels yet\": the "
        "first time on a machine, Jittor's core being there.\n\n"
        + _table(["library", "median", "least"], rows)
    )


def _growth(growth: dict[str, Any]) -> str:
    rows = []
    for axis, found in growth.items():
        for column, points in found["columns"].items():
            cells = [f"{p['size']}: {p['median']:.3g} ms, {p['memory']:.0f} MiB" for p in points]
            cells += [""] * (len(found["sizes"]) - len(points))
            rows.append([axis, column, *cells, _exponent(points)])
    n = max(len(found["sizes"]) for found in growth.values())
    rows = [[*row[:-1], *[""] * (n + 3 - len(row)), row[-1]] for row in rows]
    header = ["grows", "library", *(f"size {i + 1}" for i in range(n)), "last exponent"]
    return (
        "## Growth\n\nThe VAE with batch and latent size, the IWAE with particles, HMC with "
        "chains, of which a transition is timed. The exponent is that of the time between the last "
        "two sizes: 1 is linear.\n\n![growth](results/growth.png)\n\n" + _table(header, rows, 2)
    )


def _exponent(points: Sequence[dict[str, float]]) -> str:
    if len(points) < 2:
        return ""
    (a, s), (b, t) = ((p["size"], p["median"]) for p in points[-2:])
    return f"{math.log(t / s) / math.log(b / a):.2f}"


def _distributions(found: dict[str, Any]) -> str:
    rows = []
    for row in found["rows"]:
        cells = [
            f"{r['median']:.2f} ({r['q1']:.2f}-{r['q3']:.2f})" if r else ""
            for r in map(row["ratio"].get, ("torch", "numpyro"))
        ]
        milliseconds = f"{row['ms']['zhusuan']['median']:.3g}"
        rows.append([row["family"], row["operation"], milliseconds, *cells])
    notes = "".join(f"\n- {note}" for note in found["notes"])
    return (
        f"## Distributions\n\n{found['size']} elements, without checks of values; all families: "
        "`make bench-distributions`.\n\n"
        + _table(["family", "operation", "ours ms", "by torch", "by numpyro"], rows, 2)
        + (f"\n{notes}" if notes else "")
    )


def _mcmc(found: dict[str, Any]) -> str:
    rows = []
    for row in found["rows"]:
        theirs = row["ess_per_second"]
        own = [
            other["ess_per_second"]
            for other in found["rows"]
            if (other["target"], other["chains"]) == (row["target"], row["chains"])
            and other["library"].startswith("zhusuan")
        ]
        is_peer = own and not row["library"].startswith("zhusuan")
        ratio = f"{max(own) / theirs:.2f}" if is_peer else ""
        rows.append([row["target"], row["library"], f"{row['n_chains']}", f"{theirs:.0f}", ratio])
    return (
        f"## Samplers\n\nEffective samples by second, warm-up included, by `make bench-mcmc` of "
        f"{found['date']}; here a ratio above 1 says that we are faster.\n\n"
        + _table(["target", "sampler", "chains", "ESS / s", "our best by theirs"], rows, 2)
    )


def _draw_growth(growth: dict[str, Any], path: Path) -> None:
    figure = Figure(figsize=(3.2 * len(growth), 5.6), dpi=110, layout="constrained")
    axes = figure.subplots(2, len(growth), squeeze=False)
    for column, (name, found) in enumerate(growth.items()):
        for row, (key, label) in enumerate((("median", "ms"), ("memory", "peak memory, MiB"))):
            plot = axes[row][column]
            for library, points in found["columns"].items():
                plot.plot(
                    [p["size"] for p in points], [p[key] for p in points], "o-", markersize=3,
                    label=library, color=COLORS.get(library),
                )  # fmt: skip
            plot.set_xscale("log")
            plot.set_yscale("log")
            plot.set_xticks(found["sizes"], [str(size) for size in found["sizes"]])
            plot.set_xticks([], minor=True)
            plot.set_xlabel(f"{name} ({found['case']})")
            if column == 0:
                plot.set_ylabel(label)
    axes[0][0].legend(fontsize="small")
    figure.savefig(path)
