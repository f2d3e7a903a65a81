"""Kernels: strict numerics, each way to compile faster, and each way out when it fails."""

import json
import os
import shutil
import subprocess
import sys
import types
from pathlib import Path

import jittor as jt
import numpy as np
import pytest

import zhusuan as zs
from zhusuan.runtime import kernel_polling, kernel_tools, kernels
from zhusuan.runtime.kernel_flags import FAST_MATH, STRICT_MATH, strict_flags
from zhusuan.runtime.kernel_tools import Compiler, prepare_tools, uses_header
from zhusuan.runtime.warm import find_examples, warm

linux = pytest.mark.skipif(sys.platform != "linux", reason="g++ on Linux only")
pytestmark = linux
REPORT = zs.runtime.start().kernels


def compiler(extra=()):
    """The compiler of this process, as Jittor calls it."""
    found = Compiler.of_jittor(jt.flags.cc_path, jt.flags.cc_flags, sys.executable)
    return Compiler(found.path, (*found.flags, *extra), found.python)


def fake_jittor(tmp_path, **flags):
    """Stands for the module: whatever is set on its flags changes nothing outside the test."""
    (tmp_path / "cache" / "gen").mkdir(parents=True, exist_ok=True)
    values = {name: getattr(jt.flags, name) for name in ("cc_path", "cc_type", "jittor_path")}
    values["cc_flags"] = jt.flags.cc_flags.replace(STRICT_MATH, FAST_MATH)
    values |= {"python_path": "python", "use_parallel_op_compiler": 16}
    values |= {"cache_path": str(tmp_path / "cache"), **flags}
    return types.SimpleNamespace(flags=types.SimpleNamespace(**values))


