"""Every example runs in its smoke mode, from anywhere, and leaves figures and a picture."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SCRIPTS = sorted(
    path for path in EXAMPLES.glob("*/*.py") if '"--smoke"' in path.read_text(encoding="utf-8")
)
# Those have tests of their own.
ELSEWHERE = {"vae_mnist.py", "vae_functional.py"}


def numbers(value, where="metrics"):
    """Yield each figure of a JSON value with its place; a null was NaN or infinite, or is none."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key != "arguments":
                yield from numbers(item, f"{where}.{key}")
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from numbers(item, f"{where}[{i}]")
    elif not isinstance(value, (str, bool)):
        yield where, value


@pytest.mark.parametrize(
    "script", [s for s in SCRIPTS if s.name not in ELSEWHERE], ids=lambda path: path.stem
)
def test_an_example_runs_in_its_smoke_mode(script, tmp_path):
    done = subprocess.run(
        [sys.executable, str(script), "--smoke", "--result-dir", "out"],
        cwd=tmp_path, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["out"], "it writes nowhere else"
    figures = json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))
    found = dict(numbers(figures))
    assert found, "metrics.json has no figure"
    wrong = {place: value for place, value in found.items() if value is None}
    assert not wrong, "these are not finite"
    assert all(math.isfinite(value) for value in found.values())
    pictures = list((tmp_path / "out").glob("*.png"))
    assert pictures
    for path in pictures:
        with Image.open(path) as picture:
            picture.verify()
    # Bars are for terminals. (Jittor reports on kernels that it compiles as it likes.)
    assert "it/s" not in done.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_an_example_says_what_to_expect(script):
    """Each docstring has a figure that was measured, and how to run the script."""
    text = script.read_text(encoding="utf-8")
    docstring = text.split('"""')[1]
    assert "Expected" in docstring
    assert f"{script.parent.name}/{script.name}" in docstring
