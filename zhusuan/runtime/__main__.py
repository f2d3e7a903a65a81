"""``python -m zhusuan.runtime``: what Jittor runs on here, and what zhusuan changed for it."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from zhusuan.runtime.cache import jittor_folder
from zhusuan.runtime.kernels import KernelReport
from zhusuan.runtime.report import Report
from zhusuan.runtime.startup import start
from zhusuan.runtime.warm import EXAMPLES, find_examples, warm


def describe(report: Report) -> Iterator[str]:
    """Yield the lines of a report for people.

    :param report: what :func:`zhusuan.runtime.start` returned.
    """
    jittor = importlib.import_module("jittor")
    utils = importlib.import_module("jittor_utils")
    compiler = jittor.flags.cc_path
    yield f"Jittor    {jittor.__version__}, {jittor.flags.jittor_path}"
    yield f"Compiler  {compiler} {utils.get_version(compiler)}"
    yield f"oneDNN    {_describe_onednn(jittor)}"
    yield f"CUDA      {'yes' if report.cuda else 'no'}: {report.cuda_reason}"
    yield f"Cache     {jittor.flags.cache_path}"
    yield f"Kernels   {_describe_kernels(report.kernels)}"
    for change in report.changes:
        yield f"Set       {change.variable}={change.value!r}: {change.reason}"
    for note in report.notes:
        yield f"Note      {note}"
    if report.build_seconds is not None:
        yield f"Note      Jittor's core was built in {report.build_seconds:.0f} s"


def _describe_kernels(kernels: KernelReport) -> str:
    """Say how kernels are compiled."""
    if kernels.folder is None:
        return f"as Jittor compiles them: {kernels.reason}"
    speed = ", ".join(sorted(kernels.measures)) or "no measure"
    rules = "NaN and subnormal numbers respected" if kernels.strict_math else "fast-math"
    return f"{rules}; compiled faster by: {speed}"


def _describe_onednn(jittor: object) -> str:
    """Say whether Jittor loaded oneDNN, and from where."""
    if getattr(jittor, "mkl_ops", None) is None:
        return f"not in use (use_mkl={os.environ.get('use_mkl', '1')}): matrix products are slow"
    mkl = jittor_folder(os.environ, Path.home()) / "mkl"
    return "in use, " + ", ".join(str(path) for path in mkl.glob("dnnl*") if path.is_dir())


def main(argv: Sequence[str] | None = None) -> int:
    """Print the report, and with ``--warm`` compile the examples' kernels.

    :param argv: the arguments, by default those of the command line.
    :return: the exit status.
    """
    parser = argparse.ArgumentParser(prog="python -m zhusuan.runtime", description=__doc__)
    parser.add_argument(
        "--warm",
        nargs="*",
        type=Path,
        metavar="SCRIPT",
        help="compile the kernels of these examples ahead of time; of all, if none is named",
    )
    args = parser.parse_args(argv)
    print("\n".join(describe(start())))
    if args.warm is None:
        return 0
    scripts = args.warm or find_examples()
    if not scripts:
        print(f"zhusuan: no examples in {EXAMPLES}: clone the repository to have them")
    return len(warm(scripts))


if __name__ == "__main__":
    sys.exit(main())
