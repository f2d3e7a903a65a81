"""The four files of MNIST: where they may lie, how they are fetched, and what makes them good.

These are the files that ``jittor.dataset.MNIST`` reads, in the places where it puts them. They
are checked by checksum before anything is taken from them, and nothing is ever unpickled.
"""

from __future__ import annotations

import gzip
import hashlib
import http.client
import importlib.util
import json
import os
import struct
import urllib.request
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from common.files import atomic_file

MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",  # the one Jittor itself uses
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)
TIMEOUT_SECONDS = 10.0  # without an answer; a slow download that keeps moving is let be


class DataError(RuntimeError):
    """The data cannot be had. The message says which file is missing, damaged or out of reach."""


class IdxFile(NamedTuple):
    """What one file of the data set must be.

    :param name: the file's name, without ``.gz``.
    :param shape: the dimensions that its header must state.
    :param gz_bytes: the size of the compressed file.
    :param gz_md5: MD5 of the compressed file (the list in ``jittor/dataset/mnist.py``).
    :param raw_sha256: SHA-256 of the uncompressed file.
    """

    name: str
    shape: tuple[int, ...]
    gz_bytes: int
    gz_md5: str
    raw_sha256: str


TRAIN_IMAGES = IdxFile(
    name="train-images-idx3-ubyte",
    shape=(60000, 28, 28),
    gz_bytes=9912422,
    gz_md5="f68b3c2dcbeaaa9fbdd348bbdeb94873",
    raw_sha256="ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
)
TRAIN_LABELS = IdxFile(
    name="train-labels-idx1-ubyte",
    shape=(60000,),
    gz_bytes=28881,
    gz_md5="d53e105ee54ea40749a09fcbcd1e9432",
    raw_sha256="65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
)
TEST_IMAGES = IdxFile(
    name="t10k-images-idx3-ubyte",
    shape=(10000, 28, 28),
    gz_bytes=1648877,
    gz_md5="9fb629c4189551a2d022fa330f9573f3",
    raw_sha256="0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
)
TEST_LABELS = IdxFile(
    name="t10k-labels-idx1-ubyte",
    shape=(10000,),
    gz_bytes=4542,
    gz_md5="ec29112dd5afa0611ce80d1b7f02629c",
    raw_sha256="ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
)
ALL_FILES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)


def read_from_folder(folder: Path) -> list[np.ndarray]:
    """Read :data:`ALL_FILES` from one folder, and from nowhere else.

    Each file may be compressed (``NAME.gz``, taken first) or not (``NAME``).

    :param folder: the folder to read; never written to.
    :returns: one ``uint8`` array per file, in the order of :data:`ALL_FILES`.
    :raises DataError: when the folder or a file in it is missing or unreadable, or a file is
        not the genuine one.
    """
    if not folder.is_dir():
        problem = "is not a folder" if folder.exists() else "does not exist"
        raise DataError(f"data folder {folder} {problem}. {_how_to_get_data()}")
    missing = [
        f"{file.name}[.gz]"
        for file in ALL_FILES
        if not (folder / f"{file.name}.gz").exists() and not (folder / file.name).exists()
    ]
    if missing:
        raise DataError(f"data folder {folder} lacks {', '.join(missing)}. {_how_to_get_data()}")
    arrays = []
    for file in ALL_FILES:
        compressed = folder / f"{file.name}.gz"
        read = _read_gz if compressed.exists() else _read_raw
        arrays.append(read(compressed if compressed.exists() else folder / file.name, file))
    return arrays


def read_from_known_places() -> list[np.ndarray]:
    """Read :data:`ALL_FILES` from wherever they are, downloading what is nowhere on this machine.

    For each file: Jittor's data folder, then the package ``jittor_offline``, then
    :data:`MIRRORS`. A damaged copy is passed over. Downloads go to Jittor's data folder, where
    ``jittor.dataset.MNIST`` finds them too.

    :returns: one ``uint8`` array per file, in the order of :data:`ALL_FILES`.
    :raises DataError: when a file is in none of these places; lists what was tried.
    """
    return [_read_from_anywhere(file) for file in ALL_FILES]


def jittor_data_folder() -> Path:
    """Find the folder where ``jittor.dataset.MNIST`` keeps its files, without importing Jittor.

    Jittor's home is the environment variable ``JITTOR_HOME``, else the one it noted in its
    ``config.json``, else the user's home.

    :returns: the folder, which need not exist.
    """
    home = os.environ.get("JITTOR_HOME")
    if home is None:
        try:
            note = json.loads((Path.home() / ".cache/jittor/config.json").read_text())
            home = note["JITTOR_HOME"]
        except (OSError, ValueError, KeyError, TypeError):
            home = str(Path.home())
    return Path(os.path.abspath(home)) / ".cache/jittor/dataset/mnist_data"


