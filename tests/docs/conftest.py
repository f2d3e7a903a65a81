"""Counts the pages and the blocks of code that were run, and says so at the end."""

from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"

_blocks = {}


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.when == "call" and report.passed:
        counts = [value for name, value in item.user_properties if name == "executed blocks"]
        if counts:
            _blocks[item.name] = max(counts)


def pytest_terminal_summary(terminalreporter):
    if _blocks:
        pages = [path for path in DOCS.rglob("*.rst") if "_build" not in path.parts]
        terminalreporter.write_line(
            f"{sum(_blocks.values())} blocks of code ran, of {len(_blocks)} pages; the "
            f"documentation has {len(pages)} pages, and the README"
        )
