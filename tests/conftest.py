"""Every test starts from one seed; zhusuan is imported before jittor, as in users' scripts."""

import pytest

import zhusuan as zs


@pytest.fixture(autouse=True)
def _seed():
    zs.set_seed(20261121)
