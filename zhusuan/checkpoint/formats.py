"""The two file formats: a JSON header and named arrays, as npz or as safetensors."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

Header = dict[str, Any]
Arrays = dict[str, np.ndarray]

_ENTRY = "__zhusuan__"
_NAME, _VERSION = "zhusuan", 2

# What safetensors calls the dtypes.
_CODES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint64": "U64",
    "uint32": "U32",
    "uint16": "U16",
    "uint8": "U8",
    "bool": "BOOL",
}
_DTYPES = {"BF16": "uint16", **{code: name for name, code in _CODES.items()}}


def write(file: BinaryIO, as_safetensors: bool, header: Header, arrays: Arrays) -> None:
    """Write header and arrays.

    :param file: where to.
    :param as_safetensors: instead of npz.
    :param header: what JSON can hold; ``"bfloat16"`` lists the arrays of uint16 that hold the bits
        of such numbers, which numpy does not know.
    :param arrays: name -> array.
    :raises TypeError: if the format has no such dtype.
    """
    text = json.dumps({"format": f"{_NAME}-{_VERSION}", **header}).encode("ascii")
    if as_safetensors:
        _write_safetensors(file, text, arrays, header.get("bfloat16", ()))
    else:
        _write_npz(file, text, arrays)


def read(path: Path) -> tuple[Header, Arrays]:
    """Read and check a file that :func:`write` wrote.

    :param path: file to read; its content tells the format.
    :raises FileNotFoundError: if there is no such file.
    :raises ValueError: if it is no checkpoint, is damaged, or is of a later format.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, not a checkpoint")
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise FileNotFoundError(f"no checkpoint at {path}") from None
    with file:
        try:
            is_zip = file.read(2) == b"PK"
            file.seek(0)
            text, arrays = (_read_npz if is_zip else _read_safetensors)(file)
            header = json.loads(text)
            later = _version_of(header) > _VERSION
        except Exception as error:  # damage has many faces
            raise ValueError(
                f"{path} is no checkpoint of zhusuan, or is damaged: {error}"
            ) from error
    if later:
        raise ValueError(
            f"{path} has format {header['format']!r} of a later zhusuan; "
            f"this one reads up to '{_NAME}-{_VERSION}'"
        )
    return header, {name: _native(array) for name, array in arrays.items()}


def _version_of(header: Header) -> int:
    name, _, version = header["format"].rpartition("-")
    if name != _NAME:
        raise ValueError(f"its format is {header['format']!r}")
    return int(version)


def _native(array: np.ndarray) -> np.ndarray:
    """Return ``array`` in the byte order of this machine."""
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _write_npz(file: BinaryIO, text: bytes, arrays: Arrays) -> None:
    # As numpy.savez does, which leaves an open archive behind when the disk is full.
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in {_ENTRY: np.array(text), **arrays}.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)


def _read_npz(file: BinaryIO) -> tuple[str | bytes, Arrays]:
    arrays = {}
    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            # read() compares the checksum before a byte of it is interpreted.
            content = io.BytesIO(archive.read(name))
            key = name[: -len(".npy")] if name.endswith(".npy") else name
            arrays[key] = np.lib.format.read_array(content, allow_pickle=False)
    if _ENTRY not in arrays:
        raise ValueError(f"it has no entry {_ENTRY}")
    return arrays.pop(_ENTRY).item(), arrays


def _write_safetensors(
    file: BinaryIO, text: bytes, arrays: Arrays, halves: Collection[str]
) -> None:
    # 8 bytes: length of a JSON object; the object; the arrays, row by row, little-endian.
    head: dict[str, Any] = {}
    end = 0
    # Wide elements first, so that each array lies at a multiple of its element's size.
    names = sorted(arrays, key=lambda name: -arrays[name].dtype.itemsize)
    for name in names:
        array = arrays[name]
        if array.dtype.name not in _CODES:
            raise TypeError(f"{name}: safetensors files can't hold {array.dtype}")
        begin, end = end, end + array.nbytes
        head[name] = {
            "dtype": "BF16" if name in halves else _CODES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [begin, end],
        }
    parts = [_bytes_of(arrays[name]) for name in names]
    # The format has no checksum of its own.
    checksum = zlib.crc32(text)
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    head["__metadata__"] = {"zhusuan": text.decode("ascii"), "crc32": str(checksum)}
    encoded = json.dumps(head).encode("ascii")
    encoded += b" " * (-len(encoded) % 8)
    file.write(len(encoded).to_bytes(8, "little"))
    file.write(encoded)
    for part in parts:
        file.write(part)


def _bytes_of(array: np.ndarray) -> memoryview:
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return little.reshape(-1).view(np.uint8).data


def _read_safetensors(file: BinaryIO) -> tuple[str | bytes, Arrays]:
    content = file.read()
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > len(content) - 8 or content[8:9] != b"{":
        raise ValueError("it is neither npz nor safetensors, or its beginning is damaged")
    head = json.loads(content[8 : 8 + length])
    metadata = head.pop("__metadata__", {})
    if "zhusuan" not in metadata:
        raise ValueError("it has no metadata of zhusuan")
    data = memoryview(content)[8 + length :]
    text = metadata["zhusuan"]
    if zlib.crc32(data, zlib.crc32(text.encode())) != int(metadata["crc32"]):
        raise ValueError("its checksum is wrong")
    arrays = {}
    for name, entry in head.items():
        begin, end = entry["data_offsets"]
        dtype = np.dtype(_DTYPES[entry["dtype"]]).newbyteorder("<")
        arrays[name] = np.frombuffer(data[begin:end], dtype).reshape(entry["shape"]).copy()
    return text, arrays
