"""Result files: valid JSON, whole, and in their folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from common import results as results_module
from common.results import ResultDir, ResultError


def strict(path: Path) -> object:
    def refuse(word):
        raise AssertionError(f"{word} is not JSON")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def test_numpy_values_become_plain(tmp_path):
    results = ResultDir(tmp_path / "a" / "b")
    values = {
        "elbo": np.float32(-97.5),
        "epochs": np.int64(3),
        "done": np.bool_(True),
        "curve": np.array([[1.0, 2.0]]),
        "pair": (np.float64(0.5), None),
        "place": Path("x/y"),
        "Gauß": "Σ",
        "nested": {"n": np.uint8(7)},
    }
    path = results.write_json("metrics.json", values)
    assert path == tmp_path / "a" / "b" / "metrics.json"
    assert strict(path) == {
        "elbo": -97.5,
        "epochs": 3,
        "done": True,
        "curve": [[1.0, 2.0]],
        "pair": [0.5, None],
        "place": str(Path("x/y")),
        "Gauß": "Σ",
        "nested": {"n": 7},
    }
    assert list(strict(path)) == list(values)  # the order is kept
    assert [p.name for p in results.path.iterdir()] == ["metrics.json"]


def test_what_is_not_finite_becomes_null(tmp_path):
    values = {"a": float("nan"), "b": [np.float32(np.inf)], "c": np.array([1.0, -np.inf])}
    path = ResultDir(tmp_path).write_json("m.json", values)
    assert strict(path) == {"a": None, "b": [None], "c": [1.0, None]}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"a": {"b": [1, object()]}}, r"m.json\['a'\]\['b'\]\[1\]: .*object"),
        ({"a": {1, 2}}, r"m.json\['a'\]: .*set"),
        ({"a": 1j}, "complex"),
        ({"a": {1: 2}}, r"m.json\['a'\]: keys must be strings: 1"),
    ],
)
def test_what_has_no_place_in_json(tmp_path, values, message):
    results = ResultDir(tmp_path)
    path = results.write_json("m.json", {"old": 1})
    with pytest.raises(TypeError, match=message):
        results.write_json("m.json", values)
    assert strict(path) == {"old": 1}


@pytest.mark.parametrize("name", ["", ".", "..", "../a.json", "a/b.json", "/a.json"])
def test_names_stay_in_the_folder(tmp_path, name):
    with pytest.raises(ValueError, match="plain file name"):
        ResultDir(tmp_path).file(name)


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ResultError, match="cannot write results to") as caught:
            ResultDir(path)
        assert str(path) in str(caught.value)


def test_folder_that_cannot_be_written(tmp_path, monkeypatch):
    # Simulated: tests may run as root, whom permission bits do not stop.
    results = ResultDir(tmp_path)

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(results_module, "atomic_file", refuse)
    with pytest.raises(ResultError, match="m.json: Permission denied"):
        results.write_json("m.json", {})
    with pytest.raises(ResultError, match="Permission denied"):
        ResultDir(tmp_path)
