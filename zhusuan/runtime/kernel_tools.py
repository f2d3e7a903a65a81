"""Four measures that make kernels compile five times faster, and one that makes some run faster.

Jittor compiles each new kernel by a g++ run of about 2 seconds, of which 1.5 go into parsing the
same headers again, 0.2 into a Python process that post-processes assembly, and 0.2 into the
linker. The measures:

``wrapper``
    A shell script takes the place of that Python process (``jittor/utils/asm_tuner.py``, which
    turns stores into non-temporal ones in some loops: a hint, never another result) and runs g++
    directly. It carries the other two, so that switching them changes no command line, and no
    kernel that was compiled already is compiled anew.
``header``
    A precompiled header holds what kernels include.
``linker``
    gold, where it is installed, links in a third of the time.

``polling``
    Jittor learns within milliseconds, and not within a second, that a round of kernels is done.

``select``
    g++ 12 does not vectorise a loop that loads a ``bool``, and so compiles ``where(mask, x, y)`` of
    a mask in memory, such as the gradient of ``nn.relu``, to a branch on each number. Where signs
    are random that takes 11 ms for 3 million numbers; 1.3 ms with the same byte loaded as a
    ``uint8``, which the wrapper writes into the text that g++ reads.

Each one is tried out before it is used and left out silently when the trial fails.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from zhusuan.runtime.kernel_polling import build_polling

HEADER = """\
// Precompiled by zhusuan.runtime: what Jittor's kernels include.
#define JIT 1
#define JIT_cpu 1
#include <cmath>
#include <algorithm>
#include <limits>
#include <assert.h>
#include "var.h"
#include "executor.h"
#include "misc/cpu_math.h"
#include "ops/array_op.h"
#include "ops/unary_op.h"
#include "ops/ternary_op.h"
#include "ops/binary_op.h"
#include "ops/reduce_op.h"
#include "ops/broadcast_to_op.h"
#include "ops/op_register.h"
#include "fused_op.h"
"""

WRAPPER = """\
#!/bin/sh
# Written by zhusuan.runtime. Jittor runs: this .../asm_tuner.py --cc_path=COMPILER ARGUMENTS
case "$1" in
*/asm_tuner.py) ;;
*) exec {python} "$@" ;;
esac
compiler=${{2#--cc_path=}}
shift 2
{select}exec "$compiler" {extra} "$@"
"""

# The source itself stays as Jittor wrote it, since Jittor compares it at the next start.
SELECT = """\
for source; do
  case "$source" in
  *.cc) grep -q '_Tc bool$' "$source" && break ;;
  esac
  source=
done
if [ -n "$source" ]; then
  for argument; do
    shift
    if [ "$argument" = "$source" ]; then set -- "$@" -x c++ - -x none
    else set -- "$@" "$argument"; fi
  done
  sed 's/_Tc bool$/_Tc uint8/' "$source" | "$compiler" {extra} "$@"
  exit
fi
"""

PROBE = '#include "fused_op.h"\nextern "C" int zhusuan_probe() { return 42; }\n'
SELECT_PROBE = """\
#include "fused_op.h"
#define op0_Tc bool
using namespace jittor;
extern "C" int zhusuan_probe() { return std::is_same<op0_Tc, uint8>() ? 42 : 0; }
"""

_LINKING = ("-l", "-L", "-Wl,", "-shared")
_TIMEOUT = 300


@dataclass(frozen=True)
class Compiler:
    """How Jittor compiles a kernel.

    :param path: the g++.
    :param flags: its arguments, as a list.
    :param python: the interpreter that Jittor runs its helper scripts with.
    """

    path: str
    flags: tuple[str, ...]
    python: str

    @classmethod
    def of_jittor(cls, path: str, cc_flags: str, python: str) -> Compiler:
        """Read ``jt.flags.cc_flags`` the way ``fix_cl_flags`` in ``jit_compiler.cc`` does."""
        flags: list[str] = []
        for flag in shlex.split(cc_flags):
            if flag.startswith("-l") and ("cpython" in flag or "lib" in flag):
                flags.append(f"-l:{flag[2:]}.so")
            elif flag.startswith("-L"):
                flags += [flag, f"-Wl,-rpath,{flag[2:]}"]
            else:
                flags.append(flag)
        return cls(path, tuple(flags), python)

    @property
    def compiling_flags(self) -> list[str]:
        """The flags without those that only the linker reads."""
        return [flag for flag in self.flags if not flag.startswith(_LINKING)]


def prepare_tools(folder: Path, compiler: Compiler, wanted: Iterable[str]) -> frozenset[str]:
    """Make the tools in ``folder`` and return the names of the measures that work.

    :param folder: an existing folder, to be left alone afterwards.
    :param compiler: how kernels are compiled.
    :param wanted: names of the measures to try.
    """
    works: set[str] = set()
    extra: list[str] = []
    if "header" in wanted and _make_header(folder, compiler):
        works.add("header")
        extra += ["-include", str(folder / "kernel.h")]
    if "linker" in wanted and _links(folder, compiler, ["-fuse-ld=gold"]):
        works.add("linker")
        extra.append("-fuse-ld=gold")
    is_selecting = "select" in wanted
    if is_selecting and _make_wrapper(folder, compiler, extra, SELECT, SELECT_PROBE):
        works |= {"wrapper", "select"}
    elif "wrapper" in wanted and _make_wrapper(folder, compiler, extra):
        works.add("wrapper")
    else:  # which carries the others
        works.clear()
    if "polling" in wanted and build_polling(folder, compiler.path):
        works.add("polling")
    return frozenset(works)


def wrapper_command(wrapper: Path) -> str:
    """Return what ``jt.flags.python_path`` must be for Jittor to call the wrapper.

    :param wrapper: path of the script.
    """
    return f'"{wrapper}"'


def uses_header(folder: Path, compiler: Compiler) -> bool:
    """Tell whether g++ takes the precompiled header for a kernel, and doesn't parse it again.

    :param folder: folder of the tools.
    :param compiler: how kernels are compiled.
    """
    source = _write(folder / "probe.cc", PROBE)
    header = folder / "kernel.h"
    done = _run(
        [compiler.path, "-H", "-include", str(header), str(source), *compiler.compiling_flags]
        + ["-S", "-o", os.devnull]
    )
    # -H marks a precompiled header that was used with "!".
    lines = (done.stdout + done.stderr).splitlines()
    return done.returncode == 0 and f"! {header}.gch" in lines


def _make_header(folder: Path, compiler: Compiler) -> bool:
    header = _write(folder / "kernel.h", HEADER)
    compiled = folder / "kernel.h.gch"
    done = _run(
        [compiler.path, "-x", "c++-header", str(header), *compiler.compiling_flags]
        + ["-o", str(compiled)]
    )
    if done.returncode == 0 and uses_header(folder, compiler):
        return True
    compiled.unlink(missing_ok=True)  # half a header, or 70 MB of no use
    return False


def _links(folder: Path, compiler: Compiler, extra: Sequence[str]) -> bool:
    source = _write(folder / "probe.cc", PROBE)
    library = folder / "probe.so"
    done = _run([compiler.path, str(source), *compiler.flags, *extra, "-o", str(library)])
    return done.returncode == 0 and _loads(compiler, library)


def _make_wrapper(
    folder: Path, compiler: Compiler, extra: Sequence[str], select: str = "", probe: str = PROBE
) -> bool:
    wrapper = folder / "compile.sh"
    quoted = " ".join(shlex.quote(argument) for argument in extra)
    text = WRAPPER.format(
        python=shlex.quote(compiler.python), extra=quoted, select=select.format(extra=quoted)
    )
    _write(wrapper, text)
    wrapper.chmod(0o755)
    source = _write(folder / "probe.cc", probe)
    library = folder / "probe.so"
    library.unlink(missing_ok=True)
    done = _run(
        [str(wrapper), "utils/asm_tuner.py", f"--cc_path={compiler.path}", str(source)]
        + [*compiler.flags, "-o", str(library)]
    )
    return done.returncode == 0 and _loads(compiler, library)


def _loads(compiler: Compiler, library: Path) -> bool:
    """Tell whether the probe can be loaded, in a process of its own.

    In this one it would stay loaded, with whatever start-up code the flags link into it.
    """
    code = "import ctypes, sys; sys.exit(ctypes.CDLL(sys.argv[1]).zhusuan_probe() != 42)"
    # The probe refers to nothing of Jittor's, but is linked to its core, which needs Python.
    done = _run([compiler.python, "-c", code, str(library)])
    return done.returncode == 0


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 127, "", str(error))
