"""The README's figures are those that the benchmarks have written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from zhusuan.distributions.families import families
from zhusuan.distributions.kl import registry

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.rst").read_text("utf-8")
CHANGES = (ROOT / "CHANGELOG.rst").read_text("utf-8")
TRAINING = ROOT / "benchmarks" / "RESULTS.md"
SAMPLERS = ROOT / "benchmarks" / "results" / "mcmc.md"


def table(first: str) -> list[dict[str, str]]:
    """Return the rows of the README's simple table whose first heading is given, by heading."""
    (found,) = re.findall(
        rf"^=+(?: +=+)+\n({first} .*)\n=+(?: +=+)+\n((?:.+\n)+?)=+(?: +=+)+\n",
        README, re.MULTILINE,
    )  # fmt: skip
    headings = found[0].split()
    return [
        dict(zip(headings, re.split(r" {2,}", row.strip()))) for row in found[1].splitlines()
    ]  # fmt: skip


def markdown(path: Path, first: str) -> list[dict[str, str]]:
    """Return the rows of the first Markdown table whose first heading is given, by heading."""
    lines = path.read_text("utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {first} |"))
    headings = [cell.strip() for cell in lines[start].strip("|").split("|")]
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(dict(zip(headings, (cell.strip() for cell in line.strip("|").split("|")))))
    return rows


def test_what_is_counted_is_there():
    # Other tests define families and divergences of their own.
    ours = {f for f in families().values() if f.__module__.startswith("zhusuan.")}
    n_families = len({family.__name__ for family in ours})
    n_pairs = sum(f.__module__.startswith("zhusuan.") for f in registry._registry.values())
    for text in (README, CHANGES):
        assert f"{n_families} families" in text
    assert f"{n_pairs} KL divergences" in README
    assert f"closed forms of {n_pairs} pairs" in CHANGES


@pytest.mark.parametrize("row", table("work"), ids=lambda row: row["work"])
def test_training_steps_are_as_fast_as_measured(row):
    (measured,) = [
        found for found in markdown(TRAINING, "work")
        if found["work"] == row["work"] and found["ours"] in ("zhusuan fast", "zhusuan fit")
    ]  # fmt: skip
    for peer in ("jittor", "torch", "pyro", "numpyro"):
        assert row[peer] == measured[f"by {peer}"].split()[0], peer


@pytest.mark.parametrize("row", table("sampler"), ids=lambda row: row["sampler"])
def test_samplers_are_as_good_as_measured(row):
    sampler, n_chains = re.fullmatch(r"(\w+), (\d+) chains", row["sampler"]).groups()
    rows = [found for found in markdown(SAMPLERS, "target") if found["chains"] == n_chains]
    rate = {(found["target"], found["library"]): float(found["ESS / s"]) for found in rows}
    for target in ("logistic", "schools", "gaussian"):
        ratio = rate[target, f"zhusuan {sampler}"] / rate[target, "numpyro NUTS"]
        # Both rates are rounded to whole numbers, the least is about 95.
        assert float(row[target]) == pytest.approx(ratio, rel=0.01, abs=0.006), target
