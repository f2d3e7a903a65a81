"""Runs the code of a page, for pictures that are drawn from what it computes."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "examples")]

import zhusuan  # noqa: E402, F401, I001  (before jittor, which it prepares)
from tests.docs.test_code_blocks import blocks, run  # noqa: E402


def names_of(page: str) -> dict[str, Any]:
    """Return the names that the blocks of a page define, after running them.

    :param page: path below ``docs``.
    """
    path = ROOT / "docs" / page
    names: dict[str, Any] = {"__name__": "a_page_of_the_documentation"}
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            for block in blocks(path.read_text("utf-8")):
                run(block, path, names)
        finally:
            os.chdir(before)
    return names
