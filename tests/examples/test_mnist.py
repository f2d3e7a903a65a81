"""MNIST for the examples: the right arrays, from the right place, or a message that says why not.

Nothing here uses the network: a mirror is a folder, reached by a ``file:`` address.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from common import mnist_files
from common.mnist import MNIST, DataError, batches, load_mnist, n_batches
from common.mnist_files import ALL_FILES, TEST_IMAGES, TEST_LABELS, TRAIN_LABELS, parse_idx

TRAIN_HISTOGRAM = (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
TEST_HISTOGRAM = (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)


@pytest.fixture(autouse=True)
def _isolated(monkeypatch, tmp_path):
    """No network, and a Jittor home of our own that holds nothing."""
    monkeypatch.setattr(mnist_files, "MIRRORS", ())
    monkeypatch.setenv("JITTOR_HOME", str(tmp_path / "jittor-home"))


@pytest.fixture(scope="module")
def genuine() -> Path:
    """A folder with the four genuine files, compressed."""
    for folder in (mnist_files.offline_package_folder(), mnist_files.jittor_data_folder()):
        if folder is not None and all((folder / f"{file.name}.gz").exists() for file in ALL_FILES):
            return folder
    pytest.skip("MNIST is not on this machine (pip install jittor-offline)")


@pytest.fixture(scope="module")
def real(genuine) -> MNIST:
    return load_mnist(genuine)


@pytest.fixture(scope="module")
def static(genuine) -> MNIST:
    return load_mnist(genuine, binarize="static")


@pytest.fixture
def copy(genuine, tmp_path) -> Path:
    """A folder of our own with the four files, to spoil."""
    folder = tmp_path / "data"
    folder.mkdir()
    for file in ALL_FILES:
        shutil.copy(genuine / f"{file.name}.gz", folder)
    return folder


@pytest.fixture
def without_package(monkeypatch):
    monkeypatch.setattr(mnist_files, "offline_package_folder", lambda: None)


# The arrays


def test_real_arrays(real):
    assert real.x_train.shape == (60000, 784)
    assert real.x_test.shape == (10000, 784)
    assert real.x_train.dtype == real.x_test.dtype == np.float32
    assert real.t_train.dtype == real.t_test.dtype == np.int32
    assert real.x_train.min() == 0.0
    assert real.x_train.max() == 1.0
    assert real.x_train.mean(dtype=np.float64) == pytest.approx(0.1307, abs=5e-5)
    assert tuple(np.bincount(real.t_train)) == TRAIN_HISTOGRAM
    assert tuple(np.bincount(real.t_test)) == TEST_HISTOGRAM
    np.testing.assert_array_equal(real.t_train[:10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4])


def test_pixels_are_the_bytes_of_the_file(genuine, real):
    with gzip.open(genuine / f"{TEST_IMAGES.name}.gz") as file:
        content = file.read()
    pixels = np.frombuffer(content, np.uint8, offset=16).reshape(10000, 784)
    np.testing.assert_array_equal(np.rint(real.x_test * 255).astype(np.uint8), pixels)


def test_static_binarization_never_changes(static):
    """Published numbers depend on these very draws, so they are pinned."""
    digests = [
        hashlib.sha256(np.packbits(x.astype(bool))).hexdigest()[:16]
        for x in (static.x_train, static.x_test)
    ]
    assert digests == ["a64e3bde48ed4471", "295bc466a1d1c510"]


def test_static_binarization_has_the_pixels_as_means(real, static):
    for mean, drawn in ((real.x_train, static.x_train), (real.x_test, static.x_test)):
        assert drawn.dtype == np.float32
        assert drawn.shape == mean.shape
        assert_bernoulli(drawn[-10000:], mean[-10000:])
    np.testing.assert_array_equal(static.t_train, real.t_train)


def test_dynamic_keeps_train_real_and_test_static(genuine, real, static):
    dynamic = load_mnist(genuine, binarize="dynamic")
    np.testing.assert_array_equal(dynamic.x_train, real.x_train)
    np.testing.assert_array_equal(dynamic.x_test, static.x_test)


def test_static_seed_matters(genuine, static):
    other = load_mnist(genuine, binarize="dynamic", seed=1)
    assert (other.x_test != static.x_test).any()


def test_unknown_binarization():
    with pytest.raises(ValueError, match="'none', 'static', 'dynamic'.*'stochastic'"):
        load_mnist(binarize="stochastic")


# Batches


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize(("batch_size", "sizes"), [(4, [4, 4, 2]), (5, [5, 5]), (16, [10])])
def test_an_epoch_visits_every_row_once(shuffle, batch_size, sizes):
    x = np.arange(10.0).reshape(10, 1)
    epoch = list(batches(x, batch_size, np.random.default_rng(0), shuffle=shuffle))
    assert [len(batch) for batch in epoch] == sizes
    assert n_batches(10, batch_size) == len(sizes)
    rows = np.concatenate(epoch).ravel()
    assert sorted(rows) == list(range(10))
    assert (list(rows) == list(range(10))) is not shuffle


def test_drop_last():
    x = np.arange(10.0).reshape(10, 1)
    epoch = list(batches(x, 4, np.random.default_rng(0), drop_last=True))
    assert [len(batch) for batch in epoch] == [4, 4]
    assert n_batches(10, 4, drop_last=True) == 2
    assert n_batches(3, 4, drop_last=True) == 0


def test_batches_are_contiguous_float32_copies():
    x = np.ones((784, 6), np.float32).T  # not contiguous
    for batch in batches(x, 4, np.random.default_rng(0), shuffle=False):
        assert batch.flags.c_contiguous
        assert batch.dtype == np.float32
        batch[:] = 7.0
    assert (x == 1.0).all()


def test_order_depends_on_the_generator_alone():
    x = np.arange(50.0).reshape(50, 1)
    rng = np.random.default_rng(3)
    first, second = (np.concatenate(list(batches(x, 8, rng))) for _ in range(2))
    again = np.concatenate(list(batches(x, 8, np.random.default_rng(3))))
    np.testing.assert_array_equal(first, again)
    assert (first != second).any()


def test_dynamic_draws_differ_and_have_the_pixels_as_means(real):
    x, rng = real.x_train[:10000], np.random.default_rng(0)
    first, second = (
        np.concatenate(list(batches(x, 256, rng, shuffle=False, binarize=True))) for _ in range(2)
    )
    assert (first != second).any(axis=1).mean() > 0.99
    assert_bernoulli(first, x)
    assert_bernoulli(second, x)


def test_without_chance_no_generator_is_needed():
    x = np.arange(10.0).reshape(10, 1)
    np.testing.assert_array_equal(np.concatenate(list(batches(x, 4, shuffle=False))), x)


@pytest.mark.parametrize("options", [{}, {"shuffle": False, "binarize": True}])
def test_chance_needs_a_generator(options):
    with pytest.raises(TypeError, match="numpy.random.Generator: NoneType"):
        batches(np.zeros((4, 2)), 2, **options)


def test_mistakes_show_at_the_call():
    x = np.full((4, 2), 0.5)
    with pytest.raises(TypeError, match="numpy.random.Generator: int"):
        batches(x, 2, 0)
    with pytest.raises(ValueError, match="batch_size must be at least 1: 0"):
        batches(x, 0, np.random.default_rng(0))
    with pytest.raises(ValueError, match="n must not be negative"):
        n_batches(-1, 2)
    for wrong in (1.5, -0.5, np.nan):
        with pytest.raises(ValueError, match=r"values in \[0, 1\]"):
            batches(np.full((4, 2), wrong), 2, np.random.default_rng(0), binarize=True)


# A folder given by the user


def test_raw_files_are_read_too(genuine, real, tmp_path):
    for file in ALL_FILES:
        (tmp_path / file.name).write_bytes(
            gzip.decompress((genuine / f"{file.name}.gz").read_bytes())
        )
    for from_raw, from_gz in zip(load_mnist(tmp_path), real):
        np.testing.assert_array_equal(from_raw, from_gz)


def test_missing_folder(tmp_path):
    with pytest.raises(DataError, match="does not exist") as caught:
        load_mnist(tmp_path / "nowhere")
    assert str(tmp_path / "nowhere") in str(caught.value)
    assert_says_what_to_do(caught.value)


def test_folder_is_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="is not a folder"):
        load_mnist(tmp_path / "file")


def test_missing_file_in_folder_is_not_taken_from_elsewhere(copy):
    (copy / f"{TEST_LABELS.name}.gz").unlink()
    with pytest.raises(DataError, match=f"lacks {TEST_LABELS.name}") as caught:
        load_mnist(copy)
    assert str(copy) in str(caught.value)
    assert TRAIN_LABELS.name not in str(caught.value).split(". ")[0]
    assert_says_what_to_do(caught.value)


def test_flipped_byte(copy):
    path = copy / f"{TEST_IMAGES.name}.gz"
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"expected MD5 {TEST_IMAGES.gz_md5}") as caught:
        load_mnist(copy)
    assert str(path) in str(caught.value)
    assert hashlib.md5(content).hexdigest() in str(caught.value)


def test_truncated_file(copy):
    path = copy / f"{TEST_LABELS.name}.gz"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"\(4542 bytes\), found \w+ \(1000 bytes\)") as caught:
        load_mnist(copy)
    assert str(path) in str(caught.value)


def test_flipped_byte_in_a_raw_file(copy):
    path = copy / TRAIN_LABELS.name
    content = bytearray(gzip.decompress((copy / f"{path.name}.gz").read_bytes()))
    (copy / f"{path.name}.gz").unlink()
    content[100] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"expected SHA-256 {TRAIN_LABELS.raw_sha256}"):
        load_mnist(copy)


HEADER = bytes([0, 0, 8, 2]) + struct.pack(">2I", 2, 3)


def test_parse_idx():
    array = parse_idx(HEADER + bytes(range(6)), (2, 3), "a")
    np.testing.assert_array_equal(array, [[0, 1, 2], [3, 4, 5]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected magic number 00000802, found nothing"),
        (b"\x1f\x8b\x08\x00" + bytes(20), "expected magic number 00000802, found 1f8b0800"),
        (bytes([0, 0, 8, 1]) + bytes(20), "expected magic number 00000802, found 00000801"),
        (HEADER[:7], "header ends early, after 7 bytes of 12"),
        (bytes([0, 0, 8, 2]) + struct.pack(">2I", 3, 2) + bytes(6), r"\(2, 3\), found \(3, 2\)"),
        (HEADER + bytes(5), "expected 18 bytes, found 17"),
        (HEADER + bytes(7), "expected 18 bytes, found 19"),
    ],
)
def test_parse_idx_refuses(content, message):
    with pytest.raises(DataError, match=f"some-file: .*{message}"):
        parse_idx(content, (2, 3), "some-file")


# The search


def test_package_serves_when_jittors_folder_is_empty_or_damaged(genuine, monkeypatch, real):
    monkeypatch.setattr(mnist_files, "offline_package_folder", lambda: genuine)
    cached = mnist_files.jittor_data_folder()
    cached.mkdir(parents=True)
    (cached / f"{TEST_LABELS.name}.gz").write_bytes(b"damaged")
    np.testing.assert_array_equal(load_mnist().t_test, real.t_test)


def test_jittors_folder_comes_first(copy, tmp_path, without_package, real):
    folder = tmp_path / "jittor-home/.cache/jittor/dataset/mnist_data"
    folder.parent.mkdir(parents=True)
    copy.rename(folder)
    np.testing.assert_array_equal(load_mnist().t_test, real.t_test)


def test_jittor_home_from_its_config(monkeypatch, tmp_path):
    monkeypatch.delenv("JITTOR_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert mnist_files.jittor_data_folder() == tmp_path / ".cache/jittor/dataset/mnist_data"
    config = tmp_path / ".cache/jittor/config.json"
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps({"JITTOR_HOME": "/else/where"}))
    assert mnist_files.jittor_data_folder() == Path("/else/where/.cache/jittor/dataset/mnist_data")
    config.write_text("not json")
    assert mnist_files.jittor_data_folder() == tmp_path / ".cache/jittor/dataset/mnist_data"


def test_download_falls_back_checks_and_stays(copy, monkeypatch, tmp_path, without_package, real):
    """The first mirror is out of reach, the second serves something else, the third is right."""
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    for file in ALL_FILES:
        (wrong / f"{file.name}.gz").write_bytes(b"<html>please log in</html>")
    mirrors = [f"{folder.as_uri()}/" for folder in (tmp_path / "gone", wrong, copy)]
    monkeypatch.setattr(mnist_files, "MIRRORS", mirrors)
    np.testing.assert_array_equal(load_mnist().t_train, real.t_train)
    kept = mnist_files.jittor_data_folder()
    assert sorted(p.name for p in kept.iterdir()) == sorted(f"{f.name}.gz" for f in ALL_FILES)
    monkeypatch.setattr(mnist_files, "MIRRORS", ())
    np.testing.assert_array_equal(load_mnist().t_train, real.t_train)


def test_nothing_reachable(monkeypatch, tmp_path, without_package):
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    (wrong / f"{ALL_FILES[0].name}.gz").write_bytes(b"<html>")
    mirrors = [f"{folder.as_uri()}/" for folder in (tmp_path / "gone", wrong)]
    monkeypatch.setattr(mnist_files, "MIRRORS", mirrors)
    with pytest.raises(DataError, match="MNIST: cannot get train-images") as caught:
        load_mnist()
    message = str(caught.value)
    assert_says_what_to_do(caught.value)
    assert f"{mnist_files.jittor_data_folder() / ALL_FILES[0].name}.gz: No such file" in message
    assert "jittor_offline: not installed" in message
    assert all(f"{mirror}{ALL_FILES[0].name}.gz: " in message for mirror in mirrors)
    assert "(6 bytes)" in message
    assert not mnist_files.jittor_data_folder().exists()


def assert_bernoulli(drawn: np.ndarray, mean: np.ndarray) -> None:
    """Check zeros and ones, and their column sums, against independent Bernoulli draws."""
    assert ((drawn == 0.0) | (drawn == 1.0)).all()
    sd = np.sqrt((mean * (1 - mean)).sum(axis=0, dtype=np.float64))
    error = drawn.sum(axis=0, dtype=np.float64) - mean.sum(axis=0, dtype=np.float64)
    # Seven deviations, not four or five: a pixel that is almost never lit has a long tail.
    assert (np.abs(error) <= 7 * sd + 1e-6).all()
    z_scores = error[sd > 3] / sd[sd > 3]  # where the sums are near to normal: some 550 pixels
    assert (z_scores**2).mean() == pytest.approx(1.0, abs=0.3)


def assert_says_what_to_do(error: DataError) -> None:
    assert "pip install jittor-offline" in str(error)
    assert "--data-dir" in str(error)
    assert all(f"{file.name}.gz" in str(error) for file in ALL_FILES)
