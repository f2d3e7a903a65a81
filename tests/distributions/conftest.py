"""Counts what was checked of which family, and says so at the end."""

import pytest

_pairs = set()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.when != "call" or not report.passed or not hasattr(item, "callspec"):
        return
    case = item.callspec.params.get("case")
    if case is not None:
        checks = [value for name, value in item.user_properties if name == "check"]
        _pairs.update((case.family.__name__, check) for check in checks or [item.originalname])


def pytest_terminal_summary(terminalreporter):
    if _pairs:
        n_families = len({family for family, _ in _pairs})
        n_checks = len({check for _, check in _pairs})
        terminalreporter.write_line(
            f"{len(_pairs)} pairs of a family and a check passed "
            f"({n_families} families, {n_checks} checks)"
        )
