"""Pictures of what a model does: grids of images and curves of numbers, as PNG files."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

from common.files import atomic_file

# Between black and white: a line between two black images shows, and so does an empty cell.
BACKGROUND = 128


def save_grid(
    path: str | os.PathLike[str],
    images: np.ndarray,
    n_rows: int | None = None,
    n_cols: int | None = None,
    image_shape: tuple[int, ...] = (28, 28),
    padding: int = 2,
) -> None:
    """Save images side by side, row by row, as one PNG.

    :param path: the file to write or replace; its folder is made when missing.
    :param images: ``[n, *image_shape]`` or flattened, ``[n, prod(image_shape)]``, with values in
        [0, 1]: 0 is black. Greyscale images may have a channel axis of size 1.
    :param n_rows: rows of the grid. When it or ``n_cols`` is None the images decide; when both
        are, the grid is as square as can be.
    :param n_cols: columns of the grid.
    :param image_shape: ``(height, width)`` for greyscale, ``(3, height, width)`` for colour.
    :param padding: grey pixels between the images and around the grid. The image in row r and
        column c starts at pixel ``padding + r * (height + padding)`` from the top, likewise from
        the left. Cells without an image stay grey.
    :raises TypeError: when ``images`` is not an array of numbers.
    :raises ValueError: when a shape does not fit, or a value is NaN or outside [0, 1].
    :raises OSError: when the file cannot be written.
    """
    if padding < 0:
        raise ValueError(f"save_grid: padding must not be negative: {padding}")
    cells = _as_bytes(_as_cells(np.asarray(images), tuple(image_shape)))
    n_rows, n_cols = _grid_shape(len(cells), n_rows, n_cols)
    height, width, n_channels = cells.shape[1:]
    step_y, step_x = height + padding, width + padding
    canvas = np.full(
        (padding + n_rows * step_y, padding + n_cols * step_x, n_channels), BACKGROUND, np.uint8
    )
    for i, cell in enumerate(cells):
        top = padding + i // n_cols * step_y
        left = padding + i % n_cols * step_x
        canvas[top : top + height, left : left + width] = cell
    picture = Image.fromarray(canvas[..., 0] if n_channels == 1 else canvas)
    with atomic_file(path) as file:
        picture.save(file, format="PNG")


def save_curves(
    path: str | os.PathLike[str],
    curves: Mapping[str, Sequence[float]],
    xlabel: str,
    ylabel: str,
    title: str | None = None,
) -> None:
    """Plot one or more curves, such as a loss per epoch, and save them as a PNG.

    :param path: the file to write or replace; its folder is made when missing.
    :param curves: label -> values; the k-th value, counted from 1, is drawn above x = k. Values
        that are not finite leave a gap.
    :param xlabel: what is counted.
    :param ylabel: what the values are.
    :param title: a title, or None.
    :raises ValueError: when there is no curve, or a curve is not a non-empty list of numbers.
    :raises OSError: when the file cannot be written.
    """
    if not curves:
        raise ValueError("save_curves: no curve to draw")
    # Not through pyplot, which looks for a display and keeps every figure until it is closed.
    figure = Figure(figsize=(6.4, 4.0), dpi=120, layout="constrained")
    axes = figure.subplots()
    for label, curve in curves.items():
        values = np.asarray(curve, dtype=np.float64)
        if values.ndim != 1 or not len(values):
            raise ValueError(
                f"save_curves: curve {label!r} must be a non-empty list of numbers: "
                f"its shape is {values.shape}"
            )
        # A single point draws no line, so short curves show their points.
        marker = "o" if len(values) <= 30 else None
        axes.plot(np.arange(1, len(values) + 1), values, label=label, marker=marker, markersize=3)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    if title is not None:
        axes.set_title(title)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend()
    with atomic_file(path) as file:
        figure.savefig(file, format="png")


def _as_cells(images: np.ndarray, image_shape: tuple[int, ...]) -> np.ndarray:
    """Bring images to ``[n, height, width, n_channels]``."""
    if images.dtype.kind not in "fiub":
        raise TypeError(f"save_grid: images must be an array of real numbers: {images.dtype}")
    if len(image_shape) == 2:
        image_shape = (1, *image_shape)
    if len(image_shape) != 3 or image_shape[0] not in (1, 3) or min(image_shape) < 1:
        raise ValueError(
            "save_grid: image_shape must be (height, width), (1, height, width) or "
            f"(3, height, width): {image_shape}"
        )
    accepted = [(math.prod(image_shape),), image_shape]
    if image_shape[0] == 1:
        accepted.append(image_shape[1:])
    if images.ndim < 1 or images.shape[1:] not in accepted:
        expected = " or ".join(f"[n, {', '.join(map(str, shape))}]" for shape in accepted)
        raise ValueError(f"save_grid: images must be {expected}: found {list(images.shape)}")
    if not len(images):
        raise ValueError("save_grid: there are no images")
    return np.moveaxis(images.reshape(-1, *image_shape), 1, -1)


def _as_bytes(images: np.ndarray) -> np.ndarray:
    n_nan = int(np.isnan(images).sum())
    if n_nan:
        raise ValueError(f"save_grid: {n_nan} of {images.size} values are NaN")
    low, high = images.min(), images.max()
    if low < 0 or high > 1:
        raise ValueError(f"save_grid: values must lie in [0, 1]: found {low} to {high}")
    return np.rint(images * np.float32(255)).astype(np.uint8)


def _grid_shape(n: int, n_rows: int | None, n_cols: int | None) -> tuple[int, int]:
    for name, value in (("n_rows", n_rows), ("n_cols", n_cols)):
        if value is not None and value < 1:
            raise ValueError(f"save_grid: {name} must be at least 1: {value}")
    if n_cols is None:
        n_cols = math.ceil(math.sqrt(n)) if n_rows is None else math.ceil(n / n_rows)
    if n_rows is None:
        n_rows = math.ceil(n / n_cols)
    if n_rows * n_cols < n:
        raise ValueError(f"save_grid: {n} images do not fit in {n_rows} rows of {n_cols}")
    return n_rows, n_cols
