"""Every test starts from one seed; zhusuan is imported before jittor, as in users' scripts."""

import signal

import pytest

import zhusuan as zs

# Jittor ends the process when any child of it dies by a signal; the tests kill children on purpose.
signal.signal(signal.SIGCHLD, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def _seed():
    zs.set_seed(20261121)
