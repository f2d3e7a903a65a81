from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

# Tolerances: the same sums in another order. In "training", 100 steps of 0.01 leave rounding of
# 1e-7 a step in weights near 1, and losses are near 10; a rank left out changes weights by 0.01 and
# more. In "objectives" there are at most 4 steps, of weights near 1 and losses below 10.
TOLERANCES = {"training": 2e-6, "objectives": 5e-6}
OF_LOSSES = 3e-5


@pytest.fixture(scope="module", params=TOLERANCES)
def alone(request, launch, tmp_path_factory) -> tuple[str, dict[str, np.ndarray]]:
    path = tmp_path_factory.mktemp(request.param) / "alone.npz"
    launch(request.param, path, n=0)
    with np.load(path) as file:
        return request.param, dict(file)


@pytest.mark.parametrize("n", [2, 3])
def test_several_processes_train_as_one(launch, alone, tmp_path: Path, n: int) -> None:
    program, expected = alone
    launch(program, tmp_path / "found.npz", n=n)
    with np.load(tmp_path / "found.npz") as file:
        found = dict(file)
    assert set(found) == set(expected)
    for name, value in expected.items():
        tolerance = OF_LOSSES if "losses" in name else TOLERANCES[program]
        np.testing.assert_allclose(found[name], value, atol=tolerance, rtol=0, err_msg=name)
