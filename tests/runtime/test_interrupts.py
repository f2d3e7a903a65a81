"""Ctrl-C raises KeyboardInterrupt, although Jittor takes SIGINT for itself; Ctrl-Z ends nothing."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from zhusuan.runtime.interrupts import keep_interrupt_handler

PROGRAM = """
import os, signal
import zhusuan
try:
    os.kill(os.getpid(), signal.SIGINT)
    print("nothing happened")
except KeyboardInterrupt:
    print("caught")
"""


@pytest.mark.parametrize(
    ("at_start", "printed"),
    [(signal.SIG_DFL, "caught"), (signal.SIG_IGN, "nothing happened")],
    ids=["default", "ignored"],
)
def test_ctrl_c_after_the_import_does_what_it_did_before(at_start, printed):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True, text=True, timeout=300, check=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, at_start),  # noqa: PLW1509
    )  # fmt: skip
    assert done.stdout.strip() == printed


STOPPED = """
import os, signal, subprocess, sys, time
import zhusuan
child = subprocess.Popen(["sleep", "60"])
child.send_signal(signal.SIGSTOP)
time.sleep(0.5)
child.send_signal(signal.SIGCONT)
time.sleep(0.5)
print("stopped and gone on", flush=True)
child.kill()
child.wait()
time.sleep(0.5)
print("killed")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is done")
@pytest.mark.parametrize("under_jupyter", [False, True])
def test_what_becomes_of_children_need_not_end_the_process(under_jupyter):
    env = {name: value for name, value in os.environ.items() if name != "JPY_PARENT_PID"}
    if under_jupyter:
        env["JPY_PARENT_PID"] = "1"
    done = subprocess.run(
        [sys.executable, "-c", STOPPED],
        capture_output=True, text=True, timeout=300, check=False, env=env,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert lines[:1] == ["stopped and gone on"], done.stderr
    # Outside of notebooks it stays Jittor's way to notice that a worker ran out of memory.
    assert lines[1:] == (["killed"] if under_jupyter else [])
    assert ("Caught SIGCHLD" in done.stderr) is not under_jupyter


def test_the_handler_of_before_comes_back():
    before = signal.getsignal(signal.SIGINT)

    def mine(*_):
        pass

    try:
        signal.signal(signal.SIGINT, mine)
        with keep_interrupt_handler():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        assert signal.getsignal(signal.SIGINT) is mine
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_leave_handlers_alone():
    failures = []

    def enter():
        try:
            with keep_interrupt_handler():
                pass
        except ValueError as error:
            failures.append(error)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert failures == []
