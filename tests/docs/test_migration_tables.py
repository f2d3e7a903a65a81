"""The tables of the pages on migration: every name in them exists, on both sides."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jittor as jt
import jittor.distributions as jd
import pytest
from jittor import nn

import zhusuan as zs
from tests.docs.test_code_blocks import DOCS, ROOT, blocks

PAGES = sorted((DOCS / "howto").glob("from_*.rst"))
PEERS = ROOT / ".venv-peers" / "bin" / "python"

# What the names at the beginning of an expression stand for; further names are placeholders.
ROOTS = {
    "zs": zs,
    "zd": zs.distributions,
    "jt": jt,
    "jd": jd,
    "nn": nn,
    "bn": zs.BayesianNet,
    "net": zs.BayesianNet,
    "model": zs.MetaBayesianNet,
    "trace": zs.mcmc.Trace,
    "hmc": zs.HMC,
    "sgmcmc": zs.mcmc.SGLD,
    "ais": zs.AIS,
    "objective": zs.variational.ELBO,
    "optimizer": jt.optim.Adam,
}
# ``d`` is a distribution; these are attributes of one by its family, not of the base class.
OF_SOME_FAMILIES = {"std", "probs", "logits"}


class Row(NamedTuple):
    """One row of a table: its page, its first line, and the texts of its cells."""

    page: str
    line: int
    cells: tuple[str, ...]


def rows(path: Path) -> Iterator[Row]:
    """Find the rows of the list-tables of a page, headers left out."""
    line_of_row, cells, is_header = 0, [], True
    for number, line in enumerate([*path.read_text("utf-8").splitlines(), "end"], start=1):
        begins = re.match(r"   \* - (.*)", line)
        cell = re.match(r"     - (.*)", line)
        if begins or (line and not line.startswith("   ")):
            if cells and not is_header:
                yield Row(path.name, line_of_row, tuple(cells))
            is_header = not cells if begins else True
            line_of_row, cells = number, [begins[1]] if begins else []
        elif cells and cell:
            cells.append(cell[1])
        elif cells and line.startswith("       "):
            cells[-1] += " " + line.strip()


def expressions(cell: str) -> Iterator[ast.expr]:
    """Find what can be parsed among the literals of a cell."""
    for literal in re.findall(r"``(.+?)``", cell):
        text = re.sub(r"\s+", " ", literal)
        try:
            yield ast.parse(text, mode="eval").body
        except SyntaxError:
            continue


def attributes(expression: ast.expr) -> Iterator[tuple[str, ast.Call | None]]:
    """Find the dotted names in an expression, with the call of each that is called."""
    calls = {id(node.func): node for node in ast.walk(expression) if isinstance(node, ast.Call)}
    inner = {id(n.value) for n in ast.walk(expression) if isinstance(n, ast.Attribute)}
    for node in ast.walk(expression):
        if isinstance(node, (ast.Attribute, ast.Name)) and id(node) not in inner:
            name = ast.unparse(node)
            if re.fullmatch(r"[\w.]+", name):
                yield name, calls.get(id(node))


def resolve(name: str) -> Any:
    """Return what a dotted name stands for; AttributeError if there is no such thing."""
    root, *rest = name.split(".")
    thing = ROOTS[root]
    for part in rest:
        annotations = getattr(thing, "__annotations__", {})
        thing = None if part in annotations else getattr(thing, part)
    return thing


def problem(name: str, call: ast.Call | None) -> str | None:
    """Say what is wrong with a name on our side, or None."""
    root, *rest = name.split(".")
    if root not in ROOTS or not rest:
        return None
    try:
        thing = resolve(name)
    except AttributeError as error:
        return f"{name}: {error}"
    if call is None or not call.keywords or not callable(thing):
        return None
    known = inspect.signature(thing).parameters
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in known.values()):
        return None
    unknown = [keyword.arg for keyword in call.keywords if keyword.arg not in known]
    return f"{name} has no parameter {unknown}" if unknown else None


def ours(path: Path) -> Iterator[tuple[int, str, ast.Call | None]]:
    """Find the names in the last column of a page's tables."""
    for row in rows(path):
        for expression in expressions(row.cells[-1]):
            for name, call in attributes(expression):
                yield row.line, name, call


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_our_names_exist(path):
    found = list(ours(path))
    wrong = [
        f"{path.name}:{line}: {what}" for line, name, call in found if (what := problem(name, call))
    ]
    assert not wrong, "\n".join(wrong)
    assert sum(name.startswith(("zs.", "zd.")) for _, name, _ in found) >= 5


def test_names_in_the_tables_of_other_howtos_exist():
    wrong = []
    for path in sorted(set((DOCS / "howto").glob("*.rst")) - set(PAGES)):
        for row in rows(path):
            for expression in (e for cell in row.cells for e in expressions(cell)):
                for name, call in attributes(expression):
                    if name.startswith(("zs.", "zd.", "jt.")) and (what := problem(name, call)):
                        wrong.append(f"{path.name}:{row.line}: {what}")
    assert not wrong, "\n".join(wrong)


