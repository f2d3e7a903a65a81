"""Grids read back pixel by pixel, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from common.images import BACKGROUND, save_curves, save_grid
from PIL import Image


def read(path):
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture)


def test_greyscale_grid_is_exact(tmp_path):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (5, 4, 3), dtype=np.uint8)
    path = tmp_path / "made" / "on the way" / "grid.png"
    save_grid(path, (pixels / 255).astype(np.float32), n_cols=3, image_shape=(4, 3), padding=2)
    expected = np.full((2 + 2 * 6, 2 + 3 * 5), BACKGROUND, np.uint8)
    for i in range(5):
        top, left = 2 + i // 3 * 6, 2 + i % 3 * 5
        expected[top : top + 4, left : left + 3] = pixels[i]
    np.testing.assert_array_equal(read(path), expected)
    assert [p.name for p in path.parent.iterdir()] == ["grid.png"]


def test_known_pixels(tmp_path):
    images = np.zeros((2, 784), np.float32)
    images[0, 0], images[1, 28 * 5 + 7] = 1.0, 0.2
    save_grid(tmp_path / "a.png", images)
    grid = read(tmp_path / "a.png")
    assert grid.shape == (32, 62)
    assert (grid[2, 2], grid[2, 3]) == (255, 0)
    assert grid[2 + 5, 32 + 7] == 51


def test_colour_grid_is_exact(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 5), dtype=np.uint8)
    save_grid(tmp_path / "a.png", pixels / 255, n_rows=1, image_shape=(3, 4, 5), padding=0)
    grid = read(tmp_path / "a.png")
    assert grid.shape == (4, 10, 3)
    np.testing.assert_array_equal(grid[:, 5:], np.moveaxis(pixels[1], 0, -1))


@pytest.mark.parametrize("shape", [(4,), (2, 2), (1, 2, 2)])
@pytest.mark.parametrize("image_shape", [(2, 2), (1, 2, 2)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, bool])
def test_shapes_and_dtypes_of_greyscale(tmp_path, shape, image_shape, dtype):
    images = np.array([0, 1, 1, 0], dtype).reshape(1, *shape)
    save_grid(tmp_path / "a.png", images, image_shape=image_shape, padding=0)
    np.testing.assert_array_equal(read(tmp_path / "a.png"), [[0, 255], [255, 0]])


@pytest.mark.parametrize(
    ("n", "grid", "expected"),
    [
        (1, {}, (1, 1)),
        (64, {}, (8, 8)),
        (10, {}, (3, 4)),
        (2, {}, (1, 2)),
        (10, {"n_rows": 2}, (2, 5)),
        (10, {"n_cols": 3}, (4, 3)),
        (3, {"n_rows": 2, "n_cols": 4}, (2, 4)),
    ],
)
def test_grid_shape(tmp_path, n, grid, expected):
    save_grid(tmp_path / "a.png", np.zeros((n, 1)), image_shape=(1, 1), padding=0, **grid)
    assert read(tmp_path / "a.png").shape == expected


@pytest.mark.parametrize(
    ("images", "options", "error", "message"),
    [
        (np.zeros((2, 783)), {}, ValueError, r"\[n, 784\] or .*found \[2, 783\]"),
        (np.zeros((2, 56, 14)), {}, ValueError, r"found \[2, 56, 14\]"),
        (np.zeros(784), {}, ValueError, r"found \[784\]"),
        (np.float32(0), {}, ValueError, r"found \[\]"),
        (np.zeros((0, 784)), {}, ValueError, "there are no images"),
        (np.full((2, 784), np.nan), {}, ValueError, "1568 of 1568 values are NaN"),
        (np.full((2, 784), 1.001), {}, ValueError, "found 1.001 to 1.001"),
        (np.full((2, 784), -1), {}, ValueError, "found -1 to -1"),
        (np.full((2, 784), np.inf), {}, ValueError, "found inf"),
        (np.full((2, 784), "a"), {}, TypeError, "real numbers"),
        (np.full((2, 784), None), {}, TypeError, "real numbers: object"),
        (np.zeros((2, 784)), {"image_shape": (28, 28, 1)}, ValueError, "image_shape must be"),
        (np.zeros((2, 784)), {"image_shape": (2, 28, 14)}, ValueError, "image_shape must be"),
        (np.zeros((2, 784)), {"image_shape": (784,)}, ValueError, "image_shape must be"),
        (np.zeros((5, 784)), {"n_rows": 2, "n_cols": 2}, ValueError, "5 images do not fit"),
        (np.zeros((5, 784)), {"n_rows": 0}, ValueError, "n_rows must be at least 1"),
        (np.zeros((5, 784)), {"padding": -1}, ValueError, "padding must not be negative"),
    ],
)
def test_grid_refuses(tmp_path, images, options, error, message):
    with pytest.raises(error, match=message):
        save_grid(tmp_path / "a.png", images, **options)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    save_grid(path, np.zeros((1, 784)))
    old = path.read_bytes()

    def fail_half_way(self, file, format):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(Image.Image, "save", fail_half_way)
    with pytest.raises(OSError, match="disk full"):
        save_grid(path, np.ones((1, 784)))
    assert path.read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_curves(tmp_path):
    path = tmp_path / "made" / "loss.png"
    curves = {"train": [3.0, 2.0, np.nan, 1.0], "test": np.array([3.5, 2.5])}
    save_curves(path, curves, "epoch", "negative ELBO (nats)", title="VAE")
    picture = read(path)
    assert picture.shape[:2] == (480, 768)
    assert len(np.unique(picture.reshape(-1, picture.shape[2]), axis=0)) > 10  # not a blank page
    assert [p.name for p in path.parent.iterdir()] == ["loss.png"]


@pytest.mark.parametrize(
    ("curves", "message"),
    [({}, "no curve"), ({"a": []}, "'a'.*non-empty"), ({"a": np.zeros((2, 2))}, r"'a'.*\(2, 2\)")],
)
def test_curves_refuses(tmp_path, curves, message):
    with pytest.raises(ValueError, match=message):
        save_curves(tmp_path / "a.png", curves, "x", "y")
    assert list(tmp_path.iterdir()) == []
