"""The notebooks run from top to bottom, and are committed with the outputs of a full run."""

import base64
import json
import os
import re
import signal
import threading
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PICTURES = ROOT / "docs" / "_static" / "images" / "notebooks"

notebooks = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def kinds(cell):
    """What a cell puts out: the kinds of data, and the names of streams other than stderr."""
    found = []
    for output in cell.outputs:
        if output.output_type == "stream":
            found += [output.name] if output.name != "stderr" else []
        else:
            found.append(sorted(set(output.data) - {"image/svg+xml"}))
    return found


def pictures(notebook):
    return [o.data["image/png"] for cell in code(notebook) for o in cell.outputs
            if "image/png" in o.get("data", {})]  # fmt: skip


@notebooks
def test_a_notebook_runs_in_its_smoke_mode(path, monkeypatch):
    monkeypatch.setenv("ZHUSUAN_SMOKE", "1")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    committed = nbformat.read(path, 4)
    before = {p: p.stat().st_mtime for p in path.parent.iterdir()}
    notebook = nbformat.read(path, 4)
    for cell in code(notebook):
        cell.outputs = []
    NotebookClient(
        notebook, timeout=900, kernel_name="python3", coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()  # fmt: skip
    # The same cells as in the full run show the same kinds of things.
    for ran, was in zip(code(notebook), code(committed)):
        assert kinds(ran) == kinds(was), ran.source
    after = {p: p.stat().st_mtime for p in path.parent.iterdir() if p.name != "__pycache__"}
    assert after == before, "a notebook writes no files"


@notebooks
def test_a_notebook_is_committed_as_it_ran_in_full(path):
    text = path.read_text(encoding="utf-8")
    assert len(text) < 700_000
    notebook = nbformat.read(path, 4)
    nbformat.validate(notebook)
    assert set(notebook.metadata) <= {"kernelspec", "language_info"}
    cells = code(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not any(cell.metadata for cell in cells)
    for output in (output for cell in cells for output in cell.outputs):
        assert output.output_type != "error"
        assert output.get("name") != "stderr", output.text
    assert len(pictures(notebook)) >= 3
    # What a machine is called has no place in it.
    shown = json.dumps([cell.outputs for cell in cells])
    assert not re.search(r'[ "(](/home|/root|/tmp|/work|/usr)/', shown)


def test_the_pictures_on_the_page_are_those_of_the_notebooks():
    page = (ROOT / "docs" / "notebooks.rst").read_text(encoding="utf-8")
    named = re.findall(r"images/notebooks/(\S+\.png)", page)
    assert sorted(named) == sorted(p.name for p in PICTURES.glob("*.png"))
    for path in NOTEBOOKS:
        assert f"notebooks/{path.name}" in page
    shown = {
        base64.b64decode(data) for path in NOTEBOOKS for data in pictures(nbformat.read(path, 4))
    }
    for name in named:
        fresh = (PICTURES / name).read_bytes() in shown
        assert fresh, f"{name} is of an older run: python docs/pictures/notebooks.py"


RUN = """
def log_density(values):
    return -0.5 * (values["x"] ** 2).sum(-1)

def run(n_draws):
    start = {"x": np.zeros((2, 3), np.float32)}
    options = {"n_chains": 2, "n_warmup": 20, "n_draws": n_draws, "seed": 1}
    return zs.mcmc.run(zs.mcmc.NUTS(), log_density, init=start, **options)

run(10)
"""
FAILS = """
def fails():
    root = jt.linalg.cholesky(-jt.init.eye(2))
    return root.numpy()

kept = 7
fails()  # the traceback holds a Var that can't be computed
"""
SIX = "float((jt.ones([3]) * 2).sum().item())"

# Pairs of code and of what it puts out last: the name of an error, or plain text; or nothing.
KERNEL = [
    ("import zhusuan as zs\nimport jittor as jt\nimport numpy as np", None),
    ("1 / 0", "ZeroDivisionError"),
    ("jt.ones([3]).reshape([2])", "RuntimeError"),
    ("zs.distributions.Normal(0.0, -1.0)", "ValueError"),
    (FAILS, "LinAlgError"),
    (SIX, "6.0"),
    (RUN, "<Trace of x [3]: 2 chains of 10 draws"),
    ("kept", "7"),
]
# The same for cells that go on until they are interrupted.
ENDLESS = [
    ("while True: (jt.ones([3]) * 2).sync()", "KeyboardInterrupt"),
    ("!sleep 3600", "^C"),
    ("trace = run(10**7)\ntrace.interrupted, trace.n_draws < 10**7", "(True, True)"),
]


def last(cell):
    if not cell.outputs:
        return None
    output = cell.outputs[-1]
    return output.get("ename") or output.get("text") or output.data["text/plain"]


def test_a_kernel_outlives_errors_and_interrupts(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    plan = [*KERNEL, *ENDLESS, (SIX, "6.0")]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c, _ in plan])
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", allow_errors=True)

    def interrupt():
        os.kill(client.km.provisioner.process.pid, signal.SIGINT)

    def started(cell, cell_index):
        if cell.source in [source for source, _ in ENDLESS]:
            threading.Timer(3.0, interrupt).start()

    client.on_cell_execute = started
    client.execute()
    for cell, (source, expected) in zip(notebook.cells, plan):
        found = last(cell)
        assert found == expected or found.strip().startswith(expected), source
    assert "text/html" in notebook.cells[6].outputs[-1].data