def offline_package_folder() -> Path | None:
    """Find the installed package ``jittor_offline`` without importing it.

    :returns: its folder, or None when it is not installed.
    """
    spec = importlib.util.find_spec("jittor_offline")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def parse_idx(content: bytes, shape: tuple[int, ...], where: str) -> np.ndarray:
    """Take the array out of an IDX file of unsigned bytes.

    :param content: the whole file, uncompressed.
    :param shape: the dimensions it must have.
    :param where: the file's name, for messages.
    :returns: a read-only ``uint8`` array of that shape.
    :raises DataError: when the magic number, the dimensions or the length are not right.
    """
    magic = bytes([0, 0, 8, len(shape)])  # two zeros, the code of uint8, the number of dimensions
    if content[:4] != magic:
        raise DataError(
            f"{where}: not an IDX file of bytes with {len(shape)} dimensions: "
            f"expected magic number {magic.hex()}, found {content[:4].hex() or 'nothing'}"
        )
    start = 4 + 4 * len(shape)
    if len(content) < start:
        raise DataError(f"{where}: the header ends early, after {len(content)} bytes of {start}")
    found = struct.unpack(f">{len(shape)}I", content[4:start])
    if found != shape:
        raise DataError(f"{where}: expected dimensions {shape}, found {found}")
    n_bytes = start + int(np.prod(shape))
    if len(content) != n_bytes:
        raise DataError(f"{where}: expected {n_bytes} bytes, found {len(content)}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _read_from_anywhere(file: IdxFile) -> np.ndarray:
    tried = []
    cached = jittor_data_folder() / f"{file.name}.gz"
    for folder in (cached.parent, offline_package_folder()):
        if folder is None:
            tried.append("the package jittor_offline: not installed")
            continue
        try:
            return _read_gz(folder / f"{file.name}.gz", file)
        except DataError as error:
            tried.append(str(error))
    for mirror in MIRRORS:
        url = f"{mirror}{file.name}.gz"
        try:
            _download(url, cached, file)
            return _read_gz(cached, file)
        except (OSError, http.client.HTTPException, DataError) as error:
            tried.append(f"{url}: {error}")
    listing = "".join(f"\n  - {attempt}" for attempt in tried)
    raise DataError(f"MNIST: cannot get {file.name}.gz. {_how_to_get_data()} Tried:{listing}")


def _read_gz(path: Path, file: IdxFile) -> np.ndarray:
    content = _read_bytes(path)
    _check_gz(content, file, str(path))
    return parse_idx(gzip.decompress(content), file.shape, str(path))


def _read_raw(path: Path, file: IdxFile) -> np.ndarray:
    content = _read_bytes(path)
    array = parse_idx(content, file.shape, str(path))  # first: it says more than a checksum does
    found = hashlib.sha256(content).hexdigest()
    if found != file.raw_sha256:
        raise DataError(
            f"{path}: not the MNIST file: expected SHA-256 {file.raw_sha256}, found {found}"
        )
    return array


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error


def _check_gz(content: bytes, file: IdxFile, where: str) -> None:
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != file.gz_md5:
        raise DataError(
            f"{where}: damaged, or not the MNIST file: expected MD5 {file.gz_md5} "
            f"({file.gz_bytes} bytes), found {found} ({len(content)} bytes)"
        )


def _download(url: str, path: Path, file: IdxFile) -> None:
    """Fetch one compressed file to ``path``; unless it is the genuine one, leave no trace."""
    bar = tqdm(desc=path.name, total=file.gz_bytes, unit="B", unit_scale=True, disable=None)
    # Everything is held in memory until it is checked: the largest file has 10 MB.
    content = bytearray()
    with bar, urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response:
        # One byte too many is enough to know that this is another file.
        while len(content) <= file.gz_bytes and (chunk := response.read(1 << 16)):
            content += chunk
            bar.update(len(chunk))
    _check_gz(bytes(content), file, "downloaded")
    with atomic_file(path) as out:
        out.write(content)


def _how_to_get_data() -> str:
    names = ", ".join(f"{file.name}.gz" for file in ALL_FILES)
    return (
        "Either install the package that brings the data (pip install jittor-offline) and give "
        f"no --data-dir, or give --data-dir FOLDER with these files in it: {names}."
    )
