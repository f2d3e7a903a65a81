import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "distributions.py"


def test_runs_without_peers_and_says_how_to_get_them(tmp_path):
    done = subprocess.run(
        [
            sys.executable, SCRIPT, "--smoke", "--only", "Normal,Bernoulli",
            "--peers-python", tmp_path / "none", "--results", tmp_path,
        ],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "torch is left out" in done.stderr
    assert "make bench-distributions" in done.stderr
    figures = json.loads((tmp_path / "distributions.json").read_text())
    measured = {(row["family"], row["operation"]) for row in figures["rows"]}
    assert measured == {
        ("Normal", "sample"), ("Normal", "log_prob + grad"), ("Normal", "rsample + grad"),
        ("Bernoulli", "sample"), ("Bernoulli", "log_prob + grad"),
    }  # fmt: skip
    assert all(row["ms"]["zhusuan"]["median"] > 0 for row in figures["rows"])
    assert figures["notes"] == []
    assert "| Normal " in (tmp_path / "distributions.md").read_text()


def test_an_unknown_family_is_named(tmp_path):
    done = subprocess.run(
        [sys.executable, SCRIPT, "--only", "Nromal", "--results", tmp_path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "no family 'Nromal'" in done.stderr
