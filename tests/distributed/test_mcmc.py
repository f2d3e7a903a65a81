"""Chains over two ranks are those of one process; what one rank meets, all hear of."""

import json

import numpy as np
import pytest

from tests.distributed.programs import chains
from tests.distributed.programs.chains import CLOSE, EXACT
from zhusuan import mcmc


@pytest.fixture(scope="module")
def folders(launch, tmp_path_factory):
    """Folders of what two ranks gave and of what one process saved."""
    ours, theirs = tmp_path_factory.mktemp("ranks"), tmp_path_factory.mktemp("one") / "draws"
    taken = tmp_path_factory.mktemp("taken")
    (taken / "notes.txt").write_text("mine")
    chains.saved(theirs)
    launch("chains", ours, theirs, taken)
    return ours, theirs


def parts(trace):
    return {**trace.samples, **trace.stats, "interrupted": np.array(trace.interrupted)}


def ranks(folders, name):
    """Return what each rank had."""
    return [np.load(folders[0] / f"{name} {rank}.npz") for rank in range(2)]


def assert_equal(expected, got, close=None):
    assert set(got) == set(expected)
    for name, value in expected.items():
        if close:
            np.testing.assert_allclose(got[name], value, err_msg=name, **close)
        else:
            np.testing.assert_array_equal(got[name], value, err_msg=name)


@pytest.mark.parametrize("name", EXACT)
def test_draws_and_statistics_are_those_of_one_process(name, folders):
    expected = parts(EXACT[name]())
    for got in ranks(folders, name):
        assert_equal(expected, got)


@pytest.mark.parametrize("name", CLOSE)
def test_draws_are_close_where_sums_depend_on_the_batch(name, folders):
    expected = parts(CLOSE[name]())
    first, second = ranks(folders, name)
    # A few float32 roundings, which the trajectories of 15 transitions make some 100 times larger.
    assert_equal(expected, first, {"rtol": 1e-4, "atol": 1e-4})
    assert_equal(dict(first), second)


def test_ctrl_c_on_one_rank_ends_all_at_the_same_draw(folders):
    for got in ranks(folders, "ctrl-c"):
        assert got["interrupted"]
        assert got["w"].shape[:2] == (4, 20)


def test_a_saved_run_goes_on_with_another_number_of_ranks(folders):
    whole = parts(chains.parabola(mcmc.NUTS(), 5, n_draws=32))
    first = {name: v[:, :12] if v.ndim else v for name, v in whole.items()}
    for got in ranks(folders, "saved"):
        assert_equal(first, got)
    for got in ranks(folders, "saved further"):
        assert_equal(whole, got)
    assert_equal(whole, parts(mcmc.load_trace(folders[1])))
    assert_equal(whole, parts(chains.saved_further(folders[0] / "draws")))


ERRORS = {
    "other data": ["ValueError", "all ranks must have the same model, weights and data"],
    "other settings": ["ValueError", "same n_chains, but rank 0 has 4 and rank 1 has 5"],
    "other step sizes": ["ValueError", "must give the same kernel"],
    "other learning rates": ["RuntimeError", "do not agree on where the chains are"],
    "evaluation": ["ZeroDivisionError", "by rank 1"],
    "taken folder": ["FileExistsError", "exists already: choose another folder"],
}


@pytest.mark.parametrize("rank", [0, 1])
def test_an_error_on_one_rank_is_one_on_all(rank, folders):
    errors = json.loads((folders[0] / f"errors {rank}.json").read_text())
    for name, (kind, text) in ERRORS.items():
        assert errors[name][0] == kind, name
        assert text in errors[name][1]
    kind, text = errors["kernel"]
    assert kind == ["PeerError", "ZeroDivisionError"][rank]
    assert "by rank 1" in text
