"""The log is silent during the import, only then, and only if the user said nothing about it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from zhusuan.runtime.quiet import MARK, quiet_import


class Log:
    """Stands for ``jittor_utils.LOG``."""

    log_silent = 0

    def f(self, *message: Any) -> str:
        return "Jittor's own"


@pytest.fixture
def modules() -> dict[str, Any]:
    return {
        "jittor_utils": SimpleNamespace(LOG=Log()),
        "jittor": SimpleNamespace(flags=SimpleNamespace(log_silent=1)),
    }


@pytest.mark.parametrize("mark_left_by_restart", [False, True])
def test_silent_inside_only(modules: dict[str, Any], mark_left_by_restart: bool) -> None:
    env = {"HOME": "/home"}
    if mark_left_by_restart:
        env.update({"log_silent": "1", MARK: "1"})
    with quiet_import(env, modules.__getitem__) as utils:
        assert env["log_silent"] == "1"
        assert utils.LOG.log_silent == 1
    assert env == {"HOME": "/home"}
    assert utils.LOG.log_silent == 0
    assert modules["jittor"].flags.log_silent == 0


@pytest.mark.parametrize("variable", ["log_silent", "log_v"])
@pytest.mark.parametrize("value", ["", "0", "1"])
def test_user_setting_is_kept(modules: dict[str, Any], variable: str, value: str) -> None:
    env = {variable: value}
    with quiet_import(env, modules.__getitem__) as utils:
        assert env == {variable: value}
        assert utils.LOG.log_silent == 0
    assert env == {variable: value}
    assert modules["jittor"].flags.log_silent == 1


def test_fatal_errors_stay_fatal(modules: dict[str, Any]) -> None:
    with (
        quiet_import({}, modules.__getitem__) as utils,
        pytest.raises(RuntimeError, match="no cudnn in /lib"),
    ):
        utils.LOG.f("no cudnn", lambda: " in /lib")
    assert utils.LOG.f() == "Jittor's own"


def test_failed_import_says_how_to_see_more(
    modules: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    env: dict[str, str] = {}
    with pytest.raises(OSError, match="libgomp"), quiet_import(env, modules.__getitem__):
        raise OSError("libgomp")
    assert env == {}
    assert modules["jittor_utils"].LOG.log_silent == 0
    assert "log_silent=0" in capsys.readouterr().err


def test_the_core_does_not_report_on_notebooks(modules: dict[str, Any]) -> None:
    redirected: list[tuple[bool, bool]] = []
    utils = modules["jittor_utils"]
    utils.is_in_ipynb, utils.cc = True, None
    with quiet_import({}, modules.__getitem__):
        assert not utils.is_in_ipynb
        utils.cc = SimpleNamespace(ostream_redirect=lambda *streams: redirected.append(streams))
    assert utils.is_in_ipynb
    assert redirected == [(True, True)]