def test_wrong_names_are_found():
    def of(text):
        return [problem(*found) for found in attributes(ast.parse(text, mode="eval").body)]

    assert of("zs.variational.ELBO(model, guide, analytic_kl=True)") == [None, None, None]
    assert "Bogus" in of("zs.mcmc.Bogus()")[0]
    assert "n_draw" in of("zs.mcmc.run(kernel, model, n_draw=5)")[0]
    assert of("trace.stacked()") == [None]
    assert of("trace.bogus") != [None]


def test_the_tables_are_read_as_they_look():
    page = DOCS / "howto" / "from_pyro.rst"
    first = next(row for row in rows(page))
    assert first.cells[0] == "``sample(name, d)``"
    assert first.cells[2].endswith("``bn.normal(name, m, s)``")
    assert {len(row.cells) for row in rows(page)} == {2, 3}
    text = page.read_text("utf-8")
    assert len(list(rows(page))) == text.count("\n   * - ") - text.count(".. list-table::")


# -- the other side

METHODS = {"svi": "SVI", "mcmc": "MCMC"}
MODULES = {
    "pyro": ["pyro", "pyro.infer", "pyro.infer.autoguide", "pyro.poutine", "pyro.nn",
             "pyro.ops.stats", "pyro.infer.reparam", "pyro.distributions.transforms",
             "pyro.distributions", "torch.distributions"],
    "numpyro": ["numpyro", "numpyro.infer", "numpyro.infer.autoguide", "numpyro.handlers",
                "numpyro.contrib.module", "numpyro.diagnostics", "numpyro.infer.util",
                "numpyro.util", "numpyro.infer.reparam", "numpyro.distributions",
                "numpyro.distributions.transforms", "jax.random"],
}  # fmt: skip
# Attributes of what is no module: of a trace, of a distribution.
PLACEHOLDERS = {"d", "tr", "model", "kernel", "x", "t", "s", "trace.format_shapes"}

LOOK_UP = """
import importlib, json, sys
for library, names in json.load(sys.stdin).items():
    for name, modules in names.items():
        found = False
        for module in modules:
            thing = importlib.import_module(module)
            try:
                for part in name.split("."):
                    if part != library:
                        thing = getattr(thing, part)
            except AttributeError:
                continue
            found = True
            break
        if not found:
            print(library, name)
"""


def theirs() -> dict[str, dict[str, list[str]]]:
    """Return library -> name -> modules to look in, for the tables of the page on Pyro."""
    found: dict[str, dict[str, list[str]]] = {"pyro": {}, "numpyro": {}}
    for row in rows(DOCS / "howto" / "from_pyro.rst"):
        sides = ["pyro", "numpyro"] if len(row.cells) == 3 else ["both"]
        for library, cell in zip(sides, row.cells):
            for expression in expressions(re.sub(r"\(\.\.\., ", "(", cell)):
                called = expression.func if isinstance(expression, ast.Call) else expression
                name = ast.unparse(called)
                root = name.split(".")[0]
                if {name, root} & PLACEHOLDERS or not re.fullmatch(r"[\w.]+", name):
                    continue
                name = re.sub(r"^poutine\.", "", name)
                if root in METHODS:
                    name = METHODS[root] + name[len(root) :]
                if library == "both":
                    found["pyro"][name] = MODULES["pyro"] + MODULES["numpyro"]
                else:
                    found[library][name] = MODULES[library]
    return found


@pytest.mark.skipif(not PEERS.exists(), reason="needs .venv-peers, which make bench makes")
def test_names_of_pyro_and_numpyro_exist():
    names = theirs()
    assert all(len(of_library) > 40 for of_library in names.values())
    run = subprocess.run(
        [str(PEERS), "-W", "ignore", "-c", LOOK_UP],
        input=json.dumps(names), capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-2000:]
    assert run.stdout == ""


@pytest.mark.slow
@pytest.mark.skipif(not PEERS.exists(), reason="needs .venv-peers, which make bench makes")
def test_the_programs_for_pyro_and_numpyro_run(tmp_path):
    page = DOCS / "howto" / "from_pyro.rst"
    for block in blocks(page.read_text("utf-8"), peers=True):
        script = tmp_path / "peer.py"
        script.write_text(block.source)
        run = subprocess.run([str(PEERS), str(script)], capture_output=True, text=True, timeout=600)
        assert run.returncode == 0, f"{page.name}:{block.line}\n{run.stderr[-2000:]}"


def test_names_of_jittor_exist():
    missing = []
    for row in rows(DOCS / "howto" / "from_jittor_distributions.rst"):
        for expression in expressions(row.cells[0]):
            for name, _ in attributes(expression):
                if name.startswith("jd."):
                    try:
                        resolve(name)
                    except AttributeError:
                        missing.append(name)
    assert not missing


def test_methods_of_distributions_exist():
    d = importlib.import_module("zhusuan.distributions").Normal(0.0, std=1.0)
    for row in rows(DOCS / "howto" / "from_jittor_distributions.rst"):
        for expression in expressions(row.cells[1]):
            for name, _ in attributes(expression):
                if name.startswith("d.") and name[2:] not in OF_SOME_FAMILIES - {"std"}:
                    assert hasattr(d, name[2:]), name
