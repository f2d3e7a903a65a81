"""A trace on disk: a folder with draws that are appended to, and the state that they end in.

``draws.bin`` holds one record for each draw of all chains: a checksum, the statistics, the values
of the latents, as numpy lays out a structured array. ``state.npz``, replaced as a whole, says how
many draws count, how they are laid out, and where the run stands. It is written after the draws, so
whatever happens in between, the two belong together, and what is beyond them in ``draws.bin`` is
written anew.
"""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from zhusuan._tensor import Shape
from zhusuan.checkpoint import formats
from zhusuan.checkpoint.files import replace_file
from zhusuan.mcmc.run_state import RunState, from_header, to_header

if sys.platform != "win32":
    import fcntl

_DRAWS, _STATE = "draws.bin", "state.npz"
# Of draws.bin that are read at once.
_CHUNK_BYTES = 16_000_000


class Ending(NamedTuple):
    """How a run ended, or how far it is; the fields are those of :class:`~zhusuan.mcmc.Trace`."""

    state: RunState
    n_warmup: int
    interrupted: bool
    seconds: float


class Contents(NamedTuple):
    """What the files hold: the parts of a :class:`~zhusuan.mcmc.Trace`."""

    samples: dict[str, np.ndarray]
    stats: dict[str, np.ndarray]
    ending: Ending


class _Layout(NamedTuple):
    """What a record has.

    :param n_chains: number of chains.
    :param n_draws: number of records.
    :param samples: name -> dtype and shape of the latents.
    :param stats: name -> dtype; empty before the first draw.
    """

    n_chains: int
    n_draws: int
    samples: dict[str, tuple[str, Shape]]
    stats: dict[str, str]

    @property
    def record(self) -> np.dtype:
        fields: list[Any] = [("checksum", "<u4")]
        fields += [(f"stats/{name}", kind, (self.n_chains,)) for name, kind in self.stats.items()]
        for name, (kind, shape) in self.samples.items():
            fields.append((f"samples/{name}", kind, (self.n_chains, *shape)))
        return np.dtype(fields, align=True)


class TraceFiles:
    """The files of a trace, open for draws to be appended.

    Make one by :meth:`create` or :meth:`open`, and close it, as by ``with``.

    :ivar path: the folder.
    :ivar ending: where they end; None if nothing was saved yet.
    """

    def __init__(self, path: Path, layout: _Layout, ending: Ending | None) -> None:
        self.path, self._layout, self.ending = path, layout, ending
        self._file = (path / _DRAWS).open("r+b" if ending is not None else "x+b")
        _lock(self._file, path)

    @classmethod
    def create(cls, path: Path, samples: Mapping[str, np.ndarray]) -> TraceFiles:
        """Make the files of a new trace.

        :param path: the folder, which is made.
        :param samples: name -> draws ``[n_chains, n_draws] + shape``, which tell dtypes and shapes.
        :raises FileExistsError: if there is something already.
        """
        check_free(path)
        path.mkdir(parents=True, exist_ok=True)
        kinds = {name: (a.dtype.str, tuple(a.shape[2:])) for name, a in samples.items()}
        n_chains = len(next(iter(samples.values())))
        return cls(path, _Layout(n_chains, 0, kinds, {}), None)

    @classmethod
    def open(cls, path: Path) -> TraceFiles:
        """Open the files of a trace.

        :param path: the folder.
        :raises FileNotFoundError: if there is none.
        :raises ValueError: if it is damaged.
        """
        layout, ending = _read_state(path)
        return cls(path, layout, ending)

    @property
    def n_draws(self) -> int:
        """How many draws count."""
        return self._layout.n_draws

    def append(
        self, samples: Mapping[str, np.ndarray], stats: Mapping[str, np.ndarray], ending: Ending
    ) -> None:
        """Append draws, and replace the state.

        :param samples: name -> draws ``[n_chains, n] + shape``.
        :param stats: name -> array [n_chains, n].
        :param ending: where they end.
        :raises TypeError: if the kernel's state has something that can't be saved.
        :raises ValueError: for other statistics than the draws before have.
        """
        layout = self._layout
        n = next(iter(samples.values())).shape[1]
        if n:
            kinds = {name: array.dtype.str for name, array in stats.items()}
            if layout.n_draws and kinds != layout.stats:
                raise ValueError(
                    f"{self.path} has the statistics {list(layout.stats)}, which the kernel does "
                    f"not report; it reports {list(kinds)}"
                )
            layout = layout._replace(stats=kinds)
            rows = _records(layout.record, samples, stats, n)
            self._file.seek(layout.n_draws * layout.record.itemsize)
            self._file.write(rows.view(np.uint8).data)
            self._file.flush()
            os.fsync(self._file.fileno())
            layout = layout._replace(n_draws=layout.n_draws + n)
        _write_state(self.path, layout, ending)
        self._layout, self.ending = layout, ending

    def close(self) -> None:
        """Close the files."""
        self._file.close()

    def __enter__(self) -> TraceFiles:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def check_free(path: Path) -> None:
    """Check that a folder is not there yet, or is empty.

    :param path: the folder.
    :raises FileExistsError: if it has something.
    """
    if path.is_dir() and not os.listdir(path):
        return
    if (path / _STATE).exists():
        raise FileExistsError(
            f"{path} has a trace already: choose another folder, or go on with it, "
            f"init=zs.mcmc.load_trace({str(path)!r})"
        )
    if path.exists():
        raise FileExistsError(f"{path} exists already: choose another folder for the trace")


