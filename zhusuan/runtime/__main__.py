"""``python -m zhusuan.runtime``: what Jittor runs on here, and what zhusuan changed for it."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from pathlib import Path

from zhusuan.runtime.cache import jittor_folder
from zhusuan.runtime.report import Report
from zhusuan.runtime.startup import start


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
    for change in report.changes:
        yield f"Set       {change.variable}={change.value!r}: {change.reason}"
    for note in report.notes:
        yield f"Note      {note}"
    if report.build_seconds is not None:
        yield f"Note      Jittor's core was built in {report.build_seconds:.0f} s"


def _describe_onednn(jittor: object) -> str:
    """Say whether Jittor loaded oneDNN, and from where."""
    if getattr(jittor, "mkl_ops", None) is None:
        return f"not in use (use_mkl={os.environ.get('use_mkl', '1')}): matrix products are slow"
    mkl = jittor_folder(os.environ, Path.home()) / "mkl"
    return "in use, " + ", ".join(str(path) for path in mkl.glob("dnnl*") if path.is_dir())


if __name__ == "__main__":
    print("\n".join(describe(start())))
