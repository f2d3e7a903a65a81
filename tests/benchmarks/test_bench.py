import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(FOLDER))

import bench  # noqa: E402
import bench_report  # noqa: E402
from peers import training  # noqa: E402


def asked(commands, variant="example"):
    done = subprocess.run(
        [sys.executable, "-m", "peers.train_worker", "zhusuan", variant, "1"],
        cwd=FOLDER, input="\n".join(map(json.dumps, commands)), capture_output=True, text=True,
        timeout=300, check=True,
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


TINY = {
    "vae": {"hidden": 500, "latent": 2, "batch": 4, "particles": 1},
    "bnn": {"particles": 3, "batch": 5},
    "hmc": {"chains": 2, "leapfrogs": 2},
}


def test_the_workers_cases_run_in_a_tiny_size():
    commands = []
    for case, sizes in TINY.items():
        commands += [{"prepare": case, "sizes": sizes, "warm_up": 2}, {"steps": 2}]
    versions, *answers = asked(commands)
    assert versions["versions"]["zhusuan"]
    for prepared, timed in zip(answers[::2], answers[1::2]):
        assert prepared.get("seconds", 0) > 0, prepared
        assert timed.get("seconds", 0) > 0, timed
        assert timed["memory"] > 1  # MiB
    # Logits near 0: each of 784 pixels costs log 2 at the start, z next to nothing.
    assert answers[0]["first"] == pytest.approx(543.4, rel=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["iwae", "conv"])
def test_more_cases_run(case):
    sizes = {**training.SIZES[case], "batch": 2}
    _, prepared = asked([{"prepare": case, "sizes": sizes, "warm_up": 2}])
    assert prepared["first"] == pytest.approx(543.4, rel=0.05)


def test_an_error_is_an_answer():
    _, answer = asked([{"prepare": "nothing", "sizes": {}}])
    assert "error" in answer


def test_ratios_are_by_round():
    found = bench.ratios({"zhusuan": [1.0, 2.0, 4.0], "torch": [2.0, 1.0, 2.0], "pyro": []})
    assert found["zhusuan"]["torch"]["median"] == 2.0
    assert set(found["zhusuan"]) == {"torch"}


def figures():
    ms = {"median": 2.0, "q1": 1.0, "q3": 3.0, "min": 1.0, "n": 3}
    column = {"first": 5.0, "last": 4.0, "first_seconds": 1.0, "memory": 100.0, "ms": ms}
    points = [{"size": 1, **ms, "memory": 9.0}, {"size": 4, **ms, "median": 8.0, "memory": 9.0}]
    return {
        "date": "today", "machine": "a machine", "threads": 2, "load before": 0.5, "rounds": 3,
        "minutes": 1.0, "versions": {"zhusuan": "1"}, "notes": ["a\nnote"],
        "cases": {
            "vae": {
                "title": "VAE", "unit": "step", "columns": {"zhusuan": column, "torch": column},
                "ratios": {"zhusuan": {"torch": ms}},
            }
        },
        "growth": {"batch": {"case": "vae", "sizes": (1, 4), "columns": {"zhusuan": points}}},
    }  # fmt: skip


def test_the_report(tmp_path):
    (tmp_path / "results").mkdir()
    text = bench_report.write_report(figures(), tmp_path)
    assert (tmp_path / "RESULTS.md").read_text() == text
    assert json.loads((tmp_path / "results" / "bench.json").read_text())["threads"] == 2
    assert (tmp_path / "results" / "growth.png").stat().st_size > 1000
    assert "| VAE | zhusuan | 2.00 (1.00-3.00) |" in text
    assert "| batch | zhusuan | 1: 2 ms, 9 MiB | 4: 8 ms, 9 MiB | 1.00 |" in text
    assert "- a note" in text


def test_losses_that_differ_are_noted():
    run = bench.Bench(None)
    run._compare("vae", {"zhusuan": {"first": 100.0, "last": 50.0},
                         "torch": {"first": 100.1, "last": 60.0}})  # fmt: skip
    assert run.notes == ["vae: the last loss of zhusuan is 50, of torch 60"]


def test_an_unknown_case_is_named(tmp_path):
    done = subprocess.run(
        [sys.executable, FOLDER / "bench.py", "--cases", "vea", "--out", tmp_path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "no case 'vea'" in done.stderr