def read(path: Path, check: bool = True) -> Contents:
    """Return what is in a folder; the arrays are read from disk when they are used.

    :param path: the folder.
    :param check: whether to read all draws and compare their checksums.
    :raises FileNotFoundError: if there is no trace.
    :raises ValueError: if it is damaged.
    """
    layout, ending = _read_state(path)
    record, n = layout.record, layout.n_draws
    if check:
        _check_records(path, record, n)
    size = (layout.n_chains, 0)
    if not n:
        empty = {name: np.empty((*size, *s), kind) for name, (kind, s) in layout.samples.items()}
        return Contents(empty, {}, ending)
    rows = np.memmap(path / _DRAWS, record, "r", shape=(n,))
    samples = {name: rows[f"samples/{name}"].swapaxes(0, 1) for name in layout.samples}
    stats = {name: rows[f"stats/{name}"].swapaxes(0, 1) for name in layout.stats}
    return Contents(samples, stats, ending)


def _records(
    record: np.dtype, samples: Mapping[str, np.ndarray], stats: Mapping[str, np.ndarray], n: int
) -> np.ndarray:
    rows = np.zeros(n, record)  # zeros, since the gaps between fields are in the checksum
    for kind, arrays in (("samples", samples), ("stats", stats)):
        for name, array in arrays.items():
            rows[f"{kind}/{name}"] = array.swapaxes(0, 1)
    rows["checksum"] = _checksums(rows)
    return rows


def _checksums(rows: np.ndarray) -> list[int]:
    content = np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), -1)[:, 4:]
    return [zlib.crc32(row) for row in content]


def _check_records(path: Path, record: np.dtype, n: int) -> None:
    file = path / _DRAWS
    size = file.stat().st_size if file.exists() else 0
    if size < n * record.itemsize:
        raise ValueError(
            f"{file} is damaged: it has {size // record.itemsize} of {n} draws; the end is missing"
        )
    step = max(1, _CHUNK_BYTES // record.itemsize)
    with file.open("rb") as content:
        for i in range(0, n, step):
            rows = np.frombuffer(content.read(min(step, n - i) * record.itemsize), record)
            wrong = rows["checksum"] != _checksums(rows)
            if wrong.any():
                raise ValueError(
                    f"{file} is damaged: the checksum of draw {i + int(wrong.argmax())} is wrong"
                )


def _write_state(path: Path, layout: _Layout, ending: Ending) -> None:
    arrays: dict[str, np.ndarray] = {}
    header = {
        "trace": {**layout._asdict(), **ending._asdict(), "state": None},
        "state": to_header(ending.state, arrays),
    }
    replace_file(path / _STATE, lambda file: formats.write(file, False, header, arrays))


def _read_state(path: Path) -> tuple[_Layout, Ending]:
    if not path.is_dir():
        raise FileNotFoundError(f"no trace at {path}: there is no such folder")
    file = path / _STATE
    if not file.exists():
        raise FileNotFoundError(f"no trace at {path}: it has no {_STATE}")
    header, arrays = formats.read(file)
    if "trace" not in header:
        raise ValueError(f"{file} is a checkpoint, but not of a trace")
    found = dict(header["trace"])
    try:
        found["state"] = from_header(header["state"], arrays)
    except ValueError as error:
        raise ValueError(f"{file} can't be continued: {error}") from error
    found["samples"] = {n: (kind, tuple(s)) for n, (kind, s) in found["samples"].items()}
    layout = _Layout(**{name: found[name] for name in _Layout._fields})
    return layout, Ending(**{name: found[name] for name in Ending._fields})


def _lock(file: Any, path: Path) -> None:
    """Keep other runs from appending to the same draws."""
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise RuntimeError(f"another run is writing to {path}") from None
    except OSError:  # a file system without locks
        return
