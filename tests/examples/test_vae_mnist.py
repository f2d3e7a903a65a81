"""The main job from the command line, in both styles: what it leaves behind, and how it fails."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "examples" / "variational_autoencoders"
SCRIPT = SCRIPTS / "vae_mnist.py"

# script -> a layer in its checkpoint
LAYERS = {"vae_mnist": "net.generator.fc2_.weight", "vae_functional": "net.0.gen.fc3.weight"}


def run(*arguments, cwd, script=SCRIPT):
    return subprocess.run(
        [sys.executable, str(script), *map(str, arguments)],
        cwd=cwd, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Both scripts in their smoke mode: name -> folder of results, finished process."""
    folder = tmp_path_factory.mktemp("smoke")
    options = ["--smoke", "--batch-size", 48, "--no-cuda", "--result-dir"]
    return {
        name: (folder / name, run(*options, name, cwd=folder, script=SCRIPTS / f"{name}.py"))
        for name in LAYERS
    }


@pytest.fixture(params=LAYERS)
def smoke(request, runs):
    out, done = runs[request.param]
    assert done.returncode == 0, done.stderr
    return request.param, out, done


def test_it_leaves_three_grids_a_curve_figures_and_weights(smoke):
    script, out, _ = smoke
    for name in ("origin", "reconstruction", "sample"):
        with Image.open(out / f"{name}.png") as image:
            pixels = np.asarray(image.convert("L"))
        # 8 by 8 images of 28 by 28 pixels, and not all of one grey.
        assert min(pixels.shape) >= 8 * 28
        assert pixels.std() > 1
    assert sorted(p.name for p in (out / "epochs").iterdir()) == [
        "reconstruction-001.png",
        "sample-001.png",
    ]
    assert (out / "loss.png").stat().st_size > 1000
    figures = json.loads((out / "metrics.json").read_text())
    row = figures["history"][0]
    assert row["epoch"] == 1
    # 544 nats is the loss of untrained weights (784 log 2); 640 images bring it well below 400.
    assert 100 < row["test"] < row["train"] < 544
    assert figures["interrupted"] is False
    with np.load(out / f"{script}.npz") as file:
        assert file[LAYERS[script]].shape == (784, 500)


def test_it_says_what_it_did_and_is_quiet_otherwise(smoke):
    _, _, done = smoke
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("epoch 1/1: train")]
    assert "results are in" in lines[-1]
    # No progress bar, no log lines of Jittor's where there is no terminal.
    assert "\r" not in done.stdout
    assert "[i " not in done.stderr
    assert "it/s" not in done.stderr


def test_both_styles_train_alike(runs):
    one, other = (
        json.loads((out / "metrics.json").read_text())["history"][0] for out, _ in runs.values()
    )
    # The same weights, draws and batches: only the order of additions differs.
    assert one["train"] == pytest.approx(other["train"], abs=0.01)
    assert one["test"] == pytest.approx(other["test"], abs=0.01)


@pytest.mark.parametrize(
    ("arguments", "status", "pieces"),
    [
        (["--cuda"], 1, ["CUDA", "asked for"]),
        (["--data-dir", "nowhere"], 1, ["nowhere"]),
        (["--data-dir", "corrupt"], 1, ["corrupt", "train-images-idx3-ubyte.gz", "MD5"]),
        (["--epochs", "0"], 2, ["--epochs", "positive"]),
        (["--binarize", "maybe"], 2, ["--binarize", "dynamic"]),
        (["--lr", "x"], 2, ["--lr"]),
    ],
)
def test_wrong_use_is_explained_in_one_line(tmp_path, arguments, status, pieces):
    (tmp_path / "corrupt").mkdir()
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (tmp_path / "corrupt" / f"{name}-ubyte.gz").write_bytes(b"\x1f\x8b nothing")
    done = run("--smoke", *arguments, cwd=tmp_path)
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    assert [piece for piece in pieces if piece not in done.stderr] == []


def default_interrupt():
    # A shell starts background jobs with SIGINT ignored, and CI may run this suite as one.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_keeps_what_was_learned(tmp_path):
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), "--epochs", "200", "--no-cuda", "--result-dir", "out"],
        cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=default_interrupt,  # noqa: PLW1509
    )  # fmt: skip
    try:
        origin = tmp_path / "out" / "origin.png"
        deadline = time.monotonic() + 120
        while not origin.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.2)
        time.sleep(3)  # training has begun
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130, errors
    assert "interrupted: keeping what was learned" in output
    assert (tmp_path / "out" / "vae_mnist.npz").exists()
    assert (tmp_path / "out" / "sample.png").exists()
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["interrupted"] is True