def program(code, tmp_path=None, **environment):
    """Run a program of its own and return what it printed last, as JSON."""
    if tmp_path is not None:
        environment["ZHUSUAN_KERNEL_CACHE"] = str(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, cwd=Path.cwd(),
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


# -- numerics


def test_nan_and_infinity_are_respected_in_kernels():
    x = jt.array([np.nan, 1.0, np.inf])
    assert (x != x).numpy().tolist() == [True, False, False]
    assert (x == x).numpy().tolist() == [False, True, True]
    assert np.isnan((x - x).numpy()).tolist() == [True, False, True]


def test_subnormal_numbers_survive_a_training_step_in_numpy_and_jittor():
    w = jt.array([1.0])
    jt.optim.SGD([w], 0.1).step((w * w).sum())
    w.sync()
    assert np.float64(1e-310) * 0.5 == 5e-311
    assert (jt.array([1e-39]) * 0.5).item() > 0


def test_flags_are_only_changed_where_fast_math_is():
    assert strict_flags(" -g -Ofast -fPIC ") == f" -g{STRICT_MATH}-fPIC "
    assert strict_flags(" -O2 ") == " -O2 "


def test_fast_math_can_be_kept(tmp_path):
    code = "import zhusuan, jittor as jt, json; x = jt.array([float('nan')])\n"
    code += "print(json.dumps((x != x).numpy().tolist()))"
    assert program(code, tmp_path, ZHUSUAN_FAST_MATH="1") == [False]


# -- the measures, and that they are really in use


def test_all_measures_are_in_use_here():
    if os.environ.get("ZHUSUAN_FAST_COMPILE", "1") != "1":
        pytest.skip("switched off in this environment")
    expected = {"wrapper", "header", "polling", "select"}
    if shutil.which("ld.gold"):
        expected.add("linker")
    assert set(REPORT.measures) == expected
    assert REPORT.strict_math


def test_the_precompiled_header_is_really_used_for_a_kernel_of_jittors():
    (jt.array([1.0, 2.0]) * 3).sync()
    source = next(Path(jt.flags.cache_path, "jit").glob("*opkey*.cc"))
    wrapper = jt.flags.python_path.strip('"')
    c = compiler()
    command = [wrapper, "utils/asm_tuner.py", f"--cc_path={c.path}", str(source), *c.flags]
    done = subprocess.run(
        [*command, "-H", "-o", os.devnull], capture_output=True, text=True, check=True
    )
    used = [line for line in done.stderr.splitlines() if line.startswith("! ")]
    assert len(used) == 1
    assert used[0].endswith("kernel.h.gch")
    # Without it, hundreds of headers are parsed; "." marks each of them. A few are left, such as
    # those of one operator only.
    assert sum(line.startswith(".") for line in done.stderr.splitlines()) < 50


def test_a_header_for_other_flags_is_noticed(tmp_path):
    works = prepare_tools(tmp_path, compiler(), {"wrapper", "header"})
    assert works == {"wrapper", "header"}
    assert uses_header(tmp_path, compiler())
    assert not uses_header(tmp_path, compiler(["-O0"]))


def test_the_wrapper_passes_other_programs_on_to_python():
    wrapper = jt.flags.python_path.strip('"')
    done = subprocess.run([wrapper, "-c", "print(6 * 7)"], capture_output=True, text=True)
    assert done.stdout == "42\n"


def test_losses_are_bitwise_equal_with_and_without_the_measures():
    """100 steps of the small model of these tests; the same numeric flags."""
    code = """
import json, jittor, sys
sys.path.insert(0, ".")
import zhusuan as zs, jittor as jt, numpy as np
from tests.framework.models import Generator, Variational
zs.set_seed(1)
model = zs.variational.ELBO(Generator(), Variational())
optimizer = jt.optim.Adam(model.parameters(), 1e-2)
losses = []
for _ in range(100):
    loss = model({"x": np.eye(4, 3)})
    optimizer.step(loss)
    losses.append(loss.item())
kernels = zs.runtime.start().kernels
print(json.dumps([[x.hex() for x in losses], sorted(kernels.measures)]))
""".replace("import json, jittor, sys", "import json, sys")
    with_measures, used = program(code)
    without, none = program(code, ZHUSUAN_FAST_COMPILE="0")
    assert used
    assert none == []
    assert with_measures == without


def test_custom_code_ops_work_under_the_new_flags():
    x = jt.array([1.0, 2.0, 3.0])
    loop = "for (int i = 0; i < in0->num; i++) "
    forward = loop + "@out(i) = std::sqrt(@in0(i)) * 2;"
    backward = loop + "@out(i) = @dout(i) / std::sqrt(@in0(i));"
    y = jt.code(x.shape, x.dtype, [x], cpu_src=forward, cpu_grad_src=[backward])
    np.testing.assert_allclose(y.numpy(), 2 * np.sqrt([1, 2, 3]), rtol=1e-6)
    np.testing.assert_allclose(jt.grad(y.sum(), x).numpy(), 1 / np.sqrt([1, 2, 3]), rtol=1e-6)


def test_kernels_of_plain_jittor_are_in_another_folder(tmp_path):
    folders = {
        kernels.set_up_kernels(fake_jittor(tmp_path), env).folder
        for env in (
            {},
            {"ZHUSUAN_FAST_COMPILE": "0"},
            {"ZHUSUAN_FAST_MATH": "1"},
            {"ZHUSUAN_FAST_COMPILE": "0", "ZHUSUAN_FAST_MATH": "1"},
        )
    }
    assert len(folders) == 4
    assert str(tmp_path / "cache") in folders


# -- the ways out


@pytest.mark.parametrize("value", ["0", ""])
def test_it_can_be_switched_off(tmp_path, value):
    fake = fake_jittor(tmp_path)
    report = kernels.set_up_kernels(fake, {"ZHUSUAN_FAST_COMPILE": value})
    assert report.measures == frozenset()
    assert report.strict_math
    assert fake.flags.python_path == "python"
    assert fake.flags.use_parallel_op_compiler == 16


def test_with_everything_off_jittor_is_as_it_was(tmp_path):
    fake = fake_jittor(tmp_path)
    before = vars(fake.flags).copy()
    env = {"ZHUSUAN_FAST_COMPILE": "0", "ZHUSUAN_FAST_MATH": "1"}
    kernels.set_up_kernels(fake, env)
    assert vars(fake.flags) == before


def test_single_measures_can_be_chosen():
    wanted = kernels.wanted_measures
    assert wanted({}) == kernels.MEASURES
    assert wanted({"ZHUSUAN_FAST_COMPILE": "header,wrapper"}) == ("wrapper", "header")


@pytest.mark.parametrize("kind", ["clang", "icc", "cl"])
def test_another_compiler_is_left_alone(tmp_path, kind):
    fake = fake_jittor(tmp_path, cc_type=kind)
    before = vars(fake.flags).copy()
    report = kernels.set_up_kernels(fake, {})
    assert kind in report.reason
    assert vars(fake.flags) == before


def test_a_cache_that_cannot_be_written_is_left_alone(tmp_path):
    (tmp_path / "file").write_text("")
    fake = fake_jittor(tmp_path, cache_path=str(tmp_path / "file" / "cache"))
    before = vars(fake.flags).copy()
    report = kernels.set_up_kernels(fake, {})
    assert "NotADirectoryError" in report.reason
    assert vars(fake.flags) == before


def test_a_full_disk_is_left_alone(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=10)
    monkeypatch.setattr(kernels.shutil, "disk_usage", lambda _: usage)
    fake = fake_jittor(tmp_path)
    report = kernels.set_up_kernels(fake, {})
    assert "MiB are free" in report.reason
    assert fake.flags.python_path == "python"


def gxx_that_fails_on(tmp_path, word):
    """Make a g++ that refuses one argument."""
    script = tmp_path / "g++"
    script.write_text(f'#!/bin/sh\ncase "$*" in *{word}*) exit 1;; esac\nexec g++ "$@"\n')
    script.chmod(0o755)
    return Compiler(str(script), compiler().flags, sys.executable)


@pytest.mark.parametrize(
    ("word", "left"),
    [
        ("-fuse-ld=gold", {"wrapper", "header", "polling", "select"}),
        ("c++-header", {"wrapper", "linker", "polling", "select"}),
        ("-Winvalid", {"wrapper", "header", "linker", "polling", "select"}),
        ("polling", {"wrapper", "header", "linker", "select"}),
        ('"-x c++ -"', {"wrapper", "header", "linker", "polling"}),
    ],
    ids=["no gold", "no precompiled headers", "nothing fails", "no polling", "no select"],
)
def test_each_measure_is_left_out_when_its_trial_fails(tmp_path, word, left):
    if not shutil.which("ld.gold"):
        left = left - {"linker"}
    assert prepare_tools(tmp_path, gxx_that_fails_on(tmp_path, word), kernels.MEASURES) == left


# As Jittor writes the gradient of nn.relu.
SELECTING = """\
#include "fused_op.h"
#define op2_Tc bool
using namespace jittor;
void select(Var* cond, Var* x, Var* z, float zero, int n) {
    auto* __restrict__ condp = cond->ptr<op2_Tc>();
    auto* __restrict__ xp = x->ptr<float32>();
    auto* __restrict__ zp = z->ptr<float32>();
    for (int i = 0; i < n; i++) {
        float32 xd = xp[i];
        zp[i] = condp[i] ? xd : zero;
    }
}
"""


def test_a_choice_by_a_loaded_bool_is_compiled_without_branches(tmp_path):
    """As it is by Jittor's own command, the wrapper without this measure."""
    source = tmp_path / "kernel.cc"
    source.write_text(SELECTING)
    vectorised = {}
    for measures in (("wrapper",), ("wrapper", "select")):
        assert prepare_tools(tmp_path, compiler(), measures) == set(measures)
        command = [str(tmp_path / "compile.sh"), "utils/asm_tuner.py"]
        command += [f"--cc_path={compiler().path}", str(source), *compiler().flags]
        done = subprocess.run(
            [*command, "-fopt-info-vec-optimized", "-o", os.devnull],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        vectorised[measures] = "loop vectorized" in done.stderr
        assert source.read_text() == SELECTING  # Jittor compares it at the next start
    assert list(vectorised.values()) == [False, True]


def test_without_a_working_wrapper_nothing_that_it_carries_is_used(tmp_path, monkeypatch):
    monkeypatch.setattr(kernel_tools, "WRAPPER", "#!/bin/sh\nexit 1\n# {python} {extra}\n")
    assert prepare_tools(tmp_path, compiler(), ("wrapper", "header")) == frozenset()


def test_naps_are_left_long_where_the_library_is_missing(tmp_path):
    assert not kernel_polling.shorten_naps(tmp_path, "libc.so.6")
    assert not kernel_polling.build_polling(tmp_path, str(tmp_path / "no-compiler"))


# -- several processes, and tools that change

ONE_KERNEL = """
import json, zhusuan as zs, jittor as jt
y = (jt.array([1.0, 2.0]) * 3 + 1).numpy().tolist()
print(json.dumps([y, sorted(zs.runtime.start().kernels.measures)]))
"""


def test_two_processes_at_once_on_an_empty_cache(tmp_path):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", ONE_KERNEL],
            env={**os.environ, "ZHUSUAN_KERNEL_CACHE": str(tmp_path)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    results = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], results
    for output, _ in results:
        values, measures = json.loads(output.splitlines()[-1])
        assert values == [4.0, 7.0]
        assert "header" in measures
    # One set of tools was made, not two.
    tools = [path for path in tmp_path.glob("*/tools/*") if path.is_dir()]
    assert len(tools) == 1


def test_interrupted_tools_are_made_anew_and_kernels_are_kept(tmp_path):
    program(ONE_KERNEL, tmp_path)
    (folder,) = tmp_path.iterdir()
    (tools,) = [path for path in (folder / "tools").iterdir() if path.is_dir()]
    kernel = next((folder / "jit").glob("*.so"))
    compiled = kernel.stat().st_mtime_ns
    (tools / "measures.json").unlink()  # as if the process had died before the end
    (tools / "kernel.h.gch").write_bytes(b"half a header")
    values, measures = program(ONE_KERNEL, tmp_path)
    assert values == [4.0, 7.0]
    assert "header" in measures
    assert kernel.stat().st_mtime_ns == compiled


# -- compiling ahead


def test_the_examples_are_found_and_warming_reports_failures(tmp_path, capsys):
    assert "vae_mnist.py" in [path.name for path in find_examples()]
    good, bad = tmp_path / "good.py", tmp_path / "bad.py"
    good.write_text("import sys; assert sys.argv[1:3] == ['--smoke', '--result-dir']")
    bad.write_text("raise SystemExit('out of order')")
    assert warm([good, bad]) == [bad]
    captured = capsys.readouterr()
    assert "good.py: kernels are ready" in captured.out
    assert "out of order" in captured.err
