"""What is shown while Jittor's core is built."""

from __future__ import annotations

import io
import time

import pytest

from zhusuan.runtime import progress
from zhusuan.runtime.progress import announce_build


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


def test_two_lines_without_a_terminal() -> None:
    stream = io.StringIO()
    with announce_build(lambda: pytest.fail("nobody looks"), stream) as watch:
        assert stream.getvalue().count("\n") == 1
    first, last = stream.getvalue().splitlines()
    assert "once per machine" in first
    assert "2 to 5 minutes" in first
    assert f"{watch.seconds:.0f} s" in last


def test_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "POLL_SECONDS", 0.01)
    stream = Terminal()
    with announce_build(lambda: 40, stream):
        deadline = time.monotonic() + 10
        while "40/157" not in stream.getvalue():
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert stream.getvalue().endswith(" s.\n")


def test_failed_build_claims_nothing() -> None:
    stream = Terminal()
    with pytest.raises(RuntimeError, match="g"), announce_build(lambda: 0, stream):
        raise RuntimeError("g++")
    assert "ready" not in stream.getvalue()
