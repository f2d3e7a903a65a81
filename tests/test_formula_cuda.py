"""The kernels' CUDA text compiles; no GPU is needed for that, nvcc is."""

import importlib
import pkgutil
import shutil
import subprocess

import pytest

from zhusuan import distributions
from zhusuan.distributions import gamma
from zhusuan.formula import Formula

pytestmark = pytest.mark.skipif(shutil.which("nvcc") is None, reason="there is no nvcc")


def _program(formula, order):
    """Return the source of one kernel, with what Jittor declares around it."""
    needed = tuple(not constant for constant in formula._constant)
    header, source = formula._source(order, needed)
    n_outputs = sum(needed) if order else 1
    arguments = [f"float* in{i}_p, long in{i}_shape0" for i in range(len(formula.inputs))]
    arguments += [f"float* out{o}_p" for o in range(n_outputs)]
    return (
        f"typedef float out0_type;\n{header}\n"
        f"void run({', '.join(arguments)}, long out0_shape0) {{\n{source}\n}}\n"
    )


def _compile(program, folder):
    (folder / "kernel.cu").write_text(program)
    command = ["nvcc", "-std=c++14", "-c", "kernel.cu", "-o", "kernel.o"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_log_density_and_its_gradient_compile_for_cuda(tmp_path):
    _compile(_program(gamma._log_prob, 1), tmp_path)


FORMULAS = [
    (f"{module.name}.{name}", value)
    for module in pkgutil.iter_modules(distributions.__path__)
    if not module.ispkg
    for name, value in vars(
        importlib.import_module(f"zhusuan.distributions.{module.name}")
    ).items()
    if isinstance(value, Formula)
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "formula"), FORMULAS, ids=[name for name, _ in FORMULAS])
def test_every_formula_compiles_for_cuda(name, formula, tmp_path):
    differentiable = not all(formula._constant)
    _compile(_program(formula, 1 if differentiable else 0), tmp_path)
