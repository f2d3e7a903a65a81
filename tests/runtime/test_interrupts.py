"""Ctrl-C raises KeyboardInterrupt, although Jittor takes SIGINT for itself."""

import os
import signal
import threading

import pytest

from zhusuan.runtime.interrupts import keep_interrupt_handler


def test_ctrl_c_raises_keyboard_interrupt_after_the_import():
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


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
